//! A PostgreSQL server for one test: made of the system's binaries in a temporary folder, run as an
//! unprivileged user, and gone when dropped. A test can kill it and start it again.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A PostgreSQL server with a database `vault` and others by name, reached by a socket file.
pub struct TempPostgres {
    folder: TempDir,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    settings: Vec<String>,
    server: Option<Child>,
}

impl TempPostgres {
    /// Starts a new server, with the settings that a new database has.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a new server with these settings, such as `fsync=off`.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let user = unprivileged_user();
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).expect("the folder is given away");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("its mode");
        let settings = settings.iter().map(ToString::to_string).collect();
        let mut postgres = Self { folder, binaries: binaries(), user, settings, server: None };
        let made = postgres
            .command("initdb")
            .args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(postgres.folder.path().join("data"))
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("initdb runs").success(), "initdb failed");
        postgres.start_again();
        postgres.create_database("vault");
        postgres
    }

    /// Starts the server if it does not run.
    ///
    /// # Panics
    /// If it does not start within 30 seconds.
    pub fn start_again(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log"));
            let log = log.expect("a log");
            let mut command = self.command("postgres");
            command.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
            command.args(["-c", "listen_addresses="]);
            for setting in &self.settings {
                command.args(["-c", setting]);
            }
            let mut server =
                command.stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("it starts");
            loop {
                // After a kill, children of the former server may still hold its memory; the new
                // one then ends at once.
                if server.try_wait().expect("its state").is_some() {
                    break;
                }
                if self.answers() {
                    self.server = Some(server);
                    return;
                }
                assert!(Instant::now() < deadline, "PostgreSQL does not start:\n{}", self.log());
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(Instant::now() < deadline, "PostgreSQL does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends the server and all its children at once, as a crash does: nothing is flushed.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.server.take().expect("it runs").wait().expect("it ended");
    }

    /// Stops all its processes, or lets them go on. A stopped database does not answer.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn freeze(&self, frozen: bool) {
        self.signal(if frozen { Signal::STOP } else { Signal::CONT });
    }

    fn signal(&self, signal: Signal) {
        let parent = self.server.as_ref().expect("it runs").id();
        let children = Command::new("pgrep").args(["-P", &parent.to_string()]).output().expect("pgrep runs");
        let children = String::from_utf8(children.stdout).expect("numbers");
        // The parent is first: it would replace its children.
        for process in [parent.to_string().as_str()].into_iter().chain(children.split_whitespace()) {
            let process = Pid::from_raw(process.parse().expect("a number")).expect("not 0");
            // A process that ended meanwhile needs no signal.
            let _ = kill_process(process, signal);
        }
    }

    /// Makes a database of this name and gives its URL.
    ///
    /// # Panics
    /// If there is one of this name.
    pub fn create_database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(name)
    }

    /// The URL of the database of this name.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("host={} user=postgres dbname={name}", self.folder.path().display())
    }

    /// Runs SQL in a database and gives its output, unaligned and without heads.
    ///
    /// # Panics
    /// If the SQL fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql).output().expect("psql runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// A program of PostgreSQL's own, such as `pg_dump`, run as the user who may connect.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.current_dir("/").env("PGHOST", self.folder.path()).env("PGUSER", "postgres");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The server's log so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = self.command("psql");
        command.args(["--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qtA", "-d", database, "-c", sql]);
        command
    }

    fn answers(&self) -> bool {
        let asked = self.psql("postgres", "SELECT 1").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.expect("psql runs").success()
    }
}

impl Drop for TempPostgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // In an immediate shutdown the server ends its children, so none is left behind.
            if let Some(process) = i32::try_from(server.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(process, Signal::CONT);
                let _ = kill_process(process, Signal::QUIT);
            }
            let _ = server.wait();
        }
    }
}

/// The folder of PostgreSQL's binaries: on the path, or the newest of those where Debian puts them.
fn binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|folder| holds_all(folder));
    let debian = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let version = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
        let newest = versions.flatten().map(|entry| entry.path()).filter(|path| holds_all(&path.join("bin")));
        Some(newest.max_by_key(version)?.join("bin"))
    };
    debian().or(on_path).expect("PostgreSQL is installed: apt-get install postgresql")
}

fn holds_all(folder: &Path) -> bool {
    ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists())
}

/// A user to run as, if this process is root's: PostgreSQL refuses to run as root.
fn unprivileged_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the users");
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user postgres or nobody"))
}
