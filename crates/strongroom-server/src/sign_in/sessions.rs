//! Sessions of SLH-DSA keys. A session is a token with a MAC, and is stored nowhere
//! (spec/sign-in.md §8, §9).
//!
//! ```text
//! strongroom-session-1 base64url( expiry, Unix seconds, u64 || owner 32 || n u8
//!                                 || n x SHA-256 of a resource || MAC 32 )
//! ```

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use strongroom::encoding::{base64url, from_base64url};
use strongroom::sign_in::{Act, MAX_RESOURCES, SessionRequest};
use strongroom::slh_dsa::Owner;
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// How long a session lasts.
const LIFETIME: Duration = Duration::minutes(10);
/// The beginning of each token of a vault. A proxy in between may use tokens of its own, which do
/// not begin so.
pub(crate) const PREFIX: &str = "strongroom-session-1";
const HASH_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const HEAD_BYTES: usize = 8 + HASH_BYTES + 1;
/// Characters of the longest token.
pub(crate) const MAX_TOKEN_CHARS: usize =
    PREFIX.len() + ((HEAD_BYTES + MAX_RESOURCES * HASH_BYTES + MAC_BYTES) * 4).div_ceil(3);

/// Issues tokens and recognises its own.
pub(crate) struct Sessions {
    key: Zeroizing<[u8; 32]>,
}

/// Why a token does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionError {
    /// This vault did not issue it.
    Unknown,
    /// It is older than ten minutes.
    Expired,
}

/// The owner of a token, and the acts that it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    owner: Owner,
    scope: Vec<[u8; HASH_BYTES]>,
}

impl Session {
    /// The owner whose key signed for the session.
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether the session allows an act: one that its scope names, or without a scope any act that
    /// need not be named.
    pub(crate) fn allows(&self, act: &Act) -> bool {
        match &self.scope[..] {
            [] => !act.is_bound(),
            scope => scope.contains(&hash(&act.resource())),
        }
    }
}

impl Sessions {
    /// Sessions under the root's session key, which all servers of the vault recognise.
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key }
    }

    /// A token for the session that was asked for, and when it expires.
    pub(crate) fn issue(
        &self,
        asked: &SessionRequest,
        now: OffsetDateTime,
    ) -> (Zeroizing<String>, OffsetDateTime) {
        let expires_at = (now + LIFETIME).replace_nanosecond(0).expect("zero is a nanosecond");
        let mut token = Vec::with_capacity(HEAD_BYTES + asked.scope().len() * HASH_BYTES + MAC_BYTES);
        token.extend_from_slice(&u64::try_from(expires_at.unix_timestamp()).unwrap_or(0).to_be_bytes());
        token.extend_from_slice(asked.owner().as_bytes());
        token.push(u8::try_from(asked.scope().len()).expect("a statement has 32 resources at most"));
        asked.scope().iter().for_each(|resource| token.extend_from_slice(&hash(resource)));
        token.extend_from_slice(&self.mac(&token));
        (Zeroizing::new(format!("{PREFIX}{}", base64url(&token))), expires_at)
    }

    /// Checks a token and returns its session.
    ///
    /// # Errors
    /// [`SessionError`] if this vault did not issue the token, or if the token has expired.
    pub(crate) fn check(&self, token: &str, now: OffsetDateTime) -> Result<Session, SessionError> {
        let bytes = token.strip_prefix(PREFIX).and_then(from_base64url).ok_or(SessionError::Unknown)?;
        let (rest, mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(SessionError::Unknown)?;
        if !bool::from(mac.ct_eq(&self.mac(rest))) {
            return Err(SessionError::Unknown);
        }
        let (expires_at, session) = parse(rest).ok_or(SessionError::Unknown)?;
        let now = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        if now < expires_at { Ok(session) } else { Err(SessionError::Expired) }
    }

    fn mac(&self, bytes: &[u8]) -> [u8; MAC_BYTES] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key[..]).expect("HMAC takes any key");
        mac.chain_update(PREFIX).chain_update(bytes).finalize().into_bytes().into()
    }
}

