//! Signing in: for every check of spec/sign-in.md §6, a request that fails only that check.

use crate::support::{Answer, ORIGIN, TestVault, wallet};
use strongroom::SlotId;
use strongroom::encoding::base64;
use strongroom::sign_in::{Act, Draft};
use strongroom::wallet::WalletKey;
use time::Duration;

struct Case {
    vault: TestVault,
    alice: WalletKey,
    slot: SlotId,
}

impl Case {
    async fn new() -> Self {
        Self::with(TestVault::new()).await
    }

    async fn with(vault: TestVault) -> Self {
        let alice = wallet(1);
        let payload = vault.seal(b"alice's").await.to_json();
        let slot = vault.store(&payload, &[&alice]).await.slot();
        Self { vault, alice, slot }
    }

    async fn with_headers(&self, headers: &[(&str, String)]) -> Answer {
        self.vault.call("GET", &format!("/secret/access/{}", self.slot), headers, b"").await
    }

    async fn with_draft(&self, change: impl FnOnce(&mut Draft<'_>)) -> Answer {
        let nonce = self.vault.nonce().await;
        let mut draft = self.vault.draft(&self.alice, &nonce);
        change(&mut draft);
        self.with_headers(&self.vault.sign_draft(&self.alice, draft)).await
    }
}

#[tokio::test]
async fn headers_are_there_whole_and_bounded() {
    let case = Case::new().await;
    let good = case.vault.sign(&case.alice, &[]).await;
    assert_eq!(case.with_headers(&[]).await.code(), (401, "sign_in_required"));
    for header in &good {
        assert_eq!(case.with_headers(std::slice::from_ref(header)).await.code(), (401, "sign_in_required"));
    }
    let replaced = |at: usize, value: String| {
        let mut headers = good.clone();
        headers[at].1 = value;
        headers
    };
    for message in ["!", "AAAA", &good[0].1[1..]] {
        let answer = case.with_headers(&replaced(0, message.to_owned())).await;
        assert_eq!(answer.code(), (401, "sign_in_malformed"), "{message:.20}");
    }
    for signature in ["0x", &good[1].1[2..], &good[1].1[..130], &good[1].1.replace("0x", "0y")] {
        let answer = case.with_headers(&replaced(1, signature.to_owned())).await;
        assert_eq!(answer.code(), (401, "sign_in_malformed"), "{signature}");
    }
    let long = case.with_headers(&replaced(0, "A".repeat(8193))).await;
    assert_eq!(long.code(), (431, "header_too_large"));
    let twice = [&good[..], &good[..1]].concat();
    assert_eq!(case.with_headers(&twice).await.code(), (401, "sign_in_malformed"));
    // None of these refusals spent the nonce.
    assert_eq!(case.with_headers(&good).await.body["secret"], "alice's");
}

/// Guard: `check_origin` in `WalletStatement::verify`. The Host header is never read.
#[tokio::test]
async fn statements_for_other_sites_are_refused() {
    let case = Case::new().await;
    for domain in ["evil.example", "localhost", "localhost:3001", "user@localhost:3000"] {
        let answer = case.with_draft(|draft| draft.domain = domain).await;
        assert_eq!(answer.code(), (401, "sign_in_wrong_domain"), "{domain}");
    }
    for uri in ["http://evil.example", "https://localhost:3000", "urn:x:y"] {
        let answer = case.with_draft(|draft| draft.uri = uri).await;
        assert_eq!(answer.code(), (401, "sign_in_wrong_domain"), "{uri}");
    }
    let nonce = case.vault.nonce().await;
    let foreign =
        Draft { domain: "evil.example", uri: "http://evil.example", ..case.vault.draft(&case.alice, &nonce) };
    let mut headers = case.vault.sign_draft(&case.alice, foreign);
    headers.push(("host", "evil.example".to_owned()));
    assert_eq!(case.with_headers(&headers).await.code(), (401, "sign_in_wrong_domain"));
}

#[tokio::test]
async fn chains_and_times_are_checked() {
    let case = Case::with(TestVault::with(|config| config.chain_ids = vec![1, 10])).await;
    assert_eq!(case.with_draft(|draft| draft.chain_id = 10).await.status, 200);
    assert_eq!(case.with_draft(|draft| draft.chain_id = 5).await.code(), (401, "sign_in_wrong_chain"));
    let expired = (401, "sign_in_expired");
    assert_eq!(case.with_draft(|draft| draft.issued_at += Duration::minutes(3)).await.code(), expired);
    assert_eq!(case.with_draft(|draft| draft.issued_at -= Duration::minutes(8)).await.code(), expired);
    assert_eq!(case.with_draft(|draft| draft.expiration_time = Some(draft.issued_at)).await.code(), expired);
}

/// RFC 3339 lets a writer choose; what was signed stays as it is.
#[tokio::test]
async fn a_time_in_lower_case_signs_in() {
    let case = Case::new().await;
    let nonce = case.vault.nonce().await;
    let text = case.vault.draft(&case.alice, &nonce).write().expect("a valid draft").to_string();
    let (before, issued_at) = text.split_once("Issued At: ").expect("the time");
    let text = format!("{before}Issued At: {}", issued_at.to_lowercase());
    assert!(text.ends_with('z'), "{text}");
    let headers = [
        ("x-siwe-message", base64(text.as_bytes())),
        ("x-siwe-signature", case.alice.sign(&text).to_string()),
    ];
    assert_eq!(case.with_headers(&headers).await.body["secret"], "alice's");
}

/// Guard: the recovered address is compared (`WalletStatement::verify` of `strongroom`).
#[tokio::test]
async fn another_wallets_signature_is_refused() {
    let case = Case::new().await;
    let nonce = case.vault.nonce().await;
    let mallory = wallet(2);
    let draft = case.vault.draft(&case.alice, &nonce);
    let headers = case.vault.sign_draft(&mallory, draft);
    assert_eq!(case.with_headers(&headers).await.code(), (401, "wrong_signer"));
    // Mallory can sign in with their own wallet, but is not a reader.
    let headers = case.vault.sign(&mallory, &[]).await;
    assert_eq!(case.with_headers(&headers).await.code(), (404, "slot_not_found"));
}

/// Guard: `spend` in `SignIns::verify` (sign_in/checks.rs).
#[tokio::test]
async fn a_captured_sign_in_serves_once() {
    let case = Case::new().await;
    let headers = case.vault.sign(&case.alice, &[]).await;
    assert_eq!(case.with_headers(&headers).await.status, 200);
    assert_eq!(case.with_headers(&headers).await.code(), (401, "nonce_spent"));
    let listed = case.vault.call("GET", "/secret/slots", &headers, b"").await;
    assert_eq!(listed.code(), (401, "nonce_spent"));
}

#[tokio::test]
async fn fifty_copies_at_once_are_one_sign_in() {
    let case = std::sync::Arc::new(Case::new().await);
    let headers = case.vault.sign(&case.alice, &[]).await;
    let mut copies = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (case, headers) = (case.clone(), headers.clone());
        copies.spawn(async move { case.with_headers(&headers).await.status });
    }
    let statuses = copies.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 49);
}

