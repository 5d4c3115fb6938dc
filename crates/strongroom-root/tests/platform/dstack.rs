use crate::{now, quote};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use strongroom_attest::AuxiliaryData;
use strongroom_root::{Platform, PlatformChoice, PlatformError, PlatformPaths};
use strongroom_testkit::canned;
use strongroom_testkit::tee::dstack::{FakeDstack, Options};
use strongroom_testkit::tee::intel::FakeIntel;

const COMPOSE: &str = "{\"name\":\"strongroom\"}";

fn find(endpoint: &str) -> Result<Platform, PlatformError> {
    Platform::find(
        PlatformChoice::Dstack,
        &PlatformPaths { dstack: Some(endpoint.to_owned()), ..PlatformPaths::default() },
    )
}

fn start(options: Options) -> (FakeDstack, Platform) {
    let agent = FakeDstack::start(Arc::new(FakeIntel::new(now())), COMPOSE, options);
    let platform = find(agent.socket().to_str().expect("text")).expect("an agent");
    (agent, platform)
}

/// Only the events of RTMR3 are passed on, as the agent gave them.
#[test]
fn the_log_is_passed_on_with_digests_and_without() {
    for (empty_digests, event_log_version) in [(false, 1), (true, 1), (false, 2)] {
        let (agent, platform) = start(Options { empty_digests, event_log_version, ..Options::default() });
        let evidence = quote(&platform, None).expect("evidence");
        let AuxiliaryData::Dstack { event_log, app_compose, vm_config } = evidence.auxiliary_data else {
            panic!("another platform's");
        };
        assert_eq!((app_compose.as_str(), vm_config.contains("os_image_hash")), (COMPOSE, true));
        assert_eq!(event_log.len(), agent.events().len());
        for (passed, given) in event_log.iter().zip(agent.events()) {
            let digest = if empty_digests { json!("") } else { given["digest"].clone() };
            assert_eq!(
                (&passed.digest.clone().into(), &passed.event.clone().into()),
                (&digest, &given["event"])
            );
            assert_eq!(passed.version, (event_log_version == 2).then_some(2));
        }
    }
}

#[test]
fn the_host_says_whether_it_is_phalas() {
    for (vendor, product, name) in
        [("dstack", "dstack", "intel-tdx"), ("Phala", "", "phala"), ("", "PHALA Cloud", "phala")]
    {
        let options = Options {
            cloud_vendor: vendor.to_owned(),
            cloud_product: product.to_owned(),
            ..Options::default()
        };
        assert_eq!(start(options).1.name(), name);
    }
}

#[test]
fn an_agent_that_refuses_is_quoted_and_may_come_back() {
    let (agent, platform) = start(Options::default());
    agent.fail(true);
    let refused = quote(&platform, None).expect_err("it refuses");
    assert_eq!(refused.to_string(), "dstack's agent refuses: GetQuote: the test wants this to fail");
    assert!(matches!(platform.tls_key("localhost"), Err(PlatformError::Refused(..))));
    let socket = agent.socket().to_str().expect("text");
    assert!(matches!(find(socket), Err(PlatformError::Refused(..))));
    agent.fail(false);
    quote(&platform, None).expect("evidence");
    let key = platform.tls_key("localhost").expect("an answer").expect("a key");
    assert!(key.key_pem.contains("PRIVATE KEY") && key.chain_pem.contains("BEGIN CERTIFICATE"));
    drop(agent);
    assert!(matches!(quote(&platform, None), Err(PlatformError::Unreachable(..))));
}

/// An agent may be at a URL, and its answers are checked.
#[test]
fn answers_that_are_none_are_told_apart() {
    let info = || json!({ "tcb_info": json!({ "app_compose": COMPOSE }).to_string() });
    for answer in [json!({}), json!({ "tcb_info": "{" }), json!({ "tcb_info": "{}" }), json!([])] {
        let url = canned::serve(move |_| answer.clone());
        assert!(matches!(find(&url), Err(PlatformError::Answer { .. })));
    }
    for quoted in [
        json!({}),
        json!({ "quote": "no hex", "event_log": "[]" }),
        json!({ "quote": "00", "event_log": "[]" }),
        json!({ "quote": "", "event_log": "no list" }),
        json!({ "quote": "", "event_log": "[{\"imr\":3}]" }),
    ] {
        let url = canned::serve(move |target| match target {
            "/Info" => info(),
            _ => quoted.clone(),
        });
        let platform = find(&url).expect("an agent");
        assert!(matches!(quote(&platform, None), Err(PlatformError::Answer { .. })));
    }
}

/// The answer of an agent that never ends it is cut off.
#[test]
fn an_answer_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut line = String::new();
        let mut reader = BufReader::new(stream.try_clone().expect("the same"));
        reader.read_line(&mut line).expect("a request");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"tcb_info\":\"";
        stream.write_all(head.as_bytes()).expect("it listens");
        // Ends when the reader has closed the connection.
        while stream.write_all(&[b'0'; 1 << 16]).is_ok() {}
    });
    let refused = find(socket.to_str().expect("text")).err().expect("too much");
    assert!(matches!(refused, PlatformError::Unreachable(..)), "{refused}");
}
