//! The real binary: pipes, files that exist, full disks, signals.

mod attestation;
mod backup;
mod before;
mod envelope;
mod hsm;
mod keys;
mod pages;
mod postgres;
mod serve;
mod settings;
mod store;
mod stream;
mod tls;
mod vault;

use assert_cmd::Command;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_strongroom");

/// A folder that the binary runs in.
struct Place {
    folder: TempDir,
}

/// The exit code and the output of a run.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: Vec<u8>,
    stderr: String,
}

impl Run {
    #[track_caller]
    fn ok(self) -> Vec<u8> {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }

    #[track_caller]
    fn ok_text(self) -> String {
        String::from_utf8(self.ok()).expect("text").trim_end().to_owned()
    }

    /// Asserts a failure: its code, a part of its error, and that nothing came out.
    #[track_caller]
    fn fails(self, code: i32, error: &str) {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert!(self.stderr.contains(error), "{error:?} is not in {:?}", self.stderr);
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert!(self.stdout.is_empty(), "{:?}", self.stdout);
    }
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("written");
    }

    /// The path of a file in the folder, for an argument or a variable.
    fn text_path(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().expect("text")
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("read")
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    fn run(&self, args: &[&str], stdin: impl Into<Vec<u8>>) -> Run {
        self.run_with(args, &[], stdin)
    }

    /// Runs the binary with these variables in its environment.
    fn run_with(&self, args: &[&str], variables: &[(&str, &str)], stdin: impl Into<Vec<u8>>) -> Run {
        self.run_as(Path::new(BINARY), args, variables, stdin)
    }

    /// Runs another binary.
    fn run_as(
        &self,
        binary: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
        stdin: impl Into<Vec<u8>>,
    ) -> Run {
        let mut command = command_of(binary, self.folder.path());
        // If a server starts although it should not, the test must still end.
        command.timeout(Duration::from_secs(30));
        let output = command.args(args).envs(variables.iter().copied()).write_stdin(stdin).output();
        let output = output.expect("it runs");
        Run {
            code: output.status.code().expect("no signal"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Makes a key file and gives its public key text.
    fn keygen(&self, name: &str) -> String {
        self.run(&["keygen", "-o", name], "").ok();
        self.run(&["pubkey", name], "").ok_text()
    }
}

fn command(folder: &Path) -> Command {
    command_of(Path::new(BINARY), folder)
}

fn command_of(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(folder).env_remove("RUST_LOG");
    for name in settings_of_this_machine() {
        command.env_remove(name);
    }
    // The tests must not use the policies that the developer keeps.
    command.env("XDG_CONFIG_HOME", folder.join("config"));
    command
}

/// Variables that a developer may have set for their own server or network.
fn settings_of_this_machine() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy().to_uppercase();
        ["STRONGROOM_", "ADMIN_MLKEM_", "DSTACK_"].iter().any(|prefix| name.starts_with(prefix))
            || name.ends_with("_PROXY")
    })
}
