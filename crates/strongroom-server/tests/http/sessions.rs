//! Sessions of SLH-DSA keys. A statement is traded once, for the acts that it names, for ten
//! minutes.

use crate::backups::native;
use crate::support::{Answer, ORIGIN, TestVault, wallet};
use serde_json::json;
use strongroom::backup::{Keys, UserId};
use strongroom::envelope;
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom::sign_in::{Act, Draft};
use strongroom::slh_dsa::{Context, Owner};
use strongroom_testkit::rng;
use time::Duration;

const USER: UserId = UserId::from_bytes([0xAB; 16]);

fn draft<'a>(vault: &TestVault, keys: &Keys, nonce: &'a str, acts: &[Act]) -> Draft<'a, Owner> {
    Draft {
        domain: "localhost:3000",
        address: keys.public_key().owner(),
        statement: None,
        uri: ORIGIN,
        chain_id: 1,
        nonce,
        issued_at: vault.now(),
        expiration_time: None,
        resources: acts.iter().map(Act::resource).collect(),
    }
}

fn body(text: &str, keys: &Keys, context: Context) -> String {
    let signature = keys.signing_key().sign(context, text.as_bytes()).to_string();
    json!({ "message": text, "publicKey": keys.public_key().to_string(), "signature": signature }).to_string()
}

async fn trade(vault: &TestVault, body: &str) -> Answer {
    vault.call("POST", "/auth/session", &[], body.as_bytes()).await
}

