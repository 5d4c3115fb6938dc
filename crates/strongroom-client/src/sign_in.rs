//! A signed statement that allows one act.

use crate::error::ClientError;
use crate::http::Http;
use serde::Deserialize;
use strongroom::encoding;
use strongroom::sign_in::{Act, Draft, Origin, WalletStatement};
use strongroom::wallet::{WalletKey, WalletSignature};
use time::OffsetDateTime;

/// The chain of statements that no contract wallet signs.
pub(crate) const MAINNET: u64 = 1;

/// An EIP-4361 statement that names one act, with its signature. Anyone who has it could use it
/// once, so it has no `Debug`.
pub struct SignIn {
    statement: WalletStatement,
    signature: WalletSignature,
}

impl SignIn {
    /// Signs for one act at the vault of this origin.
    ///
    /// # Errors
    /// [`ClientError::Answer`] if the server's nonce is not valid.
    pub fn sign(
        origin: &Origin,
        nonce: &str,
        wallet: &WalletKey,
        act: &Act,
        now: OffsetDateTime,
    ) -> Result<Self, ClientError> {
        let draft = Draft {
            domain: origin.authority(),
            address: wallet.address(),
            statement: None,
            uri: &origin.to_string(),
            chain_id: MAINNET,
            nonce,
            issued_at: now.replace_nanosecond(0).expect("zero is a nanosecond"),
            expiration_time: None,
            resources: vec![act.resource()],
        };
        let statement = draft.write().map_err(|_| ClientError::Answer("invalid nonce"))?;
        let signature = wallet.sign(&statement.to_string());
        Ok(Self { statement, signature })
    }

    /// The statement that was signed.
    #[must_use]
    pub fn statement(&self) -> &WalletStatement {
        &self.statement
    }

    /// The wallet's signature over the statement (EIP-191).
    #[must_use]
    pub fn signature(&self) -> &WalletSignature {
        &self.signature
    }

    /// The headers that carry statement and signature in a request.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, String); 2] {
        [
            ("x-siwe-message", encoding::base64(self.statement.to_string().as_bytes())),
            ("x-siwe-signature", self.signature.to_string()),
        ]
    }
}

/// Asks the server for a nonce, which one statement can carry.
pub(crate) fn request_nonce(http: &Http) -> Result<String, ClientError> {
    #[derive(Deserialize)]
    struct Issued {
        nonce: String,
    }
    let answer = http.post("/auth/nonce", &[], b"{}")?;
    let issued: Issued = answer.json()?;
    Ok(issued.nonce)
}
