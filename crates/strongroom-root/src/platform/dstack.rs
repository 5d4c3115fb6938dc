//! dstack's guest agent, asked over its socket (spec/attestation.md#server). Only the quote inside
//! an answer proves anything, so the rest of it is not trusted here either.

use super::{PlatformError, unix};
use crate::tls_key::TlsKey;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use strongroom::sign_in::Origin;
use strongroom_attest::{AuxiliaryData, Collateral, DstackEvent, Report, platform};
use ureq::Agent;
use zeroize::Zeroizing;

/// Sockets of the agent, in the order in which its own libraries look for them.
const SOCKETS: [&str; 4] =
    ["/var/run/dstack.sock", "/run/dstack.sock", "/var/run/dstack/dstack.sock", "/run/dstack/dstack.sock"];
/// Sockets of tappd, the agent's predecessor.
const TAPPD_SOCKETS: [&str; 3] = ["/var/run/tappd.sock", "/run/tappd.sock", "/var/run/dstack/tappd.sock"];
/// The variable that the agent's own libraries read first.
const ENDPOINT: &str = "DSTACK_SIMULATOR_ENDPOINT";
/// Long, because the agent makes one quote after another for all of a guest's programs.
const TIMEOUT: Duration = Duration::from_secs(30);
const KEY_BYTES: usize = 32;
const MAX_ANSWER_BYTES: u64 = 10 * 1024 * 1024;
/// The register whose events are the application's. The events of the others are the firmware's,
/// and only the registers themselves are compared.
const RTMR3: u32 = 3;

/// The agent's two interfaces for keys. They give different keys, so a sealed root remembers which
/// one it was sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyApi {
    /// `GetKey` with a path, up to dstack 0.5.
    Path,
    /// `v1/GetKey` with a domain, since dstack 0.6.
    Domain,
}

impl KeyApi {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Path => 0,
            Self::Domain => 1,
        }
    }

    pub(crate) fn of(number: u8) -> Option<Self> {
        [Self::Path, Self::Domain].into_iter().find(|api| api.number() == number)
    }
}

/// The name of the root's key at the agent. No other key may have it, because the older interface
/// ignores the purpose.
const ROOT_KEY: &str = "strongroom/root/v1";

/// A dstack guest's agent.
#[derive(Clone)]
pub struct Dstack {
    agent: Agent,
    /// `http://host`, before the method.
    base: String,
    /// The socket or URL, for messages.
    place: String,
    is_tappd: bool,
    name: &'static str,
    app_compose: String,
    /// The application's id, 40 lower-case hex digits.
    app_id: String,
}

#[derive(Deserialize)]
struct Quoted {
    quote: String,
    event_log: String,
    #[serde(default)]
    vm_config: String,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    app_id: String,
    tcb_info: String,
    #[serde(default)]
    cloud_vendor: String,
    #[serde(default)]
    cloud_product: String,
}

#[derive(Deserialize)]
struct TcbInfo {
    app_compose: String,
}

