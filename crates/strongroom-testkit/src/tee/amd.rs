//! A fake AMD for SEV-SNP, for tests only: a root in the place of Milan's, a chip that it
//! certifies, and reports. No maker signs any of it.

use super::pki::{self, Certificate, Crl, Signer};
use super::{DAY, der};
use std::sync::LazyLock;

/// ARK and ASK of this process. Keys of 4,096 bits take a while to make.
static KEYS: LazyLock<(Signer, Signer)> = LazyLock::new(|| {
    let ask = std::thread::spawn(Signer::rsa);
    (Signer::rsa(), ask.join().expect("a key is made"))
});

const ARK_SERIAL: u64 = 0x01_0000;
const ASK_SERIAL: u64 = 0x01_0001;
/// TCB_VERSION of Milan: boot loader 3, TEE 0, SNP 8 and microcode 0xDB, which takes two bytes as
/// an INTEGER.
const TCB: [u8; 8] = [3, 0, 0, 0, 0, 0, 8, 0xDB];
const CHIP_ID: [u8; 64] = [0xC4; 64];
/// The signed bytes of a report, from its start.
const SIGNED_BYTES: usize = 0x2A0;

/// The values in the certificate of a chip's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vcek {
    /// The first and the last second, since 1970.
    pub validity: (i64, i64),
    /// CHIP_ID, the hardware id.
    pub chip_id: [u8; 64],
    /// TCB_VERSION that the key is for.
    pub tcb: [u8; 8],
}

/// A root that nobody trusts, in the place of AMD's for Milan, and a chip that it certifies.
pub struct FakeAmd {
    now: i64,
    ark_der: Vec<u8>,
    ask_der: Vec<u8>,
    vcek: Vcek,
    vcek_key: Signer,
    vcek_der: Vec<u8>,
}

/// The contents of a revocation list. The default one revokes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CrlState {
    /// Whether the ASK is on the list.
    pub revoke_ask: bool,
    /// In seconds since 1970. `None` stands for a day before the fake's own time.
    pub this_update: Option<i64>,
    /// In seconds since 1970. `None` stands for thirty days after the fake's own time.
    pub next_update: Option<i64>,
}

/// The contents of a report. The default one has version 3. Its guest may not be debugged or moved,
/// and may run on a host with SMT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnpReport {
    /// The report's version: 2, 3 or 5.
    pub version: u32,
    /// REPORT_DATA, which the guest chose.
    pub report_data: [u8; 64],
    /// MEASUREMENT, the launch digest.
    pub measurement: [u8; 48],
    /// HOST_DATA, which the host chose.
    pub host_data: [u8; 32],
    /// POLICY: bit 16 SMT, bit 17 always one, bit 18 a migration agent, bit 19 debug.
    pub policy: u64,
    /// The privilege level that asked, from 0.
    pub vmpl: u32,
    /// CHIP_ID. `None` stands for the VCEK's.
    pub chip_id: Option<[u8; 64]>,
    /// REPORTED_TCB. `None` stands for the VCEK's.
    pub reported_tcb: Option<[u8; 8]>,
    /// CURRENT_TCB. `None` stands for the VCEK's.
    pub current_tcb: Option<[u8; 8]>,
    /// COMMITTED_TCB. `None` stands for the VCEK's.
    pub committed_tcb: Option<[u8; 8]>,
    /// CPUID's family, model and stepping. A report of version 2 does not have them.
    pub cpuid: [u8; 3],
    /// The key that signs, and whether the chip's key or id is masked: zero for a VCEK.
    pub key_info: u32,
}

impl Default for SnpReport {
    fn default() -> Self {
        Self {
            version: 3,
            report_data: [0; 64],
            measurement: [0x5A; 48],
            host_data: [0; 32],
            policy: 0x3_0000,
            vmpl: 0,
            chip_id: None,
            reported_tcb: None,
            current_tcb: None,
            committed_tcb: None,
            cpuid: [0x19, 0x01, 0x01],
            key_info: 0,
        }
    }
}

impl FakeAmd {
    /// Takes the process's ARK and ASK and makes a chip's key, certified for thirty days before and
    /// after `now_unix`, in seconds since 1970.
    #[must_use]
    pub fn new(now_unix: i64) -> Self {
        Self::with_vcek(now_unix, |_| ())
    }

    /// Does the same as [`new`](Self::new), with another certificate of the chip's key.
    #[must_use]
    pub fn with_vcek(now_unix: i64, change: impl FnOnce(&mut Vcek)) -> Self {
        let (ark_key, ask_key) = &*KEYS;
        let validity = (now_unix - 30 * DAY, now_unix + 30 * DAY);
        let mut vcek = Vcek { validity, chip_id: CHIP_ID, tcb: TCB };
        change(&mut vcek);
        let ark_der = Certificate {
            serial: ARK_SERIAL,
            issuer: &ark_name(),
            subject: &ark_name(),
            validity,
            key: ark_key,
            extensions: &[pki::key_usage(true, &[pki::KEY_CERT_SIGN, pki::CRL_SIGN]), pki::authority(None)],
        }
        .sign(ark_key);
        let ask_der = Certificate {
            serial: ASK_SERIAL,
            issuer: &ark_name(),
            subject: &ask_name(),
            validity,
            key: ask_key,
            extensions: &[pki::key_usage(true, &[pki::KEY_CERT_SIGN]), pki::authority(Some(0))],
        }
        .sign(ark_key);
        let vcek_key = Signer::p384();
        let vcek_der = certify(&vcek, &vcek_key, ask_key);
        Self { now: now_unix, ark_der, ask_der, vcek, vcek_key, vcek_der }
    }