/// Guard: the resource is compared (`check_act` in sign_in/verify.rs of `strongroom`).
#[tokio::test]
async fn a_captured_sign_in_serves_no_other_act() {
    let case = Case::new().await;
    let slot = case.slot;
    let delete = format!("/secret/{slot}");
    for act in [Act::Access(slot), Act::Slots, Act::Envelope(slot), Act::Delete(SlotId::from_bytes([9; 32]))]
    {
        let headers = case.vault.sign(&case.alice, &[act]).await;
        let answer = case.vault.call("DELETE", &delete, &headers, b"").await;
        assert_eq!(answer.code(), (401, "sign_in_for_another_act"), "{act:?}");
    }
    let for_deletion = case.vault.sign(&case.alice, &[Act::Delete(slot)]).await;
    assert_eq!(case.with_headers(&for_deletion).await.code(), (401, "sign_in_for_another_act"));
    let plain = case.vault.sign(&case.alice, &[]).await;
    let answer = case.vault.call("DELETE", &delete, &plain, b"").await;
    assert_eq!(answer.code(), (401, "sign_in_for_another_act"));
    assert_eq!(case.vault.call("DELETE", &delete, &for_deletion, b"").await.status, 204);
}

#[tokio::test]
async fn nonces_are_the_vaults_own_fresh_and_perhaps_one_wallets() {
    let case = Case::new().await;
    let with_nonce = async |nonce: &str| {
        let draft = case.vault.draft(&case.alice, nonce);
        case.with_headers(&case.vault.sign_draft(&case.alice, draft)).await
    };
    assert_eq!(with_nonce("abcdefgh").await.code(), (401, "nonce_unknown"));
    assert_eq!(with_nonce(&"0".repeat(80)).await.code(), (401, "nonce_unknown"));
    let other_vault = TestVault::new();
    assert_eq!(with_nonce(&other_vault.nonce().await).await.code(), (401, "nonce_unknown"));
    // A longer text that contains a nonce is another nonce.
    let nonce = case.vault.nonce().await;
    assert_eq!(with_nonce(&format!("{nonce}00")).await.code(), (401, "nonce_unknown"));
    assert_eq!(with_nonce(&nonce.to_uppercase()).await.status, 200);
    assert_eq!(with_nonce(&nonce).await.code(), (401, "nonce_spent"), "the same nonce in other letters");

    let body = format!(r#"{{"address":"{}"}}"#, wallet(2).address());
    let issued = case.vault.call("POST", "/auth/nonce", &[], body.as_bytes()).await;
    assert_eq!(issued.status, 201);
    let bobs = issued.body["nonce"].as_str().expect("a nonce");
    assert_eq!(with_nonce(bobs).await.code(), (401, "nonce_unknown"));

    let old = case.vault.nonce().await;
    case.vault.pass_time(Duration::seconds(301));
    assert_eq!(with_nonce(&old).await.code(), (401, "nonce_expired"));
}

#[tokio::test]
async fn storing_may_need_a_sign_in() {
    let vault = TestVault::with(|config| config.require_sign_in_to_store = true);
    let payload = vault.seal(b"alice's").await.to_json();
    assert_eq!(vault.store(&payload, &[&wallet(1)]).await.code(), (401, "sign_in_required"));
    let sign_in = vault.sign(&wallet(1), &[]).await;
    assert_eq!(vault.store_signed(&payload, &[&wallet(1)], &sign_in).await.status, 201);
}

/// A sign-in is checked even if storing needs none. Otherwise a typo would cost the owner their
/// slot.
#[tokio::test]
async fn a_bad_sign_in_on_a_store_request_is_refused() {
    let vault = TestVault::new();
    let payload = vault.seal(b"alice's").await.to_json();
    let message = base64(b"no statement");
    let headers = [("x-siwe-message", message), ("x-siwe-signature", wallet(1).sign("x").to_string())];
    let answer = vault.store_signed(&payload, &[&wallet(1)], &headers).await;
    assert_eq!(answer.code(), (401, "sign_in_malformed"));
}

#[tokio::test]
async fn w3pks_statement_with_one_blank_line_signs_in() {
    let case = Case::new().await;
    let nonce = case.vault.nonce().await;
    let draft = Draft { statement: None, ..case.vault.draft(&case.alice, &nonce) };
    let text = draft.write().expect("a valid draft").to_string().replace("\n\n\n", "\n\n");
    assert!(text.contains(ORIGIN));
    let headers = [
        ("x-siwe-message", base64(text.as_bytes())),
        ("x-siwe-signature", case.alice.sign(&text).to_string()),
    ];
    assert_eq!(case.with_headers(&headers).await.body["secret"], "alice's");
}
