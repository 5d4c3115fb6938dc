//! Quotes (Intel's TDX DCAP Quoting Library API, "quote format") that a fake platform signs. They
//! are for tests only.

use super::FakeIntel;
use sha2::{Digest, Sha256, Sha384};

/// The format of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteVersion {
    /// Version 4, whose body is that of TDX 1.0.
    V4,
    /// Version 5 with the body of TDX 1.0.
    V5Td10,
    /// Version 5 with the body of TDX 1.5.
    V5Td15,
}

/// The contents of a guest's quote. The default one has fixed measurements, and nothing in RTMR3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Td {
    /// The version of the quote's format.
    pub version: QuoteVersion,
    /// MRTD, the measurement of what the guest was started from.
    pub mrtd: [u8; 48],
    /// RTMR0 to RTMR3, which the guest extends.
    pub rtmrs: [[u8; 48]; 4],
    /// REPORTDATA, which the guest chose.
    pub report_data: [u8; 64],
    /// TDATTRIBUTES. Verifiers demand SEPT_VE_DISABLE (bit 28); bit 0 is debug.
    pub td_attributes: u64,
    /// XFAM, the extended features that the guest may use.
    pub xfam: u64,
    /// MRSIGNERSEAM, the signer of the module; zero for Intel's own modules.
    pub mr_signer_seam: [u8; 48],
    /// SEAMATTRIBUTES, the attributes of Intel's module.
    pub seam_attributes: [u8; 8],
    /// MRSERVICETD, the guest that may move this one; zero for none. Only a body of TDX 1.5 has it.
    pub mr_service_td: [u8; 48],
    /// TEE_TCB_SVN, the platform's versions as the guest started.
    pub tee_tcb_svn: [u8; 16],
    /// TEE_TCB_SVN_2, the platform's versions now. Only a body of TDX 1.5 has it.
    pub tee_tcb_svn2: [u8; 16],
    /// MRCONFIGID, which the host chose.
    pub mr_config_id: [u8; 48],
    /// The quoting enclave's version. Collateral asks for 8.
    pub qe_isv_svn: u16,
}

/// The digest of the one event with which the default guest's RTMR0 to RTMR2 were extended.
#[must_use]
pub(crate) fn boot_digest(register: usize) -> [u8; 48] {
    Sha384::digest(format!("strongroom's test kit: RTMR{register}")).into()
}

impl Default for Td {
    fn default() -> Self {
        let extended = |n| Sha384::new_with_prefix([0; 48]).chain_update(boot_digest(n)).finalize().into();
        Self {
            version: QuoteVersion::V4,
            mrtd: Sha384::digest("strongroom's test kit: MRTD").into(),
            rtmrs: [extended(0), extended(1), extended(2), [0; 48]],
            report_data: [0; 64],
            td_attributes: 0x1000_0000,
            xfam: 0x0006_02E7,
            mr_signer_seam: [0; 48],
            seam_attributes: [0; 8],
            mr_service_td: [0; 48],
            tee_tcb_svn: super::collateral::TEE_TCB_SVN,
            tee_tcb_svn2: super::collateral::TEE_TCB_SVN,
            mr_config_id: [0; 48],
            qe_isv_svn: super::collateral::QE_ISV_SVN,
        }
    }
}

impl FakeIntel {
    /// A quote of the guest that this platform signed, whatever its contents.
    #[must_use]
    pub fn quote(&self, td: &Td) -> Vec<u8> {
        let version: u16 = if td.version == QuoteVersion::V4 { 4 } else { 5 };
        let mut quote = Vec::new();
        quote.extend(version.to_le_bytes());
        // ECDSA on P-256; a TDX guest; the versions of quoting and provisioning enclave, which no
        // code here reads.
        quote.extend([2, 0, 0x81, 0, 0, 0, 0, 0, 0, 0]);
        quote.extend(hex::decode("939a7233f79c4ca9940a0db3957f0607").expect("a constant"));
        quote.extend([0; 20]);
        let body = body(td);
        if version == 5 {
            let kind: u16 = if td.version == QuoteVersion::V5Td10 { 2 } else { 3 };
            quote.extend(kind.to_le_bytes());
            quote.extend(length(&body));
        }
        quote.extend(body);
        let signature = self.attestation_key.sign_fixed(&quote);
        let authentication = self.authentication(&signature, td.qe_isv_svn);
        quote.extend(length(&authentication));
        quote.extend(authentication);
        quote
    }

    /// The quote's signature and key, and the proof that the key is the platform's.
    fn authentication(&self, signature: &[u8], qe_isv_svn: u16) -> Vec<u8> {
        let attestation_key = &self.attestation_key.public_key()[1..];
        let qe_data: [u8; 32] = std::array::from_fn(|n| n as u8);
        let mut qe_report = [0; 384];
        qe_report[..16].copy_from_slice(&super::CPU_SVN);
        qe_report[48..64]
            .copy_from_slice(&hex::decode("1500000000000000e700000000000000").expect("a constant"));
        qe_report[64..96].fill(0x33);
        qe_report[128..160].copy_from_slice(&super::collateral::QE_SIGNER);
        qe_report[256..258].copy_from_slice(&super::collateral::QE_PRODUCT.to_le_bytes());
        qe_report[258..260].copy_from_slice(&qe_isv_svn.to_le_bytes());
        let hash = Sha256::new_with_prefix(attestation_key).chain_update(qe_data).finalize();
        qe_report[320..352].copy_from_slice(&hash);
        // Some writers end the text with a zero, as Intel's do.
        let chain = [self.pck_chain().as_bytes(), &[0]].concat();

        let mut certification = qe_report.to_vec();
        certification.extend(self.pck_key.sign_fixed(&qe_report));
        certification.extend(32_u16.to_le_bytes());
        certification.extend(qe_data);
        certification.extend(5_u16.to_le_bytes());
        certification.extend(length(&chain));
        certification.extend(chain);

        let mut out = [signature, attestation_key].concat();
        out.extend(6_u16.to_le_bytes());
        out.extend(length(&certification));
        out.extend(certification);
        out
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a quote is short").to_le_bytes()
}

fn body(td: &Td) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(td.tee_tcb_svn);
    // MRSEAM
    body.extend([0x44; 48]);
    body.extend(td.mr_signer_seam);
    body.extend(td.seam_attributes);
    body.extend(td.td_attributes.to_le_bytes());
    body.extend(td.xfam.to_le_bytes());
    body.extend(td.mrtd);
    body.extend(td.mr_config_id);
    // MROWNER and MROWNERCONFIG
    body.extend([0; 96]);
    body.extend(td.rtmrs.concat());
    body.extend(td.report_data);
    if td.version == QuoteVersion::V5Td15 {
        body.extend(td.tee_tcb_svn2);
        body.extend(td.mr_service_td);
    }
    body
}
