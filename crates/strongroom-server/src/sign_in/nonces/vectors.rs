//! `testdata/formats/nonces.json`.

use super::*;
use serde_json::{Value, json};
use strongroom_testkit::vectors::{Cases, array, text, walk};

const KEY: [u8; 32] = [1; 32];
const ZEROS: [u8; 32] = [0; 32];
const RANDOM: [u8; 16] = [0xAB; 16];
/// 2026-11-22T10:00:00.123Z.
const ISSUED_AT_MS: u64 = 1_795_341_600_123;
const ALICE: WalletAddress = WalletAddress::from_bytes([1; 20]);
const BOB: WalletAddress = WalletAddress::from_bytes([2; 20]);

#[test]
fn nonces() {
    walk("nonces.json", 26, make, |input| {
        let nonces = Nonces { key: Zeroizing::new(array(input, "key")), start_id: array(input, "startId") };
        let address: Option<WalletAddress> =
            input["signer"].as_str().map(|text| text.parse().expect("an address"));
        let now_ms = i128::from(input["nowMs"].as_i64().expect("a number"));
        let now = OffsetDateTime::from_unix_timestamp_nanos(now_ms * 1_000_000).expect("a time");
        let genuine = nonces.check(text(input, "nonce"), address.as_ref(), now).map_err(|error| {
            let reason = match error {
                NonceError::Unknown => "unknown",
                NonceError::Expired => "expired",
            };
            format!("refused: {reason}")
        })?;
        Ok(json!({ "random": hex::encode(genuine.id), "keepUntil": genuine.keep_until }))
    });
}

/// The nonce of these parts, and the MAC over them.
fn nonce(key: [u8; 32], start_id: [u8; 32], issued_at_ms: u64, address: Option<&WalletAddress>) -> String {
    let nonces = Nonces { key: Zeroizing::new(key), start_id };
    let mac = nonces.mac(issued_at_ms, &RANDOM, address);
    hex::encode([&issued_at_ms.to_be_bytes()[..], &RANDOM, &mac].concat())
}

/// Checked under the key and the start id of zeros, when it was issued.
fn checked(nonce: &str, signer: Option<&WalletAddress>) -> Value {
    json!({
        "key": hex::encode(KEY),
        "startId": hex::encode(ZEROS),
        "nonce": nonce,
        "signer": signer.map(ToString::to_string),
        "nowMs": ISSUED_AT_MS,
    })
}

fn with(input: &Value, field: &str, value: Value) -> Value {
    let mut input = input.clone();
    input[field] = value;
    input
}

fn make(cases: &mut Cases) {
    let for_anybody = nonce(KEY, ZEROS, ISSUED_AT_MS, None);
    let for_alice = nonce(KEY, ZEROS, ISSUED_AT_MS, Some(&ALICE));
    let anybody = checked(&for_anybody, Some(&ALICE));
    cases.accepted("anybody-wallet", "issued for anybody, signed by a wallet", anybody.clone());
    cases.accepted(
        "anybody-slh-dsa",
        "issued for anybody, signed by an SLH-DSA key",
        checked(&for_anybody, None),
    );
    cases.accepted("wallet", "issued for the wallet that signs", checked(&for_alice, Some(&ALICE)));
    let run = [7; 32];
    let of_run = with(
        &checked(&nonce(KEY, run, ISSUED_AT_MS, None), Some(&ALICE)),
        "startId",
        json!(hex::encode(run)),
    );
    cases.accepted("start-id", "of a server with an embedded store", of_run.clone());
    cases.accepted(
        "upper-case",
        "the digits in upper case",
        checked(&for_anybody.to_uppercase(), Some(&ALICE)),
    );
    let minute = 60_000;
    let at = |now_ms: u64| with(&anybody, "nowMs", json!(now_ms));
    cases.accepted("five-minutes", "after five minutes", at(ISSUED_AT_MS + 5 * minute));
    cases.accepted("ahead", "issued by a clock that is two minutes ahead", at(ISSUED_AT_MS - 2 * minute));
    cases.refused("expired", "five-minutes", "a millisecond later", at(ISSUED_AT_MS + 5 * minute + 1));
    cases.refused(
        "expired",
        "ahead",
        "issued by a clock that is further ahead",
        at(ISSUED_AT_MS - 2 * minute - 1),
    );

    cases.refused("unknown", "another-wallet", "issued for another wallet", checked(&for_alice, Some(&BOB)));
    cases.refused(
        "unknown",
        "no-wallet",
        "issued for a wallet, signed by an SLH-DSA key",
        checked(&for_alice, None),
    );
    let other_key = nonce([2; 32], ZEROS, ISSUED_AT_MS, None);
    cases.refused("unknown", "key", "of another vault's key", checked(&other_key, Some(&ALICE)));
    let another_run = with(&of_run, "startId", json!(hex::encode([8; 32])));
    cases.refused("unknown", "start-id", "of another start id", another_run);
    let without = with(&of_run, "startId", json!(hex::encode(ZEROS)));
    cases.refused("unknown", "start-id-zeros", "of a start id, where stores are shared", without);
    let unreal = nonce(KEY, ZEROS, u64::MAX, None);
    cases.refused("unknown", "time-too-large", "a time that no calendar has", checked(&unreal, Some(&ALICE)));
    let altered = |at: usize| {
        let mut digits = for_anybody.clone().into_bytes();
        digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(digits).expect("ASCII")
    };
    for (name, comment, nonce) in [
        ("time", "a digit of the time is altered", altered(15)),
        ("random", "a digit of the random part is altered", altered(16)),
        ("mac-first", "the first digit of the MAC is altered", altered(48)),
        ("mac-last", "the last digit of the MAC is altered", altered(79)),
        ("empty", "no nonce", String::new()),
        ("short", "a byte less", for_anybody[2..].to_owned()),
        ("long", "a byte more", format!("{for_anybody}00")),
        ("odd", "a digit less", for_anybody[1..].to_owned()),
        ("prefix", "with 0x", format!("0x{for_anybody}")),
        ("letters", "letters that are no digits", "g".repeat(80)),
        ("foreign", "another program's nonce", "32891756".to_owned()),
    ] {
        cases.refused("unknown", name, comment, checked(&nonce, Some(&ALICE)));
    }
}
