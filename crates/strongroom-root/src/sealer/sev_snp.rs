//! A key that the AMD secure processor derives from the chip's own key, for this guest's policy,
//! measurement and firmware (SEV-SNP ABI, MSG_KEY_REQ). Another image, another chip or older
//! firmware gets a different key.

use super::{Sealer, SealerError, kek, seal_under, unseal_under};
use crate::platform::{PlatformError, Tsm};
use rand_core::CryptoRng;
use sev::firmware::guest::{DerivedKey, Firmware, GuestFieldSelect};
use strongroom_attest::Protection;
use zeroize::Zeroizing;

/// Offsets in an attestation report (SEV-SNP ABI, ATTESTATION_REPORT).
const POLICY: usize = 0x08;
const MEASUREMENT: usize = 0x90;
const CHIP_ID: usize = 0x1A0;
const COMMITTED_TCB: usize = 0x1E0;

/// Derives keys for this guest: the secure processor, or a fake in a test.
pub trait DerivedKeys: Send + Sync {
    /// The key for the guest's policy and measurement, and for firmware of this version.
    ///
    /// # Errors
    /// [`PlatformError`] where the processor refuses, such as for newer firmware than it runs.
    fn derive(&self, tcb_version: u64) -> Result<Zeroizing<[u8; 32]>, PlatformError>;
}

/// The secure processor, asked through `/dev/sev-guest`.
struct GuestDevice;

impl DerivedKeys for GuestDevice {
    fn derive(&self, tcb_version: u64) -> Result<Zeroizing<[u8; 32]>, PlatformError> {
        let refused = |error: String| PlatformError::Refused("/dev/sev-guest", error);
        let mut fields = GuestFieldSelect::default();
        fields.set_guest_policy(true);
        fields.set_measurement(true);
        fields.set_tcb_version(true);
        let request = DerivedKey::new(false, fields, 0, 0, tcb_version, None);
        // Version 1 of the message mixes in only what every firmware knows.
        let mut device = Firmware::open().map_err(|error| refused(error.to_string()))?;
        device
            .get_derived_key(Some(1), request)
            .map(Zeroizing::new)
            .map_err(|error| refused(error.to_string()))
    }
}

/// The parts of a guest's report that its key is derived from.
#[derive(Clone, PartialEq, Eq)]
struct Guest {
    tcb_version: u64,
    policy: [u8; 8],
    measurement: [u8; 48],
    chip_id: [u8; 64],
}

impl Guest {
    fn of_report(report: &[u8]) -> Option<Self> {
        Some(Self {
            tcb_version: u64::from_le_bytes(at(report, COMMITTED_TCB)?),
            policy: at(report, POLICY)?,
            measurement: at(report, MEASUREMENT)?,
            chip_id: at(report, CHIP_ID)?,
        })
    }

    fn of_data(data: &[u8]) -> Option<Self> {
        let guest = Self {
            tcb_version: u64::from_be_bytes(at(data, 0)?),
            policy: at(data, 8)?,
            measurement: at(data, 16)?,
            chip_id: at(data, 64)?,
        };
        (data.len() == 128).then_some(guest)
    }

    fn to_data(&self) -> Vec<u8> {
        [&self.tcb_version.to_be_bytes()[..], &self.policy, &self.measurement, &self.chip_id].concat()
    }
}

/// The security version numbers of a TCB version, one byte each. Each is compared by itself.
fn parts(tcb_version: u64) -> impl Iterator<Item = u8> {
    tcb_version.to_le_bytes().into_iter()
}

fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// Seals under a key of the secure processor. The data is TCB version 8 ‖ guest policy 8 ‖
/// measurement 48 ‖ chip id 64.
pub struct SevSnpSealer {
    keys: Box<dyn DerivedKeys>,
    here: Guest,
}

impl SevSnpSealer {
    /// A sealer for this guest, which the kernel's report describes.
    ///
    /// # Errors
    /// [`PlatformError`] where the kernel gives no report.
    pub fn new(tsm: &Tsm) -> Result<Self, PlatformError> {
        Self::with_keys(tsm, Box::new(GuestDevice))
    }

    /// A sealer for this guest with other keys than the secure processor's, for tests.
    ///
    /// # Errors
    /// [`PlatformError`] where the kernel gives no report.
    pub fn with_keys(tsm: &Tsm, keys: Box<dyn DerivedKeys>) -> Result<Self, PlatformError> {
        let report = tsm.quote(&[0; 64])?;
        let here = Guest::of_report(&report.bytes)
            .ok_or(PlatformError::Answer { from: "the kernel", what: "outblob is not a report" })?;
        Ok(Self { keys, here })
    }

    fn key(&self, data: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealerError> {
        let file = Guest::of_data(data).ok_or(SealerError::Damaged)?;
        let elsewhere = |what, file: &[u8], here: &[u8]| {
            let (file, here) = (hex::encode(file), hex::encode(here));
            if file == here { Ok(()) } else { Err(SealerError::Elsewhere { what, file, here }) }
        };
        elsewhere("image (launch digest)", &file.measurement, &self.here.measurement)?;
        elsewhere("guest policy", &file.policy, &self.here.policy)?;
        elsewhere("processor", &file.chip_id, &self.here.chip_id)?;
        // The processor refuses to derive a key for a version above the committed one.
        if parts(file.tcb_version).zip(parts(self.here.tcb_version)).any(|(file, here)| file > here) {
            return Err(SealerError::Elsewhere {
                what: "firmware (TCB version), which was newer",
                file: hex::encode(file.tcb_version.to_be_bytes()),
                here: hex::encode(self.here.tcb_version.to_be_bytes()),
            });
        }
        Ok(kek(&self.keys.derive(file.tcb_version)?[..], data))
    }
}

impl Sealer for SevSnpSealer {
    fn protection(&self) -> Protection {
        Protection::SevSnp
    }

    fn data(&self, _: &mut dyn CryptoRng) -> Result<Vec<u8>, SealerError> {
        Ok(self.here.to_data())
    }

    fn seal(
        &self,
        data: &[u8],
        head: &[u8],
        plaintext: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        Ok(seal_under(&*self.key(data)?, head, plaintext, rng))
    }

    fn unseal(&self, data: &[u8], head: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        unseal_under(&*self.key(data)?, head, sealed)
    }

    /// True after an update of the firmware, because older firmware cannot derive the newer key.
    fn is_outdated(&self, data: &[u8]) -> bool {
        data != self.here.to_data()
    }
}
