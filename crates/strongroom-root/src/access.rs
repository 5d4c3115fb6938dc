//! Who else may get a root. The list is sealed together with the root, so a host that starts the
//! same code again cannot add anybody to it (spec/root.md §4, §6).

use strongroom::slh_dsa::PublicKey;
use strongroom_attest::Configuration;

const ID_BYTES: usize = 16;
const RELEASE_KEY_BYTES: usize = 64;

/// The recipients of a recovery, and the key whose statements let other code in. The default is
/// nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootAccess {
    /// Recipients that it takes to recover the root; 0 where there are no recipients.
    threshold: u16,
    /// Key ids in ascending order, each once.
    recipients: Vec<[u8; ID_BYTES]>,
    release_key: Option<[u8; RELEASE_KEY_BYTES]>,
}

impl From<&Configuration> for RootAccess {
    fn from(configuration: &Configuration) -> Self {
        let (threshold, recipients) = match &configuration.recovery {
            Some(recovery) => (recovery.threshold, recovery.key_ids.iter().map(|id| id.0).collect()),
            None => (0, Vec::new()),
        };
        Self {
            threshold: u16::try_from(threshold).expect("an envelope takes fewer recipients than 65536"),
            recipients,
            release_key: configuration.release_key.as_ref().map(PublicKey::as_bytes).copied(),
        }
    }
}

impl RootAccess {
    /// Whether `asked` adds nobody: its recipients are some of these, its threshold is at least as
    /// high, and its release key is the same one or absent.
    #[must_use]
    pub fn covers(&self, asked: &Self) -> bool {
        asked.recipients.iter().all(|id| self.recipients.contains(id))
            && (asked.recipients.is_empty() || asked.threshold >= self.threshold)
            && (asked.release_key.is_none() || asked.release_key == self.release_key)
    }

    /// threshold u16 ‖ number of recipients u16 ‖ their key ids, 16 bytes each ‖ the release key's
    /// 64 bytes, or nothing.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let count =
            u16::try_from(self.recipients.len()).expect("an envelope takes fewer recipients than 65536");
        let head = [self.threshold.to_be_bytes(), count.to_be_bytes()].concat();
        let release_key = self.release_key.as_ref().map_or(&[][..], |key| key);
        [&head, self.recipients.as_flattened(), release_key].concat()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) writes, and nothing else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (threshold, rest) = bytes.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::from(u16::from_be_bytes(*count));
        let (ids, release_key) = rest.split_at_checked(count * ID_BYTES)?;
        let (recipients, _) = ids.as_chunks();
        let access = Self {
            threshold: u16::from_be_bytes(*threshold),
            recipients: recipients.to_vec(),
            release_key: match release_key {
                [] => None,
                key => Some(key.try_into().ok()?),
            },
        };
        let is_ascending = recipients.is_sorted_by(|one, next| one < next);
        let is_possible = usize::from(access.threshold) <= count && (access.threshold == 0) == (count == 0);
        (is_ascending && is_possible).then_some(access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(threshold: u16, ids: &[u8], release_key: Option<u8>) -> RootAccess {
        let recipients = ids.iter().map(|id| [*id; ID_BYTES]).collect();
        RootAccess { threshold, recipients, release_key: release_key.map(|n| [n; RELEASE_KEY_BYTES]) }
    }

    /// Each refusal rests on its own line of `covers`.
    #[test]
    fn nobody_is_added() {
        let sealed = access(2, &[1, 2, 3], Some(7));
        for fewer in [
            sealed.clone(),
            RootAccess::default(),
            access(2, &[1, 3], None),
            access(2, &[2, 3], Some(7)),
            access(3, &[1, 2, 3], Some(7)),
        ] {
            assert!(sealed.covers(&fewer), "{fewer:?}");
        }
        for more in
            [access(2, &[1, 4], Some(7)), access(1, &[1, 2, 3], Some(7)), access(2, &[1, 2, 3], Some(8))]
        {
            assert!(!sealed.covers(&more), "{more:?}");
        }
        assert!(!RootAccess::default().covers(&access(1, &[1], None)));
        assert!(!RootAccess::default().covers(&access(0, &[], Some(7))));
    }

    #[test]
    fn it_has_one_spelling() {
        for one in [RootAccess::default(), access(1, &[1, 2], None), access(1, &[9], Some(7))] {
            assert_eq!(RootAccess::from_bytes(&one.to_bytes()), Some(one));
        }
        let good = access(1, &[1, 2], Some(7)).to_bytes();
        for bytes in 0..good.len() {
            // Without the release key, the rest is a valid spelling too.
            assert_eq!(
                RootAccess::from_bytes(&good[..bytes]).is_some(),
                bytes == 4 + 2 * ID_BYTES,
                "{bytes}"
            );
        }
        for bad in [
            access(1, &[2, 1], None),
            access(1, &[1, 1], None),
            access(0, &[1], None),
            access(1, &[], None),
            access(2, &[1], None),
        ] {
            assert_eq!(RootAccess::from_bytes(&bad.to_bytes()), None, "{bad:?}");
        }
        assert_eq!(RootAccess::from_bytes(&[&good[..], &[0]].concat()), None);
    }
}
