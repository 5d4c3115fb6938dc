//! The listener's bounds on a real socket, for requests that never reach the router.

use crate::support::RunningVault;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The bytes that come until the connection is closed, and the time that it took.
fn talk(vault: &RunningVault, request: &[u8]) -> (String, Duration) {
    let mut stream = TcpStream::connect(vault.url.trim_start_matches("http://")).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    let start = Instant::now();
    // The server may close before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("it stays open: {error}"),
        _ => (String::from_utf8_lossy(&answer).into_owned(), start.elapsed()),
    }
}

#[test]
fn heads_are_bounded_in_bytes_and_in_number() {
    let vault = RunningVault::start();
    let long = format!("GET /version HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(400_000));
    let many = format!("GET /version HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: 1\r\n".repeat(64));
    for head in [long, many] {
        let (answer, _) = talk(&vault, head.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let few =
        format!("GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}\r\n", "x: 1\r\n".repeat(50));
    assert!(talk(&vault, few.as_bytes()).0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn who_asks_nothing_or_half_a_question_is_let_go_after_ten_seconds() {
    let vault = RunningVault::start();
    std::thread::scope(|scope| {
        for request in
            [&b""[..], b"GET /version HTTP/1.1\r\nhost", b"GET /version HTTP/1.1\r\nhost: x\r\n\r\n"]
        {
            let vault = &vault;
            scope.spawn(move || {
                let (_, after) = talk(vault, request);
                assert!(after < Duration::from_secs(20), "{after:?}");
            });
        }
        let half_a_body = b"POST /auth/nonce HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
        let (answer, after) = talk(&vault, half_a_body);
        assert!(answer.contains("request_timeout") && after < Duration::from_secs(20), "{after:?} {answer}");
    });
}
