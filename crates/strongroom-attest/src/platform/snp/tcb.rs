//! Reads the security versions of the firmware, and compares them with the oldest ones accepted.

use crate::policy::{MinimumTcb, SnpTcb};
use crate::trust_anchors::SnpProduct;

impl SnpTcb {
    /// Reads a TCB_VERSION in the layout of a line of processors.
    pub(super) fn read(bytes: [u8; 8], product: SnpProduct) -> Self {
        let [b0, b1, b2, b3, .., b6, b7] = bytes;
        match product {
            SnpProduct::Turin => Self { fmc: b0, bootloader: b1, tee: b2, snp: b3, microcode: b7 },
            _ => Self { fmc: 0, bootloader: b0, tee: b1, snp: b6, microcode: b7 },
        }
    }

    /// Whether every part is at least as new as the same part of `least`.
    pub(super) fn reaches(&self, least: &Self) -> bool {
        self.fmc >= least.fmc
            && self.bootloader >= least.bootloader
            && self.tee >= least.tee
            && self.snp >= least.snp
            && self.microcode >= least.microcode
    }
}

impl std::fmt::Display for SnpTcb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { fmc, bootloader, tee, snp, microcode } = self;
        write!(f, "fmc {fmc}, bootloader {bootloader}, tee {tee}, snp {snp}, microcode {microcode}")
    }
}

impl MinimumTcb {
    pub(crate) fn of(&self, product: SnpProduct) -> Option<SnpTcb> {
        match product {
            SnpProduct::Milan => self.milan,
            SnpProduct::Genoa => self.genoa,
            SnpProduct::Turin => self.turin,
        }
    }

    pub(crate) fn with(product: SnpProduct, tcb: SnpTcb) -> Self {
        let mut minimum = Self::default();
        *match product {
            SnpProduct::Milan => &mut minimum.milan,
            SnpProduct::Genoa => &mut minimum.genoa,
            SnpProduct::Turin => &mut minimum.turin,
        } = Some(tcb);
        minimum
    }
}