    /// The root's certificate, which a test pins.
    #[must_use]
    pub fn ark_der(&self) -> &[u8] {
        &self.ark_der
    }

    /// The certificate of the ASK, which certified the chip.
    #[must_use]
    pub fn ask_der(&self) -> &[u8] {
        &self.ask_der
    }

    /// The certificate of the chip's key.
    #[must_use]
    pub fn vcek_der(&self) -> &[u8] {
        &self.vcek_der
    }

    /// The values in the certificate of the chip's key.
    #[must_use]
    pub fn vcek(&self) -> &Vcek {
        &self.vcek
    }

    /// The ARK's revocation list.
    #[must_use]
    pub fn crl_der(&self, state: &CrlState) -> Vec<u8> {
        Crl {
            issuer: &ark_name(),
            this_update: state.this_update.unwrap_or(self.now - DAY),
            next_update: state.next_update.unwrap_or(self.now + 30 * DAY),
            revoked: if state.revoke_ask { &[ASK_SERIAL] } else { &[] },
            number: 1,
        }
        .sign(&KEYS.0)
    }

    /// What a host gives with a report (GHCB's certificate table): VCEK, ASK, and, if wanted, the
    /// revocation list.
    ///
    /// # Panics
    /// If certificates are larger than real ones ever are.
    #[must_use]
    pub fn certificate_table(&self, crl: Option<&CrlState>) -> Vec<u8> {
        const ENTRY_BYTES: usize = 24;
        let mut entries = vec![
            ("63da758de6644564adc5f4b93be8accd", self.vcek_der.clone()),
            ("4ab7b379bbac4fe4a02f05aef327c782", self.ask_der.clone()),
        ];
        entries.extend(crl.map(|state| ("92f81bc358114d3d97ffd19f88dc67ea", self.crl_der(state))));
        // An entry of zeros ends the table.
        let mut at = (entries.len() + 1) * ENTRY_BYTES;
        let mut table = Vec::new();
        for (guid, der) in &entries {
            table.extend(hex::decode(guid).expect("a constant"));
            table.extend(u32::try_from(at).expect("a table is short").to_le_bytes());
            table.extend(u32::try_from(der.len()).expect("a certificate is short").to_le_bytes());
            at += der.len();
        }
        table.extend([0; ENTRY_BYTES]);
        table.extend(entries.into_iter().flat_map(|(_, der)| der));
        table
    }

    /// A report that the chip signed, whatever its contents.
    #[must_use]
    pub fn report(&self, report: &SnpReport) -> Vec<u8> {
        let mut out = vec![0; 1184];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        let tcb = |tcb: Option<[u8; 8]>| tcb.unwrap_or(self.vcek.tcb);
        put(0, &report.version.to_le_bytes());
        put(0x08, &report.policy.to_le_bytes());
        put(0x30, &report.vmpl.to_le_bytes());
        // ECDSA on P-384 with SHA-384.
        put(0x34, &[1]);
        put(0x38, &tcb(report.current_tcb));
        // SMT is on.
        put(0x40, &[1]);
        put(0x48, &report.key_info.to_le_bytes());
        put(0x50, &report.report_data);
        put(0x90, &report.measurement);
        put(0xC0, &report.host_data);
        put(0x140, &[0x1D; 32]);
        // REPORT_ID_MA of a guest without a migration agent.
        put(0x160, &[0xFF; 32]);
        put(0x180, &tcb(report.reported_tcb));
        if report.version > 2 {
            put(0x188, &report.cpuid);
        }
        put(0x1A0, &report.chip_id.unwrap_or(self.vcek.chip_id));
        put(0x1E0, &tcb(report.committed_tcb));
        put(0x1E8, &[4, 52, 1, 0, 4, 52, 1, 0]);
        put(0x1F0, &tcb(report.current_tcb));
        if report.version == 5 {
            put(0x1F8, &[0x0B]);
            put(0x200, &[0x0B]);
        }
        let signature = self.vcek_key.sign_fixed(&out[..SIGNED_BYTES]);
        // Little-endian, each with room for 72 bytes.
        for (scalar, at) in signature.chunks(48).zip([SIGNED_BYTES, SIGNED_BYTES + 72]) {
            for (from, to) in scalar.iter().rev().zip(&mut out[at..]) {
                *to = *from;
            }
        }
        out
    }
}

fn ark_name() -> Vec<u8> {
    pki::name("Test ARK-Milan (no AMD)")
}

fn ask_name() -> Vec<u8> {
    pki::name("Test SEV-Milan (no AMD)")
}

fn certify(vcek: &Vcek, key: &Signer, ask: &Signer) -> Vec<u8> {
    let [bootloader, tee, .., snp, microcode] = vcek.tcb;
    let extension =
        |arc: &str, value: Vec<u8>| pki::extension(&format!("1.3.6.1.4.1.3704.1.{arc}"), false, &value);
    let version = |arc: &str, version: u8| extension(arc, der::integer(u64::from(version)));
    Certificate {
        // All of AMD's certificates have this.
        serial: 0,
        issuer: &ask_name(),
        subject: &pki::name("Test SEV-VCEK (no AMD)"),
        validity: vcek.validity,
        key,
        extensions: &[
            version("1", 0),
            extension("2", der::ia5_string("Milan-B0")),
            version("3.1", bootloader),
            version("3.2", tee),
            version("3.4", 0),
            version("3.5", 0),
            version("3.6", 0),
            version("3.7", 0),
            version("3.3", snp),
            version("3.8", microcode),
            // The value is bare bytes, as in AMD's certificates.
            extension("4", vcek.chip_id.to_vec()),
        ],
    }
    .sign(ask)
}
