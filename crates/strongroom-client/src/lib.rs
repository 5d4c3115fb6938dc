//! A vault's client: blocking, and typed so that nothing is sent to a server that has not been verified.
//!
//! ```text
//! Vault -attest-> VerifiedVault -store·open·fetch·replace·delete·slots->
//! BackupServer -sign_in-> BackupSession -list·fetch·versions·delete->
//! ```
//!
//! Only a [`VerifiedVault`] has calls that carry anything of yours, and only [`Vault::attest`] makes one. A server
//! without a TEE is refused unless the policy says [`allow_no_tee`](AppraisalPolicy::allow_no_tee). Plain HTTP is refused but
//! to this machine. A [`BackupServer`] needs no proof: what it gets is sealed to its owner alone, and what it gives is verified.
//!
//! ```no_run
//! use strongroom::{derive, envelope, policy, wallet::WalletKey};
//! use strongroom_client::{AppraisalPolicy, Vault};
//! # let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
//!
//! let wallet = WalletKey::generate(&mut rng);
//! let mine = derive::w3pk(&wallet, derive::W3PK_DEFAULT_CONTEXT);
//!
//! let policy = AppraisalPolicy::from_toml(&std::fs::read_to_string("policy.toml")?)?;
//! let vault = Vault::at("https://vault.example.com")?.attest(&policy)?;
//! let recipients = [mine.encapsulation_key().into(), vault.server().encapsulation_key().clone().into()];
//! let readers = policy::EnvelopePolicy {
//!     readers: vec![wallet.address().into()],
//!     // Else whoever stores it first owns its slot.
//!     owners: vec![wallet.address().into()],
//!     audience: Some(*vault.server().vault_id()),
//!     ..policy::EnvelopePolicy::default()
//! };
//! let sealed = envelope::seal(b"secret", &recipients, readers, &mut rng)?.into();
//! let stored = vault.store(&sealed, &[], None, Some(&wallet))?;
//! assert_eq!(vault.open(stored.slot, &wallet)?.expose(), b"secret");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backups;
mod http;
mod replicas;
mod sign_in;
mod tls;

use http::{Answer, Http};
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;
use strongroom::backup::VerifyError;
use strongroom::envelope::{self, Envelope};
use strongroom::key::{DecapsulationKey, Recipient};
use strongroom::sign_in::Act;
use strongroom::wallet::WalletAddress;
use strongroom::wallet::WalletKey;
use strongroom::{OpenError, Plaintext, SealedSecret, SealedSecretError, SlotId, encoding};
use strongroom_attest::root_transfer::root_envelope::RootEnvelopeError;
use strongroom_attest::{Challenge, Configuration, Evidence, Purpose};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use zeroize::Zeroizing;

