//! Many calls, some at once, of several stores one after another in the same file, and the log of
//! what they wrote.

use crate::standing::{Act, Standing};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use strongroom::SlotId;
use strongroom_store::{SlotContent, SqliteStore, Store, Tag};
use strongroom_testkit::recording_vfs::{Operation, Recording};
use strongroom_testkit::seeded_random::SeededRandom;
use tokio::task::JoinSet;

pub(crate) const DATABASE: &str = "vault.sqlite";
pub(crate) const WAL: &str = "vault.sqlite-wal";
/// The principal that finds every slot.
pub(crate) const EVERYBODY: Tag = Tag([0; 32]);
/// Principals that find some of the slots.
pub(crate) const PRINCIPALS: [Tag; 4] = [Tag([1; 32]), Tag([2; 32]), Tag([3; 32]), Tag([4; 32])];

/// Starts of the server. Each later one finds the files as the one before left them.
const STARTS: usize = 3;
/// The start without reads. SQLite removes its log at the end of this one and leaves it at the end
/// of the others.
const QUIET_START: usize = 2;
const CALLS_PER_START: usize = 200;
const MAX_SLOTS: usize = 60;
/// Slots that are inserted at once. They have more than the 2 MB that SQLite keeps of a transaction
/// before it writes.
const BURST: usize = 130;

/// One call, and how long the log was before the call and after its answer was marked.
pub(crate) struct Call {
    pub(crate) act: Act,
    pub(crate) started: usize,
    /// `None` while the call runs.
    pub(crate) answered: Option<usize>,
}

impl Call {
    /// Whether the answer came before the log was longer than `point`.
    pub(crate) fn is_answered(&self, point: usize) -> bool {
        self.answered.is_some_and(|answered| answered <= point)
    }

    /// Whether the call was made, and not answered, when the log was `point` long.
    pub(crate) fn is_in_flight(&self, point: usize) -> bool {
        self.started <= point && !self.is_answered(point)
    }
}

pub(crate) fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join(DATABASE), &[1; 32]).expect("a store")
}

/// Checkpoints as the store does by itself after more writes than a test makes.
fn checkpoint(folder: &Path) {
    let db = rusqlite::Connection::open(folder.join(DATABASE)).expect("the file");
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).expect("done as far as readers let it");
}

pub(crate) struct Workload {
    random: SeededRandom,
    recording: Recording,
    standing: Standing,
    calls: Vec<Call>,
    running: JoinSet<(usize, bool)>,
    /// Reads that keep checkpoints from reusing the log at once.
    reads: JoinSet<()>,
    busy: BTreeSet<SlotId>,
    /// Calls that a sweep must not meet, because their order is not known.
    running_sweeps: usize,
    running_swept: usize,
    clock: i64,
}

