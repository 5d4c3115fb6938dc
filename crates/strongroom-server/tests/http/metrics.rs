//! The operator's metrics. They count kinds of requests, and contain nothing that identifies a
//! user.

use crate::support::{Ports, TestVault, ask, wallet};
use tokio::net::TcpStream;

async fn get(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    let answer = ask(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer)
}

#[track_caller]
fn assert_has(figures: &str, line: &str) {
    assert!(figures.lines().any(|is| is == line), "{line} is not in\n{figures}");
}

/// Guard: the label is the route's pattern and not the path (http/edge.rs, `log_and_finish`).
#[tokio::test]
async fn requests_refusals_and_store_calls_are_counted_and_nobody_is_named() {
    let vault = TestVault::with(|config| config.trusted_hops = 1);
    let ports = vault.listen(None).await;
    let payload = vault.seal(b"alice's").await.to_json();
    let client = vec![("x-forwarded-for", "192.0.2.77".to_owned())];
    let slot = vault.store_signed(&payload, &[&wallet(1)], &client).await.slot();
    assert_eq!(vault.access(slot, &wallet(1)).await.status, 200);
    for _ in 0..2 {
        assert_eq!(vault.access(slot, &wallet(2)).await.status, 404);
    }
    for path in [format!("/nowhere/{slot}"), format!("/secret/{slot}/x")] {
        assert_eq!(vault.call("GET", &path, &client, b"").await.code(), (404, "no_such_route"));
    }
    let odd = vault.call("BREW", &format!("/secret/access/{slot}"), &[], b"").await;
    assert_eq!(odd.code(), (405, "method_not_allowed"));

    let (status, answer) = get(ports.metrics, "/metrics").await;
    assert_eq!(status, 200);
    let (head, figures) = answer.split_once("\r\n\r\n").expect("a head");
    let content_type = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.to_lowercase().contains(content_type), "{head}");
    assert!(figures.ends_with("# EOF\n"), "{figures}");
    for line in [
        r#"strongroom_requests_total{method="POST",route="/secret/store",status="201"} 1"#,
        r#"strongroom_requests_total{method="GET",route="/secret/access/{slot}",status="200"} 1"#,
        r#"strongroom_requests_total{method="GET",route="/secret/access/{slot}",status="404"} 2"#,
        r#"strongroom_requests_total{method="GET",route="-",status="404"} 2"#,
        r#"strongroom_requests_total{method="other",route="/secret/access/{slot}",status="405"} 1"#,
        r#"strongroom_request_seconds_count{route="/secret/access/{slot}"} 4"#,
        r#"strongroom_refusals_total{code="slot_not_found"} 2"#,
        r#"strongroom_refusals_total{code="no_such_route"} 2"#,
        r#"strongroom_refusals_total{code="method_not_allowed"} 1"#,
        r#"strongroom_store_call_seconds_count{operation="insert"} 1"#,
        r#"strongroom_store_call_seconds_count{operation="slot"} 3"#,
        r#"strongroom_store_call_seconds_count{operation="spend_nonce"} 3"#,
        "strongroom_requests_active 0",
        "strongroom_slots_swept_total 0",
    ] {
        assert_has(figures, line);
    }
    let figures = figures.to_lowercase();
    let addresses = [1, 2].map(|n| wallet(n).address().to_string().to_lowercase());
    for name in
        [&slot.to_string(), &addresses[0][2..], &addresses[1][2..], "192.0.2", "127.0.0", "brew", "nowhere"]
    {
        assert!(!figures.contains(name), "{name} is in\n{figures}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_counted() {
    let vault = TestVault::new();
    let ports = vault.listen(None).await;
    let payload = vault.seal(b"alice's").await.to_json();
    vault.database().execute_batch("DROP TABLE held").expect("edited");
    assert_eq!(vault.store(&payload, &[&wallet(1)]).await.code(), (503, "store_unavailable"));
    let figures = ports.metrics().await;
    assert_has(&figures, r#"strongroom_store_failures_total{operation="insert"} 1"#);
    assert_has(&figures, r#"strongroom_refusals_total{code="store_unavailable"} 1"#);
}

/// Guard: each of the two ports has a router of its own (http/router.rs, `app` and `metrics_app`).
#[tokio::test]
async fn the_figures_are_on_the_operators_port_alone_and_nothing_else_is() {
    let vault = TestVault::new();
    let ports = vault.listen(None).await;
    let (status, answer) = get(ports.public, "/metrics").await;
    assert!(status == 404 && answer.contains("no_such_route"), "{answer}");
    for path in ["/health", "/health/live", "/health/ready", "/version", "/metrics"] {
        assert_eq!(get(ports.metrics, path).await.0, 200, "{path}");
    }
    for path in ["/attestation", "/secret/attestation", "/secret/slots", "/openapi.json", "/docs", "/"] {
        assert_eq!(get(ports.metrics, path).await.0, 404, "{path}");
    }
}

async fn connections(ports: &Ports) -> Option<usize> {
    let figures = ports.metrics().await;
    figures.lines().find_map(|line| line.strip_prefix("strongroom_connections ")?.parse().ok())
}

#[tokio::test]
async fn open_connections_are_counted_and_the_operators_own_are_not() {
    let vault = TestVault::new();
    let ports = vault.listen(None).await;
    assert_eq!(connections(&ports).await, Some(0));
    let mut open = Vec::new();
    for n in 1..=3 {
        open.push(TcpStream::connect(ports.public).await.expect("connected"));
        while connections(&ports).await != Some(n) {
            tokio::task::yield_now().await;
        }
    }
    drop(open);
    while connections(&ports).await != Some(0) {
        tokio::task::yield_now().await;
    }
}
