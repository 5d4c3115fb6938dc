//! Wrong bodies, paths and methods get a clear code, and nothing is stored.

use crate::support::{TestVault, client_key, store_body, wallet};
use axum::body::{Body, Bytes};
use axum::http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};
use strongroom::w3pk::{self, Generation};
use strongroom_testkit::rng;

async fn body(vault: &TestVault) -> Value {
    let payload = vault.seal(b"alice's").await.to_json();
    serde_json::from_slice(&store_body(&payload, &[&wallet(1)])).expect("JSON")
}

#[tokio::test]
async fn every_bad_body_has_its_code() {
    let vault = TestVault::new();
    let good = body(&vault).await;
    let rows: &[(&str, Value, (u16, &str))] = &[
        ("/secret", json!("my plaintext"), (400, "not_sealed")),
        ("/secret", json!("{\"some\":\"JSON\"}"), (400, "not_sealed")),
        ("/secret", json!(7), (400, "malformed_payload")),
        ("/secret", json!({}), (400, "malformed_payload")),
        ("/secret", json!({"envelope": "AAAA"}), (400, "malformed_payload")),
        ("/secret/version", json!(3), (400, "malformed_payload")),
        ("/secret/recipients", json!([]), (400, "malformed_payload")),
        ("/secret/iv", json!("not base64!"), (400, "malformed_payload")),
        ("/secret/authTag", json!("AAAA"), (400, "malformed_payload")),
        ("/secret/recipients/1/ciphertext", json!("AAAA"), (400, "malformed_payload")),
        ("/secret/encryptedData", json!("AAAA"), (422, "vault_cannot_open")),
        ("/publicAddresses", json!([]), (400, "malformed_address")),
        (
            "/publicAddresses",
            json!(vec!["0x0000000000000000000000000000000000000001"; 101]),
            (400, "malformed_address"),
        ),
        ("/publicAddresses/0", json!("0x12"), (400, "malformed_address")),
        ("/publicAddresses", json!("0x0000000000000000000000000000000000000001"), (400, "malformed_request")),
        ("/expiresAt", json!("tomorrow"), (400, "malformed_expiry")),
        ("/expiresAt", json!("2020-01-01T00:00:00Z"), (400, "malformed_expiry")),
        ("/expiresAt", json!("9999-12-31T23:59:59-23:59"), (400, "malformed_expiry")),
        ("/expiresAt", json!("9999-12-31 23:59:59Z"), (400, "malformed_expiry")),
        ("/expiresAt", json!(5), (400, "malformed_request")),
    ];
    for (path, value, expected) in rows {
        let mut bad = good.clone();
        if let Some(version) = path.strip_prefix("/secret/version").map(|_| value) {
            bad["secret"]["version"] = version.clone();
        } else if *path == "/expiresAt" {
            bad["expiresAt"] = value.clone();
        } else {
            *bad.pointer_mut(path).expect("a field") = value.clone();
        }
        let answer = vault.call("POST", "/secret/store", &[], bad.to_string().as_bytes()).await;
        assert_eq!(answer.code(), *expected, "{path} = {value:.60}: {}", answer.body["message"]);
    }
    for missing in ["secret", "publicAddresses"] {
        let mut bad = good.clone();
        bad.as_object_mut().expect("an object").remove(missing);
        let answer = vault.call("POST", "/secret/store", &[], bad.to_string().as_bytes()).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{missing}");
    }
    for bad in ["", "x", "[]", "null", r#"[{},[],"2999-01-01T00:00:00Z"]"#] {
        let answer = vault.call("POST", "/secret/store", &[], bad.as_bytes()).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{bad}");
    }
    let stored: i64 =
        vault.database().query_row("SELECT count(*) FROM slot", [], |row| row.get(0)).expect("a count");
    assert_eq!(stored, 0, "a refused body leaves nothing");
}

