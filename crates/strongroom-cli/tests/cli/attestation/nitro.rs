//! A server in a Nitro enclave with a simulated Secure Module. Such an enclave has no platform key
//! for a root.

use super::{now, place, put_and_open, simulated, without};
use crate::Place;
use crate::serve::Server;
use std::path::Path;
use std::sync::Arc;
use strongroom_testkit::tee::aws::FakeAws;
use strongroom_testkit::tee::nsm;

fn enclave() -> Place {
    let place = place();
    let aws = Arc::new(FakeAws::new(now()));
    place.write("roots/aws.der", aws.root_der());
    nsm::start(aws, &place.path("roots/nsm.sock"), |_| ());
    place
}

#[test]
fn an_enclave_vouches_keeps_its_root_in_memory_and_is_recovered_at_the_next_start() {
    let place = enclave();
    let key = place.keygen("one.key");
    let roots = place.text_path("roots");
    let variables = [("STRONGROOM_SIMULATED_ROOTS", &*roots)];
    let listen = format!("--listen={}", super::address());
    let recovery = format!("--recovery=1:{key}");
    let flags = [&*listen, &*recovery, "--tls-in-tee", "--platform=aws-nitro", "--recover"];
    let mut server = Server::start_as(&simulated(), &place, &flags, &variables);
    assert!(
        server.talk.contains("the root is kept in this server's memory alone; 1 of sr:"),
        "{}",
        server.talk
    );
    assert!(!server.talk.contains("warning"), "{}", server.talk);
    put_and_open(&place, &server.url);
    let policy = String::from_utf8(place.read("policy.toml")).expect("text");
    assert!(
        policy.contains("[[aws-nitro.measurements]]") && policy.contains("tls_in_tee = true"),
        "{policy}"
    );
    assert_eq!(server.signal("TERM"), Some(0));
    assert!(!place.path("data/root.sealed").exists());

    let waiting = Server::start_waiting(&simulated(), &place, &flags, &variables);
    let recover = ["vault", "recover", "-i", "one.key", "--policy", "policy.toml", "--server", &waiting.url];
    super::client(&place, &recover, "").ok();
    place.write("policy.toml", without("config_digests", &policy));
    super::eventually("it serves", || {
        super::client(&place, &["attestation", "verify", &waiting.url, "--policy", "policy.toml"], "").code
            == 0
    });
    put_and_open(&place, &waiting.url);
}

#[test]
fn a_machine_that_is_no_enclave_is_told_so() {
    if Path::new("/dev/nsm").exists() {
        return;
    }
    let refused = place().run(&["serve", "--listen", "127.0.0.1:0", "--platform", "aws-nitro"], "");
    assert!(refused.stderr.contains("hint: run it inside the enclave"), "{}", refused.stderr);
    refused.fails(2, "there is no Nitro Secure Module (/dev/nsm) here");
}
