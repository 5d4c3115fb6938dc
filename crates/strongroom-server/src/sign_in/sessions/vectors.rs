//! `testdata/formats/sessions.json`.

use super::*;
use serde_json::{Value, json};
use strongroom::SlotId;
use strongroom::backup::UserId;
use strongroom_testkit::vectors::{Cases, array, text, walk};

const KEY: [u8; 32] = [1; 32];
const OWNER: [u8; 32] = [0xAB; 32];
/// 2026-11-22T10:10:00Z.
const EXPIRES_AT: u64 = 1_795_342_200;
const SLOT: SlotId = SlotId::from_bytes([1; 32]);

#[test]
fn sessions() {
    walk("sessions.json", 29, make, |input| {
        let sessions = Sessions::new(Zeroizing::new(array(input, "key")));
        let now =
            OffsetDateTime::from_unix_timestamp(input["now"].as_i64().expect("a number")).expect("a time");
        let session = sessions.check(text(input, "token"), now).map_err(|error| {
            let reason = match error {
                SessionError::Unknown => "unknown",
                SessionError::Expired => "expired",
            };
            format!("refused: {reason}")
        })?;
        if !session.allows(&act(text(input, "act"))) {
            return Err("refused: act".to_owned());
        }
        let scope: Vec<String> = session.scope.iter().map(hex::encode).collect();
        Ok(json!({ "owner": session.owner().to_string(), "scope": scope }))
    });
}

/// The act of a resource, which a request would say by its method and path.
fn act(resource: &str) -> Act {
    let acts = [
        Act::Access(SLOT),
        Act::Delete(SLOT),
        Act::Slots,
        Act::Backups,
        Act::DeleteBackup(UserId::from_bytes([3; 16])),
    ];
    acts.into_iter().find(|act| act.resource() == resource).unwrap_or_else(|| panic!("no act {resource}"))
}

fn body(count: u8, scope: &[&str]) -> Vec<u8> {
    let hashes: Vec<u8> = scope.iter().flat_map(|resource| hash(resource)).collect();
    [&EXPIRES_AT.to_be_bytes()[..], &OWNER, &[count], &hashes].concat()
}

/// A token of any body, with the MAC that fits.
fn token(body: &[u8]) -> String {
    let mac = Sessions::new(Zeroizing::new(KEY)).mac(body);
    format!("{PREFIX}{}", base64url(&[body, &mac].concat()))
}

fn of(token: &str, act: &Act) -> Value {
    json!({ "key": hex::encode(KEY), "token": token, "now": EXPIRES_AT - 600, "act": act.resource() })
}

fn make(cases: &mut Cases) {
    let open = token(&body(0, &[]));
    let backups = Act::Backups.resource();
    let (access, delete) = (Act::Access(SLOT), Act::Delete(SLOT));
    for (name, act) in [("backups", &Act::Backups), ("access", &access), ("slots", &Act::Slots)] {
        cases.accepted(name, "a session without scope, an act that is not bound", of(&open, act));
    }
    let scoped = token(&body(2, &[&backups, &delete.resource()]));
    cases.accepted("scope", "an act of the scope", of(&scoped, &Act::Backups));
    cases.accepted("scope-bound", "a bound act of the scope", of(&scoped, &delete));
    let many: Vec<String> =
        (0..31).map(|n| format!("urn:strongroom:x:{n}")).chain([backups.clone()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    cases.accepted("scope-32", "a scope of 32 resources", of(&token(&body(32, &many)), &Act::Backups));
    let at = |now: u64| {
        let mut input = of(&open, &Act::Backups);
        input["now"] = json!(now);
        input
    };
    cases.accepted("last-second", "a second before it expires", at(EXPIRES_AT - 1));
    cases.refused("expired", "at-its-end", "when it expires", at(EXPIRES_AT));
    cases.refused("expired", "later", "a year later", at(EXPIRES_AT + 31_536_000));

    let user = Act::DeleteBackup(UserId::from_bytes([3; 16]));
    cases.refused("act", "bound-delete", "a session without scope, a bound act", of(&open, &delete));
    cases.refused("act", "bound-backup", "a session without scope, another bound act", of(&open, &user));
    cases.refused("act", "out-of-scope", "an act that is not of the scope", of(&scoped, &access));
    let unknown = token(&body(1, &["urn:strongroom:what-is-not-known"]));
    cases.refused(
        "act",
        "unknown-scope",
        "a scope that names no act known here",
        of(&unknown, &Act::Backups),
    );

    let altered = |at: usize| {
        let mut letters = open.clone().into_bytes();
        letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(letters).expect("ASCII")
    };
    let whole = body(0, &[]);
    let without_prefix = {
        let mac = Hmac::<Sha256>::new_from_slice(&KEY).expect("HMAC takes any key");
        let mac = mac.chain_update(&whole).finalize().into_bytes();
        format!("{PREFIX}{}", base64url(&[&whole[..], &mac].concat()))
    };
    let of_another_key = {
        let mac = Sessions::new(Zeroizing::new([2; 32])).mac(&whole);
        format!("{PREFIX}{}", base64url(&[&whole[..], &mac].concat()))
    };
    let start = PREFIX.len();
    for (name, comment, token) in [
        ("empty", "no token", String::new()),
        ("prefix-alone", "the prefix alone", PREFIX.to_owned()),
        ("other-prefix", "another prefix", open.replace(PREFIX, "strongroom-session-2")),
        ("expiry", "a letter of the expiry is altered", altered(start + 8)),
        ("owner", "a letter of the owner is altered", altered(start + 20)),
        ("mac", "a letter of the MAC is altered", altered(open.len() - 9)),
        ("trailing-bits", "the last letter's unused bits", {
            let last = open.chars().last().expect("a letter");
            let next = char::from_u32(u32::from(last) + 1).expect("a letter");
            format!("{}{next}", &open[..open.len() - 1])
        }),
        ("padding", "padded", format!("{open}=")),
        ("white-space", "a space after it", format!("{open} ")),
        ("cut", "four letters less", open[..open.len() - 4].to_owned()),
        ("key", "of another vault's key", of_another_key),
        ("mac-without-prefix", "a MAC that does not cover the prefix", without_prefix),
        ("count-high", "a scope of 1 that is not there", token(&body(1, &[]))),
        ("count-low", "a scope of 0 that is there", token(&body(0, &[&backups]))),
        ("more", "a byte more", token(&[&whole[..], &[0]].concat())),
        ("short", "no scope's number", token(&whole[..40])),
    ] {
        cases.refused("unknown", name, comment, of(&token, &Act::Backups));
    }
}
