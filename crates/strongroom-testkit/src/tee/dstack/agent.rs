//! A fake of dstack's guest agent on a socket file, for tests only.

use super::{boot_parts, event, event_v2, rtmr3};
use crate::tee::http::{self, Mood, Request, Response};
use crate::tee::intel::{FakeIntel, Td, boot_digest};
use crate::tee::pki::{self, Certificate, Signer};
use crate::tee::{DAY, der};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;

/// The guest's settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// The application's id at the service that gives it keys. Its code is the compose hash.
    pub app_id: [u8; 20],
    /// The key management service's public key, in hex.
    pub key_provider_id: String,
    /// The hash of the system image, as the service named it.
    pub os_image_hash: [u8; 32],
    /// The vendor that the host's firmware tables name. Nobody measures it.
    pub cloud_vendor: String,
    /// The product that the host's firmware tables name. Nobody measures it.
    pub cloud_product: String,
    /// Whether quotes come with events of RTMR3 whose digests are empty, as from dstack 0.5.6 to
    /// 0.5.11.
    pub empty_digests: bool,
    /// The way in which digests are made: 1, or 2 as in dstack 0.6.
    pub event_log_version: u32,
    /// The newest interface for keys that it has: 0 for none, as in the older tappd; 1 for `GetKey`
    /// of dstack 0.5; 2 for `v1/GetKey` of 0.6 as well.
    pub key_interfaces: u8,
    /// Events that the application added after the start.
    pub later_events: Vec<(String, Vec<u8>)>,
    /// The guest as quotes show it, but for RTMR3 and the data that they bind.
    pub td: Td,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            app_id: [0xA9; 20],
            key_provider_id: "3059301306072a8648ce3d020106082a8648ce3d030107034200aa".to_owned(),
            os_image_hash: [0x05; 32],
            cloud_vendor: "dstack".to_owned(),
            cloud_product: "dstack".to_owned(),
            empty_digests: false,
            event_log_version: 1,
            key_interfaces: 2,
            later_events: Vec::new(),
            td: Td::default(),
        }
    }
}

/// A running guest agent. When it is dropped, it ends and its socket goes.
pub struct FakeDstack {
    _folder: TempDir,
    socket: PathBuf,
    guest: Arc<Guest>,
}

struct Guest {
    intel: Arc<FakeIntel>,
    app_compose: String,
    options: Options,
    /// Events of RTMR3, with their digests.
    events: Vec<Value>,
    mood: Mood,
}

impl FakeDstack {
    /// Starts the agent in a temporary folder.
    ///
    /// # Panics
    /// If no socket can be made.
    #[must_use]
    pub fn start(intel: Arc<FakeIntel>, app_compose: &str, options: Options) -> Self {
        let Options { app_id, key_provider_id, os_image_hash, .. } = &options;
        let boot = boot_parts(app_compose, *app_id, key_provider_id, *os_image_hash);
        let boot = boot.iter().map(|(name, payload)| (*name, payload));
        let later = options.later_events.iter().map(|(name, payload)| (&name[..], payload));
        let make = if options.event_log_version == 2 { event_v2 } else { event };
        let events = boot.chain(later).map(|(name, payload)| make(name, payload)).collect();
        let guest =
            Guest { intel, app_compose: app_compose.to_owned(), options, events, mood: Mood::default() };
        let guest = Arc::new(guest);

        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("dstack.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        std::thread::spawn({
            let guest = Arc::clone(&guest);
            move || {
                for stream in listener.incoming().flatten() {
                    if guest.mood.is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let guest = Arc::clone(&guest);
                    // The client may be gone, and then needs no answer.
                    std::thread::spawn(move || {
                        let failure = || Response::error(400, "the test wants this to fail");
                        http::serve(stream, &guest.mood, failure, |request| guest.answer(request)).ok()
                    });
                }
            }
        });
        Self { _folder: folder, socket, guest }
    }

    /// The path of the socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Makes it answer every request with an error, or end that.
    pub fn fail(&self, fails: bool) {
        self.guest.mood.fails.store(fails, Ordering::SeqCst);
    }

    /// Makes each answer take this long.
    ///
    /// # Panics
    /// If the delay in milliseconds does not fit into 64 bits.
    pub fn delay(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).expect("a test is shorter");
        self.guest.mood.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// The number of requests it has had.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.guest.mood.requests.load(Ordering::SeqCst)
    }

    /// The events of RTMR3, with their digests.
    #[must_use]
    pub fn events(&self) -> &[Value] {
        &self.guest.events
    }

    /// The guest as its quotes show it, but for the data that they bind.
    #[must_use]
    pub fn td(&self) -> Td {
        self.guest.td([0; 64])
    }

    /// SHA-256 of the text of app-compose.json.
    #[must_use]
    pub fn compose_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.guest.app_compose).into()
    }
}

