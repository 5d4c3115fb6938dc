//! Signing in with Ethereum (EIP-4361): strict to read, verified in one order, for one act
//! (spec/access.md, "Signing in"); and with an SLH-DSA key, for a session (spec/backup.md §4).
//!
//! The nonce is not spent here: that takes a store. A [`SignedIn`], or a [`SessionRequest`], is what this module can know.

mod statement;

use crate::backup::UserId;
use crate::key::Recipient;
use crate::slh_dsa::{Context, Owner, PublicKey, Signature};
use crate::slot::SlotId;
use crate::wallet::WalletAddress;
use crate::wallet::{WalletError, WalletSignature};
use fluent_uri::Uri;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use time::{Duration, OffsetDateTime};

pub use statement::{
    Account, DateTime, Draft, MAX_RESOURCES, MAX_STATEMENT_BYTES, SignInStatement, SignInStatementError,
    SlhDsaStatement, WalletStatement,
};

/// How long a nonce can be used after it was issued.
pub const NONCE_LIFETIME: Duration = Duration::minutes(5);
/// How far two clocks may be apart.
pub const CLOCK_SKEW: Duration = Duration::minutes(2);
const URN: &str = "urn:strongroom:";

/// An origin that may ask for a sign-in: scheme and authority, such as `http://localhost:3000`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    scheme: String,
    authority: String,
}

/// A text that is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin is a scheme and an authority, such as https://app.example")]
pub struct OriginError;

impl Origin {
    /// The origin of a URI, whatever path follows; `None` where it has no host, or names a user.
    #[must_use]
    pub fn of_uri(text: &str) -> Option<Self> {
        let uri = Uri::parse(text).ok()?;
        let authority = uri.authority()?;
        (!authority.host().is_empty() && !authority.has_userinfo()).then(|| Self {
            scheme: uri.scheme().as_str().to_owned(),
            authority: authority.as_str().to_owned(),
        })
    }

    /// Host and port, as a statement's domain has it.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host alone: a name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => authority.split_once(':').map_or(authority, |(host, _)| host),
        }
    }

    /// The same origin without its port.
    #[must_use]
    pub fn without_port(&self) -> Self {
        let host_end = self.authority.rfind(']').map_or(0, |at| at + 1);
        let authority = match self.authority[host_end..].rfind(':') {
            Some(colon) => &self.authority[..host_end + colon],
            None => &self.authority,
        };
        Self { scheme: self.scheme.clone(), authority: authority.to_owned() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        Self::of_uri(text).filter(|origin| origin.to_string() == text).ok_or(OriginError)
    }
}

/// What a request does, so that a statement for one act serves no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Store a body of this SHA-256.
    Store {
        /// Of the request's body.
        body_sha256: [u8; 32],
    },
    /// Have the vault open a slot.
    Access(SlotId),
    /// Fetch the payload of a slot.
    Envelope(SlotId),
    /// List one's slots.
    Slots,
    /// Replace a slot's payload by a body of this SHA-256.
    Put {
        /// Which slot.
        slot: SlotId,
        /// Of the request's body.
        body_sha256: [u8; 32],
    },
    /// Forget a slot.
    Delete(SlotId),
    /// Have the vault open a slot and seal the answer to a key.
    SealTo {
        /// Which slot.
        slot: SlotId,
        /// Of the key's kem_id and bytes.
        key_sha256: [u8; 32],
    },
    /// List and read one's backups.
    Backups,
    /// Delete a backup.
    DeleteBackup(UserId),
}

impl Act {
    /// The act of storing `body`.
    #[must_use]
    pub fn store(body: &[u8]) -> Self {
        Self::Store { body_sha256: Sha256::digest(body).into() }
    }

    /// The act of replacing the payload of `slot` by `body`.
    #[must_use]
    pub fn put(slot: SlotId, body: &[u8]) -> Self {
        Self::Put { slot, body_sha256: Sha256::digest(body).into() }
    }

