//! The listener's bounds on connections, time and bytes. Each test has a client that exceeds one.

use crate::support::{Ports, TestVault, wallet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use strongroom::sign_in::Act;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const GET: &[u8] = b"GET /version HTTP/1.1\r\nhost: x\r\n\r\n";
const CHUNKED: &[u8] =
    b"POST /secret/store HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

/// Connects from this loopback address. Each such address counts as a client of its own.
async fn connect_from(client: [u8; 4], ports: &Ports) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::from(client), 0))).expect("bound");
    socket.connect(ports.public).await.expect("connected")
}

/// Whether a request is answered, on a connection that stays open. An error if it was closed.
async fn get(stream: &mut TcpStream) -> std::io::Result<bool> {
    stream.write_all(GET).await?;
    let mut answer = [0; 2048];
    let bytes = stream.read(&mut answer).await?;
    Ok(answer[..bytes].starts_with(b"HTTP/1.1 200 OK\r\n"))
}

/// The bytes that come until the connection ends. It must end within a time.
async fn rest(stream: &mut TcpStream, within: Duration) -> String {
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(within, stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(ended.is_ok(), "it stays open: {answer}");
    answer
}

async fn has_figure(ports: &Ports, line: &str) -> bool {
    ports.metrics().await.lines().any(|is| is == line)
}

/// Guard: connections of an address are counted (limits/shares.rs, `take`).
#[tokio::test]
async fn an_address_has_so_many_connections_and_others_have_theirs() {
    const ONE: [u8; 4] = [127, 0, 0, 1];
    let vault = TestVault::with(|config| config.limits.max_connections_per_address = 2);
    let ports = vault.listen(None).await;
    let mut own = [connect_from(ONE, &ports).await, connect_from(ONE, &ports).await];
    for stream in &mut own {
        assert!(get(stream).await.expect("open"));
    }
    let mut over = connect_from(ONE, &ports).await;
    assert_eq!(rest(&mut over, Duration::from_secs(3)).await, "", "it is closed at once");
    assert!(
        has_figure(&ports, r#"strongroom_connections_refused_total{code="too_many_of_one_address"} 1"#).await
    );
    for stream in &mut own {
        assert!(get(stream).await.expect("open"), "those who were there go on");
    }
    assert!(get(&mut connect_from([127, 0, 0, 2], &ports).await).await.expect("open"), "another address");
    drop(own);
    while !get(&mut connect_from(ONE, &ports).await).await.is_ok_and(|served| served) {
        tokio::task::yield_now().await;
    }
}

/// Behind a proxy, all clients come from the proxy's address, so connections are not counted by
/// address.
#[tokio::test]
async fn a_trusted_proxy_has_as_many_connections_as_it_likes() {
    let vault = TestVault::with(|config| {
        config.limits.max_connections_per_address = 1;
        config.trusted_hops = 1;
    });
    let ports = vault.listen(None).await;
    let mut own = [(); 5].map(|()| None);
    for stream in &mut own {
        let stream = stream.insert(connect_from([127, 0, 0, 1], &ports).await);
        assert!(get(stream).await.expect("open"));
    }
}

/// Guard: connections are counted, and idle ones end (http/acceptor.rs, `accept` and
/// `HEAD_TIMEOUT`).
#[tokio::test]
async fn when_all_connections_are_idle_the_next_is_served_within_seconds() {
    let vault = TestVault::with(|config| config.limits.max_connections = 2);
    let ports = vault.listen(None).await;
    let mut idle = [
        TcpStream::connect(ports.public).await.expect("connected"),
        TcpStream::connect(ports.public).await.expect("connected"),
    ];
    idle[0].write_all(b"GET /version HTTP/1.1\r\nhost").await.expect("sent");
    assert!(get(&mut idle[1]).await.expect("open"));
    let start = Instant::now();
    let mut next = TcpStream::connect(ports.public).await.expect("it waits in the system's queue");
    let served = tokio::time::timeout(Duration::from_secs(14), get(&mut next)).await;
    assert!(served.expect("served in time").expect("open"));
    assert!(start.elapsed() > Duration::from_secs(5), "it was the third at once: {:?}", start.elapsed());
}

/// Guard: a client must read something of an answer within ten seconds (http/acceptor.rs,
/// `WRITE_TIMEOUT`).
#[tokio::test]
async fn who_asks_for_much_and_never_reads_is_cut_off() {
    const MIB: usize = 1024 * 1024;
    let vault = TestVault::with(|config| config.limits.max_body_bytes = 16 * MIB);
    let ports = vault.listen(None).await;
    // The answers are larger than the system's buffers.
    let payload = vault.seal(&vec![7; 8 * MIB]).await.to_json();
    let alice = wallet(1);
    let slot = vault.store_signed(&payload, &[&alice], &vault.sign(&alice, &[]).await).await.slot();
    let mut request = format!("GET /secret/envelope/{slot} HTTP/1.1\r\nhost: x\r\n");
    for (name, value) in vault.sign(&alice, &[Act::Envelope(slot)]).await {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("set");
    let mut stream = socket.connect(ports.public).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut status = [0; 15];
    stream.read_exact(&mut status).await.expect("an answer begins");
    assert_eq!(&status, b"HTTP/1.1 200 OK");

    let start = Instant::now();
    assert!(has_figure(&ports, "strongroom_connections 1").await);
    while !has_figure(&ports, "strongroom_connections 0").await {
        assert!(start.elapsed() < Duration::from_secs(25), "it stays open");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(start.elapsed() > Duration::from_secs(8), "it was given its time: {:?}", start.elapsed());
}

/// Guard: bytes that were not announced are counted as they come (http/body.rs, `read`).
#[tokio::test]
async fn a_body_without_an_end_is_cut_off_at_its_bound() {
    let vault = TestVault::new();
    let ports = vault.listen(None).await;
    let mut stream = TcpStream::connect(ports.public).await.expect("connected");
    stream.write_all(CHUNKED).await.expect("sent");
    let chunk = [b"10000\r\n", &[b' '; 0x10000][..], b"\r\n"].concat();
    for _ in 0..2 * 1024 * 1024 / 0x10000 {
        stream.write_all(&chunk).await.expect("sent");
    }
    stream.write_all(b"1\r\n \r\n").await.expect("sent");
    let answer = rest(&mut stream, Duration::from_secs(5)).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
}

/// Guard: a body has ten seconds in all, however slowly it comes (http/edge.rs, `BODY_TIMEOUT`).
#[tokio::test]
async fn a_body_that_drips_is_cut_off_after_ten_seconds() {
    let vault = TestVault::with(|config| (config.limits.max_active, config.limits.max_waiting) = (1, 0));
    let ports = vault.listen(None).await;
    let (mut reader, mut writer) = TcpStream::connect(ports.public).await.expect("connected").into_split();
    writer.write_all(CHUNKED).await.expect("sent");
    let start = Instant::now();
    let dripping = async {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        while writer.write_all(b"1\r\n \r\n").await.is_ok() {
            second.tick().await;
            // A slow client holds up nobody, because its turn has not begun.
            assert_eq!(vault.call("GET", "/attestation", &[], b"").await.status, 200);
        }
    };
    let answered = async {
        let mut answer = vec![0; 2048];
        let bytes = reader.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..bytes]);
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
        assert!(start.elapsed() > Duration::from_secs(9), "{:?}", start.elapsed());
    };
    let both = async { tokio::join!(dripping, answered) };
    assert!(tokio::time::timeout(Duration::from_secs(15), both).await.is_ok(), "it stays open");
}
