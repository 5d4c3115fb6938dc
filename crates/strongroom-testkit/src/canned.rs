//! A server that answers what a test tells it. Clients must notice when it lies.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

/// Serves one request for each connection, for as long as the test runs, and gives its URL.
/// `answer` gives the JSON of a 200 for a target such as `/auth/nonce`.
///
/// # Panics
/// If no port is free.
pub fn serve(answer: impl Fn(&str) -> Value + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("the same"));
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).expect("a line");
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            reader.take(length).read_to_end(&mut Vec::new()).expect("a body");
            let body = answer(first.split(' ').nth(1).expect("a target")).to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            // The client may be gone, and then needs no answer.
            let _ = (&stream).write_all([head, body].concat().as_bytes());
        }
    });
    url
}
