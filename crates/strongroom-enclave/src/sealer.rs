//! What a root is sealed under (spec/attestation.md, "Sealing").

use rand_core::CryptoRng;
use strongroom::aead::{self, KEY_BYTES, NONCE_BYTES};
use strongroom::stretch::Stretch;
use zeroize::Zeroizing;

/// How a root is kept, as the file and evidence name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protection {
    /// In the clear. Insecure: whoever reads the file reads every secret. For development.
    Plain,
    /// Under a passphrase that the operator keeps.
    Passphrase,
}

impl Protection {
    const ALL: [Self; 2] = [Self::Plain, Self::Passphrase];

    /// Its number in a file.
    pub(crate) const fn id(self) -> u16 {
        match self {
            Self::Plain => 0,
            Self::Passphrase => 1,
        }
    }

    pub(crate) fn of(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|protection| protection.id() == id)
    }

    /// Its name in the digest of a vault's configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Passphrase => "passphrase",
        }
    }

    /// What protects the root, and what is lost with it: for whoever answers for the vault.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Plain => {
                "in the clear: whoever reads its file reads every secret; without the file all is lost"
            }
            Self::Passphrase => {
                "under a passphrase: whoever has its file and the passphrase reads every secret; without either all is lost"
            }
        }
    }
}

/// What seals a root, and opens it again.
pub enum Sealer {
    /// Nothing.
    Plain,
    /// A passphrase, stretched by Argon2id.
    Passphrase(Zeroizing<String>),
}

/// The sealer's data and the sealed bytes do not give a root.
pub(crate) enum Refusal {
    /// They cannot be this sealer's.
    Damaged,
    /// Another key, or altered bytes: the tag tells no difference.
    Key,
}

impl Sealer {
    /// What it gives.
    #[must_use]
    pub fn protection(&self) -> Protection {
        match self {
            Self::Plain => Protection::Plain,
            Self::Passphrase(_) => Protection::Passphrase,
        }
    }

    /// Seals a plaintext: the sealer's data, which the file remembers, and the sealed bytes. `head` gives the associated data for the
    /// sealer's data.
    pub(crate) fn seal(
        &self,
        plaintext: &[u8],
        head: impl Fn(&[u8]) -> Vec<u8>,
        rng: &mut impl CryptoRng,
    ) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
        match self {
            Self::Plain => (Vec::new(), Zeroizing::new(plaintext.to_vec())),
            Self::Passphrase(passphrase) => {
                let stretch = Stretch::new(rng);
                let data = stretch.to_bytes().to_vec();
                let sealed = under(&stretch.key(passphrase.as_bytes()), plaintext, &head(&data), rng);
                (data, sealed)
            }
        }
    }

    /// The plaintext again.
    pub(crate) fn unseal(
        &self,
        data: &[u8],
        head: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        match self {
            Self::Plain if data.is_empty() => Ok(Zeroizing::new(sealed.to_vec())),
            Self::Plain => Err(Refusal::Damaged),
            Self::Passphrase(passphrase) => {
                let data = data.try_into().map_err(|_| Refusal::Damaged)?;
                let stretch = Stretch::from_bytes(data).map_err(|_| Refusal::Damaged)?;
                open(&stretch.key(passphrase.as_bytes()), head, sealed)
            }
        }
    }
}

/// nonce 12 ‖ ciphertext ‖ tag 16, AES-256-GCM: a key may seal more than once, so that the nonce is random.
fn under(
    key: &[u8; KEY_BYTES],
    plaintext: &[u8],
    head: &[u8],
    rng: &mut impl CryptoRng,
) -> Zeroizing<Vec<u8>> {
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let mut body = Zeroizing::new(plaintext.to_vec());
    let tag = aead::seal_in_place(key, &nonce, head, &mut body);
    Zeroizing::new([&nonce[..], &body, &tag].concat())
}

fn open(key: &[u8; KEY_BYTES], head: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let (nonce, rest) = sealed.split_first_chunk().ok_or(Refusal::Damaged)?;
    let (body, tag) = rest.split_last_chunk().ok_or(Refusal::Damaged)?;
    aead::open(key, nonce, head, body, tag).map_err(|_| Refusal::Key)
}
