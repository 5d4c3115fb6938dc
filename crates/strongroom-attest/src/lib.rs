//! Which code holds this key? Evidence and a policy go in; a [`VerifiedServer`] or a named
//! [`Refusal`] comes out. The crate is pure: it reads no clock and uses no network
//! (spec/attestation.md).
//!
//! It refuses what it does not know, and every platform that the policy does not mention. It also
//! refuses `none`, the platform that proves nothing, unless the policy says
//! [`allow_no_tee`](AppraisalPolicy::allow_no_tee).
//!
//! ```
//! use strongroom_attest::{AppraisalPolicy, Challenge, Claims, KeyOrigin, Purpose, Refusal};
//! # use strongroom::key::DecapsulationKey;
//! # use time::{OffsetDateTime, format_description::well_known::Rfc3339};
//! # let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
//! # let now = OffsetDateTime::parse("2026-11-22T10:00:00Z", &Rfc3339).unwrap();
//! let claims = Claims {
//!     purpose: Purpose::Service,
//!     vault_id: [2; 32],
//!     epoch: 1,
//!     encapsulation_key: &key,
//!     key_origin: KeyOrigin::Generated,
//!     config_digest: [3; 32],
//!     tls_spki_sha256: None,
//!     nonce: [4; 32],
//!     timestamp: "2026-11-22T10:00:00Z".to_owned(),
//! };
//! let evidence = strongroom_attest::platform::none::evidence(&claims);
//!
//! let challenge = Challenge { nonce: Some([4; 32]), ..Challenge::default() };
//! let nobody = AppraisalPolicy::default();
//! let refusal = strongroom_attest::verify(&evidence, &challenge, &nobody, now).unwrap_err();
//! assert_eq!(refusal, Refusal::NoTee);
//! let policy = AppraisalPolicy { allow_no_tee: true, ..AppraisalPolicy::default() };
//! let server = strongroom_attest::verify(&evidence, &challenge, &policy, now)?;
//! assert_eq!(server.encapsulation_key(), &key);
//! # Ok::<(), Refusal>(())
//! ```

mod certificates;
mod checks;
pub mod configuration;
mod draft;
mod evidence;
pub mod explain;
pub mod platform;
pub mod policy;
mod refusal;
mod report_data;
mod revocation;
pub mod root_transfer;
pub mod trust_anchors;
mod verify;

pub use checks::Check;
pub use configuration::{Configuration, KeyOrigin, Protection, RecoveryRecipients};
pub use evidence::{
    AuxiliaryData, Collateral, DstackEvent, Evidence, MAX_EVIDENCE_BYTES, Report, SnpCollateral,
    TdxCollateral,
};
pub use policy::AppraisalPolicy;
pub use refusal::Refusal;
pub use report_data::{Claims, NO_NONCE, Purpose, VERSION};
pub use trust_anchors::TrustAnchors;
pub use verify::{Appraisal, Challenge, VerifiedServer, appraise, verify};
