//! A vault's client. It is blocking, and its types let nothing be sent to a server that has not
//! been verified.
//!
//! ```text
//! Vault -attest-> VerifiedVault -store·open·fetch·replace·delete·slots->
//! BackupServer -sign_in-> BackupSession -list·fetch·versions·delete->
//! ```
//!
//! Only a [`VerifiedVault`] has calls that carry your data, and only [`Vault::attest`] makes one. A
//! server without a TEE is refused unless the policy says
//! [`allow_no_tee`](AppraisalPolicy::allow_no_tee). Plain HTTP is refused, except to this machine.
//! A [`BackupServer`] needs no proof: a backup is sealed to its owner, and the client verifies what
//! it gets back.
//!
//! ```no_run
//! use strongroom::{derive, envelope, policy, wallet::WalletKey};
//! use strongroom_client::{AppraisalPolicy, Vault};
//! # let mut rng = strongroom::os_rng();
//!
//! let wallet = WalletKey::generate(&mut rng);
//! let mine = derive::w3pk(&wallet, derive::W3PK_DEFAULT_CONTEXT);
//!
//! let policy = AppraisalPolicy::from_toml(&std::fs::read_to_string("policy.toml")?)?;
//! let vault = Vault::at("https://vault.example.com")?.attest(&policy)?;
//! let recipients = [mine.encapsulation_key().into(), vault.server().encapsulation_key().clone().into()];
//! let readers = policy::EnvelopePolicy {
//!     readers: vec![wallet.address().into()],
//!     // Without owners in the policy, the wallet that stores the envelope owns its slot.
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
mod error;
mod http;
mod presented_evidence;
mod recovery;
mod replica;
mod sign_in;
mod times;
mod tls;
mod vault;
mod verified_vault;

pub use backups::{BackupServer, BackupSession, BackupVersions, FetchedBackup, ListedBackup, ListedVersion};
pub use error::ClientError;
pub use presented_evidence::PresentedEvidence;
pub use recovery::{RecoveryTarget, VerifiedRecoveryTarget};
pub use replica::Replica;
pub use sign_in::SignIn;
pub use strongroom_attest::{Appraisal, AppraisalPolicy, Check, Refusal, VerifiedServer};
pub use vault::Vault;
pub use verified_vault::{FetchedSecret, ListedSlot, StoredSecret, VerifiedVault};
