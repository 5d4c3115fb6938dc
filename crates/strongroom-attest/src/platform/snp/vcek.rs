//! The certificate of a chip's own key for one TCB (AMD publication 57230).

use crate::certificates;
use crate::policy::SnpTcb;
use crate::trust_anchors::SnpProduct;
use x509_cert::der::oid::ObjectIdentifier;

/// A VCEK, the key of one chip with one TCB, as its certificate describes it.
pub(super) struct Vcek {
    pub(super) public_key: Vec<u8>,
    pub(super) tcb: SnpTcb,
    /// The chip id. Those of Turin have 8 bytes, and zeros after them here.
    pub(super) chip_id: [u8; 64],
}

impl Vcek {
    /// Reads AMD's extensions of a certificate (publication 57230, OID 1.3.6.1.4.1.3704.1).
    pub(super) fn read(der: &[u8], product: SnpProduct) -> Option<Self> {
        let certificate = certificates::parse(der).ok()?;
        let tbs = certificate.tbs_certificate();
        let extension = |arc: &str| {
            let wanted = ObjectIdentifier::new(&format!("1.3.6.1.4.1.3704.1.{arc}")).ok()?;
            let mut found = tbs.extensions()?.iter().filter(|extension| extension.extn_id == wanted);
            let value = found.next()?.extn_value.as_bytes();
            found.next().is_none().then_some(value)
        };
        // An INTEGER from 0 to 255 in DER's shortest form.
        let version = |arc: &str| match *extension(arc)? {
            [2, 1, n @ 0..=0x7F] | [2, 2, 0, n @ 0x80..=0xFF] => Some(n),
            _ => None,
        };
        let fmc = if product == SnpProduct::Turin { version("3.9")? } else { 0 };
        let tcb = SnpTcb {
            fmc,
            bootloader: version("3.1")?,
            tee: version("3.2")?,
            snp: version("3.3")?,
            microcode: version("3.8")?,
        };
        // AMD's certificates so far have the bare bytes, and later ones may have an OCTET STRING of
        // them. Their lengths differ.
        let (bytes, raw) = (if product == SnpProduct::Turin { 8 } else { 64 }, extension("4")?);
        let hwid = match raw {
            [4, length, rest @ ..] if raw.len() == bytes + 2 && usize::from(*length) == bytes => rest,
            _ if raw.len() == bytes => raw,
            _ => return None,
        };
        let mut chip_id = [0; 64];
        chip_id[..bytes].copy_from_slice(hwid);
        Some(Self { public_key: certificates::public_key(&certificate).to_vec(), tcb, chip_id })
    }
}
