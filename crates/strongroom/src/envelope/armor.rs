//! Armor: an envelope as text, for channels that take no binary data (spec/envelope.md#armor).

use super::error::EnvelopeError;
use crate::encoding;
use std::io::{self, BufRead, ErrorKind, Read, Write};

/// The first line of armor.
pub const BEGIN: &str = "-----BEGIN STRONGROOM ENVELOPE-----";
/// The last line of armor.
pub const END: &str = "-----END STRONGROOM ENVELOPE-----";
const COLUMNS: usize = 64;
const LINE_BYTES: usize = COLUMNS / 4 * 3;
/// Bytes that are encoded together.
const BLOCK_BYTES: usize = 1024 * LINE_BYTES;
/// Bytes of the longest line with its end, and one more, by which a longer line is noticed.
const MAX_LINE_BYTES: u64 = COLUMNS as u64 + 3;

/// Writes its input as armor. Without [`finish`](Self::finish), the armor is incomplete.
pub struct ArmorWriter<W> {
    output: W,
    waiting: Vec<u8>,
    text: String,
}

impl<W: Write> ArmorWriter<W> {
    /// Starts armor. Nothing is written yet.
    #[must_use]
    pub fn new(output: W) -> Self {
        let text = format!("{BEGIN}\n");
        Self { output, waiting: Vec::with_capacity(BLOCK_BYTES), text }
    }

    /// Writes the last lines, flushes, and returns the output.
    ///
    /// # Errors
    /// The errors of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.send()?;
        writeln!(self.output, "{END}")?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn send(&mut self) -> io::Result<()> {
        for line in self.waiting.chunks(LINE_BYTES) {
            encoding::base64_into(line, &mut self.text);
            self.text.push('\n');
        }
        self.waiting.clear();
        self.output.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }
}

impl<W: Write> Write for ArmorWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() == BLOCK_BYTES {
            self.send()?;
        }
        let count = bytes.len().min(BLOCK_BYTES - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Flushes the output. An incomplete line stays in this writer.
    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Reads the bytes inside armor. Anything else is an error of kind `InvalidData` that wraps
/// [`EnvelopeError::Armor`].
pub struct ArmorReader<R> {
    input: R,
    bytes: Vec<u8>,
    position: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    Lines {
        crlf: bool,
        /// A line of fewer than 64 columns was read, which must be the last.
        short: bool,
    },
    Ended,
    Failed,
}

impl<R: BufRead> ArmorReader<R> {
    /// Reads armor from `input`, which must be at its first line.
    #[must_use]
    pub fn new(input: R) -> Self {
        Self { input, bytes: Vec::new(), position: 0, state: State::Begin }
    }

    /// A line without its end, and whether the end was CR LF; `None` if the line has no end.
    fn line(&mut self) -> io::Result<(String, Option<bool>)> {
        let mut line = Vec::new();
        self.input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        let crlf = line.ends_with(b"\n").then(|| line.ends_with(b"\r\n"));
        let end_bytes = crlf.map_or(0, |crlf| 1 + usize::from(crlf));
        line.truncate(line.len() - end_bytes);
        String::from_utf8(line).map(|text| (text, crlf)).map_err(|_| bad())
    }

    /// Decodes one more line.
    fn step(&mut self) -> io::Result<()> {
        let (crlf, short) = match self.state {
            State::Begin => {
                let (line, crlf) = self.line()?;
                let crlf = crlf.filter(|_| line == BEGIN).ok_or_else(bad)?;
                self.state = State::Lines { crlf, short: false };
                return Ok(());
            }
            State::Lines { crlf, short } => (crlf, short),
            State::Ended => return Ok(()),
            State::Failed => return Err(bad()),
        };
        let (line, ends_in_crlf) = self.line()?;
        // The end of the last line may be missing.
        if ends_in_crlf.map_or(line != END, |ends_in_crlf| ends_in_crlf != crlf) {
            return Err(bad());
        }
        if line == END {
            self.state = State::Ended;
            return self.only_white_space();
        }
        if short || line.is_empty() || line.len() > COLUMNS {
            return Err(bad());
        }
        self.bytes = encoding::from_base64(&line).ok_or_else(bad)?;
        self.position = 0;
        self.state = State::Lines { crlf, short: line.len() < COLUMNS || line.ends_with('=') };
        Ok(())
    }

    fn only_white_space(&mut self) -> io::Result<()> {
        loop {
            let rest = self.input.fill_buf()?;
            if rest.is_empty() {
                return Ok(());
            }
            if !rest.iter().all(|byte| b" \t\r\n".contains(byte)) {
                return Err(bad());
            }
            let count = rest.len();
            self.input.consume(count);
        }
    }
}

impl<R: BufRead> Read for ArmorReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        while count < out.len() {
            let rest = &self.bytes[self.position..];
            if rest.is_empty() {
                if self.state == State::Ended || (count > 0 && self.state == State::Failed) {
                    break;
                }
                if let Err(error) = self.step() {
                    self.state = State::Failed;
                    // The lines before it are given out first.
                    if count > 0 && error.kind() == ErrorKind::InvalidData {
                        break;
                    }
                    return Err(error);
                }
                continue;
            }
            let part = rest.len().min(out.len() - count);
            out[count..count + part].copy_from_slice(&rest[..part]);
            self.position += part;
            count += part;
        }
        Ok(count)
    }
}

fn bad() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, EnvelopeError::Armor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armored(bytes: &[u8]) -> String {
        let mut writer = ArmorWriter::new(Vec::new());
        writer.write_all(bytes).expect("memory");
        String::from_utf8(writer.finish().expect("memory")).expect("ASCII")
    }

    fn read(text: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        ArmorReader::new(text.as_bytes()).read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn every_length_comes_back_also_with_crlf() {
        for bytes in (0..200).chain([BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1]) {
            let bytes: Vec<u8> = (0..bytes).map(|n| n as u8).collect();
            let text = armored(&bytes);
            assert!(text.lines().all(|line| line.len() <= 64));
            assert_eq!(read(&text).expect("our own armor"), bytes);
            assert_eq!(read(&text.replace('\n', "\r\n")).expect("the same"), bytes);
            assert_eq!(read(&format!("{text}\n \t\r\n")).expect("white space may follow"), bytes);
            assert_eq!(read(text.trim_end()).expect("the last line may lack its end"), bytes);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let good = armored(&[7; 100]);
        let lines: Vec<&str> = good.lines().collect();
        let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        for bad in [
            String::new(),
            format!(" {good}"),
            format!("{good}x"),
            format!("{good}{good}"),
            joined(&lines[1..]),
            joined(&lines[..lines.len() - 1]),
            joined(&[lines[0], lines[1], lines[3], lines[2], lines[4]]),
            joined(&[lines[0], lines[1], "", lines[2], lines[3], lines[4]]),
            joined(&[lines[0], &lines[1][..60], &lines[1][60..], lines[2], lines[3], lines[4]]),
            joined(&[lines[0], &format!("{}{}", lines[1], lines[2]), lines[3], lines[4]]),
            good.replacen('\n', "\r\n", 1),
            good.replace("BwcH", "BwcH "),
            good.replace("==", ""),
        ] {
            let error = read(&bad).expect_err(&bad);
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{bad}");
        }
    }
}
