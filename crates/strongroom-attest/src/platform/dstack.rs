//! dstack's event log (spec/attestation.md#dstack). It is replayed from the events themselves, and
//! the digests that it shows are only compared.

use crate::checks::Checks;
use crate::evidence::DstackEvent;
use crate::policy::{DstackPolicy, Hex};
use crate::refusal::Refusal;
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha384};
use std::collections::BTreeMap;
use strongroom::json;

/// The largest number of events that is read.
const MAX_EVENTS: usize = 1024;
/// The type of dstack's events of a running guest.
const RUNTIME_EVENT: u32 = 0x0800_0001;
/// The index of the RTMR that these events extend.
const RTMR3: u32 = 3;
/// The last event of the guest's system. The application can add events after it.
const SYSTEM_READY: &str = "system-ready";

/// Which application runs, as the events before `system-ready` say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) compose_hash: [u8; 32],
    pub(crate) app_id: [u8; 20],
    /// The provider's name and its id, for example `kms:` and hex digits.
    pub(crate) key_provider: String,
    /// The hash of the system image, where a key management service named it.
    pub(crate) os_image_hash: Option<[u8; 32]>,
}

/// Computes RTMR3 from the events, compares it with the quote's, and reads which application runs.
///
/// # Errors
/// [`Refusal::EventLog`], [`Refusal::EventReplay`], [`Refusal::DuplicateEvent`],
/// [`Refusal::MissingEvent`].
pub(crate) fn replay(events: &[DstackEvent], rtmr3: &[u8; 48]) -> Result<Identity, Refusal> {
    if events.len() > MAX_EVENTS {
        return Err(Refusal::EventLog);
    }
    let mut register = [0; 48];
    let mut before: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    let mut is_ready = false;
    for event in events {
        let payload = hex::decode(&event.event_payload).map_err(|_| Refusal::EventLog)?;
        // With a colon in a name, two events could have one digest.
        if event.imr != RTMR3 || event.event_type != RUNTIME_EVENT || event.event.contains(':') {
            return Err(Refusal::EventLog);
        }
        let digest = digest(event, &payload)?;
        if !event.digest.is_empty() && event.digest != hex::encode(digest) {
            return Err(Refusal::EventLog);
        }
        register = Sha384::new_with_prefix(register).chain_update(digest).finalize().into();
        if !is_ready {
            if before.insert(&event.event, payload).is_some() {
                return Err(Refusal::DuplicateEvent);
            }
            is_ready = event.event == SYSTEM_READY;
        }
    }
    if register != *rtmr3 {
        return Err(Refusal::EventReplay);
    }
    if !is_ready {
        return Err(Refusal::MissingEvent);
    }
    let provider = before.get("key-provider").ok_or(Refusal::MissingEvent)?;
    Ok(Identity {
        compose_hash: payload(&before, "compose-hash")?.ok_or(Refusal::MissingEvent)?,
        app_id: payload(&before, "app-id")?.ok_or(Refusal::MissingEvent)?,
        key_provider: key_provider(provider)?,
        os_image_hash: payload(&before, "os-image-hash")?,
    })
}

/// The payload of an event, if there is such an event. It must have exactly `N` bytes.
fn payload<const N: usize>(events: &BTreeMap<&str, Vec<u8>>, name: &str) -> Result<Option<[u8; N]>, Refusal> {
    let Some(payload) = events.get(name) else { return Ok(None) };
    payload[..].try_into().map(Some).map_err(|_| Refusal::EventLog)
}

/// SHA-384 over the event: in version 1 over its parts with colons between them, in version 2 over
/// them as JSON (RFC 8785).
fn digest(event: &DstackEvent, payload: &[u8]) -> Result<[u8; 48], Refusal> {
    match event.version {
        None | Some(1) => Ok(Sha384::new()
            .chain_update(event.event_type.to_le_bytes())
            .chain_update(b":")
            .chain_update(&event.event)
            .chain_update(b":")
            .chain_update(payload)
            .finalize()
            .into()),
        Some(2) => {
            // dstack uses no name that JSON would have to escape.
            if !event.event.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
                return Err(Refusal::EventLog);
            }
            let (name, payload) = (&event.event, hex::encode(payload));
            let text = format!(r#"{{"name":"{name}","payload":"{payload}","type":{}}}"#, event.event_type);
            Ok(Sha384::digest(text).into())
        }
        Some(_) => Err(Refusal::EventLog),
    }
}

fn key_provider(payload: &[u8]) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Provider {
        name: String,
        id: String,
    }
    let Provider { name, id } = json::from_slice(payload).map_err(|_| Refusal::EventLog)?;
    // With a second colon, two pairs could have one text.
    if name.contains(':') || id.contains(':') { Err(Refusal::EventLog) } else { Ok(format!("{name}:{id}")) }
}

pub(crate) fn appraise(
    checks: &mut Checks,
    rtmr3: &[u8; 48],
    events: &[DstackEvent],
    app_compose: &str,
    policy: &DstackPolicy,
) -> Option<()> {
    let shown = format!("{} events, as RTMR3 has them", events.len());
    let identity = checks.prove("event log", replay(events, rtmr3), |_| shown)?;
    let hash = hex::encode(identity.compose_hash);
    checks.hold(
        "compose hash",
        hash,
        policy.compose_hashes.contains(&Hex(identity.compose_hash)),
        Refusal::ComposeHash,
    );
    let shown = format!("{} bytes", app_compose.len());
    checks.hold(
        "app-compose.json",
        shown,
        Sha256::digest(app_compose)[..] == identity.compose_hash[..],
        Refusal::AppCompose,
    );
    if !policy.app_ids.is_empty() {
        let is_listed = policy.app_ids.contains(&Hex(identity.app_id));
        checks.hold("application id", hex::encode(identity.app_id), is_listed, Refusal::AppId);
    }
    let is_trusted = policy.key_providers.contains(&identity.key_provider);
    checks.hold("key provider", identity.key_provider, is_trusted, Refusal::KeyProvider);
    if !policy.os_image_hashes.is_empty() {
        let hash = identity.os_image_hash.map(Hex);
        let is_listed = hash.is_some_and(|hash| policy.os_image_hashes.contains(&hash));
        let shown = hash.map_or("not said".to_owned(), |hash| hash.to_string());
        checks.hold("system image", shown, is_listed, Refusal::OsImage);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, payload: &[u8], version: Option<u32>) -> DstackEvent {
        let event_payload = hex::encode(payload);
        DstackEvent {
            imr: 3,
            event_type: RUNTIME_EVENT,
            digest: String::new(),
            event: name.to_owned(),
            event_payload,
            version,
        }
    }

    /// The digests are those that others have published of dstack's events.
    #[test]
    fn digests_are_dstacks() {
        let first = |name: &str, payload: &[u8]| {
            hex::encode(digest(&event(name, payload, None), payload).expect("an event"))
        };
        assert_eq!(
            first("system-preparing", b""),
            "f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624"
        );
        let image =
            hex::decode("a87f7eb6882446dd714e6d47d9d1b9331cb333f36d3905f172c68adbd06e461f").expect("hex");
        assert_eq!(
            first("mpc-image-digest", &image),
            "bcb7a884a6ba0970997335c548b61e2486be6065860219c5f436291d57ce62a8feb2405a63dfbbfca63be8ab6cd9e72a"
        );
    }
}
