//! A vault for tests, in process or on a socket. Store and root are real, and a test can move the
//! clock.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom::sign_in::{Act, Draft};
use strongroom::w3pk::{self, Generation, Payload};
use strongroom::wallet::WalletKey;
use strongroom::{SlotId, encoding};
use strongroom_client::{AppraisalPolicy, VerifiedVault};
use strongroom_root::{Attestor, OpenedRoot, PlainSealer, Platform, RootAccess, open_or_create};
use strongroom_server::config::sign_in_origins;
use strongroom_server::limits::Limits;
use strongroom_server::{Clock, Config, DataDir, Listeners, Tls, Vault, app, serve};
use strongroom_store::{SqliteStore, Store};
use strongroom_testkit::rng;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

pub(crate) const ORIGIN: &str = "http://localhost:3000";

pub(crate) fn wallet(n: u8) -> WalletKey {
    WalletKey::from_bytes(&[n; 32]).expect("a scalar")
}

pub(crate) fn client_key(n: u8) -> DecapsulationKey {
    DecapsulationKey::from_seed(&[n; 64])
}

/// A vault that answers calls in process.
pub(crate) struct TestVault {
    vault: Vault,
    app: Router,
    clock_offset_s: Arc<AtomicI64>,
    folder: TempDir,
    _data_dir: DataDir,
}

/// The answer to a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body; a string if it is not JSON.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or("-"))
    }

    pub(crate) fn slot(&self) -> SlotId {
        assert_eq!(self.status, 201, "{}", self.body);
        self.body["slot"].as_str().expect("a slot").parse().expect("a slot")
    }

    pub(crate) fn etag(&self) -> String {
        self.headers["etag"].to_str().expect("ASCII").to_owned()
    }
}

pub(crate) fn unlimited() -> Limits {
    Limits {
        address_rate: None,
        wallet_rate: None,
        verification_rate: None,
        backups_an_hour: None,
        anonymous_bytes_a_day: None,
        ..Limits::default()
    }
}

fn open_vault(folder: &TempDir, config: Config) -> (Vault, DataDir, Arc<AtomicI64>) {
    let (data_dir, opened) = open_root(folder);
    let store =
        SqliteStore::open(&data_dir.store_file(), opened.root.vault_id().as_bytes()).expect("a store");
    let (vault, clock_offset_s) = vault_on(Arc::new(store), opened, config);
    (vault, data_dir, clock_offset_s)
}

fn open_root(folder: &TempDir) -> (DataDir, OpenedRoot) {
    let data_dir = DataDir::open(&folder.path().join("data")).expect("a data directory");
    let opened =
        open_or_create(&data_dir.root_file(), &PlainSealer, None, &RootAccess::default(), &mut rng())
            .expect("a root");
    (data_dir, opened)
}

fn vault_on(store: Arc<dyn Store>, opened: OpenedRoot, config: Config) -> (Vault, Arc<AtomicI64>) {
    let clock_offset_s = Arc::new(AtomicI64::new(0));
    let offset = Arc::clone(&clock_offset_s);
    let clock =
        Clock::new(move || OffsetDateTime::now_utc() + Duration::seconds(offset.load(Ordering::Relaxed)));
    (Vault::new(opened, Arc::new(Attestor::new(Platform::None)), store, config, clock), clock_offset_s)
}

