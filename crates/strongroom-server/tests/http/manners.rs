//! What every answer has: headers that protect pages in browsers, and a description in OpenAPI.

use crate::support::{Answer, TestVault};
use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use strongroom_server::Config;
use strongroom_server::config::CorsOrigin;
use strongroom_server::limits::Rate;
use time::Duration;

const APP: &str = "https://app.example";
const NO_STYLE: &str = "default-src 'none'; frame-ancestors 'none'";

async fn call(vault: &TestVault, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = headers.iter();
    let request = headers.fold(Request::builder().method(method).uri(path), |request, (name, value)| {
        request.header(*name, *value)
    });
    vault.send(request.body(Body::empty()).expect("a request")).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("-", |value| value.to_str().expect("ASCII"))
}

/// An answer of each kind, from a vault with these settings.
async fn all_kinds(change: impl Fn(&mut Config)) -> Vec<Answer> {
    let vault = TestVault::with(&change);
    let mut answers = Vec::new();
    for (method, path, status) in [
        ("GET", "/health", 200),
        ("GET", "/health/live", 200),
        ("GET", "/version", 200),
        ("HEAD", "/version", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/attestation", 200),
        ("POST", "/auth/nonce", 201),
        ("GET", "/none", 404),
        ("GET", "/secret/store", 405),
        ("GET", "/secret/slots", 401),
        ("POST", "/secret/store", 400),
    ] {
        let answer = call(&vault, method, path, &[("origin", APP)]).await;
        assert_eq!(answer.status, status, "{method} {path}");
        answers.push(answer);
    }
    let vault = TestVault::with(|config| {
        change(config);
        config.limits.address_rate = Rate::new(1);
    });
    for _ in 0..100 {
        let answer = call(&vault, "GET", "/docs", &[("origin", APP)]).await;
        if answer.status == 429 {
            answers.push(answer);
            return answers;
        }
    }
    panic!("nobody is refused");
}

/// Guard: the layer that writes headers is the outermost (http/router.rs, `app`).
#[tokio::test]
async fn every_answer_keeps_browsers_out_of_trouble() {
    let mut request_ids = std::collections::HashSet::new();
    for answer in all_kinds(|_| ()).await {
        let expected = [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", "-"),
        ];
        for (name, value) in expected {
            assert_eq!(header(&answer, name), value, "{name} of {answer:?}");
        }
        let policy = header(&answer, "content-security-policy");
        if header(&answer, "content-type").starts_with("text/html") {
            assert_eq!(policy, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
        } else {
            assert_eq!(policy, NO_STYLE);
        }
        let request_id = header(&answer, "x-request-id");
        assert_eq!(request_id.len(), 16, "{request_id}");
        assert!(request_ids.insert(request_id.to_owned()), "{request_id} is there twice");
        if answer.status >= 400 {
            assert_eq!(
                (&answer.body["requestId"], &answer.body["statusCode"]),
                (&request_id.into(), &answer.status.into())
            );
        }
    }
}

#[tokio::test]
async fn a_method_that_health_does_not_have_is_refused_as_json() {
    for path in ["/health", "/health/live", "/health/ready", "/version"] {
        assert_eq!(
            call(&TestVault::new(), "POST", path, &[]).await.code(),
            (405, "method_not_allowed"),
            "{path}"
        );
    }
}

/// Guard: `https` in `write_headers` (http/refusal.rs).
#[tokio::test]
async fn who_came_by_https_is_told_never_to_do_otherwise() {
    for answer in all_kinds(|config| config.https = true).await {
        assert_eq!(header(&answer, "strict-transport-security"), "max-age=31536000");
    }
}

async fn preflight(vault: &TestVault, origin: &str) -> Answer {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "content-type,if-match,x-siwe-message,x-siwe-signature"),
    ];
    call(vault, "OPTIONS", "/secret/store", &asked).await
}

fn cors(origins: &[&str]) -> impl Fn(&mut Config) {
    let origins: Vec<CorsOrigin> = origins.iter().map(|origin| origin.parse().expect("an origin")).collect();
    move |config| config.cors_origins.clone_from(&origins)
}