/// The header of a session for these acts.
async fn session(vault: &TestVault, keys: &Keys, acts: &[Act]) -> Vec<(&'static str, String)> {
    let nonce = vault.nonce().await;
    let text = draft(vault, keys, &nonce, acts).write().expect("valid").to_string();
    let answer = trade(vault, &body(&text, keys, Context::SESSION)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    vec![("authorization", format!("Bearer {}", answer.body["token"].as_str().expect("a token")))]
}

fn list(keys: &Keys) -> String {
    format!("/backups/{}", keys.public_key())
}

#[tokio::test]
async fn a_session_serves_its_key_for_ten_minutes() {
    let vault = TestVault::new();
    let (keys, others) = (native(0), native(1));
    let token = session(&vault, &keys, &[]).await;
    for _ in 0..3 {
        let listed = vault.call("GET", &list(&keys), &token, b"").await;
        assert_eq!((listed.status, &listed.body["backups"]), (200, &json!([])));
    }
    let versions = vault.call("GET", &format!("{}/users/{USER}/versions", list(&keys)), &token, b"").await;
    assert_eq!(
        versions.body,
        json!({ "versions": [], "next": { "counter": 1, "previous": "00".repeat(32) } })
    );
    let absent = vault.call("GET", &format!("{}/users/{USER}", list(&keys)), &token, b"").await;
    assert_eq!(absent.code(), (404, "backup_not_found"));
    assert_eq!(
        vault.call("GET", &list(&others), &token, b"").await.code(),
        (401, "sign_in_for_another_act"),
        "another key's"
    );
    vault.pass_time(Duration::minutes(10));
    assert_eq!(vault.call("GET", &list(&keys), &token, b"").await.code(), (401, "session_expired"));
}

/// Guard: a session allows only what was signed (sign_in/sessions.rs, `allows`).
#[tokio::test]
async fn a_session_serves_the_acts_of_its_scope() {
    let vault = TestVault::new();
    let keys = native(0);
    let path = format!("{}/users/{USER}", list(&keys));
    let other = (401, "sign_in_for_another_act");
    let open = session(&vault, &keys, &[]).await;
    assert_eq!(vault.call("DELETE", &path, &open, b"").await.code(), other, "deleting must be named");
    let reading = session(&vault, &keys, &[Act::Backups]).await;
    assert_eq!(vault.call("GET", &list(&keys), &reading, b"").await.status, 200);
    assert_eq!(vault.call("GET", "/secret/slots", &reading, b"").await.code(), other);
    let deleting = session(&vault, &keys, &[Act::DeleteBackup(USER)]).await;
    assert_eq!(vault.call("DELETE", &path, &deleting, b"").await.status, 200);
    assert_eq!(vault.call("GET", &list(&keys), &deleting, b"").await.code(), other);
    let elsewhere = format!("{}/users/{}", list(&keys), UserId::from_bytes([1; 16]));
    assert_eq!(vault.call("DELETE", &elsewhere, &deleting, b"").await.code(), other);
}

/// Guard: key, context, origin, times and nonce are checked (`SlhDsaStatement::verify` of
/// `strongroom`; sign_in/checks.rs, `start_session`).
#[tokio::test]
async fn a_statement_is_traded_once_by_its_key_for_this_vault() {
    let vault = TestVault::new();
    let (keys, others) = (native(0), native(1));
    let nonce = vault.nonce().await;
    let text = draft(&vault, &keys, &nonce, &[]).write().expect("valid").to_string();
    let bad = (401, "bad_signature");
    assert_eq!(trade(&vault, &body(&text, &keys, Context::BACKUP)).await.code(), bad);
    assert_eq!(trade(&vault, &body(&text, &others, Context::SESSION)).await.code(), bad);
    let elsewhere = Draft { uri: "http://evil.example", ..draft(&vault, &keys, &nonce, &[]) };
    let elsewhere = elsewhere.write().expect("valid").to_string();
    let wrong_domain = (401, "sign_in_wrong_domain");
    assert_eq!(trade(&vault, &body(&elsewhere, &keys, Context::SESSION)).await.code(), wrong_domain);
    let good = body(&text, &keys, Context::SESSION);
    assert_eq!(trade(&vault, &good).await.status, 201, "no refusal has used the nonce up");
    assert_eq!(trade(&vault, &good).await.code(), (401, "nonce_spent"));
    // A key cannot use a nonce for a wallet, nor one that the vault did not issue.
    let address = json!({ "address": wallet(1).address().to_string() }).to_string();
    let issued = vault.call("POST", "/auth/nonce", &[], address.as_bytes()).await;
    for nonce in [issued.body["nonce"].as_str().expect("a nonce"), "abcdefgh"] {
        let text = draft(&vault, &keys, nonce, &[]).write().expect("valid").to_string();
        let answer = trade(&vault, &body(&text, &keys, Context::SESSION)).await;
        assert_eq!(answer.code(), (401, "nonce_unknown"));
    }
    let nonce = vault.nonce().await;
    let text = draft(&vault, &keys, &nonce, &[]).write().expect("valid").to_string();
    let late = body(&text, &keys, Context::SESSION);
    vault.pass_time(Duration::minutes(8));
    assert_eq!(trade(&vault, &late).await.code(), (401, "sign_in_expired"));
}

#[tokio::test]
async fn what_is_no_session_is_refused_by_name() {
    let vault = TestVault::new();
    let keys = native(0);
    let key = keys.public_key().to_string();
    let signature = format!("0x{}", "00".repeat(49_856));
    let send = async |message: &str, key: &str, signature: &str| {
        let body = json!({ "message": message, "publicKey": key, "signature": signature }).to_string();
        let answer = trade(&vault, &body).await;
        (answer.status, answer.body["code"].as_str().expect("a code").to_owned())
    };
    let nonce = vault.nonce().await;
    let text = draft(&vault, &keys, &nonce, &[]).write().expect("valid").to_string();
    let is = |status, code: &str| (status, code.to_owned());
    assert_eq!(send("hello", &key, &signature).await, is(401, "sign_in_malformed"));
    assert_eq!(send(&text, &key[..128], &signature).await, is(400, "malformed_public_key"));
    assert_eq!(send(&text, &key, &signature[..99_712]).await, is(400, "malformed_signature"));
    assert_eq!(send(&text, &key, &signature).await, is(401, "bad_signature"));
    assert_eq!(trade(&vault, "{}").await.code(), (400, "malformed_request"));

    let token = session(&vault, &keys, &[]).await[0].1.clone();
    let get = async |value: String| {
        let answer = vault.call("GET", &list(&keys), &[("authorization", value)], b"").await;
        (answer.status, answer.body["code"].as_str().expect("a code").to_owned())
    };
    assert_eq!(get(format!("{token}A")).await, is(401, "session_malformed"));
    assert_eq!(get(token[..token.len() - 1].to_owned()).await, is(401, "session_malformed"));
    assert_eq!(
        get(format!("Bearer strongroom-session-1{}", "A".repeat(3000))).await,
        is(431, "header_too_large")
    );
    // A token that is not the vault's is ignored.
    for other in ["Bearer abc", "Basic abc", "Bearer"] {
        assert_eq!(get(other.to_owned()).await, is(401, "sign_in_required"));
    }
}

/// A policy's SLH-DSA reader and owner sign in by sessions.
#[tokio::test]
async fn an_slh_dsa_principal_opens_replaces_and_forgets_a_secret() {
    let vault = TestVault::new();
    let (keys, others) = (native(0), native(1));
    let me = Principal::from(keys.public_key().owner());
    let audience: [u8; 32] = {
        let evidence = vault.call("GET", "/secret/attestation", &[], b"").await;
        hex::decode(evidence.body["vaultId"].as_str().expect("an id")).expect("hex").try_into().expect("32")
    };
    let key = vault.vault_key().await;
    let seal = |text: &[u8]| {
        let policy = EnvelopePolicy {
            readers: vec![me],
            owners: vec![me],
            audience: Some(audience),
            ..EnvelopePolicy::default()
        };
        let sealed = envelope::seal(text, &[key.clone().into()], policy, &mut rng()).expect("a recipient");
        strongroom::SealedSecret::from(sealed).to_json()
    };
    let store = |text: &[u8]| format!(r#"{{"secret":{}}}"#, seal(text)).into_bytes();
    let mine = session(&vault, &keys, &[]).await;
    let slot = vault.call("POST", "/secret/store", &mine, &store(b"first")).await.slot();
    let path = format!("/secret/access/{slot}");
    assert_eq!(vault.call("GET", &path, &mine, b"").await.body["secret"], "first");
    let listed = vault.call("GET", "/secret/slots", &mine, b"").await;
    assert_eq!(listed.body["slots"][0]["slot"], slot.to_string());
    let theirs = session(&vault, &others, &[]).await;
    assert_eq!(vault.call("GET", &path, &theirs, b"").await.code(), (404, "slot_not_found"));
    let mut unbound = mine.clone();
    let body = store(b"second");
    unbound.push(("if-match", "\"1\"".to_owned()));
    let put = format!("/secret/envelope/{slot}");
    assert_eq!(vault.call("PUT", &put, &unbound, &body).await.code(), (401, "sign_in_for_another_act"));
    let mut bound = session(&vault, &keys, &[Act::put(slot, &body), Act::Delete(slot)]).await;
    bound.push(("if-match", "\"1\"".to_owned()));
    assert_eq!(vault.call("PUT", &put, &bound, &body).await.status, 200);
    assert_eq!(vault.call("GET", &path, &mine, b"").await.body["secret"], "second");
    assert_eq!(vault.call("DELETE", &format!("/secret/{slot}"), &bound, b"").await.status, 204);
}

#[tokio::test]
async fn a_wallets_headers_count_beside_somebody_elses_authorization() {
    let vault = TestVault::new();
    let payload = vault.seal(b"alice's").await.to_json();
    let gateway = ("authorization", "Bearer of-a-gateway".to_owned());
    let slot = vault.store_signed(&payload, &[&wallet(1)], std::slice::from_ref(&gateway)).await.slot();
    let mut headers = vault.sign(&wallet(1), &[]).await;
    headers.push(gateway);
    let opened = vault.call("GET", &format!("/secret/access/{slot}"), &headers, b"").await;
    assert_eq!(opened.body["secret"], "alice's");
    // If a session's token is there too, the wallet's headers count.
    let token = session(&vault, &native(0), &[]).await.remove(0);
    let mut headers = vault.sign(&wallet(1), &[]).await;
    headers.push(token);
    assert_eq!(vault.call("GET", &format!("/secret/access/{slot}"), &headers, b"").await.status, 200);
}