impl Drop for FakeDstack {
    fn drop(&mut self) {
        self.guest.mood.is_over.store(true, Ordering::SeqCst);
        // The thread that listens sees this connection. If the thread has ended, so much the
        // better.
        let _ = UnixStream::connect(&self.socket);
    }
}

impl Guest {
    fn td(&self, report_data: [u8; 64]) -> Td {
        let mut td = Td { report_data, ..self.options.td.clone() };
        td.rtmrs[3] = rtmr3(&self.events);
        td
    }

    fn answer(&self, request: &Request) -> Response {
        if request.method != "POST" {
            return Response::error(404, &format!("Service not found: {}", request.path));
        }
        // The agent takes any other type for protobuf.
        if request.headers.get("content-type").is_none_or(|kind| !kind.starts_with("application/json")) {
            return Response::error(400, "failed to decode Protobuf message: invalid wire type");
        }
        let Ok(asked) = serde_json::from_slice::<Value>(&request.body) else {
            return Response::error(400, "Failed to parse the request as JSON");
        };
        let answer = match request.path.as_str() {
            "/GetQuote" => self.quote(&asked),
            "/Info" => Ok(self.info()),
            "/GetTlsKey" => Ok(self.tls_key(&asked)),
            "/GetKey" if self.options.key_interfaces > 0 => {
                Ok(self.key("dstack 0", asked["path"].as_str().unwrap_or_default()))
            }
            "/v1/GetKey" if self.options.key_interfaces > 1 => self.key_v1(&asked),
            other => {
                let method = other.trim_start_matches('/');
                return Response::error(404, &format!("Service not found: {method}"));
            }
        };
        match answer {
            Ok(value) => Response::json(200, &value),
            Err(error) => Response::error(400, &error),
        }
    }

