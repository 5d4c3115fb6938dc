//! Wallet backups on a server (spec/http.md §6). They are sealed to their owner, so the server need
//! not prove anything.

use crate::error::ClientError;
use crate::http::{Answer, Http};
use crate::sign_in::{MAINNET, request_nonce};
use crate::times::parse_time;
use crate::verified_vault::VerifiedVault;
use serde::Deserialize;
use serde_json::json;
use strongroom::backup::{Position, SignedBackup, UserId, VerifiedBackup};
use strongroom::sign_in::{Act, Draft};
use strongroom::slh_dsa::{Context, PublicKey, SigningKey};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// A server that keeps backups.
pub struct BackupServer {
    http: Http,
}

/// A session of a key's owner at the server. It lasts for ten minutes.
pub struct BackupSession<'a> {
    http: &'a Http,
    public_key: PublicKey,
    authorization: Zeroizing<String>,
}

/// A backup in its owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBackup {
    /// The user id that it is kept under: a UUID.
    pub user_id: UserId,
    /// When its newest version was stored, by the server's clock.
    pub updated_at: OffsetDateTime,
    /// The number of its newest version, from 1.
    pub version: u64,
}

/// A version of a backup, in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// Its number, from 1.
    pub version: u64,
    /// When it was stored, by the server's clock.
    pub updated_at: OffsetDateTime,
    /// Its size in bytes, as it counts for the quota.
    pub bytes: u64,
    /// When it was deleted, if it was; it can still be fetched for seven days.
    pub deleted_at: Option<OffsetDateTime>,
}

/// The versions of a backup, and the position of the next native one, as the server tells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupVersions {
    /// The versions, the newest first.
    pub versions: Vec<ListedVersion>,
    /// The position of the next version.
    pub next: Position,
}

/// A backup that was verified: its owner signed it, for this user id and this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedBackup {
    /// The verified backup.
    pub backup: VerifiedBackup,
    /// Its number. The owner signed it in a native backup; in a compatible one it is the server's
    /// claim.
    pub version: u64,
    /// When it was stored, by the server's clock.
    pub updated_at: OffsetDateTime,
}

impl BackupServer {
    /// A server at `https://host[:port]`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn at(url: &str) -> Result<Self, ClientError> {
        Http::at(url).map(|http| Self { http })
    }

    /// A server that was verified, although backups do not need it. Its evidence may bind a TLS key
    /// that no public authority vouches for.
    #[must_use]
    pub fn of(vault: VerifiedVault) -> Self {
        Self { http: vault.http }
    }

    /// Uploads a version. Its signature is enough, so no session is needed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn push(
        &self,
        public_key: &PublicKey,
        user_id: UserId,
        backup: &SignedBackup,
    ) -> Result<(), ClientError> {
        let path = format!("/backups/{public_key}/users/{user_id}");
        self.http.post(&path, &[], backup.to_json().as_bytes()).map(drop)
    }

    /// Starts a session for these acts, or, if none are named, for every act that need not be
    /// named. Signing the statement takes a fraction of a second.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn sign_in(&self, key: &SigningKey, acts: &[Act]) -> Result<BackupSession<'_>, ClientError> {
        #[derive(Deserialize)]
        struct Issued<'a> {
            token: &'a str,
        }
        let (nonce, origin) = (request_nonce(&self.http)?, self.http.origin());
        let draft = Draft {
            domain: origin.authority(),
            address: key.public_key().owner(),
            statement: None,
            uri: &origin.to_string(),
            chain_id: MAINNET,
            nonce: &nonce,
            issued_at: OffsetDateTime::now_utc().replace_nanosecond(0).expect("zero is a nanosecond"),
            expiration_time: None,
            resources: acts.iter().map(Act::resource).collect(),
        };
        let statement = draft.write().map_err(|_| ClientError::Answer("invalid nonce"))?.to_string();
        let signature = key.sign(Context::SESSION, statement.as_bytes());
        let body = json!({
            "message": statement,
            "publicKey": key.public_key().to_string(),
            "signature": signature.to_string(),
        });
        let answer = self.http.post("/auth/session", &[], body.to_string().as_bytes())?;
        let issued: Issued<'_> = answer.json()?;
        Ok(BackupSession {
            http: &self.http,
            public_key: key.public_key(),
            authorization: Zeroizing::new(format!("Bearer {}", issued.token)),
        })
    }
}

