//! A fake of Linux's `/sys/kernel/config/tsm/report` (configfs-tsm), for tests only: a folder, and
//! a thread that looks after it.
//!
//! What a kernel does within a system call, the thread does some milliseconds later. So the code
//! under test must
//! - wait after `mkdir`, up to a second or so, until `generation` is there. Everything else that
//!   can be read is there by then;
//! - write the 64 bytes of `inblob` in one `write`. Parts and other lengths are never answered;
//! - wait after that, up to a second or so, until `generation` has changed, and only then read
//!   `outblob` and `auxblob`. A kernel raises `generation` as `inblob` is closed. It makes the
//!   report as `outblob` is read, which takes long;
//! - bear that `rmdir` fails, because the attributes of a plain folder are files in it;
//! - bear that `outblob` is missing before there is a report. In a kernel it cannot be read then.
//!
//! A write to `privlevel` counts as one generation when the file first holds something, as each
//! write to `inblob` does.

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
    /// Where files are written. They appear in an entry as a whole.
    draft: PathBuf,
    provider: String,
    report: F,
    auxblob: Vec<u8>,
    entries: BTreeMap<PathBuf, Entry>,
}

impl FakeTsm {
    /// Makes the folder for a provider, `tdx_guest` or `sev_guest`. The latter also has `auxblob`,
    /// `privlevel` and its floor. `report` gives `outblob` for the contents of `inblob`.
    ///
    /// If the folder cannot be made.
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
                    // An entry that goes meanwhile is not looked at any more.
                    let _ = watcher.look(&state);
                    std::thread::sleep(PERIOD);
                }
            }
        });
        Self { folder, state }
    }

    /// The path of the folder in which entries are made.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("report")
    }

    /// Makes another writer use each entry too. `generation` is then one more than the code under
    /// test made it.
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
            // The next input is then seen as a new one.
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

    /// Makes a file appear with all its contents.
    fn put(&self, entry: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
        fs::write(&self.draft, contents)?;
        fs::rename(&self.draft, entry.join(name))
    }
}