/// A plaintext that a client sends by mistake does not come back in the answer.
#[tokio::test]
async fn errors_do_not_repeat_what_was_sent() {
    let vault = TestVault::new();
    for body in [
        r#"{"secret":"correct horse battery staple","publicAddresses":[]}"#,
        r#"{"secret":{"iv":"correct horse battery staple"},"publicAddresses":[]}"#,
        r#"{"secret":{},"publicAddresses":"correct horse battery staple"}"#,
        r#"{"correct horse battery staple"}"#,
    ] {
        let answer = vault.call("POST", "/secret/store", &[], body.as_bytes()).await;
        assert_eq!(answer.status, 400);
        assert!(!answer.body.to_string().contains("horse"), "{}", answer.body);
    }
}

/// Guard: bodies are read by `strongroom::json::from_slice`. `serde_json` by itself passes over the
/// bytes of a member that it drops.
#[tokio::test]
async fn a_body_that_is_not_utf_8_is_refused_wherever_the_byte_stands() {
    let vault = TestVault::new();
    let good = body(&vault).await.to_string().replacen('{', r#"{"note":"?","#, 1);
    assert_eq!(vault.call("POST", "/secret/store", &[], good.as_bytes()).await.status, 201);
    let mut bad = good.into_bytes();
    let at = bad.iter().position(|byte| *byte == b'?').expect("the note");
    bad[at] = 0xFF;
    let answer = vault.call("POST", "/secret/store", &[], &bad).await;
    assert_eq!(answer.code(), (400, "malformed_request"), "{}", answer.body);
    let nonce = vault.call("POST", "/auth/nonce", &[], b"{\"note\":\"\xFF\"}").await;
    assert_eq!(nonce.code(), (400, "malformed_request"), "{}", nonce.body);
}

#[tokio::test]
async fn a_secret_may_be_a_string_that_holds_a_payload() {
    let vault = TestVault::new();
    let mut body = body(&vault).await;
    body["secret"] = json!(body["secret"].to_string());
    let stored = vault.call("POST", "/secret/store", &[], body.to_string().as_bytes()).await;
    assert_eq!(vault.access(stored.slot(), &wallet(1)).await.body["secret"], "alice's");
}

#[tokio::test]
async fn an_expiry_may_be_in_lower_case() {
    let vault = TestVault::new();
    let mut body = body(&vault).await;
    body["expiresAt"] = json!("2999-01-01t00:00:00z");
    let stored = vault.call("POST", "/secret/store", &[], body.to_string().as_bytes()).await;
    assert_eq!((stored.status, &stored.body["expiresAt"]), (201, &json!("2999-01-01T00:00:00Z")));
}

#[tokio::test]
async fn addresses_are_taken_in_any_case() {
    let vault = TestVault::new();
    let mut body = body(&vault).await;
    let address = wallet(1).address().to_string();
    body["publicAddresses"] =
        json!([address.to_lowercase(), address.to_uppercase().replace("0X", "0x"), address]);
    let stored = vault.call("POST", "/secret/store", &[], body.to_string().as_bytes()).await;
    // Three spellings of one address are one reader, who owns the slot therefore.
    assert_eq!(vault.delete(stored.slot(), &wallet(1)).await.status, 204);
}

#[tokio::test]
async fn bodies_are_bounded_announced_or_not() {
    let vault = TestVault::with(|config| config.limits.max_body_bytes = 1000);
    let announced = vault.call("POST", "/secret/store", &[], &[b' '; 1001]).await;
    assert_eq!(announced.code(), (413, "body_too_large"));
    let chunks = axum::body::Body::from_stream(Chunks(2));
    let request = Request::post("/secret/store").header("content-type", "application/json").body(chunks);
    assert_eq!(vault.send(request.expect("a request")).await.code(), (413, "body_too_large"));
    let within = vault.call("POST", "/secret/store", &[], &[b' '; 1000]).await;
    assert_eq!(within.code(), (400, "malformed_request"));
}

/// A chunked body of this many chunks, with 600 bytes each.
struct Chunks(usize);

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let left = self.0;
        self.0 = left.saturating_sub(1);
        std::task::Poll::Ready((left > 0).then(|| Ok(Bytes::from_static(&[b' '; 600]))))
    }
}

