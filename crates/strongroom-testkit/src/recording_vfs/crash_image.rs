//! What a disk may hold when the power goes.

use super::operation::Operation;
use crate::seeded_random::SeededRandom;
use std::collections::BTreeMap;

/// The bytes that a disk writes in one piece.
const SECTOR_BYTES: usize = 512;

/// Bytes of files, by the files' names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The files as they may be found after a power loss at the end of `log`.
///
/// What was synced is there. What was written since may be there sector by sector, whatever the
/// order was. Where writes overlap, any one of them may be the last.
#[must_use]
pub fn crash_image(log: &[Operation], random: &mut SeededRandom) -> Files {
    let mut disk = BTreeMap::<&str, Disk<'_>>::new();
    for operation in log {
        match operation {
            Operation::Write { file, offset, bytes } => {
                let writes = disk.entry(file).or_default();
                let offset = usize::try_from(*offset).expect("a test's files fit into memory");
                writes.unsynced.extend(sectors(offset, bytes));
            }
            Operation::Truncate { file, length_bytes } => {
                let length = usize::try_from(*length_bytes).expect("a test's files fit into memory");
                disk.entry(file).or_default().unsynced.push(Change::Length(length));
            }
            Operation::Sync { file, .. } => disk.entry(file).or_default().sync(),
            Operation::FailedSync { file } => disk.entry(file).or_default().lose(random),
            Operation::Delete { file } => drop(disk.remove(&**file)),
            Operation::Mark(_) => {}
        }
    }
    let mut files = Files::new();
    for (name, mut file) in disk {
        file.lose(random);
        files.extend(file.bytes.map(|bytes| (name.to_owned(), bytes)));
    }
    files
}

/// A file, from its last sync on.
#[derive(Default)]
struct Disk<'a> {
    /// `None` before anything of it is on the disk.
    bytes: Option<Vec<u8>>,
    unsynced: Vec<Change<'a>>,
}

#[derive(Clone, Copy)]
enum Change<'a> {
    /// At most a sector, at this offset.
    Sector(usize, &'a [u8]),
    Length(usize),
}

/// Pieces that end where the disk's sectors end, wherever the write began.
fn sectors(mut offset: usize, mut bytes: &[u8]) -> impl Iterator<Item = Change<'_>> {
    std::iter::from_fn(move || {
        let (sector, rest) = bytes.split_at(bytes.len().min(SECTOR_BYTES - offset % SECTOR_BYTES));
        let change = Change::Sector(offset, sector);
        (offset, bytes) = (offset + sector.len(), rest);
        (!sector.is_empty()).then_some(change)
    })
}

impl Disk<'_> {
    fn sync(&mut self) {
        let bytes = self.bytes.get_or_insert_default();
        self.unsynced.drain(..).for_each(|change| change.apply(bytes));
    }

    fn lose(&mut self, random: &mut SeededRandom) {
        // Few are lost, or half of them, or most. A fair coin would hardly ever lose just one of
        // many.
        let kept_in_16 = [0, 1, 8, 15, 16][random.below(5)];
        self.unsynced.retain(|_| random.below(16) < kept_in_16);
        random.shuffle(&mut self.unsynced);
        if !self.unsynced.is_empty() {
            self.sync();
        }
    }
}

impl Change<'_> {
    fn apply(self, file: &mut Vec<u8>) {
        match self {
            Self::Sector(offset, bytes) => {
                let end = offset + bytes.len();
                if file.len() < end {
                    set_length(file, end);
                }
                file[offset..end].copy_from_slice(bytes);
            }
            Self::Length(length) => set_length(file, length),
        }
    }
}

fn set_length(file: &mut Vec<u8>, length: usize) {
    file.truncate(length);
    // `resize` goes byte by byte in a debug build.
    file.extend_from_slice(&vec![0; length - file.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: u64, bytes: &[u8]) -> Operation {
        Operation::Write { file: "f".into(), offset, bytes: bytes.to_vec() }
    }

    fn sync() -> Operation {
        Operation::Sync { file: "f".into(), flags: 2 }
    }

    /// What 200 crashes leave of the file.
    fn crashes(log: &[Operation]) -> Vec<Option<Vec<u8>>> {
        (0..200).map(|seed| crash_image(log, &mut SeededRandom::new(seed)).remove("f")).collect()
    }

    #[test]
    fn what_was_synced_is_there_as_it_was_written() {
        let log = [
            write(0, &[1; 1000]),
            write(500, &[2; 1000]),
            Operation::Truncate { file: "f".into(), length_bytes: 1200 },
            sync(),
        ];
        let expected = [vec![1; 500], vec![2; 700]].concat();
        assert!(crashes(&log).iter().all(|file| file.as_ref() == Some(&expected)));
    }

    #[test]
    fn what_was_not_synced_is_torn_at_the_disks_sectors() {
        let log = [write(0, &[1; 600]), sync(), write(500, &[2; 600])];
        let crashed = crashes(&log);
        for sectors in 0..8 {
            let mut expected = vec![1; 600];
            for (n, (offset, end)) in [(500, 512), (512, 1024), (1024, 1100)].into_iter().enumerate() {
                if sectors & (1 << n) != 0 {
                    expected.resize(end.max(expected.len()), 0);
                    expected[offset..end].fill(2);
                }
            }
            assert!(crashed.contains(&Some(expected)), "sectors {sectors:03b}");
        }
    }

    #[test]
    fn a_later_write_may_be_there_without_an_earlier_one_or_under_it() {
        let log = [write(0, &[1]), write(0, &[2]), write(1, &[3])];
        let crashed = crashes(&log);
        for expected in [&[1_u8, 3][..], &[2, 3], &[0, 3], &[1], &[2]] {
            assert!(crashed.contains(&Some(expected.to_vec())), "{expected:?}");
        }
        assert!(crashed.contains(&None), "nor need there be a file");
    }

    #[test]
    fn no_later_sync_brings_back_what_a_failed_one_lost() {
        let log = [write(0, &[1]), Operation::FailedSync { file: "f".into() }, write(1, &[2]), sync()];
        let crashed = crashes(&log);
        assert!(crashed.contains(&Some(vec![0, 2])) && crashed.contains(&Some(vec![1, 2])));
    }

    #[test]
    fn a_deleted_file_is_gone_and_a_new_one_holds_nothing_of_it() {
        let delete = Operation::Delete { file: "f".into() };
        let log = [write(0, &[1; 9]), sync(), delete.clone(), write(1, &[2]), sync()];
        assert_eq!(crashes(&log)[0], Some(vec![0, 2]));
        assert_eq!(crashes(&[write(0, &[1; 9]), sync(), delete])[0], None);
    }
}
