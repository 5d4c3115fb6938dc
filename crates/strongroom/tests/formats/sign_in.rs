//! Sign-in statements of wallets, and those of SLH-DSA keys that are traded for a session.

use serde_json::{Value, json};
use strongroom::SlotId;
use strongroom::backup::UserId;
use strongroom::rfc3339;
use strongroom::sign_in::{Act, Rules, SignInError, SignInStatementError, SlhDsaStatement, WalletStatement};
use strongroom::slh_dsa::{Context, SigningKey};
use strongroom::wallet::{WalletError, WalletKey, WalletSignature};
use strongroom_testkit::vectors::{Cases, array, text, walk};

const NOW: &str = "2026-11-22T10:00:00Z";
const SLOT: SlotId = SlotId::from_bytes([1; 32]);

#[test]
fn statements() {
    walk("sign-in.json", 109, make, |input| {
        let now = rfc3339::parse(text(input, "now")).expect("a time");
        let rules = rules(input);
        let statement = text(input, "statement");
        if input.get("slhDsaSeed").is_some() {
            let key = SigningKey::from_seed(&array(input, "slhDsaSeed"));
            let parsed = SlhDsaStatement::parse(statement).map_err(grammar)?;
            assert_eq!(parsed.to_string(), statement);
            let signature = key.sign(Context::SESSION, statement.as_bytes());
            let asked = parsed.verify(&key.public_key(), &signature, &rules, now).map_err(refusal)?;
            let value =
                json!({ "owner": asked.owner().to_string(), "nonce": asked.nonce(), "scope": asked.scope() });
            return Ok(value);
        }
        let parsed = WalletStatement::parse(statement).map_err(grammar)?;
        assert_eq!(parsed.to_string(), statement);
        let signature: WalletSignature = text(input, "signature").parse().map_err(|error| {
            let reason = match error {
                WalletError::SignatureShape => "shape of the signature",
                WalletError::RecoveryId => "recovery id",
                WalletError::HighS => "high s",
                other => panic!("no name for {other}"),
            };
            format!("refused: {reason}")
        })?;
        let signed_in = parsed.verify(&signature, &act(text(input, "act")), &rules, now).map_err(refusal)?;
        Ok(json!({ "address": signed_in.address().to_string(), "nonce": signed_in.nonce() }))
    });
}

fn grammar(error: SignInStatementError) -> String {
    format!("refused: line {}", error.line)
}

fn refusal(error: SignInError) -> String {
    let reason = match error {
        SignInError::Domain => "domain",
        SignInError::Uri => "URI",
        SignInError::Chain => "chain",
        SignInError::IssuedInFuture => "issued in the future",
        SignInError::IssuedTooLongAgo => "issued too long ago",
        SignInError::Expired => "expired",
        SignInError::NotYet => "not yet",
        SignInError::OtherAct => "another act",
        SignInError::Unbound => "unbound",
        SignInError::Signer | SignInError::SlhDsaSigner => "signer",
        other => panic!("no name for {other}"),
    };
    format!("refused: {reason}")
}

fn rules(input: &Value) -> Rules {
    let list = |field: &str| input[field].as_array().expect("a list").iter();
    Rules {
        origins: list("origins")
            .map(|text| text.as_str().and_then(|t| t.parse().ok()).expect("an origin"))
            .collect(),
        chain_ids: list("chainIds").map(|number| number.as_u64().expect("a number")).collect(),
    }
}

/// The act of a resource, which a request would say by its method and path.
fn act(resource: &str) -> Act {
    let acts = [
        Act::store(b"{}"),
        Act::Access(SLOT),
        Act::Envelope(SLOT),
        Act::Slots,
        Act::put(SLOT, b"{}"),
        Act::Delete(SLOT),
        Act::SealTo { slot: SLOT, key_sha256: [2; 32] },
        Act::Backups,
        Act::DeleteBackup(UserId::from_bytes([3; 16])),
    ];
    acts.into_iter().find(|act| act.resource() == resource).unwrap_or_else(|| panic!("no act {resource}"))
}

fn wallet(n: u8) -> WalletKey {
    WalletKey::from_bytes(&[n; 32]).expect("a scalar")
}