impl TestVault {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(vec![ORIGIN.parse().expect("an origin")]);
        // Every test is one client that asks much. Tests of limits set their own.
        config.limits = unlimited();
        change(&mut config);
        let folder = tempfile::tempdir().expect("a folder");
        let (vault, data_dir, clock_offset_s) = open_vault(&folder, config);
        Self { app: app(vault.clone()), vault, clock_offset_s, folder, _data_dir: data_dir }
    }

    /// A vault on the store that `open` returns for the vault's id.
    pub(crate) async fn on(open: impl AsyncFnOnce([u8; 32]) -> Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (data_dir, opened) = open_root(&folder);
        let store = open(*opened.root.vault_id().as_bytes()).await;
        let config = Config { limits: unlimited(), ..Config::new(vec![ORIGIN.parse().expect("an origin")]) };
        let (vault, clock_offset_s) = vault_on(store, opened, config);
        Self { app: app(vault.clone()), vault, clock_offset_s, folder, _data_dir: data_dir }
    }

    pub(crate) fn pass_time(&self, duration: Duration) {
        self.clock_offset_s.fetch_add(duration.whole_seconds(), Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        let now = OffsetDateTime::now_utc() + Duration::seconds(self.clock_offset_s.load(Ordering::Relaxed));
        now.replace_nanosecond(0).expect("zero is a nanosecond")
    }

    /// The database as its administrator sees it.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        let path: PathBuf = self.folder.path().join("data/vault.sqlite");
        rusqlite::Connection::open(path).expect("the database")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let is_json = parts.headers.get("content-type").is_none_or(|is| is == "application/json");
        let body = match &body[..] {
            [] => Value::Null,
            json if is_json => serde_json::from_slice(json).expect("JSON"),
            text => std::str::from_utf8(text).expect("text").into(),
        };
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The body of an answer that is not JSON.
    pub(crate) async fn send_for_bytes(&self, request: Request<Body>) -> Vec<u8> {
        let response = self.app.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.headers()["content-type"], "application/octet-stream");
        response.into_body().collect().await.expect("a body").to_bytes().to_vec()
    }

    /// The same vault on sockets, until the runtime ends.
    pub(crate) async fn listen(&self, tls: Option<Arc<Tls>>) -> Ports {
        let (public, metrics) = (free_port().await, free_port().await);
        let ports = Ports {
            public: public.local_addr().expect("bound"),
            metrics: metrics.local_addr().expect("bound"),
        };
        let listeners = Listeners { public, tls, metrics: Some(metrics) };
        tokio::spawn(serve(listeners, self.vault.clone(), std::future::pending()));
        ports
    }

    /// Any call. A body is sent as JSON.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.send(request.body(Body::from(body.to_vec())).expect("a request")).await
    }

    pub(crate) async fn nonce(&self) -> String {
        let answer = self.call("POST", "/auth/nonce", &[], b"").await;
        answer.body["nonce"].as_str().expect("a nonce").to_owned()
    }

    /// The two headers of a statement with these resources and a fresh nonce.
    pub(crate) async fn sign(&self, wallet: &WalletKey, resources: &[Act]) -> Vec<(&'static str, String)> {
        let nonce = self.nonce().await;
        self.sign_draft(
            wallet,
            Draft { resources: resources.iter().map(Act::resource).collect(), ..self.draft(wallet, &nonce) },
        )
    }

    pub(crate) fn draft<'a>(&self, wallet: &WalletKey, nonce: &'a str) -> Draft<'a> {
        Draft {
            domain: "localhost:3000",
            address: wallet.address(),
            statement: Some("Access encrypted secret"),
            uri: ORIGIN,
            chain_id: 1,
            nonce,
            issued_at: self.now(),
            expiration_time: None,
            resources: vec![],
        }
    }

    pub(crate) fn sign_draft(&self, wallet: &WalletKey, draft: Draft<'_>) -> Vec<(&'static str, String)> {
        let text = draft.write().expect("a valid draft").to_string();
        vec![
            ("x-siwe-message", encoding::base64(text.as_bytes())),
            ("x-siwe-signature", wallet.sign(&text).to_string()),
        ]
    }

    pub(crate) async fn vault_key(&self) -> EncapsulationKey {
        let answer = self.call("GET", "/secret/attestation", &[], b"").await;
        answer.body["mlkemPublicKey"].as_str().expect("a key").parse().expect("a key")
    }

    /// A payload for the client's first key and the vault.
    pub(crate) async fn seal(&self, plaintext: &[u8]) -> Payload {
        let recipients = [client_key(1).encapsulation_key(), self.vault_key().await];
        w3pk::seal(plaintext, &recipients, Generation::First, &mut rng()).expect("two recipients")
    }

    pub(crate) async fn store(&self, payload_json: &str, readers: &[&WalletKey]) -> Answer {
        self.store_signed(payload_json, readers, &[]).await
    }

    pub(crate) async fn store_signed(
        &self,
        payload_json: &str,
        readers: &[&WalletKey],
        headers: &[(&str, String)],
    ) -> Answer {
        self.call("POST", "/secret/store", headers, &store_body(payload_json, readers)).await
    }

    pub(crate) async fn access(&self, slot: SlotId, wallet: &WalletKey) -> Answer {
        let headers = self.sign(wallet, &[]).await;
        self.call("GET", &format!("/secret/access/{slot}"), &headers, b"").await
    }

    pub(crate) async fn delete(&self, slot: SlotId, wallet: &WalletKey) -> Answer {
        let headers = self.sign(wallet, &[Act::Delete(slot)]).await;
        self.call("DELETE", &format!("/secret/{slot}"), &headers, b"").await
    }

    pub(crate) async fn put(&self, slot: SlotId, wallet: &WalletKey, etag: &str, body: &[u8]) -> Answer {
        let mut headers = self.sign(wallet, &[Act::put(slot, body)]).await;
        headers.push(("if-match", etag.to_owned()));
        self.call("PUT", &format!("/secret/envelope/{slot}"), &headers, body).await
    }
}

pub(crate) fn store_body(payload_json: &str, readers: &[&WalletKey]) -> Vec<u8> {
    let payload: Value = serde_json::from_str(payload_json).expect("JSON");
    let readers: Vec<String> = readers.iter().map(|wallet| wallet.address().to_string()).collect();
    json!({ "secret": payload, "publicAddresses": readers }).to_string().into_bytes()
}

/// The addresses that a vault listens on.
pub(crate) struct Ports {
    pub(crate) public: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Ports {
    /// The metrics as they are now.
    pub(crate) async fn metrics(&self) -> String {
        ask(self.metrics, "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await
    }
}

async fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

/// Sends these bytes, and returns what comes until the connection ends.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

/// A vault on a socket of its own, for the real client. It ends when it is dropped.
pub(crate) struct RunningVault {
    pub(crate) url: String,
    _folder: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl RunningVault {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let url = format!("http://localhost:{port}");
        let origins = sign_in_origins(&url.parse().expect("an origin"), Some(("http", port)), &[]);
        let (vault, data_dir, _) = open_vault(&folder, Config::new(origins));
        runtime.spawn(async move {
            let _locked = data_dir;
            let listeners = Listeners { public: listener, tls: None, metrics: None };
            serve(listeners, vault, std::future::pending()).await;
        });
        Self { url, _folder: folder, _runtime: runtime }
    }

    pub(crate) fn client(&self) -> VerifiedVault {
        let no_tee = AppraisalPolicy { allow_no_tee: true, ..AppraisalPolicy::default() };
        strongroom_client::Vault::at(&self.url).expect("a URL").attest(&no_tee).expect("good evidence")
    }
}
