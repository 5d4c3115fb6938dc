//! Power loss, a full disk and failed syncs under a real store: an answer is a promise that
//! outlives them.
//!
//! SQLite writes through a VFS that logs (`recording_vfs`). A crash is a point of that log.

mod crash;
mod faults;
mod standing;
mod workload;

use crash::{check, crash};
use strongroom_testkit::recording_vfs::{Operation, Recording};
use strongroom_testkit::seeded_random::SeededRandom;
use workload::{Call, WAL, Workload, open};

/// Crashes that the test tries. `STRONGROOM_CRASHES` asks for another number.
const CRASHES: usize = 300;

#[tokio::test]
async fn torn_and_lost_writes_lose_nothing_acknowledged() {
    let (calls, log) = Workload::run(1).await;
    let begins =
        |write: &&Operation| matches!(write, Operation::Write { offset: 0, .. }) && is_wal_write(write);
    assert!(log.iter().filter(begins).count() > 3, "SQLite begins its log again after a checkpoint");
    let crashes = std::env::var("STRONGROOM_CRASHES")
        .map_or(CRASHES, |crashes| crashes.parse().expect("STRONGROOM_CRASHES is a number"));
    for (seed, point) in crash_points(&log, crashes).into_iter().enumerate() {
        println!("the power goes at {point} of {}, seed {seed}", log.len());
        check(crash(&log[..point], seed as u64).path(), &calls, point).await;
    }
}

/// Points of the log: a third anywhere, a third after an answer, a third around a sync.
fn crash_points(log: &[Operation], count: usize) -> Vec<usize> {
    let random = &mut SeededRandom::new(2);
    let positions = |is: fn(&Operation) -> bool| -> Vec<usize> {
        (0..log.len()).filter(|position| is(&log[*position])).collect()
    };
    let marks = positions(|operation| matches!(operation, Operation::Mark(_)));
    let syncs = positions(|operation| matches!(operation, Operation::Sync { .. }));
    let point = |n| match n % 3 {
        0 => random.below(log.len() + 1),
        1 => marks[random.below(marks.len())] + 1,
        _ => syncs[random.below(syncs.len())] + random.below(2),
    };
    (0..count).map(point).collect()
}

#[tokio::test]
async fn a_crash_while_a_store_is_made_leaves_one_that_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = Recording::start(folder.path());
    let store = open(folder.path());
    let point = recording.length();
    drop(store);
    let log = recording.stop();
    for point in 0..=point {
        for seed in 0..3 {
            check(crash(&log[..point], seed).path(), &[], point).await;
        }
    }
}

/// When a call that ran by itself is answered, everything it wrote is synced. For a call among
/// others, the commit that first holds its bytes is synced.
#[tokio::test]
async fn every_answer_follows_a_sync() {
    let (calls, log) = Workload::run(1).await;
    let frames = wal_frames(&log);
    let (mut alone, mut untraced_alone, mut traced) = (0, 0, 0);
    for (number, call) in calls.iter().enumerate() {
        let answered = call.answered.expect("all were answered") - 1;
        assert_eq!(log[answered], Operation::Mark(number as u64));
        let since_sync = log[..answered].rsplit(is_wal_sync).next().expect("there is always one");
        if is_alone(&calls, number) {
            alone += 1;
            untraced_alone += usize::from(call.act.trace().is_none());
            assert!(!since_sync.iter().any(is_wal_write), "call {number} was answered before its sync");
        }
        let Some(trace) = call.act.trace() else { continue };
        traced += 1;
        let first = frames
            .iter()
            .position(|frame| frame.position >= call.started && frame.holds(trace))
            .expect("what was answered was written");
        let commit = frames[first..].iter().find(|frame| frame.commits).expect("and committed").position;
        assert!(commit < answered - since_sync.len(), "call {number} was answered before its sync");
    }
    assert!(alone > 150 && untraced_alone > 30 && traced > 300, "{alone}, {untraced_alone}, {traced}");
}

fn is_wal_sync(operation: &Operation) -> bool {
    matches!(operation, Operation::Sync { file, .. } if **file == *WAL)
}

fn is_wal_write(operation: &Operation) -> bool {
    matches!(operation, Operation::Write { file, .. } if **file == *WAL)
}

/// Whether no other call ran between the beginning of this one and its answer.
fn is_alone(calls: &[Call], number: usize) -> bool {
    let call = &calls[number];
    let before = calls[..number].iter().all(|other| other.answered <= Some(call.started));
    before && calls.get(number + 1).is_none_or(|next| Some(next.started) >= call.answered)
}

/// A page in the write-ahead log.
struct Frame<'a> {
    position: usize,
    page: &'a [u8],
    /// Whether it is the last frame of its transaction.
    commits: bool,
}

impl Frame<'_> {
    fn holds(&self, trace: &[u8]) -> bool {
        // `windows` takes seconds in a debug build.
        let mut rest = self.page;
        while let Some(at) = rest.iter().position(|byte| *byte == trace[0]) {
            if rest[at..].starts_with(trace) {
                return true;
            }
            rest = &rest[at + 1..];
        }
        false
    }
}

/// The log's frames, each of which SQLite writes as a header and a page.
///
/// The header's second number is the size of the database after a commit, and 0 in the middle of a
/// transaction (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
fn wal_frames(log: &[Operation]) -> Vec<Frame<'_>> {
    let mut commits = false;
    let mut frames = Vec::new();
    for (position, operation) in log.iter().enumerate() {
        match operation {
            Operation::Write { file, bytes, .. } if **file == *WAL => match bytes.len() {
                24 => commits = bytes[4..8] != [0; 4],
                4096 => frames.push(Frame { position, page: bytes, commits }),
                _ => {}
            },
            _ => {}
        }
    }
    frames
}
