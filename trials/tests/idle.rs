//! Ten thousand connections that ask nothing.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::{Duration, Instant};
use strongroom_trials::client::Client;
use strongroom_trials::server::UNLIMITED;
use strongroom_trials::store::{Kind, Place};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const IDLE: u64 = 10_000;
const MIB: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_keep_nobody_out() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("as many files as may be");
    // Where the system allows fewer files, there are as many connections as it allows.
    let idle = limit.maximum.map_or(IDLE, |files| IDLE.min(files.saturating_sub(200)));
    let place = Place::new(Kind::Sqlite).expect("a place");
    let arguments: Vec<&str> = UNLIMITED.into_iter().chain(["--max-connections=20000"]).collect();
    let server = place.start(&arguments).expect("a server");
    let before = server.rss_bytes().expect("its memory");
    let start = Instant::now();
    let mut connections = Vec::new();
    for _ in 0..idle {
        connections.push(TcpStream::connect(server.address).await.expect("connected"));
    }
    let opened = start.elapsed();
    let asked = Instant::now();
    let mut client = Client::connect(server.address).await.expect("connected");
    assert_eq!(client.send("GET", "/health", &[], "").await.expect("answered").status, 200);
    let answered = asked.elapsed();
    let with = server.rss_bytes().expect("its memory");
    println!(
        "{idle} idle connections in {} ms: health in {} ms, {} KiB of memory each",
        opened.as_millis(),
        answered.as_millis(),
        with.saturating_sub(before) / 1024 / idle
    );
    assert!(answered < Duration::from_secs(2), "{answered:?}");
    assert!(with - before < 400 * MIB, "{} MiB", (with - before) / MIB);
    // The server ends them all, within the time that it allows for a request's head.
    let mut last = connections.pop().expect("ten thousand");
    let ended = tokio::time::timeout(Duration::from_secs(20), last.read(&mut [0; 1])).await;
    assert_eq!(ended.expect("it is ended").unwrap_or(0), 0);
    assert!(
        opened > Duration::from_secs(10) || start.elapsed() >= Duration::from_secs(9),
        "not before its time"
    );
    assert!(server.errors().is_empty(), "{:?}", server.errors());
}

/// When all places are taken by connections that ask nothing, the next client waits for seconds and
/// is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_places_are_taken_the_next_is_served_in_seconds() {
    let place = Place::new(Kind::Sqlite).expect("a place");
    let server = place.start(&["--max-connections=50"]).expect("a server");
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(TcpStream::connect(server.address).await.expect("connected"));
    }
    let start = Instant::now();
    let mut client = Client::connect(server.address).await.expect("it waits in the system's queue");
    assert_eq!(client.send("GET", "/health", &[], "").await.expect("answered").status, 200);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}