/// Guard: the list of origins (http/router.rs, `cors`).
#[tokio::test]
async fn pages_of_listed_origins_may_sign_in_and_no_others() {
    let vault = TestVault::with(cors(&["https://other.example", APP]));
    let allowed = preflight(&vault, APP).await;
    assert_eq!((allowed.status, header(&allowed, "access-control-allow-origin")), (200, APP));
    for (name, values) in [
        (
            "access-control-allow-headers",
            &["content-type", "if-match", "x-siwe-message", "x-siwe-signature"][..],
        ),
        ("access-control-allow-methods", &["GET", "POST", "PUT", "DELETE"]),
        ("vary", &["origin"]),
    ] {
        let listed: Vec<&str> = header(&allowed, name).split(',').map(str::trim).collect();
        for value in values {
            assert!(listed.contains(value), "{value} is not in {name}: {listed:?}");
        }
    }
    let evil = ["https://evil.example", "http://app.example", "https://app.example.evil.example", "null"];
    for origin in evil {
        let refused = preflight(&vault, origin).await;
        assert_eq!(header(&refused, "access-control-allow-origin"), "-", "{origin}");
        let answer = call(&vault, "POST", "/auth/nonce", &[("origin", origin)]).await;
        assert_eq!(header(&answer, "access-control-allow-origin"), "-", "{origin}");
    }
    let closed = TestVault::new();
    assert_eq!(
        header(&preflight(&closed, APP).await, "access-control-allow-origin"),
        "-",
        "nobody by default"
    );
}

/// A page can also read why it was refused. It can never send what a browser keeps for the vault.
///
/// Guard: the CORS layer is outside the bounds (http/router.rs, `app`).
#[tokio::test]
async fn every_answer_can_be_read_by_allowed_pages_and_none_takes_credentials() {
    for (origins, expected) in [(&[APP][..], APP), (&["*"], "*"), (&[APP, "*"], "*")] {
        for answer in all_kinds(cors(origins)).await {
            assert_eq!(header(&answer, "access-control-allow-origin"), expected, "{answer:?}");
            assert_eq!(header(&answer, "access-control-allow-credentials"), "-");
            let exposed: Vec<&str> = header(&answer, "access-control-expose-headers").split(',').collect();
            for name in ["etag", "retry-after", "x-request-id"] {
                assert!(exposed.contains(&name), "{name} is not in {exposed:?}");
            }
        }
        let vault = TestVault::with(cors(origins));
        assert_eq!(header(&preflight(&vault, APP).await, "access-control-allow-credentials"), "-");
    }
}

#[tokio::test]
async fn the_description_is_given_out_as_it_is_committed() {
    let given = call(&TestVault::new(), "GET", "/openapi.json", &[]).await;
    assert_eq!(header(&given, "content-type"), "application/json");
    let committed: Value = serde_json::from_str(include_str!("../../../../spec/openapi.json")).expect("JSON");
    assert_eq!(given.body, committed);
}

#[tokio::test]
async fn the_page_to_read_loads_nothing() {
    let page = call(&TestVault::new(), "GET", "/docs", &[]).await;
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let html = page.body.as_str().expect("a page").to_lowercase();
    assert!(html.starts_with("<!doctype html>") && html.contains("/secret/store"));
    for loads in ["http://", "https://", "src=", "<script", "<link", "@import", "url(", "<img", "<iframe"] {
        assert!(!html.contains(loads), "{loads} is in the page");
    }
}

/// The handler of nonces panics if the clock is past the year 9999.
///
/// Guard: `CatchPanicLayer` (http/router.rs, `app`).
#[tokio::test]
async fn a_defect_costs_one_request() {
    let vault = TestVault::with(|config| {
        cors(&[APP])(config);
        (config.limits.max_active, config.limits.max_waiting) = (1, 0);
    });
    let far = Duration::weeks(52 * 9000);
    vault.pass_time(far);
    for _ in 0..2 {
        let failed = call(&vault, "POST", "/auth/nonce", &[("origin", APP)]).await;
        assert_eq!(failed.code(), (500, "internal"));
        assert_eq!(failed.body["message"], "internal error");
        assert_eq!(failed.body["requestId"], header(&failed, "x-request-id"));
        assert_eq!(header(&failed, "access-control-allow-origin"), APP);
    }
    vault.pass_time(-far);
    assert_eq!(call(&vault, "POST", "/auth/nonce", &[]).await.status, 201, "its turn is given back");
}
