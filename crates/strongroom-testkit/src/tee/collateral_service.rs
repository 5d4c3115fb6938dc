//! A fake of the services that give out Intel's and AMD's collateral, over plain HTTP and for tests
//! only. The collateral is a [`FakeIntel`]'s and a [`FakeAmd`]'s.

use super::amd::{CrlState, FakeAmd};
use super::http::{self, Mood, Request, Response, percent_encoded};
use super::intel::{FakeIntel, PlatformState};
use super::pki;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Intel's provisioning certification service (version 4) and AMD's key distribution service under
/// one address. It ends when it is dropped.
pub struct FakeCollateralService {
    address: SocketAddr,
    service: Arc<Service>,
}

struct Service {
    intel: Arc<FakeIntel>,
    amd: Arc<FakeAmd>,
    state: Mutex<(PlatformState, CrlState)>,
    mood: Mood,
}

impl FakeCollateralService {
    /// Starts the service on a free port of this host.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn start(intel: Arc<FakeIntel>, amd: Arc<FakeAmd>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let service = Arc::new(Service { intel, amd, state: Mutex::default(), mood: Mood::default() });
        std::thread::spawn({
            let service = Arc::clone(&service);
            move || {
                for stream in listener.incoming().flatten() {
                    if service.mood.is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let service = Arc::clone(&service);
                    // The client may be gone, and then needs no answer.
                    std::thread::spawn(move || {
                        let failure = || Response::error(503, "the test wants this to fail");
                        http::serve(stream, &service.mood, failure, |request| service.answer(request)).ok()
                    });
                }
            }
        });
        Self { address, service }
    }

    /// The service's URL: `http://127.0.0.1:` and the port.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes it answer every request with 503, or end that.
    pub fn fail(&self, fails: bool) {
        self.service.mood.fails.store(fails, Ordering::SeqCst);
    }

    /// Makes each answer take this long.
    ///
    /// # Panics
    /// If the delay in milliseconds does not fit into 64 bits.
    pub fn delay(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).expect("a test is shorter");
        self.service.mood.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// The number of requests it has had.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.service.mood.requests.load(Ordering::SeqCst)
    }

    /// Sets the contents of the collateral from now on.
    ///
    /// # Panics
    /// If an answer panicked before.
    pub fn say(&self, platform: PlatformState, crl: CrlState) {
        *self.service.state.lock().expect("no answer panics") = (platform, crl);
    }
}

impl Drop for FakeCollateralService {
    fn drop(&mut self) {
        self.service.mood.is_over.store(true, Ordering::SeqCst);
        // The thread that listens sees this connection. If the thread has ended, so much the
        // better.
        let _ = TcpStream::connect(self.address);
    }
}

impl Service {
    fn answer(&self, request: &Request) -> Response {
        let (platform, crl) = self.state.lock().expect("no answer panics").clone();
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let answer = match parts[..] {
            _ if request.method != "GET" => None,
            ["sgx" | "tdx", "certification", "v4", ..] => self.intel(request, &platform),
            ["vcek", "v1", "Milan", name] => self.amd(request, name, &crl),
            _ => None,
        };
        answer.unwrap_or_else(|| Response::error(404, "no data found"))
    }

    fn intel(&self, request: &Request, state: &PlatformState) -> Option<Response> {
        let collateral = self.intel.collateral(state);
        let text = |name: &str| collateral[name].as_str().map(str::to_owned);
        let list = |name: &str| hex::decode(text(name)?).ok();
        let chain = |name: &str| Some(percent_encoded(&text(name)?));
        // The text exactly as it is signed.
        let signed = |object: &str, name: &str| {
            let (value, signature) = (text(name)?, text(&format!("{name}_signature"))?);
            let body = format!(r#"{{"{object}":{value},"signature":"{signature}"}}"#);
            Some(Response::bytes("application/json", body))
        };
        let asked = |name: &str| request.query.get(name).map(String::as_str);
        match request.path.as_str() {
            "/sgx/certification/v4/pckcrl" if asked("ca") == Some("platform") => {
                let crl = list("pck_crl")?;
                let response = if asked("encoding") == Some("der") {
                    Response::bytes("application/pkix-crl", crl)
                } else {
                    Response::bytes("application/x-pem-file", pki::pem("X509 CRL", &crl))
                };
                Some(response.with("SGX-PCK-CRL-Issuer-Chain", chain("pck_crl_issuer_chain")?))
            }
            "/sgx/certification/v4/rootcacrl" => Some(Response::bytes("text/plain", text("root_ca_crl")?)),
            "/tdx/certification/v4/tcb"
                if asked("fmspc")?.eq_ignore_ascii_case(&hex::encode(state.fmspc)) =>
            {
                let response = signed("tcbInfo", "tcb_info")?;
                Some(response.with("TCB-Info-Issuer-Chain", chain("tcb_info_issuer_chain")?))
            }
            "/tdx/certification/v4/qe/identity" => {
                let response = signed("enclaveIdentity", "qe_identity")?;
                Some(response.with("SGX-Enclave-Identity-Issuer-Chain", chain("qe_identity_issuer_chain")?))
            }
            _ => None,
        }
    }

    fn amd(&self, request: &Request, name: &str, state: &CrlState) -> Option<Response> {
        let amd = &self.amd;
        match name {
            "cert_chain" => {
                let chain = pki::pem_chain(&[amd.ask_der(), amd.ark_der()]);
                Some(Response::bytes("application/x-pem-file", chain))
            }
            "crl" => Some(Response::bytes("application/pkix-crl", amd.crl_der(state))),
            chip => {
                let [bootloader, tee, .., snp, microcode] = amd.vcek().tcb;
                let names = ["blSPL", "teeSPL", "snpSPL", "ucodeSPL"];
                let asked = |name: &str| request.query.get(name).and_then(|svn| svn.parse::<u8>().ok());
                let is_its_tcb = names.map(asked) == [bootloader, tee, snp, microcode].map(Some);
                let is_its = chip == hex::encode(amd.vcek().chip_id) && is_its_tcb;
                is_its.then(|| Response::bytes("application/pkix-cert", amd.vcek_der()))
            }
        }
    }
}
