//! Collateral of a fake platform, in the form of Intel's provisioning certification service. It is
//! for tests only.

use super::{CPU_SVN, DAY, FMSPC, FakeIntel, PCE_SVN, PCK_CA_SERIAL, PCK_SERIAL};
use crate::tee::pki::{self, Crl, Signer};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// TEE_TCB_SVN of the fake platform: module 1.5, version 6.
pub(super) const TEE_TCB_SVN: [u8; 16] = [6, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// MRSIGNER of the fake quoting enclave, which is not Intel's.
pub(super) const QE_SIGNER: [u8; 32] = [0x55; 32];
/// ISVPRODID of a quoting enclave for TDX.
pub(super) const QE_PRODUCT: u16 = 2;
/// ISVSVN of the fake quoting enclave.
pub(super) const QE_ISV_SVN: u16 = 8;

/// What the collateral says about the platform. By default all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformState {
    /// The status of the platform's TCB level, in Intel's words.
    pub tcb_status: &'static str,
    /// The status of the TDX module, in Intel's words.
    pub module_status: &'static str,
    /// MRSIGNER of the TDX module; zero for Intel's.
    pub module_signer: [u8; 48],
    /// The status of the quoting enclave, in Intel's words.
    pub qe_status: &'static str,
    /// Advisories that apply to the platform's TCB level.
    pub advisories: Vec<String>,
    /// Intel's tcbEvaluationDataNumber, for TCB information and enclave identity.
    pub evaluation_number: u32,
    /// Whether the list of the platform's certifier revokes the platform's key.
    pub revoke_pck: bool,
    /// Whether the root's list revokes the platform's certifier.
    pub revoke_pck_ca: bool,
    /// Whether the root's list revokes the signer of the collateral.
    pub revoke_tcb_signer: bool,
    /// The issue date of JSON and lists, in seconds since 1970. `None` stands for a day before the
    /// fake's own time.
    pub issue_unix: Option<i64>,
    /// The issue date of lists, if it is not that of JSON. In seconds since 1970.
    pub list_issue_unix: Option<i64>,
    /// The next update of JSON and lists, in seconds since 1970. `None` stands for thirty days
    /// after the fake's own time.
    pub next_update_unix: Option<i64>,
    /// The provisioning enclave that the collateral is for.
    pub pce_id: [u8; 2],
    /// The kind of platform that the collateral is for.
    pub fmspc: [u8; 6],
}

impl Default for PlatformState {
    fn default() -> Self {
        Self {
            tcb_status: "UpToDate",
            module_status: "UpToDate",
            module_signer: [0; 48],
            qe_status: "UpToDate",
            advisories: Vec::new(),
            evaluation_number: 20,
            revoke_pck: false,
            revoke_pck_ca: false,
            revoke_tcb_signer: false,
            issue_unix: None,
            list_issue_unix: None,
            next_update_unix: None,
            pce_id: [0, 0],
            fmspc: FMSPC,
        }
    }
}

/// The time as RFC 3339 has it, in whole seconds.
fn date(unix: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(unix).expect("a year of four digits");
    at.format(&Rfc3339).expect("UTC has an encoding")
}

