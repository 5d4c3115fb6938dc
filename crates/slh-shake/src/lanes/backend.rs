//! Which back end permutes: the fastest that the processor has.

use super::proof::Portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::proof::Two;
#[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
use super::proof::{Eight, Four};

/// A back end. The value is a proof that this processor has what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend(pub(crate) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Portable(Portable),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Two(Two),
    #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
    Four(Four),
    #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
    Eight(Eight),
}

impl Backend {
    /// The fastest back end of this processor.
    #[must_use]
    pub fn fastest() -> Self {
        #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
        if let Some(eight) = Eight::avx512() {
            return Self(Kind::Eight(eight));
        } else if let Some(four) = Four::avx2() {
            return Self(Kind::Four(four));
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let kind = Kind::Two(Two);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        let kind = Kind::Portable(Portable);
        Self(kind)
    }

    /// All back ends of this processor, the slowest first.
    #[cfg(feature = "internals")]
    #[must_use]
    pub fn all() -> alloc::vec::Vec<Self> {
        let mut all = alloc::vec![Self(Kind::Portable(Portable))];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        all.push(Self(Kind::Two(Two)));
        #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
        {
            let fours = [Four::avx2(), Four::avx512vl()];
            all.extend(fours.into_iter().flatten().map(|four| Self(Kind::Four(four))));
            all.extend(Eight::avx512().map(|eight| Self(Kind::Eight(eight))));
        }
        all
    }

    /// The back end's name, and the number of states that it permutes at once.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable(_) => "portable, 1 lane",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Two(_) => "simd128, 2 lanes",
            #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
            Kind::Four(four) => four.name(),
            #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
            Kind::Eight(_) => "AVX-512, 8 lanes",
        }
    }
}

/// Runs code that is generic over the number of lanes with the number of a back end.
macro_rules! with_lanes {
    ($backend:expr, |$lanes:ident, $n:ident| $body:expr) => {{
        use crate::lanes::Kind;
        match $backend.0 {
            Kind::Portable($lanes) => {
                const $n: usize = 1;
                $body
            }
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Two($lanes) => {
                const $n: usize = 2;
                $body
            }
            #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
            Kind::Four($lanes) => {
                const $n: usize = 4;
                $body
            }
            #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
            Kind::Eight($lanes) => {
                const $n: usize = 8;
                $body
            }
        }
    }};
}
pub(crate) use with_lanes;
