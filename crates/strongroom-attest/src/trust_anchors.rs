//! The trust anchors: pinned certificates of the makers of the platforms.

use std::borrow::Cow;

/// A line of AMD's processors. Each line has its own root certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnpProduct {
    /// The processors EPYC 7003.
    Milan,
    /// The processors EPYC 9004, with Bergamo and Siena.
    Genoa,
    /// The processors EPYC 9005.
    Turin,
}

impl SnpProduct {
    /// The name of the line, as AMD's certificates and AMD's service write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// Finds the line by the combined family and the combined model of a report (CPUID
    /// Fn0000_0001); `None` for processors that are not known here.
    #[must_use]
    pub fn of_cpu(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0F) => Some(Self::Milan),
            (0x19, 0x10..=0x1F | 0xA0..=0xAF) => Some(Self::Genoa),
            (0x1A, 0x00..=0x11) => Some(Self::Turin),
            _ => None,
        }
    }
}

/// The self-signed certificates that vouch for the platforms, each as DER. The default ones are the
/// makers'. Tests pin others, because their platforms are simulated.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustAnchors {
    /// Intel SGX Root CA, which also signs for TDX.
    pub intel: Cow<'static, [u8]>,
    /// The AMD Root Key certificate (ARK) of each line.
    pub amd: Vec<(SnpProduct, Cow<'static, [u8]>)>,
    /// AWS Nitro Enclaves Root-G1.
    pub aws: Cow<'static, [u8]>,
}

impl Default for TrustAnchors {
    fn default() -> Self {
        Self {
            intel: Cow::Borrowed(include_bytes!("../roots/intel-sgx-root.der")),
            amd: vec![
                (SnpProduct::Milan, Cow::Borrowed(include_bytes!("../roots/amd-ark-milan.der"))),
                (SnpProduct::Genoa, Cow::Borrowed(include_bytes!("../roots/amd-ark-genoa.der"))),
                (SnpProduct::Turin, Cow::Borrowed(include_bytes!("../roots/amd-ark-turin.der"))),
            ],
            aws: Cow::Borrowed(include_bytes!("../roots/aws-nitro-g1.der")),
        }
    }
}

impl std::fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::default() {
            "TrustAnchors(the makers')"
        } else {
            "TrustAnchors(of a test)"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// The digests are those of the certificates that the makers publish.
    #[test]
    fn the_roots_are_the_makers() {
        let roots = TrustAnchors::default();
        let digest = |der: &[u8]| hex::encode(Sha256::digest(der));
        assert_eq!(digest(&roots.intel), "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3");
        assert_eq!(digest(&roots.aws), "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b");
        let amd: Vec<_> = roots.amd.iter().map(|(product, der)| (product.name(), digest(der))).collect();
        assert_eq!(
            amd,
            [
                ("Milan", "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd".to_owned()),
                ("Genoa", "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1".to_owned()),
                ("Turin", "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a".to_owned()),
            ]
        );
    }
}
