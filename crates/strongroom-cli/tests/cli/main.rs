//! The real binary: pipes, files that exist, full disks, signals.

mod envelope;
mod keys;
mod serve;
mod vault;

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder that the binary runs in.
struct Place {
    folder: TempDir,
}

/// What a run left behind.
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
        let output = command(self.folder.path()).args(args).write_stdin(stdin).output().expect("it runs");
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.current_dir(folder).env_remove("RUST_LOG");
    for name in ["ADMIN_MLKEM_PRIVATE_KEY", "ADMIN_MLKEM_PUBLIC_KEY"] {
        command.env_remove(name).env_remove(format!("{name}_FILE"));
    }
    command
}
