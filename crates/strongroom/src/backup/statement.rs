//! The statement that the owner of a native backup signs: deterministic CBOR
//! (spec/backup.md#statement).

use super::user_id::UserId;
use crate::slh_dsa::Owner;
use minicbor::{Decoder, Encoder};
use sha2::{Digest, Sha256};
use std::convert::Infallible;

const VERSION: u8 = 1;
/// The largest counter, 2^53 − 1: a JSON number holds it exactly.
pub const MAX_COUNTER: u64 = (1 << 53) - 1;

/// The bytes are not a statement in its one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the statement of a backup in its one encoding")]
pub struct BackupStatementError;

/// The place of a version: its name, its number, and the version before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    user_id: UserId,
    counter: u64,
    previous: [u8; 32],
}

impl Position {
    /// The first version under a name: counter 1.
    #[must_use]
    pub fn first(user_id: UserId) -> Self {
        Self { user_id, counter: 1, previous: [0; 32] }
    }

    /// The version after the one of this statement; `None` after [`MAX_COUNTER`].
    #[must_use]
    pub fn after(statement: &BackupStatement) -> Option<Self> {
        let position = &statement.position;
        Self::new(position.user_id, position.counter.checked_add(1)?, statement.digest())
    }

    /// The version of this counter, after the statement of this SHA-256, as a server reports it;
    /// `None` unless the counter is 1 to [`MAX_COUNTER`].
    #[must_use]
    pub fn new(user_id: UserId, counter: u64, previous: [u8; 32]) -> Option<Self> {
        (1..=MAX_COUNTER).contains(&counter).then_some(Self { user_id, counter, previous })
    }

    /// The name under which the owner keeps the backup.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The version's number, 1 to [`MAX_COUNTER`].
    #[must_use]
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// The SHA-256 of the previous statement; zeros for the first.
    #[must_use]
    pub fn previous(&self) -> &[u8; 32] {
        &self.previous
    }
}

/// Says whose backup it is, which version, and which envelope holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupStatement {
    owner: Owner,
    position: Position,
    envelope_sha256: [u8; 32],
}

impl BackupStatement {
    pub(super) fn new(owner: Owner, position: &Position, envelope_sha256: [u8; 32]) -> Self {
        Self { owner, position: *position, envelope_sha256 }
    }

    /// The owner, who must have signed the statement.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The version's name, number and predecessor.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The version's number, 1 to [`MAX_COUNTER`].
    #[must_use]
    pub fn counter(&self) -> u64 {
        self.position.counter
    }

    /// SHA-256 of the envelope's bytes.
    #[must_use]
    pub fn envelope_sha256(&self) -> &[u8; 32] {
        &self.envelope_sha256
    }

    /// SHA-256 of the encoded statement, which the next version's statement names.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// The one encoding, 86 01 …, over which the signature goes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(136);
        let mut e = Encoder::new(&mut bytes);
        let written: Result<_, minicbor::encode::Error<Infallible>> = (|| {
            e.array(6)?.u8(VERSION)?.bytes(self.owner.as_bytes())?.bytes(self.position.user_id.as_bytes())?;
            e.u64(self.position.counter)?.bytes(&self.position.previous)?.bytes(&self.envelope_sha256)?.ok()
        })();
        written.expect("writing to memory does not fail");
        bytes
    }

    /// Reads the one encoding.
    ///
    /// # Errors
    /// [`BackupStatementError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BackupStatementError> {
        let statement = Self::read(bytes).ok_or(BackupStatementError)?;
        // Refuses longer heads and trailing bytes.
        if statement.to_bytes() == bytes { Ok(statement) } else { Err(BackupStatementError) }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut d = Decoder::new(bytes);
        if (d.array().ok()?, d.u8().ok()?) != (Some(6), VERSION) {
            return None;
        }
        let owner = Owner::from_bytes(d.bytes().ok()?.try_into().ok()?);
        let user_id = UserId::from_bytes(d.bytes().ok()?.try_into().ok()?);
        let counter = d.u64().ok()?;
        let position = Position::new(user_id, counter, d.bytes().ok()?.try_into().ok()?)?;
        // Only the first version has no predecessor.
        if (counter == 1) != (position.previous == [0; 32]) {
            return None;
        }
        Some(Self { owner, position, envelope_sha256: d.bytes().ok()?.try_into().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(counter: u64, previous: [u8; 32]) -> BackupStatement {
        let position = Position::new(UserId::from_bytes([1; 16]), counter, previous).expect("a counter");
        BackupStatement::new(Owner::from_bytes([2; 32]), &position, [3; 32])
    }

    #[test]
    fn one_encoding() {
        for statement in [statement(1, [0; 32]), statement(2, [9; 32]), statement(MAX_COUNTER, [9; 32])] {
            let bytes = statement.to_bytes();
            assert_eq!(BackupStatement::from_bytes(&bytes), Ok(statement));
            for cut in 0..bytes.len() {
                assert_eq!(
                    BackupStatement::from_bytes(&bytes[..cut]),
                    Err(BackupStatementError),
                    "{cut} bytes"
                );
            }
            assert_eq!(BackupStatement::from_bytes(&[&bytes[..], &[0]].concat()), Err(BackupStatementError));
        }
        // The counter takes two bytes where one would do.
        let bytes = statement(2, [9; 32]).to_bytes();
        let at = 1 + 1 + 34 + 17;
        assert_eq!(bytes[at], 2);
        let longer = [&bytes[..at], &[0x18, 2], &bytes[at + 1..]].concat();
        assert_eq!(BackupStatement::from_bytes(&longer), Err(BackupStatementError));
        let mut other_version = bytes;
        other_version[1] = 2;
        assert_eq!(BackupStatement::from_bytes(&other_version), Err(BackupStatementError));
    }

    #[test]
    fn counters_have_bounds_and_the_first_has_nothing_before_it() {
        assert_eq!(Position::new(UserId::from_bytes([1; 16]), 0, [0; 32]), None);
        assert_eq!(Position::new(UserId::from_bytes([1; 16]), MAX_COUNTER + 1, [9; 32]), None);
        for wrong in [statement(1, [9; 32]), statement(2, [0; 32])] {
            assert_eq!(BackupStatement::from_bytes(&wrong.to_bytes()), Err(BackupStatementError));
        }
        let first = statement(1, [0; 32]);
        let next = Position::after(&first).expect("a second");
        assert_eq!((next.counter(), *next.previous()), (2, first.digest()));
        assert_eq!(Position::after(&statement(MAX_COUNTER, [9; 32])), None);
    }
}
