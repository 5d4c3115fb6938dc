//! The makers' services: Intel's Provisioning Certification Service (version 4, which a caching
//! PCCS answers like) and AMD's Key Distribution Service.

use percent_encoding::percent_decode_str;
use rustls::crypto::aws_lc_rs;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use strongroom::encoding::{base64, from_base64};
use strongroom_attest::platform::{self, snp, tdx};
use strongroom_attest::{Collateral, SnpCollateral, TdxCollateral};
use ureq::Agent;
use ureq::tls::{TlsConfig, TlsProvider};

/// Intel's Provisioning Certification Service, for TDX.
pub const INTEL_URL: &str = "https://api.trustedservices.intel.com";
/// AMD's Key Distribution Service, for SEV-SNP.
pub const AMD_URL: &str = "https://kdsintf.amd.com";
/// The list of certificates that Intel's root revoked. A PCCS serves it under a path of its own.
const INTEL_ROOT_CRL_URL: &str = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// The services that collateral is fetched from.
pub struct Services {
    agent: Agent,
    intel: String,
    amd: String,
}

/// Why a service gives no collateral.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServiceError {
    #[error("{url} cannot be reached: {source}")]
    Unreachable { url: String, source: Box<ureq::Error> },
    #[error("{url} answers {status}")]
    Status { url: String, status: u16 },
    #[error("{url} answers with something unexpected: {what}")]
    Answer { url: String, what: &'static str },
}

/// The collateral that a report is verified with.
pub(super) enum Wanted {
    Tdx(tdx::CollateralKey),
    Snp(snp::CertificateKey),
}

impl Wanted {
    pub(super) fn by(report: &[u8], platform: &str) -> Option<Self> {
        match platform {
            platform::INTEL_TDX | platform::PHALA => tdx::CollateralKey::of(report).map(Self::Tdx),
            platform::AMD_SEV_SNP => snp::CertificateKey::of(report).map(Self::Snp),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Tdx(key) => format!("tdx {} {}", key.fmspc, key.ca),
            Self::Snp(key) => format!("snp {}", key.vcek_path()),
        }
    }
}

/// An answer's body, and its signer's certificate chain, which comes in a header.
struct SignedAnswer {
    body: Vec<u8>,
    chain: String,
}

impl Services {
    /// The URL of Intel's service or a PCCS, and the URL of AMD's service or one that answers like
    /// it.
    #[must_use]
    pub fn new(intel: &str, amd: &str) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build()
            .new_agent();
        let base = |url: &str| url.trim_end_matches('/').to_owned();
        Self { agent, intel: base(intel), amd: base(amd) }
    }

    pub(super) fn fetch(&self, wanted: &Wanted) -> Result<Collateral, ServiceError> {
        match wanted {
            Wanted::Tdx(key) => Ok(Collateral { tdx: Some(self.fetch_tdx(key)?), snp: None }),
            Wanted::Snp(key) => Ok(Collateral { tdx: None, snp: Some(self.fetch_snp(key)?) }),
        }
    }

    fn fetch_tdx(&self, key: &tdx::CollateralKey) -> Result<TdxCollateral, ServiceError> {
        let base = &self.intel;
        let pck_crl = self.signed(
            &format!("{base}/sgx/certification/v4/pckcrl?ca={}&encoding=der", key.ca),
            &["sgx-pck-crl-issuer-chain"],
        )?;
        let tcb_url = format!("{base}/tdx/certification/v4/tcb?fmspc={}", key.fmspc);
        let tcb = self.signed(&tcb_url, &["tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain"])?;
        let qe_url = format!("{base}/tdx/certification/v4/qe/identity");
        let qe = self.signed(&qe_url, &["sgx-enclave-identity-issuer-chain"])?;
        let (tcb_info, tcb_info_signature) = exact(&tcb_url, &tcb.body)?;
        let (qe_identity, qe_identity_signature) = exact(&qe_url, &qe.body)?;
        let collateral = TdxCollateral {
            pck_crl_issuer_chain: pck_crl.chain,
            root_ca_crl: hex::encode(self.fetch_root_crl()?),
            pck_crl: hex::encode(pck_crl.body),
            tcb_info_issuer_chain: tcb.chain,
            tcb_info,
            tcb_info_signature,
            qe_identity_issuer_chain: qe.chain,
            qe_identity,
            qe_identity_signature,
        };
        // The answer replaces collateral that may be good, so it has to fit.
        if key.fits(&collateral) {
            Ok(collateral)
        } else {
            Err(answer(&tcb_url, "its TCB info is for another platform"))
        }
    }

    fn fetch_root_crl(&self) -> Result<Vec<u8>, ServiceError> {
        if self.intel == INTEL_URL {
            return self.get(INTEL_ROOT_CRL_URL);
        }
        // A PCCS writes the list in hex.
        let url = format!("{}/sgx/certification/v4/rootcacrl", self.intel);
        hex::decode(self.get(&url)?.trim_ascii()).map_err(|_| answer(&url, "the revocation list is not hex"))
    }

    fn fetch_snp(&self, key: &snp::CertificateKey) -> Result<SnpCollateral, ServiceError> {
        let (base, product) = (&self.amd, key.product.name());
        let vcek = self.get(&format!("{base}{}", key.vcek_path()))?;
        let chain_url = format!("{base}/vcek/v1/{product}/cert_chain");
        let not_pem = || answer(&chain_url, "the certificate chain is not PEM");
        let chain = String::from_utf8(self.get(&chain_url)?).map_err(|_| not_pem())?;
        // The first of two certificates. The second is AMD's root, which clients have.
        let ask = chain.split("-----").nth(2).ok_or_else(not_pem)?;
        let ask: String = ask.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        if from_base64(&ask).is_none() {
            return Err(not_pem());
        }
        let crl = self.get(&format!("{base}/vcek/v1/{product}/crl"))?;
        Ok(SnpCollateral { vcek: base64(&vcek), ask, crl: base64(&crl) })
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, ServiceError> {
        self.signed(url, &[]).map(|signed| signed.body)
    }

    fn signed(&self, url: &str, chain_headers: &[&str]) -> Result<SignedAnswer, ServiceError> {
        let unreachable =
            |source| ServiceError::Unreachable { url: url.to_owned(), source: Box::new(source) };
        let mut response = self.agent.get(url).call().map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(ServiceError::Status { url: url.to_owned(), status: response.status().as_u16() });
        }
        let chain = chain_headers.iter().find_map(|name| response.headers().get(*name));
        let chain = match chain.and_then(|value| value.to_str().ok()) {
            Some(text) => percent_decode_str(text).decode_utf8_lossy().into_owned(),
            None if chain_headers.is_empty() => String::new(),
            None => return Err(answer(url, "the header with the issuer's chain is missing")),
        };
        let body =
            response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(unreachable)?;
        Ok(SignedAnswer { body, chain })
    }
}

/// The signed text byte for byte, and its signature. Fields in another order would not verify.
fn exact(url: &str, body: &[u8]) -> Result<(String, String), ServiceError> {
    #[derive(Deserialize)]
    struct Answered<'a> {
        #[serde(borrow, alias = "tcbInfo", alias = "enclaveIdentity")]
        signed: &'a RawValue,
        signature: &'a str,
    }
    let unknown = |_| answer(url, "the JSON does not have the members of a signed answer");
    let answered: Answered<'_> = serde_json::from_slice(body).map_err(unknown)?;
    Ok((answered.signed.get().to_owned(), answered.signature.to_owned()))
}

fn answer(url: &str, what: &'static str) -> ServiceError {
    ServiceError::Answer { url: url.to_owned(), what }
}
