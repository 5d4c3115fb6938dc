//! Fakes of dstack's event log and guest agent (Dstack-TEE/dstack 0.5), for tests only. The quotes
//! are a [`FakeIntel`]'s, which nobody trusts.
//!
//! [`FakeIntel`]: super::intel::FakeIntel

mod agent;

pub use agent::{FakeDstack, Options};

use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384};

/// The type of events of a running guest.
const RUNTIME_EVENT: u32 = 0x0800_0001;

/// An event of RTMR3 as dstack's agent writes it, with its digest in the first way.
#[must_use]
pub fn event(name: &str, payload: &[u8]) -> Value {
    let digest = Sha384::new()
        .chain_update(RUNTIME_EVENT.to_le_bytes())
        .chain_update(b":")
        .chain_update(name)
        .chain_update(b":")
        .chain_update(payload)
        .finalize();
    json!({
        "imr": 3,
        "event_type": RUNTIME_EVENT,
        "digest": hex::encode(digest),
        "event": name,
        "event_payload": hex::encode(payload),
    })
}

/// An event of RTMR3 with its digest in the second way, over JSON (RFC 8785), as dstack 0.6 writes
/// it.
///
/// # Panics
/// If JSON would have to escape the name. dstack's own names are plain.
#[must_use]
pub fn event_v2(name: &str, payload: &[u8]) -> Value {
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'));
    let payload = hex::encode(payload);
    let preimage = format!(r#"{{"name":"{name}","payload":"{payload}","type":{RUNTIME_EVENT}}}"#);
    json!({
        "imr": 3,
        "event_type": RUNTIME_EVENT,
        "digest": hex::encode(Sha384::digest(&preimage)),
        "event": name,
        "event_payload": payload,
        "version": 2,
        "preimage": hex::encode(preimage),
    })
}

/// The value of RTMR3 after these events. Events of other registers are left out.
///
/// # Panics
/// If an event has no digest.
#[must_use]
pub fn rtmr3(events: &[Value]) -> [u8; 48] {
    events.iter().filter(|event| event["imr"] == 3).fold([0; 48], |register, event| {
        let digest = hex::decode(event["digest"].as_str().expect("a digest")).expect("hex");
        assert_eq!(digest.len(), 48, "an event without its digest extends nothing");
        Sha384::new_with_prefix(register).chain_update(digest).finalize().into()
    })
}

/// The events of a guest's start. Their order is that of dstack 0.5, where a key management service
/// gives the application its keys.
#[must_use]
pub fn boot_events(
    app_compose: &str,
    app_id: [u8; 20],
    key_provider_id_hex: &str,
    os_image_hash: [u8; 32],
) -> Vec<Value> {
    let parts = boot_parts(app_compose, app_id, key_provider_id_hex, os_image_hash);
    parts.iter().map(|(name, payload)| event(name, payload)).collect()
}

/// The names and payloads of [`boot_events`].
fn boot_parts(
    app_compose: &str,
    app_id: [u8; 20],
    key_provider_id_hex: &str,
    os_image_hash: [u8; 32],
) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("system-preparing", vec![]),
        ("app-id", app_id.to_vec()),
        ("compose-hash", Sha256::digest(app_compose).to_vec()),
        ("instance-id", Sha256::digest(app_id)[..20].to_vec()),
        ("boot-mr-done", vec![]),
        ("mr-kms", vec![0x66; 32]),
        ("os-image-hash", os_image_hash.to_vec()),
        ("key-provider", format!(r#"{{"name":"kms","id":"{key_provider_id_hex}"}}"#).into_bytes()),
        ("storage-fs", b"zfs".to_vec()),
        ("system-ready", vec![]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests that others have published of dstack's events.
    #[test]
    fn digests_are_dstacks() {
        assert_eq!(
            event("system-preparing", b"")["digest"],
            "f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624"
        );
        assert_eq!(
            event_v2("compose-hash", &[0xAB, 0xCD])["digest"],
            "9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffaf3081f1bb10311d56de189491feb33842a050ad7b"
        );
    }
}
