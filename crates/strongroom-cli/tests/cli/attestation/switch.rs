//! Two proxies in front of replicas: a balancer of connections, and one that alters answers.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Passes connections on to one replica, which can be changed.
pub(super) struct Switch {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// The replica for new connections, and each replica's counts of past and open connections.
    replicas: Mutex<Vec<String>>,
    made: [AtomicUsize; 2],
    open: [AtomicUsize; 2],
}

impl Switch {
    /// A balancer that has no replica yet.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let shared = Arc::new(Shared {
            replicas: Mutex::default(),
            made: Default::default(),
            open: Default::default(),
        });
        let sharing = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (at, to) = {
                    let replicas = sharing.replicas.lock().expect("no panic");
                    (replicas.len() - 1, replicas.last().expect("one").clone())
                };
                sharing.made[at].fetch_add(1, Ordering::Relaxed);
                sharing.open[at].fetch_add(1, Ordering::Relaxed);
                let sharing = Arc::clone(&sharing);
                std::thread::spawn(move || {
                    pass(&stream, &TcpStream::connect(to).expect("a replica"));
                    sharing.open[at].fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn to(&self, url: &str) {
        self.shared.replicas.lock().expect("no panic").push(host(url));
    }

    pub(super) fn connections_of(&self, at: usize) -> usize {
        self.shared.open[at].load(Ordering::Relaxed)
    }

    pub(super) fn connections_made(&self, at: usize) -> usize {
        self.shared.made[at].load(Ordering::Relaxed)
    }
}

fn host(url: &str) -> String {
    url.strip_prefix("http://").expect("plain").to_owned()
}

fn pass(one: &TcpStream, other: &TcpStream) {
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| copy(one, other));
        copy(other, one);
    });
}

/// Passes requests on, one for each connection, and changes the JSON of the answers. If it becomes
/// null, the connection ends without an answer.
pub(super) struct Relay {
    pub(super) url: String,
}

impl Relay {
    pub(super) fn start(upstream: &str, change: fn(&mut Value)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let upstream = host(upstream);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                answer(stream, &upstream, change);
            }
        });
        Self { url }
    }
}

fn answer(mut stream: TcpStream, upstream: &str, change: fn(&mut Value)) {
    let mut asked = TcpStream::connect(upstream).expect("a replica");
    let mut request = Vec::new();
    let mut buffer = [0; 64 * 1024];
    // Reads on until the whole body is there, by its length.
    loop {
        let n = stream.read(&mut buffer).expect("a request");
        request.extend_from_slice(&buffer[..n]);
        let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if n == 0 || request.len() >= head + 4 + length.unwrap_or(0) {
            break;
        }
    }
    asked.write_all(&request).expect("passed on");
    let mut answer = Vec::new();
    asked.read_to_end(&mut answer).expect("an answer");
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let mut json: Value = serde_json::from_slice(&answer[head..]).expect("JSON");
    change(&mut json);
    if json.is_null() {
        return;
    }
    let body = json.to_string();
    let head = String::from_utf8_lossy(&answer[..head]);
    let head: String = head
        .lines()
        .filter(|line| !line.is_empty() && !line.to_lowercase().starts_with("content-length"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("answered");
}