    fn quote(&self, asked: &Value) -> Result<Value, String> {
        let text = asked["report_data"].as_str().ok_or("Missing report_data")?;
        let bytes =
            hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|error| error.to_string())?;
        let mut report_data = [0; 64];
        report_data.get_mut(..bytes.len()).ok_or("Report data is too long")?.copy_from_slice(&bytes);
        let measured = (0..3).map(|register| {
            json!({
                "imr": register,
                "event_type": 0x8000_000B_u32,
                "digest": hex::encode(boot_digest(register)),
                "event": "",
                "event_payload": "",
            })
        });
        let events = self.events.iter().cloned().map(|mut event| {
            if self.options.empty_digests {
                event["digest"] = "".into();
            }
            event
        });
        Ok(json!({
            "quote": hex::encode(self.intel.quote(&self.td(report_data))),
            "event_log": Value::from_iter(measured.chain(events)).to_string(),
            "report_data": hex::encode(report_data),
            "vm_config": self.vm_config(),
        }))
    }

    fn vm_config(&self) -> String {
        json!({
            "os_image_hash": hex::encode(self.options.os_image_hash),
            "cpu_count": 1,
            "memory_size": 2_147_483_648_u64,
        })
        .to_string()
    }

    fn info(&self) -> Value {
        let options = &self.options;
        let td = self.td([0; 64]);
        let compose_hash = hex::encode(Sha256::digest(&self.app_compose));
        let aggregated = hex::encode(Sha256::digest([td.mrtd.as_slice(), &td.rtmrs.concat()].concat()));
        let tcb_info = json!({
            "mrtd": hex::encode(td.mrtd),
            "rtmr0": hex::encode(td.rtmrs[0]),
            "rtmr1": hex::encode(td.rtmrs[1]),
            "rtmr2": hex::encode(td.rtmrs[2]),
            "rtmr3": hex::encode(td.rtmrs[3]),
            "mr_aggregated": aggregated,
            "os_image_hash": hex::encode(options.os_image_hash),
            "compose_hash": compose_hash,
            "device_id": "07".repeat(32),
            "event_log": self.events,
            "app_compose": self.app_compose,
        });
        json!({
            "app_id": hex::encode(options.app_id),
            "instance_id": hex::encode(&Sha256::digest(options.app_id)[..20]),
            "app_cert": "",
            "tcb_info": serde_json::to_string_pretty(&tcb_info).expect("a value has an encoding"),
            "app_name": "fake",
            "device_id": "07".repeat(32),
            "mr_aggregated": aggregated,
            "os_image_hash": hex::encode(options.os_image_hash),
            "key_provider_info": json!({ "name": "kms", "id": options.key_provider_id }).to_string(),
            "compose_hash": compose_hash,
            "vm_config": self.vm_config(),
            "cloud_vendor": options.cloud_vendor,
            "cloud_product": options.cloud_product,
        })
    }

    /// A new key each time, with a certificate that it signed itself. The real one leads to
    /// dstack's own authority.
    fn tls_key(&self, asked: &Value) -> Value {
        let key = Signer::p256();
        let name =
            pki::name(asked["subject"].as_str().filter(|s| !s.is_empty()).unwrap_or("Test TLS (no dstack)"));
        let names = asked["alt_names"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names: Vec<_> = names.iter().filter_map(Value::as_str).map(general_name).collect();
        let mut extensions = vec![pki::key_usage(true, &[pki::DIGITAL_SIGNATURE])];
        if !names.is_empty() {
            extensions.push(pki::extension("2.5.29.17", false, &der::sequence(&names)));
        }
        let now = self.intel.now_unix();
        let time = |name: &str, default| asked[name].as_i64().filter(|time| *time != 0).unwrap_or(default);
        let certificate = Certificate {
            serial: 1,
            issuer: &name,
            subject: &name,
            validity: (time("not_before", now - 30 * DAY), time("not_after", now + 3650 * DAY)),
            key: &key,
            extensions: &extensions,
        };
        json!({
            "key": pki::pem("PRIVATE KEY", &key.pkcs8()),
            "certificate_chain": [pki::pem("CERTIFICATE", &certificate.sign(&key))],
        })
    }

    /// The same key for the same service, application and name, whatever code the application runs.
    /// Real keys are so too.
    fn key(&self, way: &str, name: &str) -> Value {
        let key = Sha256::new()
            .chain_update("strongroom's test kit: ")
            .chain_update(way)
            .chain_update(&self.options.key_provider_id)
            .chain_update(self.options.app_id)
            .chain_update(name)
            .finalize();
        json!({ "key": hex::encode(key), "signature_chain": ["00".repeat(65), "00".repeat(65)] })
    }

    fn key_v1(&self, asked: &Value) -> Result<Value, String> {
        let (Some(algorithm @ ("secp256k1" | "ed25519")), Some(domain)) =
            (asked["algorithm"].as_str(), asked["domain"].as_str())
        else {
            return Err("Unsupported algorithm".to_owned());
        };
        let mut answer = self.key(&format!("dstack 1 {algorithm}"), domain);
        answer["public_key"] = "02".repeat(if algorithm == "ed25519" { 32 } else { 33 }).into();
        Ok(answer)
    }
}

/// A dNSName or iPAddress (RFC 5280 §4.2.1.6).
fn general_name(name: &str) -> Vec<u8> {
    match name.parse() {
        Ok(IpAddr::V4(ip)) => der::element(0x87, &ip.octets()),
        Ok(IpAddr::V6(ip)) => der::element(0x87, &ip.octets()),
        Err(_) => der::element(0x82, name.as_bytes()),
    }
}
