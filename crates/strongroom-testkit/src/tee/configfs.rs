//! A fake of Linux's `/sys/kernel/config/tsm/report` (configfs-tsm), for tests only: a folder and a thread that looks after it.
//!
//! What a kernel does within a system call, the thread does some milliseconds later. So the code under test must
//! - wait after `mkdir`, say for up to a second, until `generation` is there; all else that is readable is there by then;
//! - write `inblob` with its 64 bytes in one `write`; in parts or with other lengths it is never answered;
//! - wait after that, again for up to a second, until `generation` is another than it was, and only then read `outblob` and `auxblob`
//!   (a kernel raises `generation` as `inblob` is closed, and makes the report as `outblob` is read, which then takes long);
//! - bear that `rmdir` fails, since the attributes of a plain folder are files in it, and that `outblob` is missing, rather than an
//!   error to read, before there is a report.
//!
//! Writes to `privlevel` count one generation when the file first holds something, as `inblob` does each time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How long a new entry or input may go unnoticed.
const PERIOD: Duration = Duration::from_millis(2);

/// The folder, and the thread that looks after it until this is dropped.
pub struct FakeTsm {
    folder: TempDir,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_over: AtomicBool,
    disturbs: AtomicBool,
}

/// An entry that the code under test made.
#[derive(Default)]
struct Entry {
    generation: u64,
    has_level: bool,
}

struct Watcher<F> {
    root: PathBuf,
    /// Where files are written before they appear in an entry as a whole.
    draft: PathBuf,
    provider: String,
    report: F,
    auxblob: Vec<u8>,
    entries: BTreeMap<PathBuf, Entry>,
}

impl FakeTsm {
    /// For a provider `tdx_guest` or `sev_guest`, of which the latter also has `auxblob`, `privlevel` and its floor. `report` gives
    /// `outblob` for what stands in `inblob`.
    ///
    /// # Panics
    /// Where no folder can be made.
    #[must_use]
    pub fn start(
        provider: &str,
        report: impl Fn([u8; 64]) -> Vec<u8> + Send + 'static,
        auxblob: Vec<u8>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("report");
        fs::create_dir(&root).expect("a folder");
        let state = Arc::new(State::default());
        let draft = folder.path().join("draft");
        let provider = provider.to_owned();
        let mut watcher = Watcher { root, draft, provider, report, auxblob, entries: BTreeMap::new() };
        std::thread::spawn({
            let state = Arc::clone(&state);
            move || {
                while !state.is_over.load(Ordering::SeqCst) {
                    // An entry that goes while it is looked at is looked at no more.
                    let _ = watcher.look(&state);
                    std::thread::sleep(PERIOD);
                }
            }
        });
        Self { folder, state }
    }

    /// Where entries are made.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("report")
    }

    /// Whether another writer uses each entry too: then `generation` is one more than the code under test made it.
    pub fn disturb(&self, disturbs: bool) {
        self.state.disturbs.store(disturbs, Ordering::SeqCst);
    }
}

impl Drop for FakeTsm {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
    }
}

impl<F: Fn([u8; 64]) -> Vec<u8>> Watcher<F> {
    fn look(&mut self, state: &State) -> io::Result<()> {
        self.entries.retain(|path, _| path.exists());
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if !self.entries.contains_key(&path) {
                self.furnish(&path)?;
                self.entries.insert(path.clone(), Entry::default());
            }
            self.answer(&path, state)?;
        }
        Ok(())
    }

    /// The attributes of a new entry, `generation` last.
    fn furnish(&self, entry: &Path) -> io::Result<()> {
        self.put(entry, "provider", format!("{}\n", self.provider).as_bytes())?;
        self.put(entry, "inblob", &[])?;
        if self.has_levels() {
            self.put(entry, "privlevel_floor", b"0\n")?;
            self.put(entry, "privlevel", &[])?;
        }
        self.put(entry, "generation", b"0\n")
    }

    fn has_levels(&self) -> bool {
        self.provider == "sev_guest"
    }

    fn answer(&mut self, path: &Path, state: &State) -> io::Result<()> {
        let mut known = self.entries.remove(path).unwrap_or_default();
        let before = known.generation;
        if self.has_levels() && !known.has_level && fs::metadata(path.join("privlevel"))?.len() > 0 {
            known.has_level = true;
            known.generation += 1;
        }
        let inblob = path.join("inblob");
        if let Ok(input) = <[u8; 64]>::try_from(fs::read(&inblob)?) {
            // So that the next input is another one.
            fs::OpenOptions::new().write(true).open(&inblob)?.set_len(0)?;
            self.put(path, "outblob", &(self.report)(input))?;
            if self.has_levels() {
                self.put(path, "auxblob", &self.auxblob)?;
            }
            known.generation += 1 + u64::from(state.disturbs.load(Ordering::SeqCst));
        }
        if known.generation != before {
            self.put(path, "generation", format!("{}\n", known.generation).as_bytes())?;
        }
        self.entries.insert(path.to_owned(), known);
        Ok(())
    }

    /// A file appears with all that is in it.
    fn put(&self, entry: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
        fs::write(&self.draft, contents)?;
        fs::rename(&self.draft, entry.join(name))
    }
}