pub use backups::{BackupServer, BackupSession, FetchedBackup, ListedBackup, ListedVersion, Versions};
pub use replicas::{Replica, VerifiedWaiting, Waiting};
pub use sign_in::SignIn;
pub use strongroom_attest::{Appraisal, AppraisalPolicy, Check, Refusal, VerifiedServer};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Not `https://host[:port]`, or `http://` to this machine.
    #[error("{0} is no vault's URL: https://host[:port], or http:// to this machine")]
    Url(String),
    /// Nobody answers, or not as HTTP.
    #[error("the vault cannot be reached")]
    Transport(#[source] Box<ureq::Error>),
    /// Its certificate is not good, and no evidence binds its key.
    #[error("the server's certificate is not trusted, and its evidence binds no TLS key")]
    Certificate(#[source] rustls::Error),
    /// Nobody answered within a minute.
    #[error("the vault did not answer within 60 seconds")]
    Timeout,
    /// The vault said no.
    #[error("{message} ({code})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The stable code of spec/http.md §9.
        code: String,
        /// For people.
        message: String,
        /// What the vault's log calls the request.
        request_id: String,
    },
    /// The server's evidence fails the policy.
    #[error("the server is not trusted")]
    Untrusted(#[from] Refusal),
    /// A time that RFC 3339 cannot write.
    #[error("the expiry is after the year 9999")]
    Expiry,
    /// The server answers something that a vault does not.
    #[error("the server's answer is not a vault's: {0}")]
    Answer(&'static str),
    /// What the server says of its settings is not what its evidence binds.
    #[error("the server shows other settings than its evidence binds")]
    Configuration,
    /// The envelope of the root is damaged, of another vault, or for none of the keys.
    #[error("the root cannot be brought back")]
    Recovery(#[source] RootEnvelopeError),
    /// The server's payload is none.
    #[error("what the server keeps is no sealed secret")]
    SealedSecret(#[from] SealedSecretError),
    /// The server's backup is not the owner's, or not the one that was asked for.
    #[error("the server's backup is refused")]
    Backup(#[source] VerifyError),
    /// What the server sealed to our key does not open with it.
    #[error("the server's answer, which is sealed to us, does not open")]
    Answered(#[from] OpenError),
}

impl ClientError {
    /// The vault's code, where it refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// A server that nobody has verified yet. It gets no secret.
pub struct Vault {
    http: Http,
}

/// Where something is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The slot.
    pub slot: SlotId,
    /// Its ETag, for a replacement.
    pub etag: String,
    /// Whether the vault can open it.
    pub openable: bool,
}

/// Something sealed, as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// As it was stored.
    pub sealed: SealedSecret,
    /// The slot's ETag, for a replacement.
    pub etag: String,
}

/// A slot in one's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The slot.
    pub slot: SlotId,
    /// Whether the wallet owns it.
    pub owner: bool,
    /// Whether the wallet may read it.
    pub reader: bool,
    /// Whether the vault can open it.
    pub openable: bool,
    /// When it was first stored.
    pub created_at: OffsetDateTime,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
    /// The slot's ETag.
    pub etag: String,
}

impl Vault {
    /// A vault at `https://host[:port]`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn at(url: &str) -> Result<Self, ClientError> {
        Http::at(url).map(|http| Self { http })
    }

    /// Asks for evidence with a fresh nonce and verifies it. The only way to a [`VerifiedVault`].
    ///
    /// # Errors
    /// [`ClientError::Untrusted`] with the rule that failed, [`ClientError::Certificate`], or one of the transport.
    pub fn attest(self, policy: &AppraisalPolicy) -> Result<VerifiedVault, ClientError> {
        let shown = self.show()?;
        let server = shown.appraise(policy).verdict()?;
        self.http.trust(shown.session.as_ref(), server.tls_spki_sha256())?;
        Ok(VerifiedVault { http: self.http, server })
    }

    /// Asks for evidence with a fresh nonce, from whoever answers.
    ///
    /// # Errors
    /// [`ClientError::Untrusted`] where it is no evidence, or one of the transport.
    pub fn show(&self) -> Result<Shown, ClientError> {
        let nonce = fresh_nonce();
        let path = format!("/secret/attestation?nonce={}", hex::encode(nonce));
        let (answer, session) = self.http.get_from_anybody(&path)?;
        Ok(Shown { evidence: Evidence::from_json(&answer.body)?, nonce, session })
    }
}

/// What a server showed of itself when it was asked with a nonce.
#[derive(Debug)]
pub struct Shown {
    evidence: Evidence,
    nonce: [u8; 32],
    session: Option<tls::Session>,
}

impl Shown {
    /// As it was sent.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Applies every rule, at this moment and for this connection.
    #[must_use]
    pub fn appraise(&self, policy: &AppraisalPolicy) -> Appraisal {
        let asked = Challenge {
            purpose: Purpose::Service,
            nonce: Some(self.nonce),
            tls_spki_sha256: self.session.as_ref().map(|session| session.spki_sha256),
        };
        strongroom_attest::appraise(&self.evidence, &asked, policy, OffsetDateTime::now_utc())
    }

    /// Whether the public authorities vouch for the connection, where they have to: there is TLS, and the evidence binds no key.
    #[must_use]
    pub fn certificate(&self) -> Option<Result<(), rustls::Error>> {
        let session = self.session.as_ref().filter(|_| !self.evidence.binds_tls())?;
        Some(session.vouched_for.clone())
    }
}

/// A vault whose evidence passed a policy.
pub struct VerifiedVault {
    http: Http,
    server: VerifiedServer,
}

impl VerifiedVault {
    /// What was verified: above all the key to seal for.
    #[must_use]
    pub fn server(&self) -> &VerifiedServer {
        &self.server
    }

    /// The settings that decide who else may get the vault's key or sign in: those whose digest the evidence binds.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] where they are others, or one of the transport.
    pub fn configuration(&self) -> Result<Configuration, ClientError> {
        let answer = self.http.get("/attestation/configuration", &[])?;
        let configuration: Configuration = answer.json()?;
        let is_bound = &configuration.digest() == self.server.config_digest();
        is_bound.then_some(configuration).ok_or(ClientError::Configuration)
    }

    /// Stores something sealed. A payload's `readers` are named here, an envelope's in its policy, and none here. Who signs
    /// owns the slot, where no policy names the owners.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn store(
        &self,
        sealed: &SealedSecret,
        readers: &[WalletAddress],
        expires_at: Option<OffsetDateTime>,
        signer: Option<&WalletKey>,
    ) -> Result<Stored, ClientError> {
        let body = store_body(sealed, readers, expires_at)?;
        let sign_in = signer.map(|wallet| self.sign_in(wallet, &Act::store(&body))).transpose()?;
        let headers = sign_in.map_or(Vec::new(), |sign_in| sign_in.headers().to_vec());
        self.http.post("/secret/store", &headers, &body).and_then(stored)
    }

    /// Asks for a nonce and signs a statement for one act with it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn sign_in(&self, wallet: &WalletKey, act: &Act) -> Result<SignIn, ClientError> {
        SignIn::sign(self.http.origin(), &self.nonce()?, wallet, act, OffsetDateTime::now_utc())
    }

    /// A fresh nonce.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn nonce(&self) -> Result<String, ClientError> {
        nonce(&self.http)
    }

    /// Has the vault open a slot, and seal the answer to a key that is made for this and dropped after it: whoever ends
    /// the TLS does not see it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open(&self, slot: SlotId, wallet: &WalletKey) -> Result<Plaintext, ClientError> {
        let key = DecapsulationKey::generate(&mut rng());
        let sealed = self.open_to(slot, &key.encapsulation_key().into(), wallet)?;
        Ok(sealed.open([&key])?)
    }

    /// Has the vault open a slot, and seal the answer to a key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open_to(
        &self,
        slot: SlotId,
        recipient: &Recipient,
        wallet: &WalletKey,
    ) -> Result<Envelope, ClientError> {
        #[derive(Deserialize)]
        struct Answered<'a> {
            #[serde(borrow)]
            sealed: Cow<'a, str>,
        }
        let sign_in = self.sign_in(wallet, &Act::seal_to(slot, recipient))?;
        let body = json!({ "sealTo": recipient.to_string() }).to_string();
        let answer =
            self.http.post(&format!("/secret/access/{slot}"), &sign_in.headers(), body.as_bytes())?;
        let answered: Answered<'_> = answer.json()?;
        let bytes =
            encoding::from_base64(&answered.sealed).ok_or(ClientError::Answer("sealed is no base64"))?;
        Envelope::parse(bytes).map_err(|error: envelope::EnvelopeError| SealedSecretError::from(error).into())
    }

    /// Has the vault open a slot as w3pk clients do, the answer in clear inside the TLS, with a statement that was signed before.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open_with(&self, slot: SlotId, sign_in: &SignIn) -> Result<Plaintext, ClientError> {
        #[derive(Deserialize)]
        struct Opened<'a> {
            #[serde(borrow)]
            secret: Option<Cow<'a, str>>,
            #[serde(borrow, rename = "secretBase64")]
            secret_base64: Option<&'a str>,
        }
        let answer = self.http.get(&format!("/secret/access/{slot}"), &sign_in.headers())?;
        let opened: Opened<'_> = answer.json()?;
        let bytes = match (opened.secret, opened.secret_base64) {
            (Some(text), None) => text.into_owned().into_bytes(),
            (None, Some(text)) => {
                encoding::from_base64(text).ok_or(ClientError::Answer("secretBase64 is no base64"))?
            }
            _ => return Err(ClientError::Answer("neither secret nor secretBase64")),
        };
        Ok(Zeroizing::new(bytes).into())
    }

    /// Fetches what a slot keeps, for opening it here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn fetch(&self, slot: SlotId, wallet: &WalletKey) -> Result<Fetched, ClientError> {
        let sign_in = self.sign_in(wallet, &Act::Envelope(slot))?;
        let answer = self.http.get(&format!("/secret/envelope/{slot}"), &sign_in.headers())?;
        Ok(Fetched { sealed: SealedSecret::from_json(&answer.body)?, etag: answer.etag()? })
    }

    /// Replaces what a slot keeps and its readers, as [`store`](Self::store) does, where its ETag is still `etag`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn replace(
        &self,
        slot: SlotId,
        etag: &str,
        sealed: &SealedSecret,
        readers: &[WalletAddress],
        expires_at: Option<OffsetDateTime>,
        owner: &WalletKey,
    ) -> Result<Stored, ClientError> {
        let body = store_body(sealed, readers, expires_at)?;
        let sign_in = self.sign_in(owner, &Act::put(slot, &body))?;
        self.http.put(&format!("/secret/envelope/{slot}"), &sign_in.headers(), etag, &body).and_then(stored)
    }

    /// Has the vault forget a slot.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn delete(&self, slot: SlotId, owner: &WalletKey) -> Result<(), ClientError> {
        let sign_in = self.sign_in(owner, &Act::Delete(slot))?;
        self.http.delete(&format!("/secret/{slot}"), &sign_in.headers()).map(drop)
    }

    /// All slots that the wallet owns or may read, ascending.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn slots(&self, wallet: &WalletKey) -> Result<Vec<Listed>, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            slot: String,
            owner: bool,
            reader: bool,
            openable: bool,
            created_at: String,
            expires_at: Option<String>,
            etag: String,
        }
        #[derive(Deserialize)]
        struct Page {
            slots: Vec<Raw>,
            next: Option<String>,
        }
        let mut all = Vec::new();
        let mut after: Option<SlotId> = None;
        loop {
            let path = after.map_or("/secret/slots?limit=1000".to_owned(), |slot| {
                format!("/secret/slots?limit=1000&after={slot}")
            });
            let page: Page = self.http.get(&path, &self.sign_in(wallet, &Act::Slots)?.headers())?.json()?;
            for raw in page.slots {
                all.push(Listed {
                    slot: raw.slot.parse().map_err(|_| ClientError::Answer("a slot is none"))?,
                    owner: raw.owner,
                    reader: raw.reader,
                    openable: raw.openable,
                    created_at: time(raw.created_at)?,
                    expires_at: raw.expires_at.map(time).transpose()?,
                    etag: raw.etag,
                });
            }
            let Some(next) = page.next else {
                return Ok(all);
            };
            let next = next.parse().map_err(|_| ClientError::Answer("next is no slot"))?;
            if after.replace(next).is_some_and(|before| before >= next) {
                return Err(ClientError::Answer("the list does not go on"));
            }
        }
    }
}