/// A statement with every field.
fn full() -> String {
    format!(
        "http://localhost:3000 wants you to sign in with your Ethereum account:\n{}\n\n\
        I want to open my secret: https://service.example/?a=b&c\n\n\
        URI: http://localhost:3000/login?at=all#x\nVersion: 1\nChain ID: 1\nNonce: 32891756abcDEF\n\
        Issued At: 2026-11-22T09:59:00Z\nExpiration Time: 2026-11-22T11:05:00.5+01:00\n\
        Not Before: 2026-11-22T09:00:00.000Z\nRequest ID: some%20id\nResources:\n- ipfs://bafy/\n- {}",
        wallet(1).address(),
        Act::Access(SLOT).resource(),
    )
}

/// A statement with as few fields as there may be.
fn bare() -> String {
    format!(
        "localhost:3000 wants you to sign in with your Ethereum account:\n{}\n\n\n\
        URI: http://localhost:3000\nVersion: 1\nChain ID: 11155111\nNonce: abcdefgh\n\
        Issued At: 2026-11-22T09:59:00Z",
        wallet(1).address(),
    )
}

fn signed(statement: &str, key: &WalletKey) -> Value {
    json!({
        "statement": statement,
        "signature": key.sign(statement).to_string(),
        "act": Act::Access(SLOT).resource(),
        "origins": ["http://localhost:3000", "https://app.example"],
        "chainIds": [],
        "now": NOW,
    })
}