impl BackupSession<'_> {
    /// The key's backups, the one that was changed last first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn list(&self) -> Result<Vec<ListedBackup>, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            user_id: String,
            updated_at: String,
            version: u64,
        }
        #[derive(Deserialize)]
        struct List {
            backups: Vec<Raw>,
        }
        let list: List = self.get("")?.json()?;
        list.backups
            .into_iter()
            .map(|raw| {
                let user_id = raw.user_id.parse().map_err(|_| ClientError::Answer("invalid user id"))?;
                Ok(ListedBackup { user_id, updated_at: parse_time(raw.updated_at)?, version: raw.version })
            })
            .collect()
    }

    /// Fetches a version of a backup, or the newest if none is named, and verifies it: this key
    /// signed it, and a native one is for this user id and this version.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn fetch(&self, user_id: UserId, version: Option<u64>) -> Result<FetchedBackup, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            updated_at: String,
            version: u64,
        }
        #[derive(Deserialize)]
        struct Read<'a> {
            #[serde(borrow)]
            backup: &'a serde_json::value::RawValue,
        }
        let query = version.map_or(String::new(), |version| format!("?version={version}"));
        let answer = self.get(&format!("/users/{user_id}{query}"))?;
        let read: Read<'_> = answer.json()?;
        let invalid = |_| ClientError::Answer("invalid backup");
        let raw: Raw = serde_json::from_str(read.backup.get()).map_err(invalid)?;
        let signed = SignedBackup::from_json(read.backup.get().as_bytes())
            .map_err(|_| ClientError::Answer("invalid backup"))?;
        let backup = signed.verify(&self.public_key).map_err(ClientError::Backup)?;
        if version.is_some_and(|version| version != raw.version) {
            return Err(ClientError::Answer("it is another version than the one that was asked for"));
        }
        if let Some(position) = backup.backup().statement().map(|statement| statement.position()) {
            if position.user_id() != user_id {
                return Err(ClientError::Answer("its backup is of another user id"));
            }
            if position.counter() != raw.version {
                return Err(ClientError::Answer("it gives the backup another number than its owner signed"));
            }
        }
        Ok(FetchedBackup { backup, version: raw.version, updated_at: parse_time(raw.updated_at)? })
    }

    /// The versions of a backup, and the position of the next one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn versions(&self, user_id: UserId) -> Result<BackupVersions, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            version: u64,
            updated_at: String,
            bytes: u64,
            deleted_at: Option<String>,
        }
        #[derive(Deserialize)]
        struct Next {
            counter: u64,
            previous: String,
        }
        #[derive(Deserialize)]
        struct List {
            versions: Vec<Raw>,
            next: Next,
        }
        let list: List = self.get(&format!("/users/{user_id}/versions"))?.json()?;
        let mut previous = [0; 32];
        let next = hex::decode_to_slice(&list.next.previous, &mut previous)
            .ok()
            .and_then(|()| Position::new(user_id, list.next.counter, previous))
            .ok_or(ClientError::Answer("invalid position of the next version"))?;
        let versions = list.versions.into_iter().map(|raw| {
            Ok(ListedVersion {
                version: raw.version,
                updated_at: parse_time(raw.updated_at)?,
                bytes: raw.bytes,
                deleted_at: raw.deleted_at.map(parse_time).transpose()?,
            })
        });
        Ok(BackupVersions { versions: versions.collect::<Result<_, ClientError>>()?, next })
    }

    /// Deletes a backup. The session must name that act. The versions can still be fetched for
    /// seven days.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn delete(&self, user_id: UserId) -> Result<(), ClientError> {
        let path = format!("/backups/{}/users/{user_id}", self.public_key);
        self.http.delete(&path, &self.headers()).map(drop)
    }

    fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.http.get(&format!("/backups/{}{path}", self.public_key), &self.headers())
    }

    fn headers(&self) -> [(&'static str, String); 1] {
        [("authorization", self.authorization.to_string())]
    }
}
