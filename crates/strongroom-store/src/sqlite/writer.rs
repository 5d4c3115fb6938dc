//! One thread writes. It commits all writes that wait as one group, and many writes share one sync.

use super::checkpoint::Checkpointer;
use crate::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Writes in one commit at most: enough to share a sync, and few enough to answer soon.
const MAX_GROUP: usize = 256;
/// Writes that may wait in the queue. Further callers wait until it has room.
const QUEUE: usize = 1024;

/// Hands work to the writing thread. The thread ends when this is dropped and the queue is empty.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, checkpointer: Checkpointer) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_groups(connection, checkpointer, jobs))
            .map_err(|error| StoreError::Database(Box::new(error)))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) fn is_running(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }

    /// Runs `write` in a transaction and answers after its commit. It may run twice, so it must not
    /// keep state.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        write: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { write, outcome: None, reply });
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

/// A write that waits for its commit.
trait Job: Send {
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()>;
    /// Gives the answer, once, after the commit or its failure.
    fn answer(self: Box<Self>, commit: Result<(), Arc<rusqlite::Error>>);
}

struct Pending<T, F> {
    write: F,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&Connection) -> rusqlite::Result<T> + Send> Job for Pending<T, F> {
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.outcome = Some((self.write)(db)?);
        Ok(())
    }

    fn answer(self: Box<Self>, commit: Result<(), Arc<rusqlite::Error>>) {
        let answer = match (commit, self.outcome) {
            (Ok(()), Some(outcome)) => Ok(outcome),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Closed),
        };
        // A caller who went away does not need the answer; the write stands.
        let _ = self.reply.send(answer);
    }
}

fn write_groups(mut db: Connection, mut checkpointer: Checkpointer, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut group = Vec::with_capacity(MAX_GROUP);
    while jobs.blocking_recv_many(&mut group, MAX_GROUP) > 0 {
        let committed = commit(&mut db, &mut group);
        if matches!(committed, Err(Failure::Job(_))) && group.len() > 1 {
            // One of the writes is at fault, so each gets a transaction of its own.
            for mut job in group.drain(..) {
                let committed = commit(&mut db, std::slice::from_mut(&mut job));
                job.answer(committed.map_err(Failure::into_shared));
            }
            continue;
        }
        let committed = committed.map_err(Failure::into_shared);
        group.drain(..).for_each(|job| job.answer(committed.clone()));
        checkpointer.committed(&db);
    }
    // The checkpointer's connection closes first. The writer's, which closes last, can then move
    // the rest.
    drop(checkpointer);
}

/// What failed: one job of a group, or the transaction of all.
enum Failure {
    Job(rusqlite::Error),
    Transaction(rusqlite::Error),
}

impl Failure {
    fn into_shared(self) -> Arc<rusqlite::Error> {
        let (Self::Job(error) | Self::Transaction(error)) = self;
        Arc::new(error)
    }
}

fn commit(db: &mut Connection, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
    let transaction =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Failure::Transaction)?;
    for job in group {
        job.run(&transaction).map_err(Failure::Job)?;
    }
    transaction.commit().map_err(Failure::Transaction)
}