#[tokio::test]
async fn other_content_routes_and_methods_are_refused_as_json() {
    let vault = TestVault::new();
    let request = |content_type: &'static str| {
        Request::post("/secret/store")
            .header("content-type", content_type)
            .body(Body::from("{}"))
            .expect("a request")
    };
    for content_type in ["text/plain", "application/octet", "application/jsonx"] {
        let answer = vault.send(request(content_type)).await;
        assert_eq!(answer.code(), (415, "unsupported_media_type"), "{content_type}");
    }
    let json = vault.send(request("Application/JSON; charset=utf-8")).await;
    assert_eq!(json.code(), (400, "malformed_request"));
    for (method, path, expected) in [
        ("GET", "/", (404, "no_such_route")),
        ("GET", "/secret", (404, "no_such_route")),
        ("GET", "/secret/store", (405, "method_not_allowed")),
        ("PATCH", "/auth/nonce", (405, "method_not_allowed")),
        ("GET", "/secret/access/", (404, "no_such_route")),
    ] {
        let answer = vault.call(method, path, &[], b"").await;
        assert_eq!(answer.code(), expected, "{method} {path}");
        let fields: Vec<_> = answer.body.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(fields, ["code", "message", "requestId", "statusCode"]);
        assert_eq!(answer.body["requestId"], answer.headers["x-request-id"].to_str().expect("ASCII"));
    }
    let nonce = vault.call("POST", "/auth/nonce", &[], br#"{"address":"0x1"}"#).await;
    assert_eq!(nonce.code(), (400, "malformed_address"));
    for path in ["/secret/access/xyz", "/secret/access/%FF", &format!("/secret/access/{}", "A".repeat(64))] {
        let headers = vault.sign(&wallet(1), &[]).await;
        assert_eq!(vault.call("GET", path, &headers, b"").await.code(), (404, "slot_not_found"), "{path}");
    }
}

#[tokio::test]
async fn recipients_are_bounded() {
    let vault = TestVault::new();
    let mut body = body(&vault).await;
    let key = client_key(1).encapsulation_key();
    let one = w3pk::seal(b"", &[key], Generation::First, &mut rng()).expect("one recipient").to_json();
    let entry = serde_json::from_str::<Value>(&one).expect("JSON")["recipients"][0].clone();
    body["secret"]["recipients"] = json!(vec![entry; 257]);
    let answer = vault.call("POST", "/secret/store", &[], body.to_string().as_bytes()).await;
    assert_eq!(answer.code(), (400, "malformed_payload"));
}

#[tokio::test]
async fn health_and_version_answer() {
    let vault = TestVault::new();
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(vault.call("GET", path, &[], b"").await.body, json!({ "status": "ok" }), "{path}");
    }
    assert_eq!(vault.call("GET", "/version", &[], b"").await.body["name"], "strongroom");
}

/// Any bytes as a body, and any altered good body, get an answer below 500 in the usual shape.
#[test]
fn no_body_is_a_defect() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let vault = TestVault::new();
    let good = runtime.block_on(body(&vault)).to_string().into_bytes();
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    proptest!(|(noise in prop::collection::vec(any::<u8>(), 0..64), edits in prop::collection::vec(edit, 1..4))| {
        let mut altered = good.clone();
        for (at, byte, how) in edits {
            let at = at.index(altered.len());
            match how {
                0 => altered[at] = byte,
                1 => altered.insert(at, byte),
                _ => drop(altered.remove(at)),
            }
        }
        for body in [noise, altered] {
            for path in ["/secret/store", "/auth/nonce"] {
                let answer = runtime.block_on(vault.call("POST", path, &[], &body));
                prop_assert!(answer.status < 500, "{}", answer.body);
                prop_assert!(answer.status < 300 || answer.body["code"].is_string());
            }
        }
    });
}
