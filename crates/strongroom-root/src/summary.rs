//! How a server keeps its root, in words for its operator.

use strongroom::key::KeyId;
use strongroom_attest::policy::Hex;
use strongroom_attest::{Configuration, KeyOrigin, Protection};

/// How a server keeps its root, who could bring it back, and what takes it away: one line, which a
/// server prints at each start.
#[must_use]
pub fn summary(configuration: &Configuration) -> String {
    let Configuration { protection, .. } = configuration;
    format!(
        "the root is kept {}; {} could recover it; lost with {}",
        protection.meaning(),
        recipients(configuration),
        protection.lost_with()
    )
}

/// Says in words who could bring the root back.
#[must_use]
pub fn recipients(configuration: &Configuration) -> String {
    match (&configuration.recovery, configuration.key_origin) {
        (Some(recovery), _) => {
            // The name that `keygen` and `pubkey` print for a key.
            let name = |id: &Hex<16>| KeyId::from_bytes(id.0).to_string();
            let ids: Vec<String> = recovery.key_ids.iter().map(name).collect();
            format!("{} of {}", recovery.threshold, ids.join(" "))
        }
        (None, KeyOrigin::Imported) => "the holder of the imported key".to_owned(),
        (None, _) => "nobody".to_owned(),
    }
}

/// Whether the operator has to be warned of how the root is kept.
#[must_use]
pub fn is_insecure(configuration: &Configuration) -> bool {
    // A root in memory that nobody could bring back is gone at the next restart.
    let is_fleeting = configuration.protection == Protection::Memory
        && configuration.recovery.is_none()
        && configuration.release_key.is_none();
    configuration.protection == Protection::Plain || is_fleeting
}
