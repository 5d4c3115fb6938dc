//! HTTP/1.1 over any stream, as far as the fakes of services need it. It is for tests only: it
//! trusts its client.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// A client's request.
pub(crate) struct Request {
    pub(crate) method: String,
    /// The target's path, without the query.
    pub(crate) path: String,
    /// Names and values as they are sent. Nothing that the fakes answer has to be escaped.
    pub(crate) query: BTreeMap<String, String>,
    /// Values by their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// A service's answer.
pub(crate) struct Response {
    status: u16,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    pub(crate) fn bytes(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, content_type, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        let body = serde_json::to_vec_pretty(value).expect("a value has an encoding");
        Self { status, ..Self::bytes("application/json", body) }
    }

    /// An error in the words of dstack's agent.
    pub(crate) fn error(status: u16, error: &str) -> Self {
        Self::json(status, &json!({ "error": error }))
    }

    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A service's behaviour, which a test changes while it runs.
#[derive(Default)]
pub(crate) struct Mood {
    pub(crate) fails: AtomicBool,
    pub(crate) delay_ms: AtomicU64,
    pub(crate) requests: AtomicUsize,
    pub(crate) is_over: AtomicBool,
}

/// Answers one connection's requests, until the client closes it or the service is over.
pub(crate) fn serve<S: Read + Write>(
    stream: S,
    mood: &Mood,
    failure: fn() -> Response,
    answer: impl Fn(&Request) -> Response,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        if mood.is_over.load(Ordering::SeqCst) {
            break;
        }
        mood.requests.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(mood.delay_ms.load(Ordering::SeqCst)));
        let response = if mood.fails.load(Ordering::SeqCst) { failure() } else { answer(&request) };
        let closes = request.headers.get("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
        write(stream.get_mut(), &response, closes)?;
        if closes {
            break;
        }
    }
    Ok(())
}

fn read(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Some(Request { method, path: path.to_owned(), query, headers, body }))
}

fn write(stream: &mut impl Write, response: &Response, closes: bool) -> io::Result<()> {
    let reason = match response.status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    let mut head = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: {}\r\n",
        response.status,
        response.content_type,
        response.body.len(),
        if closes { "close" } else { "keep-alive" },
    );
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(&[head.as_bytes(), &response.body].concat())?;
    stream.flush()
}

/// Percent-encodes (RFC 3986 §2.1) everything that is not unreserved.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