/// Signed, with one thing of the input replaced.
fn with(statement: &str, field: &str, value: Value) -> Value {
    let mut input = signed(statement, &wallet(1));
    input[field] = value;
    input
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

fn make(cases: &mut Cases) {
    accepted(cases);
    refused_grammar(cases);
    refused_signatures(cases);
    refused_contents(cases);
    acts(cases);
    of_slh_dsa_keys(cases);
}

fn accepted(cases: &mut Cases) {
    let mine = |text: &str| signed(text, &wallet(1));
    let lower_case =
        full().replace("T09:59:00Z", "t09:59:00z").replace("T11:05", "t11:05").replace(".000Z", ".000z");
    for (name, comment, text) in [
        ("full", "every field", full()),
        ("bare", "as few fields as there may be", bare()),
        (
            "one-blank-line",
            "one blank line for no statement, as older w3pk releases write",
            bare().replace("\n\n\n", "\n\n"),
        ),
        (
            "statement-like-a-field",
            "a statement that looks like a field",
            bare().replace("\n\n\n", "\n\nURI: x\n\n"),
        ),
        ("no-resources", "an empty list of resources", format!("{}\nResources:", bare())),
        ("32-resources", "32 resources", format!("{}\nResources:{}", bare(), "\n- urn:a:b".repeat(32))),
        ("empty-request-id", "an empty request id", format!("{}\nRequest ID: ", bare())),
        ("lower-case-times", "times with t and z in lower case", lower_case),
        (
            "second-60",
            "a second 60 at the end of a month in UTC",
            replaced(&full(), "2026-11-22T11:05:00.5+01:00", "2026-12-01T00:59:60+01:00"),
        ),
        ("chain-zero", "the chain 0", replaced(&bare(), "11155111", "0")),
        ("largest-chain", "the chain 2^64 - 1", replaced(&bare(), "11155111", "18446744073709551615")),
        ("nonce-128", "a nonce of 128 characters", replaced(&bare(), "abcdefgh", &"a".repeat(128))),
        (
            "other-origin",
            "another of the origins, its URI the first's",
            replaced(&bare(), "localhost:3000 wants", "app.example wants"),
        ),
    ] {
        cases.accepted(name, comment, mine(&text));
    }
    let signature = wallet(1).sign(&full()).to_string();
    let v = u8::from_str_radix(&signature[130..], 16).expect("hex") - 27;
    let small_v = format!("{}{v:02x}", &signature[..130]);
    cases.accepted("small-v", "v as 0 or 1", with(&full(), "signature", json!(small_v)));
    let capitals = format!("0x{}", signature[2..].to_uppercase());
    cases.accepted(
        "signature-upper-case",
        "the signature's digits in upper case",
        with(&full(), "signature", json!(capitals)),
    );
    cases.accepted("chain-allowed", "one of the chains", with(&full(), "chainIds", json!([10, 1])));
    for (name, comment, now) in [
        ("just-issued", "two minutes before it was issued, by the server's clock", "2026-11-22T09:57:00Z"),
        ("seven-minutes", "seven minutes after it was issued", "2026-11-22T10:06:00Z"),
    ] {
        cases.accepted(name, comment, with(&bare(), "now", json!(now)));
    }
    let from_now = replaced(&full(), "Not Before: 2026-11-22T09:00:00.000Z", &format!("Not Before: {NOW}"));
    cases.accepted("not-before-now", "not-before is now", mine(&from_now));
}

fn refused_grammar(cases: &mut Cases) {
    let time = "Issued At: 2026-11-22T09:59:00Z";
    let address = wallet(1).address().to_string();
    let rows: &[(&str, &str, &str, &str, usize)] = &[
        ("no-domain", "no domain", "http://localhost:3000 ", " ", 1),
        ("path", "a path after the domain", "localhost:3000 ", "localhost:3000/x ", 1),
        ("port", "a port that is no number", "localhost:3000 ", "localhost:3x00 ", 1),
        ("scheme", "a scheme that begins with a digit", "http://", "1http://", 1),
        ("space", "a space after the first line", "account:\n", "account: \n", 1),
        ("crlf", "a line that ends in CR LF", "account:\n", "account:\r\n", 1),
        ("words", "another spelling of the first line", "Ethereum", "ethereum", 1),
        ("address-case", "an address in lower case", &address, &address.to_lowercase(), 2),
        ("address-prefix", "an address without 0x", "0x", "", 2),
        ("blank-line", "no blank line after the address", "\n\nI want", "\nI want", 3),
        ("statement-letter", "a letter that is not of RFC 3986", "I want", "Ich m\u{f6}chte", 4),
        ("statement-tab", "a tab in the statement", "I want", "I\twant", 4),
        ("statement-percent", "a percent sign in the statement", "I want", "100% want", 4),
        ("two-statements", "two lines of a statement", "?a=b&c\n\n", "?a=b&c\nmore\n\n", 4),
        ("three-blank-lines", "a third blank line", "?a=b&c\n\n", "?a=b&c\n\n\n", 6),
        ("relative-uri", "a relative URI", "URI: http://localhost:3000", "URI: ", 6),
        ("uri-space", "a URI with a space", "login", "lo gin", 6),
        ("uri-escape", "a URI with a bad escape", "login", "%zz", 6),
        ("version", "the version 2", "Version: 1", "Version: 2", 7),
        ("version-zero", "a version with a zero before it", "Version: 1", "Version: 01", 7),
        ("chain-zero", "a chain id with a zero before it", "Chain ID: 1", "Chain ID: 01", 8),
        ("chain-sign", "a chain id with a sign", "Chain ID: 1", "Chain ID: +1", 8),
        (
            "chain-large",
            "a chain id of more than 64 bits",
            "Chain ID: 1",
            "Chain ID: 18446744073709551616",
            8,
        ),
        ("chain-hex", "a chain id in hex", "Chain ID: 1", "Chain ID: 0x1", 8),
        ("chain-empty", "an empty chain id", "Chain ID: 1", "Chain ID: ", 8),
        ("nonce-short", "a nonce of 7 characters", "32891756abcDEF", "3289175", 9),
        ("nonce-letter", "a nonce with a hyphen", "32891756abcDEF", "32891756-abc", 9),
        ("time-zone", "a time without its zone", time, "Issued At: 2026-11-22T09:59:00", 10),
        ("time-day", "a day that is not in the month", time, "Issued At: 2026-11-31T09:59:00Z", 10),
        ("time-space", "a space between date and time", time, "Issued At: 2026-11-22 09:59:00Z", 10),
        ("time-fraction", "a fraction without digits", time, "Issued At: 2026-11-22T09:59:00.Z", 10),
        ("time-second-60", "a second 60 within a month", time, "Issued At: 2026-11-22T09:58:60Z", 10),
        (
            "expiration-second-60",
            "a second 60 at the end of a month, but not in UTC",
            "2026-11-22T11:05:00.5+01:00",
            "2026-11-30T23:59:60+01:00",
            11,
        ),
        ("expiration", "an expiration time that is none", "2026-11-22T11:05:00.5+01:00", "later", 11),
        ("not-before", "an empty not-before", "2026-11-22T09:00:00.000Z", "", 12),
        ("request-id-escape", "a request id with a bad escape", "some%20id", "some%2", 13),
        ("request-id-space", "a request id with a space", "some%20id", "some id", 13),
        ("resources-space", "a space after `Resources:`", "Resources:\n", "Resources: \n", 14),
        ("resource-dash", "a resource without its space", "- ipfs://bafy/", "-ipfs://bafy/", 15),
        ("resource-uri", "a resource that is no URI", "- ipfs://bafy/", "- bafy", 15),
        ("field-order", "a request id before the not-before", "Not Before", "Request ID: x\nNot Before", 13),
    ];
    for (name, comment, from, to, line) in rows {
        let text = replaced(&full(), from, to);
        cases.refused(
            &format!("line {line}"),
            &format!("grammar-{name}"),
            comment,
            signed(&text, &wallet(1)),
        );
    }
    let many = format!("{}\nResources:{}", bare(), "\n- urn:a:b".repeat(33));
    for (name, comment, text, line) in [
        ("empty", "no text", String::new(), 1),
        ("end", "a line feed at the end", format!("{}\n", full()), 17),
        ("end-bare", "a line feed at the end of a statement without resources", format!("{}\n", bare()), 10),
        ("nonce-long", "a nonce of 129 characters", replaced(&bare(), "abcdefgh", &"a".repeat(129)), 8),
        ("resources", "33 resources", many, 43),
        (
            "long",
            "6,145 bytes",
            replaced(&full(), "I want", &format!("I want{}", "x".repeat(6145 - full().len()))),
            1,
        ),
    ] {
        cases.refused(
            &format!("line {line}"),
            &format!("grammar-{name}"),
            comment,
            signed(&text, &wallet(1)),
        );
    }
}

fn refused_signatures(cases: &mut Cases) {
    let good = wallet(1).sign(&full()).to_string();
    let signature = |text: &str| with(&full(), "signature", json!(text));
    for (name, comment, text) in [
        ("no-prefix", "a signature without 0x", &good[2..]),
        ("short", "a signature of 64 bytes", &good[..130]),
        ("letter", "a letter that is no digit", &good.replacen('a', "g", 1)),
    ] {
        cases.refused("shape of the signature", &format!("signature-{name}"), comment, signature(text));
    }
    for v in ["02", "1a", "1d", "25"] {
        let text = format!("{}{v}", &good[..130]);
        cases.refused("recovery id", &format!("signature-v-{v}"), &format!("v is 0x{v}"), signature(&text));
    }
    // n - s with the other v, which recovers the same address.
    let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").expect("hex");
    let s = hex::decode(&good[66..130]).expect("hex");
    let mut high = [0; 32];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let digit = i16::from(order[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(digit < 0);
        high[at] = digit.rem_euclid(256) as u8;
    }
    let v = if &good[130..] == "1b" { "1c" } else { "1b" };
    let twin = format!("{}{}{v}", &good[..66], hex::encode(high));
    cases.refused(
        "high s",
        "signature-high-s",
        "the signature's twin, whose s is above n/2",
        signature(&twin),
    );
    let zero = format!("0x{}1b", "00".repeat(64));
    cases.refused("signer", "signature-zero", "a signature from which no key recovers", signature(&zero));
    cases.refused("signer", "signer", "another wallet's signature", signed(&full(), &wallet(2)));
    let other = wallet(1).sign(&bare()).to_string();
    cases.refused(
        "signer",
        "signature-of-another-statement",
        "the signature of another statement",
        signature(&other),
    );
}

fn refused_contents(cases: &mut Cases) {
    let mine = |text: &str| signed(text, &wallet(1));
    let domain = |to: &str| mine(&replaced(&full(), "http://localhost:3000 wants", &format!("{to} wants")));
    for (name, comment, input) in [
        ("domain", "another domain", domain("evil.example")),
        ("domain-port", "the domain with another port", domain("localhost:3001")),
        ("domain-without-port", "the domain without its port", domain("localhost")),
        ("domain-user", "the domain with a user", domain("user@localhost:3000")),
        ("domain-scheme", "the domain with another scheme", domain("https://localhost:3000")),
        ("domain-case", "the domain in upper case", domain("LOCALHOST:3000")),
    ] {
        cases.refused("domain", name, comment, input);
    }
    let uri = |to: &str| mine(&replaced(&bare(), "URI: http://localhost:3000", &format!("URI: {to}")));
    for (name, comment, to) in [
        ("uri", "a URI of another host", "http://evil.example"),
        ("uri-scheme", "a URI of another scheme", "https://localhost:3000"),
        ("uri-user", "a URI with a user", "http://user@localhost:3000"),
        ("uri-urn", "a URI without a host", "urn:x:y"),
    ] {
        cases.refused("URI", name, comment, uri(to));
    }
    cases.refused("chain", "chain", "none of the chains", with(&full(), "chainIds", json!([10])));
    for (reason, name, comment, now) in [
        (
            "issued in the future",
            "issued-in-future",
            "two minutes and a second before",
            "2026-11-22T09:56:59Z",
        ),
        (
            "issued too long ago",
            "issued-long-ago",
            "seven minutes and a second after",
            "2026-11-22T10:06:01Z",
        ),
        ("expired", "expired", "at the expiration time", "2026-11-22T10:05:00.5Z"),
    ] {
        cases.refused(reason, name, comment, with(&full(), "now", json!(now)));
    }
    let later =
        replaced(&full(), "Not Before: 2026-11-22T09:00:00.000Z", "Not Before: 2026-11-22T10:00:00.001Z");
    cases.refused("not yet", "not-yet", "a thousandth of a second before not-before", mine(&later));
}

fn acts(cases: &mut Cases) {
    let of = |act: &Act, resources: &[&Act]| {
        let lines: String = resources.iter().map(|act| format!("\n- {}", act.resource())).collect();
        let text = if resources.is_empty() { bare() } else { format!("{}\nResources:{lines}", bare()) };
        with(&text, "act", json!(act.resource()))
    };
    let (access, delete) = (Act::Access(SLOT), Act::Delete(SLOT));
    let put = Act::put(SLOT, b"{}");
    let seal_to = Act::SealTo { slot: SLOT, key_sha256: [2; 32] };
    let backup = Act::DeleteBackup(UserId::from_bytes([3; 16]));
    for (name, act) in [("put", &put), ("delete", &delete), ("seal-to", &seal_to), ("backup-delete", &backup)]
    {
        cases.accepted(&format!("{name}-bound"), "a bound act that is named", of(act, &[act]));
        cases.refused("unbound", &format!("{name}-unbound"), "a bound act that is not named", of(act, &[]));
    }
    cases.refused("another act", "another-act", "an act that was not named", of(&access, &[&delete]));
    cases.refused("another act", "two-acts", "an act beside another", of(&access, &[&access, &delete]));
    let other_slot = Act::Access(SlotId::from_bytes([9; 32]));
    cases.refused("another act", "another-slot", "the act on another slot", of(&access, &[&other_slot]));
}

fn of_slh_dsa_keys(cases: &mut Cases) {
    let seed = [7; 96];
    let owner = SigningKey::from_seed(&seed).public_key().owner().to_string();
    let head = |text: &str| {
        text.replace("Ethereum account", "SLH-DSA key").replace(&wallet(1).address().to_string(), &owner)
    };
    let of = |statement: &str| {
        json!({
            "statement": statement,
            "slhDsaSeed": hex::encode(seed),
            "origins": ["http://localhost:3000"],
            "chainIds": [],
            "now": NOW,
        })
    };
    cases.accepted("session", "an SLH-DSA key's statement, with a scope", of(&head(&full())));
    cases.accepted("session-bare", "an SLH-DSA key's statement, without a scope", of(&head(&bare())));
    let other = replaced(&head(&bare()), &owner, &format!("slh-dsa:0x{}", "ab".repeat(32)));
    cases.refused("signer", "session-owner", "another key's statement", of(&other));
    for (name, comment, text, line) in [
        ("wallet", "a wallet's statement", full(), 1),
        ("upper-case", "an owner in upper case", head(&bare()).replace("slh-dsa:0x", "slh-dsa:0X"), 2),
        ("one-blank-line", "one blank line for no statement", head(&bare()).replace("\n\n\n", "\n\n"), 4),
    ] {
        cases.refused(&format!("line {line}"), &format!("session-{name}"), comment, of(&text));
    }
}
