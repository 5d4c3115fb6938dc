//! Linux's configfs-tsm (Documentation/ABI/testing/configfs-tsm-report), for TDX and SEV-SNP
//! guests. Each report has an entry of its own. The kernel counts the writes to an entry, and the
//! count shows whether another program used it too.

use super::PlatformError;
use getrandom::rand_core::Rng;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use strongroom::encoding::base64;
use strongroom_attest::{AuxiliaryData, Collateral, Report, SnpCollateral, platform};

/// Bytes that are read of an attribute at most.
const MAX_REPORT_BYTES: u64 = 16 * 1024 * 1024;
/// How long the kernel may take to count a write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Provider {
    Tdx,
    Snp,
}

/// The kernel's reports, and the kind of guest that it runs in.
#[derive(Clone)]
pub struct Tsm {
    root: PathBuf,
    provider: Provider,
}

/// An entry of the kernel's folder, which is removed on drop.
struct Entry(PathBuf);

impl Drop for Entry {
    fn drop(&mut self) {
        // A failure is harmless: the entry costs the kernel some bytes, and its name is not used
        // again.
        let _ = fs::remove_dir(&self.0);
    }
}

impl Entry {
    fn make(root: &Path) -> Result<Self, PlatformError> {
        let mut name = [0; 8];
        getrandom::rand_core::UnwrapErr(getrandom::SysRng).fill_bytes(&mut name);
        let path = root.join(format!("strongroom-{}", hex::encode(name)));
        fs::create_dir(&path).map_err(io(&path))?;
        let entry = Self(path);
        // The kernel makes the attributes at once; a test's fake may need a moment.
        wait(|| entry.0.join("generation").exists());
        Ok(entry)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, PlatformError> {
        let path = self.0.join(name);
        let mut bytes = Vec::new();
        let file = fs::File::open(&path).map_err(io(&path))?;
        file.take(MAX_REPORT_BYTES).read_to_end(&mut bytes).map_err(io(&path))?;
        Ok(bytes)
    }

    fn text(&self, name: &str) -> Result<String, PlatformError> {
        String::from_utf8(self.read(name)?)
            .map(|text| text.trim().to_owned())
            .map_err(|_| PlatformError::Answer { from: "the kernel", what: "an attribute is not text" })
    }

    /// The number of writes to this entry.
    fn generation(&self) -> Result<u64, PlatformError> {
        let unknown = PlatformError::Answer { from: "the kernel", what: "generation is not a number" };
        self.text("generation")?.parse().map_err(|_| unknown)
    }

    /// Writes the report data, and returns the number of writes that the entry must have had then.
    /// The kernel takes a write when the file is closed and reports no error; only the count shows
    /// it.
    fn write_inblob(&self, report_data: &[u8; 64]) -> Result<u64, PlatformError> {
        let before = self.generation()?;
        let path = self.0.join("inblob");
        let mut file = fs::File::options().write(true).open(&path).map_err(io(&path))?;
        file.write_all(report_data).map_err(io(&path))?;
        drop(file);
        if wait(|| self.generation().is_ok_and(|now| now != before)) {
            Ok(before + 1)
        } else {
            Err(PlatformError::Answer { from: "the kernel", what: "inblob was not taken" })
        }
    }
}

/// Polls until `is_so` holds; false after [`WRITE_TIMEOUT`].
fn wait(is_so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > WRITE_TIMEOUT {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> PlatformError + use<> {
    let path = path.to_owned();
    |source| PlatformError::Io { path, source }
}

impl Tsm {
    /// Asks the kernel which guest it runs in.
    pub(super) fn find(root: &Path) -> Result<Self, PlatformError> {
        if !root.is_dir() {
            return Err(PlatformError::NotThere(format!("configfs-tsm ({}) here", root.display())));
        }
        let provider = match Entry::make(root)?.text("provider")?.as_str() {
            "tdx_guest" => Provider::Tdx,
            "sev_guest" => Provider::Snp,
            other => {
                let guest = format!("TDX or SEV-SNP guest here: the kernel reports {other}");
                return Err(PlatformError::NotThere(guest));
            }
        };
        Ok(Self { root: root.to_owned(), provider })
    }

    pub(super) fn name(&self) -> &'static str {
        match self.provider {
            Provider::Tdx => platform::INTEL_TDX,
            Provider::Snp => platform::AMD_SEV_SNP,
        }
    }

    /// Whether this is a guest of SEV-SNP.
    #[must_use]
    pub fn is_sev_snp(&self) -> bool {
        self.provider == Provider::Snp
    }

    pub(crate) fn quote(&self, report_data: &[u8; 64]) -> Result<Report, PlatformError> {
        for _ in 0..ATTEMPTS {
            let entry = Entry::make(&self.root)?;
            let expected = entry.write_inblob(report_data)?;
            let bytes = entry.read("outblob")?;
            let certificates = match self.provider {
                // A host may give no certificates, and an older kernel has no such attribute. The
                // maker's service has the certificates then.
                Provider::Snp => entry.read("auxblob").unwrap_or_default(),
                Provider::Tdx => Vec::new(),
            };
            if entry.generation()? == expected {
                return self.report(bytes, &certificates);
            }
        }
        Err(PlatformError::Disturbed)
    }

    fn report(&self, bytes: Vec<u8>, certificates: &[u8]) -> Result<Report, PlatformError> {
        let unknown = PlatformError::Answer { from: "the kernel", what: "outblob is not a report" };
        let (measurement, auxiliary_data, snp) = match self.provider {
            Provider::Tdx => (platform::tdx::measurement(&bytes), AuxiliaryData::Tdx {}, None),
            Provider::Snp => {
                (platform::snp::measurement(&bytes), AuxiliaryData::SevSnp {}, of_host(certificates))
            }
        };
        let collateral = Collateral { snp, ..Collateral::default() };
        Ok(Report { measurement: measurement.ok_or(unknown)?, bytes, auxiliary_data, collateral })
    }
}

/// The certificates that the host gave with the report (SEV-SNP GHCB, "certificate table"), where
/// all of them are there. They are signed, so it does not matter who gives them.
fn of_host(table: &[u8]) -> Option<SnpCollateral> {
    const ENTRY_BYTES: usize = 24;
    const VCEK: [u8; 16] = hex16("63da758de6644564adc5f4b93be8accd");
    const ASK: [u8; 16] = hex16("4ab7b379bbac4fe4a02f05aef327c782");
    const CRL: [u8; 16] = hex16("92f81bc358114d3d97ffd19f88dc67ea");
    let find = |wanted: &[u8; 16]| {
        let entry = table
            .chunks_exact(ENTRY_BYTES)
            .take_while(|entry| entry[..16] != [0; 16])
            .find(|entry| entry[..16] == *wanted)?;
        let number = |at: usize| {
            let bytes = entry[at..at + 4].try_into().expect("the range has four bytes");
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        let (offset, length) = (number(16)?, number(20)?);
        table.get(offset..offset.checked_add(length)?).map(base64)
    };
    Some(SnpCollateral { vcek: find(&VCEK)?, ask: find(&ASK)?, crl: find(&CRL)? })
}

/// The bytes of an RFC 9562 GUID that is written without its hyphens.
const fn hex16(text: &str) -> [u8; 16] {
    let (text, mut bytes, mut at) = (text.as_bytes(), [0; 16], 0);
    while at < 16 {
        bytes[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    bytes
}

const fn digit(text: u8) -> u8 {
    if text <= b'9' { text - b'0' } else { text - b'a' + 10 }
}
