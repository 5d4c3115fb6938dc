//! A client for loads. Its connection stays open, and requests go one after the other.

use crate::rng;
use anyhow::{Context, Result, bail, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use strongroom::key::EncapsulationKey;
use strongroom::sign_in::{Act, Draft};
use strongroom::w3pk::{self, Generation};
use strongroom::wallet::WalletKey;
use strongroom::{SlotId, encoding};
use time::OffsetDateTime;
use tokio::net::TcpStream;

/// How long an answer may take. A trial takes a later one for no answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection to a server.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code, such as 200.
    pub status: u16,
    /// Header names are in lower case.
    pub headers: HeaderMap,
    /// The whole body, of any type.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON. A body that is not JSON gives null.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The slot that a 201 names.
    pub fn slot(&self) -> Result<SlotId> {
        ensure!(self.status == 201, "{}: {}", self.status, self.json());
        Ok(self.json()["slot"].as_str().context("the answer names no slot")?.parse()?)
    }
}

/// The two headers of a sign-in.
pub type SignIn = [(&'static str, String); 2];

impl Client {
    /// Connects over TCP, without TLS.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address })
    }

    /// Sends one request and reads the whole answer.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        // A server closes a connection that asks nothing for ten seconds.
        if self.sender.is_closed() {
            *self = Self::connect(self.address).await?;
        }
        let body = body.into();
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body))?;
        let answered = async {
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        tokio::time::timeout(TIMEOUT, answered).await?
    }

    /// Asks for the vault's key.
    pub async fn vault_key(&mut self) -> Result<EncapsulationKey> {
        let answer = self.send("GET", "/secret/attestation", &[], "").await?;
        Ok(answer.json()["mlkemPublicKey"].as_str().context("the answer has no mlkemPublicKey")?.parse()?)
    }

    /// Asks for a nonce.
    pub async fn nonce(&mut self) -> Result<String> {
        let answer = self.send("POST", "/auth/nonce", &[], "").await?;
        ensure!(answer.status == 201, "nonce: {}: {}", answer.status, answer.json());
        Ok(answer.json()["nonce"].as_str().context("the answer has no nonce")?.to_owned())
    }

    /// A sign-in for acts, with this nonce. Any server on this machine takes it.
    pub fn sign(wallet: &WalletKey, nonce: &str, acts: &[Act]) -> Result<SignIn> {
        let text = Draft {
            domain: "localhost",
            address: wallet.address(),
            statement: Some("Access encrypted secret"),
            uri: "http://localhost",
            chain_id: 1,
            nonce,
            issued_at: OffsetDateTime::now_utc(),
            expiration_time: None,
            resources: acts.iter().map(Act::resource).collect(),
        };
        let text = text.write()?.to_string();
        Ok([
            ("x-siwe-message", encoding::base64(text.as_bytes())),
            ("x-siwe-signature", wallet.sign(&text).to_string()),
        ])
    }

    /// Asks for a nonce and makes a sign-in with it.
    pub async fn signed(&mut self, wallet: &WalletKey, acts: &[Act]) -> Result<SignIn> {
        let nonce = self.nonce().await?;
        Self::sign(wallet, &nonce, acts)
    }

    /// Stores what [`store_body`] made.
    pub async fn store(&mut self, body: impl Into<Bytes>) -> Result<Answer> {
        self.send("POST", "/secret/store", &[], body).await
    }

    /// Makes the vault open a slot: asks for a nonce, signs, and sends the access.
    pub async fn access(&mut self, slot: SlotId, wallet: &WalletKey) -> Result<Answer> {
        let headers = self.signed(wallet, &[]).await?;
        self.send("GET", &format!("/secret/access/{slot}"), &headers, "").await
    }

    /// The plaintext of a slot. An answer other than 200 is an error.
    pub async fn open(&mut self, slot: SlotId, wallet: &WalletKey) -> Result<String> {
        let answer = self.access(slot, wallet).await?;
        if answer.status != 200 {
            bail!("slot {slot}: {}: {}", answer.status, answer.json());
        }
        Ok(answer.json()["secret"].as_str().context("the answer has no secret")?.to_owned())
    }

    /// Forgets a slot, in the name of its owner.
    pub async fn delete(&mut self, slot: SlotId, wallet: &WalletKey) -> Result<Answer> {
        let headers = self.signed(wallet, &[Act::Delete(slot)]).await?;
        self.send("DELETE", &format!("/secret/{slot}"), &headers, "").await
    }
}

/// A request that stores a text for one wallet, sealed for the vault as the only recipient: some
/// 4.6 KB of JSON.
pub fn store_body(vault: &EncapsulationKey, reader: &WalletKey, text: &str) -> Result<Vec<u8>> {
    body_for(std::slice::from_ref(vault), reader, text)
}

/// The same request with several recipients.
pub fn body_for(recipients: &[EncapsulationKey], reader: &WalletKey, text: &str) -> Result<Vec<u8>> {
    let payload = w3pk::seal(text.as_bytes(), recipients, Generation::Second, &mut rng())?;
    let payload: Value = serde_json::from_str(&payload.to_json())?;
    let readers = [reader.address().to_string()];
    Ok(json!({ "secret": payload, "publicAddresses": readers }).to_string().into_bytes())
}

/// The wallet number `n` of a trial, which is the same in every run.
#[must_use]
pub fn wallet(n: u32) -> WalletKey {
    let mut bytes = [7; 32];
    bytes[28..].copy_from_slice(&n.to_be_bytes());
    WalletKey::from_bytes(&bytes).expect("a small number is a scalar")
}
