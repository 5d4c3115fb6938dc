//! The formats that `encrypt` and `secret put` write.

use strongroom::w3pk::Generation;

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Format {
    /// The native envelope
    Envelope,
    /// The current generation of the w3pk payload
    W3pk,
    /// The first generation, for w3pk up to 0.10
    W3pk1,
    /// The second generation
    W3pk2,
}

impl Format {
    /// The generation of a w3pk payload, or `None` for the native envelope.
    pub(crate) fn generation(self) -> Option<Generation> {
        match self {
            Self::Envelope => None,
            Self::W3pk1 => Some(Generation::First),
            Self::W3pk | Self::W3pk2 => Some(Generation::Second),
        }
    }
}
