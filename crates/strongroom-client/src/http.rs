//! HTTP requests and answers. TLS prefers the hybrid group X25519MLKEM768.

use crate::error::ClientError;
use crate::tls::{Handshake, Peer, TlsConnector};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use strongroom::json;
use strongroom::sign_in::Origin;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, RequestBuilder};
use zeroize::Zeroizing;

/// The largest answer in bytes: more than the base64 of the largest body that a vault takes.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;
/// The size of a body in bytes that a vault might refuse, so a round trip to ask first is worth it.
const LARGE_BODY_BYTES: usize = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(60);
/// Shorter than the 10 seconds after which a vault closes a connection that asks nothing.
const MAX_IDLE_AGE: Duration = Duration::from_secs(5);

/// The headers that say who sends a request: two with a signed statement, one with a session, or
/// none.
pub(crate) type Headers<'a> = &'a [(&'static str, String)];

pub(crate) struct Http {
    agent: Agent,
    origin: Origin,
    peer: Arc<Peer>,
}

/// A 2xx answer. Its body may hold an opened secret, so it is wiped.
pub(crate) struct Answer {
    pub(crate) body: Zeroizing<Vec<u8>>,
    etag: Option<String>,
}

impl Answer {
    pub(crate) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ClientError> {
        json::from_slice(&self.body).map_err(|_| ClientError::Answer("its JSON has other fields"))
    }

    pub(crate) fn etag(&self) -> Result<String, ClientError> {
        self.etag.clone().ok_or(ClientError::Answer("the ETag is missing"))
    }
}

impl Http {
    pub(crate) fn at(url: &str) -> Result<Self, ClientError> {
        let origin: Origin = url
            .strip_suffix('/')
            .unwrap_or(url)
            .parse()
            .ok()
            .filter(is_safe)
            .ok_or_else(|| ClientError::Url(url.to_owned()))?;
        // A proxy cannot read HTTPS. Plain HTTP goes only to this machine, which needs no proxy.
        let proxy = if origin.to_string().starts_with("https:") { ureq::Proxy::try_from_env() } else { None };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(proxy)
            .timeout_global(Some(TIMEOUT))
            .max_idle_age(MAX_IDLE_AGE)
            .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION")))
            .build();
        let peer = Peer::new();
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(TlsConnector::new(origin.authority(), Arc::clone(&peer)));
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self { agent, origin, peer })
    }

    /// Asks any server that answers, once, before anything else is sent. Also gives the TLS
    /// handshake, if there was one.
    pub(crate) fn get_from_anybody(&self, path: &str) -> Result<(Answer, Option<Handshake>), ClientError> {
        let answer = self.of_anybody(|close| self.get(path, close));
        Ok((answer?, self.peer.last_handshake()))
    }

    /// Sends a message to any server that answers. The message must be readable only by a verified
    /// server.
    pub(crate) fn post_to_anybody(
        &self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<Answer, ClientError> {
        let json = serde_json::to_vec(message).expect("messages are plain data");
        self.of_anybody(|close| self.post(path, close, &json))
    }

    fn of_anybody(
        &self,
        ask: impl FnOnce(Headers<'_>) -> Result<Answer, ClientError>,
    ) -> Result<Answer, ClientError> {
        self.peer.let_anybody_answer();
        // The connection is closed after this request, so later ones start under the rule that the
        // answer leads to.
        let answer = ask(&[("connection", "close".to_owned())]);
        self.peer.trust_authorities();
        answer
    }

    /// From now on, accepts only the server that holds this TLS key. Without a key, accepts only a
    /// server that the public authorities vouch for.
    pub(crate) fn trust(
        &self,
        handshake: Option<&Handshake>,
        spki_sha256: Option<&[u8; 32]>,
    ) -> Result<(), ClientError> {
        match (handshake, spki_sha256) {
            (_, Some(key)) => self.peer.pin(*key),
            (Some(handshake), None) => handshake.vouched_for.clone().map_err(ClientError::Certificate)?,
            (None, None) => {}
        }
        Ok(())
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn get(&self, path: &str, headers: Headers<'_>) -> Result<Answer, ClientError> {
        answer(with(self.agent.get(self.url(path)), headers).call())
    }

    pub(crate) fn post(&self, path: &str, headers: Headers<'_>, json: &[u8]) -> Result<Answer, ClientError> {
        let request = asking_first(with(self.agent.post(self.url(path)), headers), json);
        answer(request.content_type("application/json").send(json))
    }

    pub(crate) fn put(
        &self,
        path: &str,
        headers: Headers<'_>,
        etag: &str,
        json: &[u8],
    ) -> Result<Answer, ClientError> {
        let request =
            asking_first(with(self.agent.put(self.url(path)), headers).header("if-match", etag), json);
        answer(request.content_type("application/json").send(json))
    }

    pub(crate) fn delete(&self, path: &str, headers: Headers<'_>) -> Result<Answer, ClientError> {
        answer(with(self.agent.delete(self.url(path)), headers).call())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

fn with<B>(request: RequestBuilder<B>, headers: Headers<'_>) -> RequestBuilder<B> {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
}

/// Asks before a large body is sent (RFC 9110 §10.1.1). A vault that refuses a body closes the
/// connection, and its answer would be lost while the client still sends.
fn asking_first<B>(request: RequestBuilder<B>, body: &[u8]) -> RequestBuilder<B> {
    if body.len() > LARGE_BODY_BYTES { request.header("expect", "100-continue") } else { request }
}

/// Whether the URL is HTTPS, or HTTP to this machine, where nobody is in between.
fn is_safe(origin: &Origin) -> bool {
    let text = origin.to_string();
    if text.starts_with("https://") {
        return true;
    }
    let host = origin.host();
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    text.starts_with("http://") && loopback
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, ClientError> {
    let transport = |error| match error {
        ureq::Error::Timeout(_) => ClientError::Timeout,
        error => ClientError::Transport(Box::new(error)),
    };
    let mut response = result.map_err(transport)?;
    let status = response.status();
    let etag = response.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(transport)?;
    let body = Zeroizing::new(body);
    if status.is_success() {
        return Ok(Answer { body, etag });
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Refused {
        code: String,
        message: String,
        request_id: String,
    }
    let refused: Refused =
        serde_json::from_slice(&body).map_err(|_| ClientError::Answer("its error has another form"))?;
    // A terminal shows these texts, and a server must not control it.
    let shown = |text: String| text.chars().filter(|c| !c.is_control()).take(300).collect();
    Err(ClientError::Refused {
        status: status.as_u16(),
        code: shown(refused.code),
        message: shown(refused.message),
        request_id: shown(refused.request_id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_https_or_this_machine() {
        for good in [
            "https://a.example",
            "https://a.example:8443/",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:1",
        ] {
            assert!(Http::at(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example",
            "http://10.0.0.1:3000",
            "ftp://localhost",
            "localhost:3000",
            "https://a/b",
            "",
        ] {
            assert!(matches!(Http::at(bad), Err(ClientError::Url(_))), "{bad}");
        }
    }
}