fn store_body(
    sealed: &SealedSecret,
    readers: &[WalletAddress],
    expires_at: Option<OffsetDateTime>,
) -> Result<Vec<u8>, ClientError> {
    let secret = sealed.to_json();
    let mut rest = json!({});
    if !readers.is_empty() {
        let readers: Vec<String> = readers.iter().map(WalletAddress::to_string).collect();
        rest["publicAddresses"] = readers.into();
    }
    if let Some(at) = expires_at {
        let at = at.checked_to_offset(UtcOffset::UTC).and_then(|at| at.format(&Rfc3339).ok());
        rest["expiresAt"] = at.ok_or(ClientError::Expiry)?.into();
    }
    // What is sealed is JSON already; only the rest needs writing.
    let rest = rest.to_string();
    let mut body = Vec::with_capacity(secret.len() + rest.len() + 16);
    body.extend_from_slice(br#"{"secret":"#);
    body.extend_from_slice(secret.as_bytes());
    if rest.len() > "{}".len() {
        body.push(b',');
    }
    body.extend_from_slice(&rest.as_bytes()[1..]);
    Ok(body)
}

fn nonce(http: &Http) -> Result<String, ClientError> {
    #[derive(Deserialize)]
    struct Issued {
        nonce: String,
    }
    let answer = http.post("/auth/nonce", &[], b"{}")?;
    let issued: Issued = answer.json()?;
    Ok(issued.nonce)
}

fn time(text: String) -> Result<OffsetDateTime, ClientError> {
    OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| ClientError::Answer("a time is none"))
}

fn stored(answer: Answer) -> Result<Stored, ClientError> {
    #[derive(Deserialize)]
    struct Raw {
        slot: String,
        openable: bool,
    }
    let etag = answer.etag()?;
    let raw: Raw = answer.json()?;
    let slot = raw.slot.parse().map_err(|_| ClientError::Answer("slot is no slot"))?;
    Ok(Stored { slot, etag, openable: raw.openable })
}

fn rng() -> getrandom::rand_core::UnwrapErr<getrandom::SysRng> {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}

/// What a server's evidence shall carry.
fn fresh_nonce() -> [u8; 32] {
    let mut nonce = [0; 32];
    getrandom::rand_core::Rng::fill_bytes(&mut rng(), &mut nonce);
    nonce
}