fn parse(bytes: &[u8]) -> Option<(u64, Session)> {
    let (expires_at, rest) = bytes.split_first_chunk()?;
    let (owner, rest) = rest.split_first_chunk()?;
    let (count, rest) = rest.split_first()?;
    let (scope, more) = rest.as_chunks();
    let whole = scope.len() == usize::from(*count) && more.is_empty();
    let session = Session { owner: Owner::from_bytes(*owner), scope: scope.to_vec() };
    whole.then(|| (u64::from_be_bytes(*expires_at), session))
}

fn hash(resource: &str) -> [u8; HASH_BYTES] {
    Sha256::digest(resource).into()
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom::SlotId;
    use strongroom::sign_in::{Draft, Rules};
    use strongroom::slh_dsa::{Context, SigningKey};

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn asked(acts: &[Act]) -> SessionRequest {
        let key = SigningKey::from_seed(&[1; 96]);
        let draft = Draft {
            domain: "localhost",
            address: key.public_key().owner(),
            statement: None,
            uri: "http://localhost",
            chain_id: 1,
            nonce: "abcdefgh",
            issued_at: NOW,
            expiration_time: None,
            resources: acts.iter().map(Act::resource).collect(),
        };
        let statement = draft.write().expect("valid");
        let signature = key.sign(Context::SESSION, statement.to_string().as_bytes());
        let rules =
            Rules { origins: vec!["http://localhost".parse().expect("an origin")], chain_ids: vec![] };
        statement.verify(&key.public_key(), &signature, &rules, NOW).expect("signed")
    }

    fn sessions() -> Sessions {
        Sessions::new(Zeroizing::new([1; 32]))
    }

    #[test]
    fn a_session_lasts_ten_minutes() {
        let (token, expires_at) = sessions().issue(&asked(&[]), NOW);
        assert_eq!(expires_at, NOW + Duration::minutes(10));
        let at = |seconds| sessions().check(&token, NOW + Duration::seconds(seconds)).map(|s| s.owner());
        let owner = SigningKey::from_seed(&[1; 96]).public_key().owner();
        assert_eq!((at(0), at(599), at(600)), (Ok(owner), Ok(owner), Err(SessionError::Expired)));
    }

    #[test]
    fn its_scope_is_what_was_signed() {
        let (slot, other) = (SlotId::from_bytes([1; 32]), SlotId::from_bytes([2; 32]));
        let session = |acts: &[Act]| {
            let (token, _) = sessions().issue(&asked(acts), NOW);
            sessions().check(&token, NOW).expect("ours")
        };
        let open = session(&[]);
        assert!(open.allows(&Act::Backups) && open.allows(&Act::Access(slot)));
        assert!(!open.allows(&Act::Delete(slot)), "a bound act must be named");
        let scoped = session(&[Act::Delete(slot), Act::Backups]);
        assert!(scoped.allows(&Act::Delete(slot)) && scoped.allows(&Act::Backups));
        assert!(!scoped.allows(&Act::Delete(other)) && !scoped.allows(&Act::Access(slot)));
    }

    #[test]
    fn only_this_vault_issues_it_and_only_whole() {
        let (token, _) = sessions().issue(&asked(&[Act::Backups]), NOW);
        let other = Sessions::new(Zeroizing::new([2; 32]));
        assert_eq!(other.check(&token, NOW), Err(SessionError::Unknown));
        for at in 0..token.len() {
            let mut altered = token.as_bytes().to_vec();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).expect("ASCII");
            assert_eq!(sessions().check(&altered, NOW), Err(SessionError::Unknown), "character {at}");
            assert_eq!(sessions().check(&token[..at], NOW), Err(SessionError::Unknown), "{at} characters");
        }
        assert_eq!(sessions().check(&format!("{}=", *token), NOW), Err(SessionError::Unknown));
    }

    #[test]
    fn the_longest_token_is_as_long_as_is_said() {
        let acts: Vec<Act> =
            (0..MAX_RESOURCES as u8).map(|n| Act::Access(SlotId::from_bytes([n; 32]))).collect();
        let (token, _) = sessions().issue(&asked(&acts), NOW);
        assert_eq!(token.len(), MAX_TOKEN_CHARS);
    }
}