    /// The act of having `slot` opened and sealed to `recipient`.
    #[must_use]
    pub fn seal_to(slot: SlotId, recipient: &Recipient) -> Self {
        let key_sha256 = Sha256::new()
            .chain_update(recipient.kem_id().to_be_bytes())
            .chain_update(recipient.as_bytes())
            .finalize()
            .into();
        Self::SealTo { slot, key_sha256 }
    }

    /// The resource that names the act in a statement.
    #[must_use]
    pub fn resource(&self) -> String {
        match self {
            Self::Store { body_sha256 } => format!("{URN}store:{}", hex::encode(body_sha256)),
            Self::Access(slot) => format!("{URN}access:{slot}"),
            Self::Envelope(slot) => format!("{URN}envelope:{slot}"),
            Self::Slots => format!("{URN}slots"),
            Self::Put { slot, body_sha256 } => format!("{URN}put:{slot}:{}", hex::encode(body_sha256)),
            Self::Delete(slot) => format!("{URN}delete:{slot}"),
            Self::SealTo { slot, key_sha256 } => format!("{URN}seal-to:{slot}:{}", hex::encode(key_sha256)),
            Self::Backups => format!("{URN}backups"),
            Self::DeleteBackup(user_id) => format!("{URN}backup-delete:{user_id}"),
        }
    }

    /// Whether a statement must name the act to serve it.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self, Self::Put { .. } | Self::Delete(_) | Self::SealTo { .. } | Self::DeleteBackup(_))
    }
}

/// What a vault asks of every statement.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Origins whose statements are taken.
    pub origins: Vec<Origin>,
    /// Chains whose statements are taken; all where there are none.
    pub chain_ids: Vec<u64>,
}

/// Why a statement does not sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The domain is no configured origin's authority, or the scheme is another.
    #[error("the statement's domain is not one of this vault's sign-in origins")]
    Domain,
    /// The URI has no configured origin.
    #[error("the statement's URI is not of one of this vault's sign-in origins")]
    Uri,
    /// The chain is not allowed.
    #[error("the statement's chain id is not allowed here")]
    Chain,
    /// Issued in the future.
    #[error("the statement was issued in the future")]
    IssuedInFuture,
    /// Issued longer ago than a nonce lives.
    #[error("the statement was issued too long ago")]
    IssuedTooLongAgo,
    /// Its expiration time has come.
    #[error("the statement has expired")]
    Expired,
    /// Its not-before has not come.
    #[error("the statement is not valid yet")]
    NotYet,
    /// It names another act.
    #[error("the statement was signed for another act")]
    OtherAct,
    /// It does not name the act, and must.
    #[error("the statement must name this act among its resources")]
    Unbound,
    /// The signature is another's, or none.
    #[error("the signature is not that of the statement's address")]
    Signer,
    /// The signature, or the key that came with it, is not the SLH-DSA key's that the statement names.
    #[error("the signature is not that of the statement's SLH-DSA key")]
    SlhDsaSigner,
}

/// A wallet that signed a statement for an act. The nonce is still to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    address: WalletAddress,
    nonce: String,
}

impl SignedIn {
    /// Who signed.
    #[must_use]
    pub fn address(&self) -> WalletAddress {
        self.address
    }

    /// The nonce that was signed, 8 to 128 letters and digits.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl WalletStatement {
    /// Checks everything that needs no store, in the order of spec/access.md: origin, chain, times, act,
    /// signature.
    ///
    /// # Errors
    /// [`SignInError`]: the first check that failed.
    pub fn verify(
        &self,
        signature: &WalletSignature,
        act: &Act,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<SignedIn, SignInError> {
        self.check(rules, now)?;
        self.check_act(act)?;
        match signature.recover(&self.to_string()) {
            Ok(address) if address == self.address => Ok(SignedIn { address, nonce: self.nonce.clone() }),
            Ok(_) | Err(WalletError::Unrecoverable) => Err(SignInError::Signer),
            Err(other) => unreachable!("a parsed signature has no other error: {other}"),
        }
    }

    fn check_act(&self, act: &Act) -> Result<(), SignInError> {
        let wanted = act.resource();
        let mut ours = self.scope().peekable();
        if ours.peek().is_none() && act.is_bound() {
            return Err(SignInError::Unbound);
        }
        if ours.all(|uri| uri == wanted) { Ok(()) } else { Err(SignInError::OtherAct) }
    }
}

/// The holder of an SLH-DSA key who signed a statement for a session. The nonce is still to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    owner: Owner,
    nonce: String,
    scope: Vec<String>,
}