impl Dstack {
    /// The agent at the given place or at one of the usual sockets, or `None` where there is none.
    pub(super) fn find(given: Option<&str>) -> Result<Option<Self>, PlatformError> {
        let given =
            given.map(str::to_owned).or_else(|| std::env::var(ENDPOINT).ok().filter(|e| !e.is_empty()));
        let first = |sockets: &[&str]| {
            sockets.iter().find(|socket| Path::new(socket).exists()).map(ToString::to_string)
        };
        let (place, is_tappd) = match given.or_else(|| first(&SOCKETS)) {
            Some(place) => (place, false),
            None => match first(&TAPPD_SOCKETS) {
                Some(place) => (place, true),
                None => return Ok(None),
            },
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build();
        let (agent, base) = if place.starts_with("http://") {
            // The agent's answers, such as a TLS key, must not leave the guest.
            let is_here = Origin::of_uri(&place).is_some_and(|origin| {
                origin.host() == "localhost"
                    || origin.host().parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            });
            if !is_here {
                let wanted = format!("dstack agent here: {place} is another machine's, use http://127.0.0.1");
                return Err(PlatformError::NotThere(wanted));
            }
            (config.new_agent(), place.trim_end_matches('/').to_owned())
        } else {
            (unix::agent(PathBuf::from(&place), config), "http://127.0.0.1".to_owned())
        };
        let mut dstack = Self {
            agent,
            base,
            place,
            is_tappd,
            name: platform::INTEL_TDX,
            app_compose: String::new(),
            app_id: String::new(),
        };
        dstack.read_info()?;
        Ok(Some(dstack))
    }

    /// Reads the host's name and the application's compose text. Neither changes while the guest
    /// runs.
    fn read_info(&mut self) -> Result<(), PlatformError> {
        let info: Info = self.call(if self.is_tappd { "prpc/Tappd.Info" } else { "Info" }, &json!({}))?;
        let tcb_info: TcbInfo = serde_json::from_str(&info.tcb_info).map_err(|_| answer("tcb_info"))?;
        self.app_compose = tcb_info.app_compose;
        self.app_id = info.app_id.trim_start_matches("0x").to_lowercase();
        let names = format!("{} {}", info.cloud_vendor, info.cloud_product).to_lowercase();
        if names.contains("phala") {
            self.name = platform::PHALA;
        }
        Ok(())
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn quote(&self, report_data: &[u8; 64]) -> Result<Report, PlatformError> {
        let method = if self.is_tappd { "prpc/Tappd.RawQuote" } else { "GetQuote" };
        let quoted: Quoted = self.call(method, &json!({ "report_data": hex::encode(report_data) }))?;
        let bytes = hex::decode(quoted.quote.trim_start_matches("0x")).map_err(|_| answer("quote"))?;
        let events: Vec<Value> = serde_json::from_str(&quoted.event_log).map_err(|_| answer("event_log"))?;
        let event_log = events
            .into_iter()
            .filter(|event| event["imr"] == RTMR3)
            .map(serde_json::from_value)
            .collect::<Result<Vec<DstackEvent>, _>>()
            .map_err(|_| answer("event_log"))?;
        Ok(Report {
            measurement: platform::tdx::measurement(&bytes).ok_or(answer("quote"))?,
            bytes,
            auxiliary_data: AuxiliaryData::Dstack {
                event_log,
                vm_config: quoted.vm_config,
                app_compose: self.app_compose.clone(),
            },
            collateral: Collateral::default(),
        })
    }

    /// A key that the agent makes for this call, with a chain from the application's own authority.
    pub(super) fn tls_key(&self, host: &str) -> Result<Option<TlsKey>, PlatformError> {
        #[derive(Deserialize)]
        struct Issued {
            key: Zeroizing<String>,
            certificate_chain: Vec<String>,
        }
        if self.is_tappd {
            return Ok(None);
        }
        let request = json!({
            "subject": host,
            "alt_names": [host],
            "usage_ra_tls": false,
            "usage_server_auth": true,
            "usage_client_auth": false,
        });
        let issued: Issued = self.call("GetTlsKey", &request)?;
        Ok(Some(TlsKey { key_pem: issued.key, chain_pem: issued.certificate_chain.concat() }))
    }

    /// The application's id, 40 lower-case hex digits.
    pub(crate) fn app_id(&self) -> &str {
        &self.app_id
    }

    /// The interface for a new root's key: the newest one that the agent has.
    pub(crate) fn key_api(&self) -> Result<KeyApi, PlatformError> {
        match self.key(KeyApi::Domain) {
            Ok(_) => Ok(KeyApi::Domain),
            Err(PlatformError::NoSuchMethod(_)) => Ok(KeyApi::Path),
            Err(error) => Err(error),
        }
    }

    /// The application's key for its root. It stays the same as long as the application's id does.
    pub(crate) fn key(&self, api: KeyApi) -> Result<Zeroizing<Vec<u8>>, PlatformError> {
        #[derive(Deserialize)]
        struct Given {
            key: Zeroizing<String>,
        }
        let given: Given = match api {
            KeyApi::Domain => {
                self.call("v1/GetKey", &json!({ "domain": ROOT_KEY, "algorithm": "secp256k1" }))
            }
            KeyApi::Path => self.call("GetKey", &json!({ "path": ROOT_KEY, "purpose": "root" })),
        }?;
        let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
        hex::decode_to_slice(given.key.trim_start_matches("0x"), &mut key).map_err(|_| answer("key"))?;
        Ok(key)
    }

    fn call<T: for<'de> Deserialize<'de>>(&self, method: &str, request: &Value) -> Result<T, PlatformError> {
        #[derive(Deserialize)]
        struct Refused {
            error: String,
        }
        let unreachable = |error| PlatformError::Unreachable(self.place.clone(), Box::new(error));
        let mut response = self
            .agent
            .post(format!("{}/{method}", self.base))
            .header("host", "dstack")
            // The agent reads any other type as protobuf.
            .content_type("application/json")
            .send(request.to_string())
            .map_err(unreachable)?;
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = Zeroizing::new(body.map_err(unreachable)?);
        if !response.status().is_success() {
            let told =
                serde_json::from_slice(&body).map_or(response.status().to_string(), |r: Refused| r.error);
            return Err(match response.status().as_u16() {
                404 => PlatformError::NoSuchMethod(method.to_owned()),
                _ => PlatformError::Refused("dstack's agent", format!("{method}: {told}")),
            });
        }
        serde_json::from_slice(&body).map_err(|_| answer("the JSON lacks members that were expected"))
    }
}

fn answer(what: &'static str) -> PlatformError {
    PlatformError::Answer { from: "dstack's agent", what }
}
