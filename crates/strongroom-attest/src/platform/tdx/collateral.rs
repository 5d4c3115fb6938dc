//! Intel's collateral: what finds it for a quote, and the form that `dcap-qvl` takes.

use crate::evidence::TdxCollateral;
use crate::refusal::Refusal;
use dcap_qvl::config::PckCa;
use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::quote::Quote;
use dcap_qvl::tcb_info::TcbInfo;
use dcap_qvl::{QuoteCollateralV3, intel};

/// What Intel's service needs to find the collateral of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollateralKey {
    /// The kind of platform (FMSPC): 12 hex digits, upper case.
    pub fmspc: String,
    /// Which of Intel's CAs certified the platform: `platform` or `processor`.
    pub ca: &'static str,
}

impl CollateralKey {
    /// Reads the key from the certificates in a quote.
    #[must_use]
    pub fn of(quote: &[u8]) -> Option<Self> {
        let quote = Quote::parse(quote).ok()?;
        let fmspc = intel::quote_fmspc_with::<RustCryptoConfig>(&quote).ok()?;
        let ca = match intel::quote_ca_with::<RustCryptoConfig>(&quote).ok()? {
            PckCa::Platform => "platform",
            PckCa::Processor => "processor",
        };
        Some(Self { fmspc: hex::encode_upper(fmspc), ca })
    }

    /// Whether this looks like the collateral of the key. Only verification tells whether it is.
    #[must_use]
    pub fn fits(&self, collateral: &TdxCollateral) -> bool {
        let tcb_info: Result<TcbInfo, _> = serde_json::from_str(&collateral.tcb_info);
        to_library(collateral).is_ok()
            && tcb_info.is_ok_and(|info| info.fmspc.eq_ignore_ascii_case(&self.fmspc))
    }
}

pub(super) fn to_library(collateral: &TdxCollateral) -> Result<QuoteCollateralV3, Refusal> {
    let bytes = |text: &str| hex::decode(text).map_err(|_| Refusal::Collateral);
    let signature =
        |text: &str| bytes(text).and_then(|s| if s.len() == 64 { Ok(s) } else { Err(Refusal::Collateral) });
    Ok(QuoteCollateralV3 {
        pck_crl_issuer_chain: String::new(),
        root_ca_crl: bytes(&collateral.root_ca_crl)?,
        pck_crl: bytes(&collateral.pck_crl)?,
        tcb_info_issuer_chain: collateral.tcb_info_issuer_chain.clone(),
        tcb_info: collateral.tcb_info.clone(),
        tcb_info_signature: signature(&collateral.tcb_info_signature)?,
        qe_identity_issuer_chain: collateral.qe_identity_issuer_chain.clone(),
        qe_identity: collateral.qe_identity.clone(),
        qe_identity_signature: signature(&collateral.qe_identity_signature)?,
        // The quote carries its own.
        pck_certificate_chain: None,
    })
}
