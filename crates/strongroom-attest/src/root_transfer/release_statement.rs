//! A release statement, in which the release key says which other code may get a vault's root
//! (spec/root.md §11).

use crate::policy::{AppraisalPolicy, AppraisalPolicyError, Hex};
use crate::trust_anchors::TrustAnchors;
use minicbor::Encoder;
use minicbor::encode::Error;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use strongroom::json::{self, Object};
use strongroom::rfc3339;
use strongroom::slh_dsa::{BadSignature, Context, PublicKey, Signature, SigningKey};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const VERSION: u8 = 1;
/// The largest statement that is read, in bytes of JSON: room for the signature in hex and a
/// policy.
pub const MAX_BYTES: usize = 512 * 1024;

/// Why a statement lets no code in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseStatementError {
    /// The bytes are not a JSON object with these fields, or are too many.
    #[error("this is not a release statement, or a field of it is malformed")]
    Malformed,
    /// Another key than this vault's release key signed it, or it was altered later.
    #[error("the release key did not sign this statement")]
    Signature(#[from] BadSignature),
    /// The statement is for another vault.
    #[error("the release statement is of another vault")]
    OtherVault,
    /// The statement's last second is over.
    #[error("the release statement is no longer valid")]
    Expired,
    /// The policy in the statement cannot be read.
    #[error("the policy of the release statement cannot be read")]
    AppraisalPolicy(#[from] AppraisalPolicyError),
}

/// A statement, as it is in files and messages. Nothing in it counts before
/// [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseStatement {
    version: u8,
    vault_id: Hex<32>,
    /// The last second at which it counts: RFC 3339, UTC, without a fraction.
    not_after: String,
    /// The file of an [`AppraisalPolicy`], as TOML.
    policy: String,
    /// An SLH-DSA signature: `0x` and hex digits.
    signature: String,
}

impl ReleaseStatement {
    /// Signs that code which passes `policy` may get this vault's root until `not_after`.
    ///
    /// The policy's pins of a vault, a configuration and TLS are left out. The statement names its
    /// vault itself, and replicas compare their configurations with each other.
    #[must_use]
    pub fn sign(
        key: &SigningKey,
        vault_id: [u8; 32],
        not_after: OffsetDateTime,
        policy: &AppraisalPolicy,
    ) -> Self {
        let unpinned = AppraisalPolicy {
            vault_id: None,
            config_digests: Vec::new(),
            tls_in_tee: false,
            ..policy.clone()
        };
        let not_after =
            OffsetDateTime::from_unix_timestamp(not_after.unix_timestamp()).expect("a time's own");
        let policy = unpinned.to_toml();
        let signature = key.sign(Context::RELEASE, &message(&vault_id, not_after, &policy));
        Self {
            version: VERSION,
            vault_id: Hex(vault_id),
            not_after: not_after.format(&Rfc3339).expect("it is before the year 10000"),
            policy,
            signature: signature.to_string(),
        }
    }

    /// Reads the file of a statement, and verifies nothing.
    ///
    /// # Errors
    /// [`ReleaseStatementError::Malformed`] also beyond [`MAX_BYTES`].
    pub fn from_json(json: &[u8]) -> Result<Self, ReleaseStatementError> {
        let Object(statement) = Some(json)
            .filter(|json| json.len() <= MAX_BYTES)
            .and_then(|json| json::from_slice(json).ok())
            .ok_or(ReleaseStatementError::Malformed)?;
        Ok(statement)
    }

    /// Gives the policy of the statement, where the key signed it for this vault and it has not
    /// expired.
    ///
    /// # Errors
    /// [`ReleaseStatementError`]: the first check that the statement does not pass.
    pub fn verify(
        &self,
        key: &PublicKey,
        vault_id: &[u8; 32],
        trust_anchors: &TrustAnchors,
        now: OffsetDateTime,
    ) -> Result<AppraisalPolicy, ReleaseStatementError> {
        let not_after = rfc3339::parse(&self.not_after).ok_or(ReleaseStatementError::Malformed)?;
        // The signature is over the second, so only one spelling of each second is accepted.
        let spelled = OffsetDateTime::from_unix_timestamp(not_after.unix_timestamp()).ok();
        let is_whole = spelled.and_then(|at| at.format(&Rfc3339).ok()).as_ref() == Some(&self.not_after);
        if self.version != VERSION || !is_whole {
            return Err(ReleaseStatementError::Malformed);
        }
        let signature: Signature = self.signature.parse().map_err(|_| ReleaseStatementError::Malformed)?;
        key.verify(Context::RELEASE, &message(&self.vault_id.0, not_after, &self.policy), &signature)?;
        if self.vault_id.0 != *vault_id {
            return Err(ReleaseStatementError::OtherVault);
        }
        if now > not_after {
            return Err(ReleaseStatementError::Expired);
        }
        Ok(AppraisalPolicy {
            trust_anchors: trust_anchors.clone(),
            ..AppraisalPolicy::from_toml(&self.policy)?
        })
    }
}

