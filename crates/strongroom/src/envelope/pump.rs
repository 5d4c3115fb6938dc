//! Payloads of any size in constant memory: a whole stream on several threads.

use super::payload::PayloadKey;
use super::segment::{Direction, Segment};
use super::stream::StreamError;
use std::io::{self, ErrorKind, Read, Write};
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Seals or opens all of `input` on up to `threads` threads. Returns the bytes of plaintext.
///
/// Each thread takes the next segment under the input's lock, works on it, and writes it under the
/// output's lock when it is its turn. After one thread has found damage, a thread that waits for
/// input notices only when there is some, or its end.
pub(super) fn pump(
    direction: Direction,
    key: &PayloadKey,
    input: impl Read + Send,
    output: impl Write + Send,
    threads: NonZeroUsize,
) -> Result<u64, StreamError> {
    let work = Work {
        direction,
        key,
        source: Mutex::new(Source { input, next: 0, ended: false }),
        sink: Mutex::new(Sink { output, next: 0, bytes: 0, stopped: None }),
        turn: Condvar::new(),
    };
    // The first segment is worked on before any thread starts. Most inputs are no longer, and if it
    // does not open nothing more is read.
    let mut segment = Segment::new(0);
    if work.step(&mut segment) {
        std::thread::scope(|scope| {
            for _ in 1..threads.get() {
                // Fewer threads than wanted only take longer.
                if std::thread::Builder::new().spawn_scoped(scope, || work.run(Segment::new(0))).is_err() {
                    break;
                }
            }
            work.run(segment);
        });
    }
    let sink = work.sink.into_inner().unwrap_or_else(PoisonError::into_inner);
    match sink.stopped {
        Some(error) => Err(error),
        None => Ok(sink.bytes),
    }
}

struct Work<'a, I, O> {
    direction: Direction,
    key: &'a PayloadKey,
    source: Mutex<Source<I>>,
    sink: Mutex<Sink<O>>,
    turn: Condvar,
}

struct Source<I> {
    input: I,
    /// The number of the segment that is read next.
    next: u64,
    ended: bool,
}

struct Sink<O> {
    output: O,
    /// The number of the segment that is written next.
    next: u64,
    bytes: u64,
    stopped: Option<StreamError>,
}

impl<I: Read, O: Write> Work<'_, I, O> {
    fn run(&self, mut segment: Segment) {
        let _end = EndOnPanic(self);
        while self.step(&mut segment) {}
    }

    /// Reads, works on and writes a segment. Returns whether there may be another.
    fn step(&self, segment: &mut Segment) -> bool {
        let Some((number, loaded)) = self.take(segment) else {
            return false;
        };
        let done = loaded.map_err(StreamError::read).and_then(|()| {
            let bytes = segment.plaintext_bytes();
            segment.crypt(self.direction, self.key)?;
            Ok(if self.direction == Direction::Seal { bytes } else { segment.plaintext_bytes() })
        });
        self.give(number, segment, done)
    }

    /// The next segment of the input, as far as it could be read; `None` after the last.
    fn take(&self, segment: &mut Segment) -> Option<(u64, io::Result<()>)> {
        let mut source = lock(&self.source);
        if source.ended || lock(&self.sink).stopped.is_some() {
            return None;
        }
        let number = source.next;
        segment.renew(number);
        let loaded = segment.load(self.direction, &mut source.input);
        source.next += 1;
        source.ended = loaded.is_err() || !segment.is_full(self.direction);
        Some((number, loaded))
    }

    /// Waits until all segments before this one are written, and writes it. Returns whether to go
    /// on.
    fn give(&self, number: u64, segment: &Segment, done: Result<usize, StreamError>) -> bool {
        let mut sink = lock(&self.sink);
        while sink.next != number && sink.stopped.is_none() {
            sink = self.turn.wait(sink).unwrap_or_else(PoisonError::into_inner);
        }
        if sink.stopped.is_some() {
            return false;
        }
        let written = done.and_then(|bytes| {
            segment.store(self.direction, &mut sink.output).map_err(StreamError::Write)?;
            Ok(bytes as u64)
        });
        match written {
            Ok(bytes) => {
                sink.bytes += bytes;
                sink.next += 1;
            }
            Err(error) => sink.stopped = Some(error),
        }
        self.turn.notify_all();
        sink.stopped.is_none()
    }
}

/// A caller's stream may panic. Threads that wait for a turn would then wait for ever, so they are
/// woken; the panic itself leaves through the scope.
struct EndOnPanic<'a, 'b, I, O>(&'a Work<'b, I, O>);

impl<I, O> Drop for EndOnPanic<'_, '_, I, O> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut sink = self.0.sink.lock().unwrap_or_else(PoisonError::into_inner);
            sink.stopped.get_or_insert(StreamError::Write(ErrorKind::Other.into()));
            self.0.turn.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