impl FakeIntel {
    /// The collateral of this platform in the field names of `dcap-qvl`, signed, whatever its
    /// contents.
    #[must_use]
    pub fn collateral(&self, state: &PlatformState) -> Value {
        let (tcb_info, qe_identity) = (self.tcb_info(state), self.qe_identity(state));
        let signers = pki::pem_chain(&[&self.tcb_signer.der, &self.root.der]);
        let sign = |text: &str| hex::encode(self.tcb_signer.key.sign_fixed(text.as_bytes()));
        let (issued, next) = self.dates(state);
        let listed = state.list_issue_unix.unwrap_or(issued);
        let list = |issuer: &[u8], key: &Signer, revoked: &[u64]| {
            let list = Crl { issuer, this_update: listed, next_update: next, revoked, number: 1 };
            hex::encode(list.sign(key))
        };
        let serial = |revoked: bool, serial| revoked.then_some(serial);
        let by_root: Vec<u64> = [
            serial(state.revoke_pck_ca, PCK_CA_SERIAL),
            serial(state.revoke_tcb_signer, super::TCB_SIGNER_SERIAL),
        ]
        .into_iter()
        .flatten()
        .collect();
        let by_ca: Vec<u64> = serial(state.revoke_pck, PCK_SERIAL).into_iter().collect();
        json!({
            "pck_crl_issuer_chain": pki::pem_chain(&[&self.pck_ca.der, &self.root.der]),
            "root_ca_crl": list(&self.root.name, &self.root.key, &by_root),
            "pck_crl": list(&self.pck_ca.name, &self.pck_ca.key, &by_ca),
            "tcb_info_issuer_chain": signers,
            "tcb_info_signature": sign(&tcb_info),
            "tcb_info": tcb_info,
            "qe_identity_issuer_chain": signers,
            "qe_identity_signature": sign(&qe_identity),
            "qe_identity": qe_identity,
        })
    }

    fn dates(&self, state: &PlatformState) -> (i64, i64) {
        (state.issue_unix.unwrap_or(self.now - DAY), state.next_update_unix.unwrap_or(self.now + 30 * DAY))
    }

    fn tcb_info(&self, state: &PlatformState) -> String {
        let (issued, next) = self.dates(state);
        let levelled = date(self.now - 10 * DAY);
        let components = |svns: [u8; 16]| svns.map(|svn| json!({ "svn": svn })).to_vec();
        // The module's version has TCB levels of its own.
        let mut seam = TEE_TCB_SVN;
        seam[1] = 0;
        let module_signer = hex::encode(state.module_signer);
        json!({
            "id": "TDX",
            "version": 3,
            "issueDate": date(issued),
            "nextUpdate": date(next),
            "fmspc": hex::encode_upper(state.fmspc),
            "pceId": hex::encode_upper(state.pce_id),
            "tcbType": 0,
            "tcbEvaluationDataNumber": state.evaluation_number,
            "tdxModule": {
                "mrsigner": module_signer,
                "attributes": "0000000000000000",
                "attributesMask": "FFFFFFFFFFFFFFFF",
            },
            "tdxModuleIdentities": [{
                "id": "TDX_01",
                "mrsigner": module_signer,
                "attributes": "0000000000000000",
                "attributesMask": "FFFFFFFFFFFFFFFF",
                "tcbLevels": [{
                    "tcb": { "isvsvn": TEE_TCB_SVN[0] },
                    "tcbDate": levelled,
                    "tcbStatus": state.module_status,
                }],
            }],
            "tcbLevels": [{
                "tcb": {
                    "sgxtcbcomponents": components(CPU_SVN),
                    "pcesvn": PCE_SVN,
                    "tdxtcbcomponents": components(seam),
                },
                "tcbDate": levelled,
                "tcbStatus": state.tcb_status,
                "advisoryIDs": state.advisories,
            }],
        })
        .to_string()
    }

    fn qe_identity(&self, state: &PlatformState) -> String {
        let (issued, next) = self.dates(state);
        json!({
            "id": "TD_QE",
            "version": 2,
            "issueDate": date(issued),
            "nextUpdate": date(next),
            "tcbEvaluationDataNumber": state.evaluation_number,
            "miscselect": "00000000",
            "miscselectMask": "FFFFFFFF",
            "attributes": "11000000000000000000000000000000",
            "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
            "mrsigner": hex::encode_upper(QE_SIGNER),
            "isvprodid": QE_PRODUCT,
            "tcbLevels": [{
                "tcb": { "isvsvn": QE_ISV_SVN },
                "tcbDate": date(self.now - 10 * DAY),
                "tcbStatus": state.qe_status,
            }],
        })
        .to_string()
    }
}
