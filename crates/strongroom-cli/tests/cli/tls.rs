//! A server with a certificate.

use crate::Place;
use crate::serve::Server;
use rustls::crypto::aws_lc_rs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const FLAGS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

/// Writes a new certificate and its key, and gives a client that trusts only this one.
fn certify(place: &Place) -> ureq::Agent {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    place.write("cert.pem", made.cert.pem());
    place.write("key.pem", made.signing_key.serialize_pem());
    let trusted = Certificate::from_der(made.cert.der()).to_owned();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[trusted]))
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build();
    ureq::Agent::from(ureq::Agent::config_builder().tls_config(tls).build())
}

#[test]
fn it_says_https_and_speaks_nothing_else() {
    let place = Place::new();
    let client = certify(&place);
    let server = Server::start(&place, &FLAGS, &[]);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let answer = client.get(format!("{}/health", server.url)).call().expect("an answer");
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    assert!(ureq::get(server.url.replace("https:", "http:")).call().is_err(), "no HTTP in the clear");
    let stranger = certify(&Place::new());
    assert!(stranger.get(format!("{}/health", server.url)).call().is_err(), "another's certificate");
}

/// Certificates are renewed while a server runs. Files that cannot be used change nothing.
#[test]
fn a_hangup_has_the_certificate_read_again() {
    let place = Place::new();
    let before = certify(&place);
    let server = Server::start(&place, &FLAGS, &[]);
    let health = format!("{}/health", server.url);
    let good = ["cert.pem", "key.pem"].map(|name| place.read(name));
    place.write("key.pem", "no key");
    server.send("HUP");
    for _ in 0..20 {
        assert!(before.get(&health).call().is_ok(), "the former certificate stays");
    }
    let after = certify(&place);
    assert_ne!(good, ["cert.pem", "key.pem"].map(|name| place.read(name)));
    server.send("HUP");
    let deadline = Instant::now() + Duration::from_secs(10);
    while after.get(&health).call().is_err() {
        assert!(Instant::now() < deadline, "the new certificate is not served");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_certificate_and_a_key_that_do_not_fit_are_refused_before_anything_is_made() {
    let place = Place::new();
    certify(&place);
    let first = place.read("cert.pem");
    certify(&place);
    place.write("cert.pem", first);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    place
        .run(&[&serve[..], &FLAGS].concat(), "")
        .fails(2, "tls-cert, tls-key: certificate and key cannot be used");
    certify(&place);
    let http = ["serve", "--listen", "127.0.0.1:0", "--public-url", "http://vault.example"];
    place.run(&[&http[..], &FLAGS].concat(), "").fails(2, "http://vault.example is not an https:// URL");
    assert_eq!(place.files(), ["cert.pem", "key.pem"]);
}
