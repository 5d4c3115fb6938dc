//! A vault whose evidence passed a policy. Only such a vault gets secrets and signed statements.

use crate::error::ClientError;
use crate::http::{Answer, Http};
use crate::sign_in::{self, SignIn};
use crate::times::parse_time;
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;
use strongroom::envelope::{self, Envelope};
use strongroom::key::{DecapsulationKey, Recipient};
use strongroom::sign_in::Act;
use strongroom::wallet::{WalletAddress, WalletKey};
use strongroom::{Plaintext, SealedSecret, SealedSecretError, SlotId, encoding, os_rng};
use strongroom_attest::{Configuration, VerifiedServer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use zeroize::Zeroizing;

/// A vault whose evidence passed a policy.
pub struct VerifiedVault {
    pub(crate) http: Http,
    pub(crate) server: VerifiedServer,
}

impl VerifiedVault {
    /// The verified facts, such as the public key to seal for.
    #[must_use]
    pub fn server(&self) -> &VerifiedServer {
        &self.server
    }

    /// The settings that decide who else may get the vault's key, or sign in. The evidence binds
    /// their digest.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] if the digest does not fit, or an error of the transport.
    pub fn configuration(&self) -> Result<Configuration, ClientError> {
        let answer = self.http.get("/attestation/configuration", &[])?;
        let configuration: Configuration = answer.json()?;
        let is_bound = &configuration.digest() == self.server.config_digest();
        is_bound.then_some(configuration).ok_or(ClientError::Configuration)
    }

    /// Stores something sealed. The `readers` are those of a w3pk payload; an envelope names them
    /// in its policy, and takes none here. The `signer` owns the slot if no policy names owners.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn store(
        &self,
        sealed: &SealedSecret,
        readers: &[WalletAddress],
        expires_at: Option<OffsetDateTime>,
        signer: Option<&WalletKey>,
    ) -> Result<StoredSecret, ClientError> {
        let body = store_body(sealed, readers, expires_at)?;
        let sign_in = signer.map(|wallet| self.sign_in(wallet, &Act::store(&body))).transpose()?;
        let headers = sign_in.map_or(Vec::new(), |sign_in| sign_in.headers().to_vec());
        self.http.post("/secret/store", &headers, &body).and_then(stored)
    }

    /// Asks for a nonce, and signs a statement that allows one act.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn sign_in(&self, wallet: &WalletKey, act: &Act) -> Result<SignIn, ClientError> {
        SignIn::sign(self.http.origin(), &self.nonce()?, wallet, act, OffsetDateTime::now_utc())
    }

    /// Asks the vault for a nonce, which one statement can carry.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn nonce(&self) -> Result<String, ClientError> {
        sign_in::request_nonce(&self.http)
    }

    /// Has the vault open a slot, and seal the answer to a key that is made for this call. A proxy
    /// that ends the TLS cannot read it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open(&self, slot: SlotId, wallet: &WalletKey) -> Result<Plaintext, ClientError> {
        let key = DecapsulationKey::generate(&mut os_rng());
        let sealed = self.open_to(slot, &key.encapsulation_key().into(), wallet)?;
        Ok(sealed.open([&key])?)
    }

    /// Has the vault open a slot, and seal the answer to the recipient's key.
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
            encoding::from_base64(&answered.sealed).ok_or(ClientError::Answer("`sealed` is not base64"))?;
        Envelope::parse(bytes).map_err(|error: envelope::EnvelopeError| SealedSecretError::from(error).into())
    }

    /// Has the vault open a slot as w3pk clients do, with a statement that was signed before. Only
    /// TLS protects the answer.
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
                encoding::from_base64(text).ok_or(ClientError::Answer("`secretBase64` is not base64"))?
            }
            _ => return Err(ClientError::Answer("exactly one of `secret` and `secretBase64` is expected")),
        };
        Ok(Zeroizing::new(bytes).into())
    }

    /// Fetches the sealed secret of a slot, to open it here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn fetch(&self, slot: SlotId, wallet: &WalletKey) -> Result<FetchedSecret, ClientError> {
        let sign_in = self.sign_in(wallet, &Act::Envelope(slot))?;
        let answer = self.http.get(&format!("/secret/envelope/{slot}"), &sign_in.headers())?;
        Ok(FetchedSecret { sealed: SealedSecret::from_json(&answer.body)?, etag: answer.etag()? })
    }

    /// Replaces the secret of a slot and its readers, if its ETag is still `etag`. The arguments
    /// are those of [`store`](Self::store).
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
    ) -> Result<StoredSecret, ClientError> {
        let body = store_body(sealed, readers, expires_at)?;
        let sign_in = self.sign_in(owner, &Act::put(slot, &body))?;
        self.http.put(&format!("/secret/envelope/{slot}"), &sign_in.headers(), etag, &body).and_then(stored)
    }

    /// Deletes a slot.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn delete(&self, slot: SlotId, owner: &WalletKey) -> Result<(), ClientError> {
        let sign_in = self.sign_in(owner, &Act::Delete(slot))?;
        self.http.delete(&format!("/secret/{slot}"), &sign_in.headers()).map(drop)
    }

    /// All slots that the wallet owns or may read, in ascending order.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn slots(&self, wallet: &WalletKey) -> Result<Vec<ListedSlot>, ClientError> {
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
                all.push(ListedSlot {
                    slot: raw.slot.parse().map_err(|_| ClientError::Answer("invalid slot id"))?,
                    owner: raw.owner,
                    reader: raw.reader,
                    openable: raw.openable,
                    created_at: parse_time(raw.created_at)?,
                    expires_at: raw.expires_at.map(parse_time).transpose()?,
                    etag: raw.etag,
                });
            }
            let Some(next) = page.next else {
                return Ok(all);
            };
            let next = next.parse().map_err(|_| ClientError::Answer("invalid `next`"))?;
            if after.replace(next).is_some_and(|before| before >= next) {
                return Err(ClientError::Answer(
                    "the list goes back: `next` must be after the slots before it",
                ));
            }
        }
    }
}

/// A secret that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// The id of its slot: 32 bytes.
    pub slot: SlotId,
    /// Its ETag, which [`VerifiedVault::replace`] takes.
    pub etag: String,
    /// Whether the vault can open it.
    pub openable: bool,
}

/// A sealed secret, as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedSecret {
    /// The envelope or payload, as it was stored.
    pub sealed: SealedSecret,
    /// The slot's ETag, which [`VerifiedVault::replace`] takes.
    pub etag: String,
}

/// A slot in a wallet's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSlot {
    /// The slot's id: 32 bytes.
    pub slot: SlotId,
    /// Whether the wallet owns it.
    pub owner: bool,
    /// Whether the wallet may read it.
    pub reader: bool,
    /// Whether the vault can open it.
    pub openable: bool,
    /// When it was first stored.
    pub created_at: OffsetDateTime,
    /// When the vault deletes it, if it expires.
    pub expires_at: Option<OffsetDateTime>,
    /// The slot's ETag, which changes with each replacement.
    pub etag: String,
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
    // The sealed secret is JSON already, so only the rest is serialized.
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

fn stored(answer: Answer) -> Result<StoredSecret, ClientError> {
    #[derive(Deserialize)]
    struct Raw {
        slot: String,
        openable: bool,
    }
    let etag = answer.etag()?;
    let raw: Raw = answer.json()?;
    let slot = raw.slot.parse().map_err(|_| ClientError::Answer("invalid `slot`"))?;
    Ok(StoredSecret { slot, etag, openable: raw.openable })
}
