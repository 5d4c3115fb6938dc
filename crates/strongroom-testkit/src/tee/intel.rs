//! A fake Intel for TDX, for tests only: a root, what it certifies, quotes and their collateral. No
//! maker signs any of it.

mod collateral;
mod quote;

pub use collateral::PlatformState;
pub(crate) use quote::boot_digest;
pub use quote::{QuoteVersion, Td};

use super::pki::{self, Certificate, Signer};
use super::{DAY, der};

/// FMSPC of the fake platform.
pub const FMSPC: [u8; 6] = [0xB0, 0xC0, 0x6F, 0, 0, 0];
/// CPUSVN of the fake platform.
const CPU_SVN: [u8; 16] = [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
/// PCESVN of the fake platform.
const PCE_SVN: u64 = 13;
/// 1.2.840.113741.1.13.1, the OID above all of a PCK certificate's own values.
const SGX_EXTENSION: &str = "1.2.840.113741.1.13.1";

/// Serial numbers. Revocation lists name some of them.
const TCB_SIGNER_SERIAL: u64 = 2;
const PCK_CA_SERIAL: u64 = 3;
const PCK_SERIAL: u64 = 4;

/// The values in the certificate of the platform's own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pck {
    /// The first and the last second, since 1970.
    pub validity: (i64, i64),
    /// Whether the platform can be extended with more processors.
    pub dynamic_platform: bool,
    /// Whether Intel keeps a copy of the platform's root keys.
    pub cached_keys: bool,
    /// Whether the platform runs two threads on a core.
    pub smt: bool,
    /// The kind of platform. Collateral is for one kind.
    pub fmspc: [u8; 6],
    /// The provisioning enclave that certified the key.
    pub pce_id: [u8; 2],
}

/// A root that nobody trusts, in the place of Intel's, and a platform that it certifies.
pub struct FakeIntel {
    now: i64,
    root: Authority,
    pck_ca: Authority,
    tcb_signer: Authority,
    pck_key: Signer,
    pck: Pck,
    pck_der: Vec<u8>,
    attestation_key: Signer,
}

/// An authority's key, name and certificate.
struct Authority {
    name: Vec<u8>,
    key: Signer,
    der: Vec<u8>,
}

impl FakeIntel {
    /// Makes keys at random. Certificates are valid for thirty days before and after `now_unix`, in
    /// seconds since 1970. The platform has none of the properties that a policy must allow by
    /// name.
    #[must_use]
    pub fn new(now_unix: i64) -> Self {
        Self::with_pck(now_unix, |_| ())
    }

    /// Does the same as [`new`](Self::new), with another certificate of the platform's key.
    #[must_use]
    pub fn with_pck(now_unix: i64, change: impl FnOnce(&mut Pck)) -> Self {
        let validity = (now_unix - 30 * DAY, now_unix + 30 * DAY);
        let mut pck = Pck {
            validity,
            dynamic_platform: false,
            cached_keys: false,
            smt: false,
            fmspc: FMSPC,
            pce_id: [0, 0],
        };
        change(&mut pck);
        let certify = |serial, name: &str, issuer: Option<&Authority>, extensions: &[Vec<u8>]| {
            let (name, key) = (pki::name(name), Signer::p256());
            let issuer = issuer.map_or((&name, &key), |issuer| (&issuer.name, &issuer.key));
            let der =
                Certificate { serial, issuer: issuer.0, subject: &name, validity, key: &key, extensions }
                    .sign(issuer.1);
            Authority { name, key, der }
        };
        let signs = pki::key_usage(true, &[pki::KEY_CERT_SIGN, pki::CRL_SIGN]);
        let root = certify(1, "Test SGX Root CA (no Intel)", None, &[pki::authority(Some(1)), signs.clone()]);
        let pck_ca = certify(
            PCK_CA_SERIAL,
            "Test SGX PCK Platform CA (no Intel)",
            Some(&root),
            &[pki::authority(Some(0)), signs],
        );
        let leaf_usage = pki::key_usage(true, &[pki::DIGITAL_SIGNATURE, pki::NON_REPUDIATION]);
        let tcb_signer = certify(
            TCB_SIGNER_SERIAL,
            "Test SGX TCB Signing (no Intel)",
            Some(&root),
            &[pki::no_authority(), leaf_usage],
        );
        let pck_key = Signer::p256();
        let pck_der = certify_pck(&pck, &pck_key, &pck_ca);
        let attestation_key = Signer::p256();
        Self { now: now_unix, root, pck_ca, tcb_signer, pck_key, pck, pck_der, attestation_key }
    }

    /// The root's certificate, which a test pins.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        &self.root.der
    }

    /// The values in the certificate of the platform's key.
    #[must_use]
    pub fn pck(&self) -> &Pck {
        &self.pck
    }

    /// The time that everything is made for, in seconds since 1970.
    #[must_use]
    pub fn now_unix(&self) -> i64 {
        self.now
    }

    /// The PEM chain of the platform's key, as quotes carry it.
    fn pck_chain(&self) -> String {
        pki::pem_chain(&[&self.pck_der, &self.pck_ca.der, &self.root.der])
    }
}

fn certify_pck(pck: &Pck, key: &Signer, ca: &Authority) -> Vec<u8> {
    let entry =
        |arc: &str, value: Vec<u8>| der::sequence(&[der::oid(&format!("{SGX_EXTENSION}.{arc}")), value]);
    let mut tcb: Vec<_> =
        (1..).zip(CPU_SVN).map(|(n, svn)| entry(&format!("2.{n}"), der::integer(u64::from(svn)))).collect();
    tcb.push(entry("2.17", der::integer(PCE_SVN)));
    tcb.push(entry("2.18", der::octet_string(&CPU_SVN)));
    let flags = [("7.1", pck.dynamic_platform), ("7.2", pck.cached_keys), ("7.3", pck.smt)];
    let values = der::sequence(&[
        entry("1", der::octet_string(&[0x11; 16])),
        entry("2", der::sequence(&tcb)),
        entry("3", der::octet_string(&pck.pce_id)),
        entry("4", der::octet_string(&pck.fmspc)),
        entry("5", der::enumerated(1)),
        entry("6", der::octet_string(&[0x22; 16])),
        entry("7", der::sequence(&flags.map(|(arc, flag)| entry(arc, der::boolean(flag))))),
    ]);
    Certificate {
        serial: PCK_SERIAL,
        issuer: &ca.name,
        subject: &pki::name("Test SGX PCK Certificate (no Intel)"),
        validity: pck.validity,
        key,
        extensions: &[
            pki::no_authority(),
            pki::key_usage(true, &[pki::DIGITAL_SIGNATURE, pki::NON_REPUDIATION]),
            pki::extension(SGX_EXTENSION, false, &values),
        ],
    }
    .sign(&ca.key)
}
