//! Proofs of what the processor has. A value of one of these types exists only if the processor has
//! the instructions.

#[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
pub(super) use x86::Feature;
#[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
pub(crate) use x86::{Eight, Four};

/// The portable back end, which every processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portable;

/// The back end of a WebAssembly build with simd128.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Two;

#[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
mod x86 {
    /// Whether the processor and the operating system have these features, with those that the
    /// compiler takes to come with them. With `std` it is asked at run time, else the compiler's
    /// target says it.
    macro_rules! has {
        ($($feature:tt),+) => {{
            #[cfg(feature = "std")]
            let has = $(std::arch::is_x86_feature_detected!($feature))&&+;
            #[cfg(not(feature = "std"))]
            let has = cfg!(all($(target_feature = $feature),+));
            has
        }};
    }

    /// A processor with AVX2, BMI1 and BMI2, or with AVX-512F and AVX-512VL: the value is the
    /// proof.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Four(Feature);

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in crate::lanes) enum Feature {
        Avx2,
        Avx512Vl,
    }

    /// A processor with AVX-512F and AVX-512VL: the value is the proof.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Eight(());

    impl Four {
        pub(in crate::lanes) fn avx2() -> Option<Self> {
            has!("avx2", "bmi1", "bmi2").then_some(Self(Feature::Avx2))
        }

        #[cfg_attr(
            not(feature = "internals"),
            expect(dead_code, reason = "eight lanes are chosen where this is there")
        )]
        pub(in crate::lanes) fn avx512vl() -> Option<Self> {
            has!("avx512f", "avx512vl", "avx2", "fma", "f16c").then_some(Self(Feature::Avx512Vl))
        }

        pub(in crate::lanes) fn feature(self) -> Feature {
            self.0
        }

        pub(in crate::lanes) fn name(self) -> &'static str {
            match self.0 {
                Feature::Avx2 => "AVX2, 4 lanes",
                Feature::Avx512Vl => "AVX-512VL, 4 lanes",
            }
        }
    }

    impl Eight {
        pub(in crate::lanes) fn avx512() -> Option<Self> {
            has!("avx512f", "avx512vl", "avx2", "fma", "f16c").then_some(Self(()))
        }
    }
}