impl SessionRequest {
    /// Who signed.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The nonce that was signed, 8 to 128 letters and digits.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The resources of the acts that the session is for; every act that is not bound where there are none.
    #[must_use]
    pub fn scope(&self) -> &[String] {
        &self.scope
    }
}

impl SlhDsaStatement {
    /// Checks everything that needs no store, in the order of spec/access.md. Takes an SLH-DSA verification, some milliseconds.
    ///
    /// # Errors
    /// [`SignInError`]: the first check that failed.
    pub fn verify(
        &self,
        public_key: &PublicKey,
        signature: &Signature,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<SessionRequest, SignInError> {
        self.check(rules, now)?;
        if public_key.owner() != self.address {
            return Err(SignInError::SlhDsaSigner);
        }
        public_key
            .verify(Context::SESSION, self.to_string().as_bytes(), signature)
            .map_err(|_| SignInError::SlhDsaSigner)?;
        let scope = self.scope().map(str::to_owned).collect();
        Ok(SessionRequest { owner: self.address, nonce: self.nonce.clone(), scope })
    }
}

impl<A: Account> SignInStatement<A> {
    /// What every statement is held to, whoever signs it and for what.
    fn check(&self, rules: &Rules, now: OffsetDateTime) -> Result<(), SignInError> {
        self.check_origin(rules)?;
        if !rules.chain_ids.is_empty() && !rules.chain_ids.contains(&self.chain_id) {
            return Err(SignInError::Chain);
        }
        self.check_times(now)
    }

    /// Its resources that are ours.
    fn scope(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().flatten().map(String::as_str).filter(|uri| uri.starts_with(URN))
    }

    fn check_origin(&self, rules: &Rules) -> Result<(), SignInError> {
        let is_domain = |origin: &Origin| {
            origin.authority == self.domain
                && self.scheme.as_ref().is_none_or(|scheme| *scheme == origin.scheme)
        };
        if !rules.origins.iter().any(is_domain) {
            return Err(SignInError::Domain);
        }
        match Origin::of_uri(&self.uri) {
            Some(origin) if rules.origins.contains(&origin) => Ok(()),
            _ => Err(SignInError::Uri),
        }
    }

