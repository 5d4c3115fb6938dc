//! A bar that shows how far an input has been read.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::time::{Duration, Instant};

/// An input that draws a bar on stderr, if that is a terminal, once reading has taken a second.
pub(crate) struct Progress {
    input: File,
    bytes: Option<u64>,
    done: u64,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    const SILENT: Duration = Duration::from_secs(1);

    pub(super) fn new(input: File, bytes: Option<u64>) -> Self {
        Self { input, bytes, done: 0, started: Instant::now(), bar: None }
    }

    fn count(&mut self, bytes: usize) -> usize {
        self.done += bytes as u64;
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if self.started.elapsed() > Self::SILENT => self.bar = Some(self.new_bar()),
            None => {}
        }
        bytes
    }

    fn new_bar(&self) -> ProgressBar {
        // It draws nothing where stderr is not a terminal.
        let bar = ProgressBar::with_draw_target(self.bytes, ProgressDrawTarget::stderr());
        let template = match self.bytes {
            Some(_) => "{wide_bar} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta}",
            None => "{spinner} {binary_bytes}  {binary_bytes_per_sec}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        bar.set_position(self.done);
        bar
    }
}

impl Read for Progress {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.input.read(out)?;
        Ok(self.count(bytes))
    }

    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let bytes = self.input.read_vectored(out)?;
        Ok(self.count(bytes))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