/// The signed message: a CBOR array (RFC 8949 §4.2.1) of the version, the vault id, the last second
/// and the policy.
fn message(vault_id: &[u8; 32], not_after: OffsetDateTime, policy: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + policy.len());
    let mut e = Encoder::new(&mut out);
    let written: Result<_, Error<Infallible>> =
        (|| e.array(4)?.u8(VERSION)?.bytes(vault_id)?.i64(not_after.unix_timestamp())?.str(policy)?.ok())();
    written.expect("writing to memory does not fail");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{NitroMeasurement, NitroPolicy};
    use time::Duration;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
    const VAULT: [u8; 32] = [2; 32];

    fn policy() -> AppraisalPolicy {
        let pcr = |n| Hex([n; 48]);
        let measurement = NitroMeasurement { pcr0: pcr(1), pcr1: pcr(2), pcr2: pcr(3), pcr8: None };
        AppraisalPolicy {
            vault_id: Some([7; 32]),
            config_digests: vec![[8; 32]],
            tls_in_tee: true,
            aws_nitro: Some(NitroPolicy { measurements: vec![measurement] }),
            ..AppraisalPolicy::default()
        }
    }

    /// Each refusal rests on its own line of `verify`.
    #[test]
    fn a_statement_is_of_one_key_one_vault_one_time_and_one_policy() {
        let key = SigningKey::from_seed(&[3; 96]);
        let statement = ReleaseStatement::sign(&key, VAULT, NOW + Duration::days(1), &policy());
        let json = serde_json::to_vec(&statement).expect("plain data");
        let read = ReleaseStatement::from_json(&json).expect("its own");
        assert_eq!(read, statement);
        let verify = |statement: &ReleaseStatement, key: &SigningKey, vault: [u8; 32], now| {
            statement.verify(&key.public_key(), &vault, &TrustAnchors::default(), now)
        };
        let verified = verify(&read, &key, VAULT, NOW + Duration::days(1)).expect("good");
        assert_eq!(verified.aws_nitro, policy().aws_nitro);
        assert_eq!((verified.vault_id, verified.tls_in_tee), (None, false));
        assert!(verified.config_digests.is_empty());

        let other = SigningKey::from_seed(&[4; 96]);
        let refused =
            |statement: &ReleaseStatement| verify(statement, &key, VAULT, NOW).expect_err("refused");
        assert_eq!(
            verify(&read, &other, VAULT, NOW).err(),
            Some(ReleaseStatementError::Signature(BadSignature))
        );
        assert_eq!(verify(&read, &key, [0; 32], NOW).err(), Some(ReleaseStatementError::OtherVault));
        let late = NOW + Duration::days(1) + Duration::SECOND;
        assert_eq!(verify(&read, &key, VAULT, late).err(), Some(ReleaseStatementError::Expired));
        let altered: [fn(&mut ReleaseStatement); 3] = [
            |s| s.vault_id = Hex([0; 32]),
            |s| s.not_after = "1999-01-01T00:00:00Z".to_owned(),
            |s| s.policy.push('\n'),
        ];
        for change in altered {
            let mut statement = read.clone();
            change(&mut statement);
            assert_eq!(refused(&statement), ReleaseStatementError::Signature(BadSignature), "{statement:?}");
        }
        let version = ReleaseStatement { version: 2, ..read.clone() };
        assert_eq!(refused(&version), ReleaseStatementError::Malformed);
        // Another spelling of the same second is refused.
        for spelling in ["1970-01-02T00:00:00.5Z", "1970-01-02T01:00:00+01:00"] {
            let statement = ReleaseStatement { not_after: spelling.to_owned(), ..read.clone() };
            assert_eq!(refused(&statement), ReleaseStatementError::Malformed);
        }
        // A signature for another context is refused.
        let session = key.sign(Context::SESSION, &message(&VAULT, NOW, ""));
        let signature = session.to_string();
        assert_eq!(
            refused(&ReleaseStatement { signature, ..read }),
            ReleaseStatementError::Signature(BadSignature)
        );
    }

    #[test]
    fn garbage_is_no_statement() {
        for garbage in [&b""[..], b"[]", b"{}", br#"{"version":1}"#, &vec![b' '; MAX_BYTES + 1]] {
            assert_eq!(ReleaseStatement::from_json(garbage), Err(ReleaseStatementError::Malformed));
        }
    }
}
