//! The real binary as a child process.

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Settings with which no client meets a limit.
pub const UNLIMITED: [&str; 6] = [
    "--address-rate=0",
    "--wallet-rate=0",
    "--anonymous-quota=0",
    "--max-active=1000",
    "--max-waiting=100000",
    "--max-connections-per-address=100000",
];

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    /// The address on which it listens.
    pub address: SocketAddr,
    /// The address of its metrics, if `--metrics-listen` was given.
    pub metrics: Option<SocketAddr>,
    /// The time from its start until it listened.
    pub start_up: Duration,
    log: Arc<Mutex<Vec<String>>>,
}

/// The binary: `STRONGROOM_BIN`, or the one of the same build as this program.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("STRONGROOM_BIN") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("strongroom")).find(|path| path.is_file());
    found.ok_or_else(|| {
        anyhow!("no binary beside {}: run `cargo build -p strongroom-cli` first", own.display())
    })
}

impl Server {
    /// Starts a server in a folder, which holds its data directory, with further arguments.
    pub fn start(folder: &Path, arguments: &[&str]) -> Result<Self> {
        Self::spawn(Command::new(binary()?), folder, arguments)
    }

    /// Starts a server by a command that runs what follows it.
    pub fn start_under(mut prefix: Command, folder: &Path, arguments: &[&str]) -> Result<Self> {
        prefix.arg(binary()?);
        Self::spawn(prefix, folder, arguments)
    }

    fn spawn(mut command: Command, folder: &Path, arguments: &[&str]) -> Result<Self> {
        command.args(["serve", "--listen=127.0.0.1:0"]).args(arguments);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("STRONGROOM_") || name.starts_with("ADMIN_MLKEM_") {
                command.env_remove(&*name);
            }
        }
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = command.spawn().context("the binary does not start")?;
        let mut lines = BufReader::new(child.stderr.take().context("the server has no stderr")?).lines();
        let (mut talk, mut metrics) = (String::new(), None);
        let address = loop {
            let Some(line) = lines.next().transpose()? else {
                let status = child.wait()?;
                bail!("the server ended with {status}: {talk}");
            };
            let of =
                |line: &str, mark| line.split_once(mark)?.1.split('/').next()?.parse::<SocketAddr>().ok();
            if line.starts_with("metrics on ") {
                metrics = of(&line, "://");
            } else if line.starts_with("listening on ") {
                break of(&line, "://").context("the server does not say where it listens")?;
            }
            talk.push_str(&line);
            talk.push('\n');
        };
        let start_up = start.elapsed();
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        // Something must go on reading its stderr, or the pipe fills. Errors are kept.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok).filter(|line| line.contains(r#""level":"ERROR""#)) {
                writer.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { child, address, metrics, start_up, log })
    }

    /// Ends the server at once, as a crash does.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The process id of the server.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn process(&self) -> Result<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("the process id is out of range")
    }

    /// Bounds the files that it writes, as a full disk would. `None` removes the bound.
    pub fn limit_file_bytes(&self, bytes: Option<u64>) -> Result<()> {
        let limit = Rlimit { current: bytes, maximum: None };
        rustix::process::prlimit(Some(self.process()?), Resource::Fsize, limit)?;
        Ok(())
    }

    /// Asks the server to end, and waits.
    pub fn terminate(mut self) -> Result<()> {
        kill_process(self.process()?, Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { bail!("it ended with {status}") }
    }

    /// The lines that it logged as errors.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bytes of memory that it has now (VmRSS).
    pub fn rss_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("/proc/PID/status has no line VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// The CPU time that it has used, in seconds.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat has no fields after the name")?;
        let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(ticks.iter().sum::<f64>() / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both calls fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
