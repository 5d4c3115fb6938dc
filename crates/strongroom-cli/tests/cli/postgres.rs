//! Servers that share a store in PostgreSQL and a root.

use crate::Place;
use crate::serve::Server;
use strongroom::encoding::base64;
use strongroom::sign_in::Draft;
use strongroom::wallet::WalletKey;
use strongroom_testkit::postgres::TempPostgres;

const KEY: [u8; 32] = [0x11; 32];

/// Two machines with a data directory each and one root file, and their database.
struct Case {
    postgres: TempPostgres,
    paths: [Place; 2],
}

impl Case {
    fn new() -> Self {
        let paths = [(); 2].map(|()| Place::new());
        for place in &paths {
            place.write("wallet", "11".repeat(32));
        }
        Self { postgres: TempPostgres::start(), paths }
    }

    fn start(&self, at: usize) -> Server {
        let (url, root) = (self.postgres.url("vault"), self.paths[0].text_path("shared-root"));
        Server::start(&self.paths[at], &["--database-url", &url, "--root-file", &root], &[])
    }

    /// The run of a server that does not start.
    fn refused(&self, arguments: &[&str]) -> crate::Run {
        let url = self.postgres.url("vault");
        let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--database-url", &url];
        self.paths[1].run(&[&serve, arguments].concat(), "")
    }

    fn secret(&self, server: &Server, verb: &str, arguments: &[&str], stdin: &str) -> crate::Run {
        let head = ["secret", verb, "--allow-no-tee", "--server", &server.url, "--wallet-file", "wallet"];
        self.paths[0].run(&[&head, arguments].concat(), stdin)
    }
}

#[test]
fn what_one_server_stores_the_other_opens() {
    let case = Case::new();
    let [one, other] = [case.start(0), case.start(1)];
    assert_eq!(one.get("/attestation")["vaultId"], other.get("/attestation")["vaultId"]);
    let slot = case.secret(&one, "put", &[], "for both").ok_text();
    assert_eq!(case.secret(&other, "open", &[&slot], "").ok(), b"for both");
    assert_eq!(case.secret(&other, "rm", &[&slot], "").ok(), b"");
    case.secret(&one, "open", &[&slot], "").fails(1, "slot_not_found");
    for place in &case.paths {
        assert!(!place.path("data/vault.sqlite").exists() && !place.path("data/root.sealed").exists());
    }
}

/// Guard: nonces are spent in the shared store, and every server accepts the others' nonces
/// (vault.rs, `is_shared`).
#[test]
fn a_sign_in_serves_once_whichever_server_it_is_shown_to() {
    let case = Case::new();
    let servers = [case.start(0), case.start(1)];
    let wallet = WalletKey::from_bytes(&KEY).expect("a scalar");
    let list = |server: &Server, message: &str, signature: &str| {
        let agent = ureq::Agent::from(ureq::Agent::config_builder().http_status_as_error(false).build());
        let asked = agent
            .get(format!("{}/secret/slots", server.url))
            .header("x-siwe-message", message)
            .header("x-siwe-signature", signature);
        let mut answer = asked.call().expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    };
    for (issuer, first, second) in [(0, 0, 1), (0, 1, 0), (1, 0, 1)] {
        let issued = ureq::post(format!("{}/auth/nonce", servers[issuer].url)).send_empty();
        let issued = issued.expect("an answer").body_mut().read_to_string().expect("text");
        let issued: serde_json::Value = serde_json::from_str(&issued).expect("JSON");
        let draft = Draft {
            domain: "localhost",
            address: wallet.address(),
            statement: None,
            uri: "http://localhost",
            chain_id: 1,
            nonce: issued["nonce"].as_str().expect("a nonce"),
            issued_at: time::OffsetDateTime::now_utc(),
            expiration_time: None,
            resources: vec![],
        };
        let text = draft.write().expect("a valid draft").to_string();
        let (message, signature) = (base64(text.as_bytes()), wallet.sign(&text).to_string());
        let (status, body) = list(&servers[first], &message, &signature);
        assert_eq!(status, 200, "{body}");
        let (status, body) = list(&servers[second], &message, &signature);
        assert!(status == 401 && body.contains("nonce_spent"), "{status} {body}");
    }
}

/// Guard: the store remembers its vault (the store's `open`).
#[test]
fn another_vaults_root_is_refused_with_a_hint() {
    let case = Case::new();
    drop(case.start(0));
    drop(Server::start(&case.paths[1], &[], &[]));
    let foreign = case.refused(&[]);
    assert!(
        foreign.stderr.contains("hint: name the root file of this store's vault with --root-file"),
        "{}",
        foreign.stderr
    );
    assert_eq!((foreign.code, foreign.stdout.len()), (2, 0), "{}", foreign.stderr);
    assert_eq!(case.postgres.sql("vault", "SELECT count(*) FROM strongroom.vault"), "1");
}

/// Guard: no root is made if there is a store (`strongroom_root::Opening`).
#[test]
fn a_store_without_its_root_gets_no_new_one() {
    let case = Case::new();
    drop(case.start(0));
    for arguments in [&[][..], &["--root-file", "new-root"]] {
        let refused = case.refused(arguments);
        assert!(refused.stderr.contains("hint: restore the root file"), "{}", refused.stderr);
        assert!(refused.stderr.contains("the database holds a store and no root"), "{}", refused.stderr);
        assert_eq!(refused.code, 2);
    }
    assert!(!case.paths[1].path("data/root.sealed").exists() && !case.paths[1].path("new-root").exists());
}

/// Guard: a commit is durable (the store checks the database's settings).
#[test]
fn a_database_that_forgets_at_a_power_cut_is_refused() {
    let postgres = TempPostgres::with(&["fsync=off"]);
    let place = Place::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--database-url", &postgres.url("vault")];
    let refused = place.run(&serve, "");
    assert!(refused.stderr.contains("hint: set it to on in postgresql.conf"), "{}", refused.stderr);
    assert_eq!(refused.code, 2);
}