impl Workload {
    /// All calls in their order, and the log. The seed fixes what is drawn; how calls meet differs
    /// from run to run.
    pub(crate) async fn run(seed: u64) -> (Vec<Call>, Vec<Operation>) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut workload = Self {
            random: SeededRandom::new(seed),
            recording: Recording::start(folder.path()),
            standing: Standing::default(),
            calls: Vec::new(),
            running: JoinSet::new(),
            reads: JoinSet::new(),
            busy: BTreeSet::new(),
            running_sweeps: 0,
            running_swept: 0,
            clock: 1000,
        };
        for start in 1..=STARTS {
            let store = Arc::new(open(folder.path()));
            for n in 0..CALLS_PER_START {
                let act = workload.next_act();
                workload.make(&store, act, [1, 4, 16][n / 20 % 3]).await;
                if start != QUIET_START && n % 8 == 0 {
                    workload.read(&store);
                }
                if n % 25 == 24 {
                    checkpoint(folder.path());
                }
            }
            if start == STARTS {
                for _ in 0..BURST {
                    let act = workload.insert(20_000, Some(workload.clock));
                    workload.make(&store, act, BURST).await;
                }
                workload.answers(0).await;
                let act = workload.sweep();
                workload.make(&store, act, 1).await;
            }
            workload.answers(0).await;
            std::mem::take(&mut workload.reads).join_all().await;
        }
        (workload.calls, workload.recording.stop())
    }

    fn next_act(&mut self) -> Act {
        let chosen = self.random.below(100);
        let free = |slot: &SlotId| !self.busy.contains(slot);
        let lasting = self.standing.slots.iter().filter(|(_, (_, content))| content.expires_at.is_none());
        let lasting: Vec<_> =
            lasting.filter(|(slot, _)| free(slot)).map(|(slot, row)| (*slot, row.0)).collect();
        let any = (!lasting.is_empty()).then(|| lasting[self.random.below(lasting.len())]);
        match (chosen, any) {
            (0..20, Some((slot, generation))) => {
                let length = 100 + self.random.below(19_900);
                Act::Replace(slot, generation, self.content(length, None))
            }
            (20..35, Some((slot, _))) => Act::Delete(slot),
            (_, Some((slot, _))) if lasting.len() > MAX_SLOTS => Act::Delete(slot),
            (35..55, _) => {
                let keep_until = if self.random.below(2) == 0 { self.clock } else { i64::MAX };
                Act::Spend(self.random.bytes(), keep_until)
            }
            (55..60, _) if self.running_swept + self.running_sweeps == 0 => self.sweep(),
            _ => {
                let length = 100 + self.random.below(19_900);
                let expires_at = (self.random.below(4) == 0).then_some(self.clock);
                self.insert(length, expires_at)
            }
        }
    }

    /// A sweep of everything that is to go by now. What is made from now on stays until the next
    /// one.
    fn sweep(&mut self) -> Act {
        self.clock += 1;
        Act::Sweep(self.clock - 1)
    }

    fn insert(&mut self, length: usize, expires_at: Option<i64>) -> Act {
        let slot = SlotId::from_bytes(self.random.bytes());
        Act::Insert(slot, self.content(length, expires_at))
    }

    fn content(&mut self, length: usize, expires_at: Option<i64>) -> SlotContent {
        let mut record = vec![0; length];
        self.random.fill(&mut record);
        let held = (self.random.below(2) == 0).then(|| Tag(self.random.bytes()));
        let mut principals = vec![EVERYBODY];
        principals.extend(PRINCIPALS.into_iter().filter(|_| self.random.below(3) == 0));
        SlotContent { record, expires_at, held, principals }
    }

    /// Makes a call as soon as fewer than `at_once` are running.
    async fn make(&mut self, store: &Arc<SqliteStore>, act: Act, at_once: usize) {
        self.answers(at_once - 1).await;
        self.busy.extend(act.slot());
        self.count(&act, 1);
        let (number, store, made) = (self.calls.len(), Arc::clone(store), act.clone());
        self.calls.push(Call { act, started: self.recording.length(), answered: None });
        self.running.spawn(async move { (number, made.run(&*store).await.expect("served")) });
    }

    /// Begins to read everything.
    fn read(&mut self, store: &Arc<SqliteStore>) {
        let store = Arc::clone(store);
        let read = async move { drop(store.slots_of(EVERYBODY, None, 10_000).await.expect("listed")) };
        self.reads.spawn(read);
    }

    /// Takes answers until no more than `left` calls are running.
    async fn answers(&mut self, left: usize) {
        while self.running.len() > left {
            let answer = self.running.join_next().await.expect("some are running");
            let (number, done) = answer.expect("no call panics");
            assert!(done, "call {number} does what it is for");
            let answered = self.recording.mark(number as u64);
            self.calls[number].answered = Some(answered);
            let act = self.calls[number].act.clone();
            self.standing.apply(&act);
            self.count(&act, -1);
            if let Some(slot) = act.slot() {
                self.busy.remove(&slot);
            }
        }
    }

    fn count(&mut self, act: &Act, change: isize) {
        let counter = match act {
            Act::Sweep(_) => &mut self.running_sweeps,
            Act::Spend(_, keep_until) if *keep_until != i64::MAX => &mut self.running_swept,
            Act::Insert(_, SlotContent { expires_at: Some(_), .. }) => &mut self.running_swept,
            _ => return,
        };
        *counter = counter.checked_add_signed(change).expect("it was counted when it began");
    }
}
