//! The load. Requests are ready before the clock starts, and go over connections that stay open.
//! The load does as little work as it can, because it runs on the server's cores.

use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What a load measured.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Requests answered as expected.
    pub requests: usize,
    /// The time from the first request to the last answer.
    pub took: Duration,
    /// The latency of each request, ascending.
    latencies: Vec<Duration>,
}

impl Outcome {
    /// Requests a second, over the whole load.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// The latency in milliseconds that this share of the requests did not exceed. `share` is from
    /// 0 to 1.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let at = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// Requests, which connections take in turn.
pub enum Requests {
    /// Each request once. The load ends with them or with its time.
    Once(Vec<Vec<u8>>),
    /// The same request over and over.
    Same(Vec<u8>),
    /// A list for each connection, which sends each of its requests once, one after the other.
    Lanes(Vec<Vec<Vec<u8>>>),
}

impl Requests {
    /// The `n`th request of all, which is the `own`th of a connection.
    fn at(&self, n: usize, connection: usize, own: usize) -> Option<&[u8]> {
        match self {
            Self::Once(requests) => requests.get(n).map(Vec::as_slice),
            Self::Same(request) => Some(request),
            Self::Lanes(lanes) => lanes.get(connection)?.get(own).map(Vec::as_slice),
        }
    }
}

/// The bytes of a request as they go over the connection.
#[must_use]
pub fn request(method: &str, path: &str, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        bytes.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    bytes.push_str("\r\n");
    [bytes.as_bytes(), body].concat()
}

/// Sends requests over `connections` for `time` at most. Each connection waits for an answer before
/// it sends the next request. `rate` is in requests a second for all connections; without one they
/// go as fast as they are answered. Every answer must have the status `expected`.
pub async fn send(
    address: SocketAddr,
    connections: usize,
    requests: Arc<Requests>,
    expected: u16,
    time: Duration,
    rate: Option<f64>,
) -> Result<Outcome> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (at, mut connection) in open.into_iter().enumerate() {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                // A request that is sent late counts from when it should have been sent.
                let due = match rate {
                    Some(rate) => start + Duration::from_secs_f64(n as f64 / rate),
                    None => Instant::now(),
                };
                if due.duration_since(start) >= time {
                    return Ok::<_, anyhow::Error>(latencies);
                }
                let Some(request) = requests.at(n, at, latencies.len()) else { return Ok(latencies) };
                tokio::time::sleep_until(due.into()).await;
                let status = connection.exchange(request).await?;
                ensure!(status == expected, "answer {status} instead of {expected}");
                latencies.push(due.elapsed());
            }
        });
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = tasks.join_next().await {
        latencies.extend(of_one??);
    }
    let took = start.elapsed();
    latencies.sort_unstable();
    Ok(Outcome { requests: latencies.len(), took, latencies })
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request, reads its whole answer and gives the status.
    async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the server closed the connection");
            }
            let Some(head) = find(&self.answer, b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&self.answer[..head])?;
            let length = text.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if self.answer.len() >= head + 4 + length.unwrap_or(0) {
                return text
                    .get(9..12)
                    .and_then(|status| status.parse().ok())
                    .context("the answer has no status");
            }
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