    fn check_times(&self, now: OffsetDateTime) -> Result<(), SignInError> {
        let age = now - self.issued_at.at();
        if age < -CLOCK_SKEW {
            return Err(SignInError::IssuedInFuture);
        }
        if age > NONCE_LIFETIME + CLOCK_SKEW {
            return Err(SignInError::IssuedTooLongAgo);
        }
        if self.expiration_time.as_ref().is_some_and(|time| time.at() <= now) {
            return Err(SignInError::Expired);
        }
        if self.not_before.as_ref().is_some_and(|time| time.at() > now) {
            return Err(SignInError::NotYet);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::WalletKey;

    fn wallet() -> WalletKey {
        WalletKey::from_bytes(&[7; 32]).expect("a scalar")
    }

    fn rules() -> Rules {
        Rules { origins: vec!["http://localhost:3000".parse().expect("an origin")], chain_ids: vec![] }
    }

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn draft() -> Draft<'static> {
        Draft {
            domain: "localhost:3000",
            address: wallet().address(),
            statement: None,
            uri: "http://localhost:3000/anything?at=all",
            chain_id: 1,
            nonce: "abcdefgh",
            issued_at: NOW,
            expiration_time: None,
            resources: vec![],
        }
    }

    fn verify_text(text: &str, act: Act, rules: &Rules) -> Result<SignedIn, SignInError> {
        let statement = WalletStatement::parse(text).expect("a valid statement");
        statement.verify(&wallet().sign(text), &act, rules, NOW)
    }

    fn verify(draft: Draft<'_>, act: Act, rules: &Rules) -> Result<WalletAddress, SignInError> {
        verify_text(&draft.write().expect("a valid draft").to_string(), act, rules).map(|s| s.address())
    }

    const SLOT: SlotId = SlotId::from_bytes([1; 32]);

    #[test]
    fn a_signed_statement_signs_in() {
        assert_eq!(verify(draft(), Act::Slots, &rules()), Ok(wallet().address()));
    }

    #[test]
    fn origins_are_the_configured_ones() {
        let other_domain = Draft { domain: "localhost", ..draft() };
        assert_eq!(verify(other_domain, Act::Slots, &rules()), Err(SignInError::Domain));
        for uri in [
            "http://localhost",
            "https://localhost:3000",
            "http://localhost:30001",
            "http://localhost:3000@evil.example",
            "urn:a:b",
        ] {
            assert_eq!(
                verify(Draft { uri, ..draft() }, Act::Slots, &rules()),
                Err(SignInError::Uri),
                "{uri}"
            );
        }
        let text = draft().write().expect("valid").to_string();
        assert!(verify_text(&format!("http://{text}"), Act::Slots, &rules()).is_ok());
        let other_scheme = verify_text(&format!("https://{text}"), Act::Slots, &rules());
        assert_eq!(other_scheme, Err(SignInError::Domain));
    }

    #[test]
    fn chains_may_be_restricted() {
        let only_five = Rules { chain_ids: vec![5], ..rules() };
        assert_eq!(verify(draft(), Act::Slots, &only_five), Err(SignInError::Chain));
        assert!(verify(Draft { chain_id: 5, ..draft() }, Act::Slots, &only_five).is_ok());
    }

    #[test]
    fn times_have_edges() {
        let issued = |seconds| {
            verify(Draft { issued_at: NOW + Duration::seconds(seconds), ..draft() }, Act::Slots, &rules())
        };
        assert!(issued(120).is_ok());
        assert_eq!(issued(121), Err(SignInError::IssuedInFuture));
        assert!(issued(-420).is_ok());
        assert_eq!(issued(-421), Err(SignInError::IssuedTooLongAgo));
        let expires = |seconds| {
            verify(
                Draft { expiration_time: Some(NOW + Duration::seconds(seconds)), ..draft() },
                Act::Slots,
                &rules(),
            )
        };
        assert!(expires(1).is_ok());
        assert_eq!(expires(0), Err(SignInError::Expired));
        let not_before = |time: &str| {
            let text = format!("{}\nNot Before: {time}", draft().write().expect("valid"));
            verify_text(&text, Act::Slots, &rules())
        };
        assert!(not_before("2024-10-04T00:00:00Z").is_ok());
        assert_eq!(not_before("2024-10-04T00:00:01Z"), Err(SignInError::NotYet));
    }

    #[test]
    fn a_statement_for_one_act_serves_no_other() {
        let acts = [
            Act::store(b"body"),
            Act::store(b"other body"),
            Act::Access(SLOT),
            Act::Access(SlotId::from_bytes([2; 32])),
            Act::Envelope(SLOT),
            Act::Slots,
            Act::put(SLOT, b"body"),
            Act::put(SLOT, b"other body"),
            Act::put(SlotId::from_bytes([2; 32]), b"body"),
            Act::Delete(SLOT),
            Act::Delete(SlotId::from_bytes([2; 32])),
            Act::SealTo { slot: SLOT, key_sha256: [1; 32] },
            Act::SealTo { slot: SLOT, key_sha256: [2; 32] },
            Act::SealTo { slot: SlotId::from_bytes([2; 32]), key_sha256: [1; 32] },
            Act::Backups,
            Act::DeleteBackup(UserId::from_bytes([1; 16])),
            Act::DeleteBackup(UserId::from_bytes([2; 16])),
        ];
        for signed in acts {
            for asked in acts {
                let bound = Draft { resources: vec![signed.resource()], ..draft() };
                let expected =
                    if signed == asked { Ok(wallet().address()) } else { Err(SignInError::OtherAct) };
                assert_eq!(verify(bound, asked, &rules()), expected, "{signed:?} for {asked:?}");
            }
        }
        let both = Draft { resources: vec![Act::Slots.resource(), Act::Access(SLOT).resource()], ..draft() };
        assert_eq!(verify(both, Act::Slots, &rules()), Err(SignInError::OtherAct));
        let foreign = Draft { resources: vec!["urn:other:thing".to_owned()], ..draft() };
        assert!(verify(foreign.clone(), Act::Access(SLOT), &rules()).is_ok());
        assert_eq!(verify(foreign, Act::Delete(SLOT), &rules()), Err(SignInError::Unbound));
        assert_eq!(verify(draft(), Act::put(SLOT, b""), &rules()), Err(SignInError::Unbound));
    }

    #[test]
    fn the_signature_must_be_the_addresss() {
        let statement = draft().write().expect("valid");
        let other = WalletKey::from_bytes(&[8; 32]).expect("a scalar");
        let verify = |signature: &WalletSignature| {
            statement.verify(signature, &Act::Slots, &rules(), NOW).map(|signed| signed.address())
        };
        assert_eq!(verify(&other.sign(&statement.to_string())), Err(SignInError::Signer));
        assert_eq!(verify(&wallet().sign("another text")), Err(SignInError::Signer));
        let mut nothing = [0; 65];
        nothing[64] = 27;
        let nothing = WalletSignature::from_bytes(&nothing).expect("the shape is right");
        assert_eq!(verify(&nothing), Err(SignInError::Signer));
    }

    #[test]
    fn a_session_is_asked_for_by_the_key_that_the_statement_names() {
        let [key, other] = [1, 2].map(|n| crate::slh_dsa::SigningKey::from_seed(&[n; 96]));
        let draft = |resources| Draft {
            domain: "localhost:3000",
            address: key.public_key().owner(),
            statement: None,
            uri: "http://localhost:3000",
            chain_id: 1,
            nonce: "abcdefgh",
            issued_at: NOW,
            expiration_time: None,
            resources,
        };
        let scope = vec![Act::Backups.resource(), Act::Slots.resource()];
        let statement = draft([&scope[..], &["urn:other:thing".to_owned()]].concat()).write().expect("valid");
        let text = statement.to_string();
        let signature = key.sign(Context::SESSION, text.as_bytes());
        let asked = statement.verify(&key.public_key(), &signature, &rules(), NOW).expect("signed");
        assert_eq!((asked.owner(), asked.nonce()), (key.public_key().owner(), "abcdefgh"));
        assert_eq!(asked.scope(), scope);
        let signer = Err(SignInError::SlhDsaSigner);
        // Another's key does not become the owner by signing, nor does another context's signature count.
        let by_other = other.sign(Context::SESSION, text.as_bytes());
        assert_eq!(statement.verify(&other.public_key(), &by_other, &rules(), NOW), signer);
        assert_eq!(statement.verify(&key.public_key(), &by_other, &rules(), NOW), signer);
        let backup = key.sign(Context::BACKUP, text.as_bytes());
        assert_eq!(statement.verify(&key.public_key(), &backup, &rules(), NOW), signer);
        let late = NOW + Duration::minutes(8);
        let verify = |now, rules: &Rules| statement.verify(&key.public_key(), &signature, rules, now);
        assert_eq!(verify(late, &rules()), Err(SignInError::IssuedTooLongAgo));
        assert_eq!(verify(NOW, &Rules { chain_ids: vec![5], ..rules() }), Err(SignInError::Chain));
        assert_eq!(verify(NOW, &Rules { origins: vec![], ..rules() }), Err(SignInError::Domain));
    }

    #[test]
    fn a_port_is_cut_off_after_the_host() {
        for (with, without) in [
            ("http://localhost:3000", "http://localhost"),
            ("http://[::1]:3000", "http://[::1]"),
            ("http://[::1]", "http://[::1]"),
            ("https://a.example", "https://a.example"),
        ] {
            let origin: Origin = with.parse().expect("an origin");
            assert_eq!(origin.without_port().to_string(), without);
        }
        for bad in
            ["http://localhost/", "localhost", "http://", "urn:a:b", "http://a b", "http://:80", "http://a@b"]
        {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError), "{bad}");
        }
    }
}
