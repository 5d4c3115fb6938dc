//! MLKEM1024-P384: ML-KEM-1024 and ECDH on P-384, combined. It is secure while either of them is
//! (draft-ietf-hpke-pq §3, draft-irtf-cfrg-concrete-hybrid-kems; spec/keys.md#hybrid).

use super::{CIPHERTEXT_BYTES, Decapsulator, Encapsulator, SHARED_SECRET_BYTES, SharedSecret};
use p384::elliptic_curve::sec1::ToSec1Point;
use p384::{PublicKey, SecretKey, ecdh};
use rand_core::CryptoRng;
use sha3::{Digest, Sha3_256};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};
use zeroize::Zeroizing;

/// MLKEM1024-P384's code point in HPKE's registry.
pub const HYBRID_KEM_ID: u16 = 0x0051;
/// Bytes of a hybrid secret key: its seed.
pub const HYBRID_SEED_BYTES: usize = 32;
/// Bytes of a hybrid encapsulation key: ML-KEM-1024's, then the point.
pub const HYBRID_ENCAPSULATION_KEY_BYTES: usize = super::ENCAPSULATION_KEY_BYTES + POINT_BYTES;
/// Bytes of a hybrid KEM ciphertext: ML-KEM-1024's, then the ephemeral point.
pub const HYBRID_CIPHERTEXT_BYTES: usize = CIPHERTEXT_BYTES + POINT_BYTES;
const POINT_BYTES: usize = 97;
const SCALAR_BYTES: usize = 48;
const LABEL: &[u8] = b"MLKEM1024-P384";

type Point = [u8; POINT_BYTES];

/// A hybrid encapsulation key, checked.
#[derive(Clone)]
pub(crate) struct HybridEncapsulator {
    ml_kem: Encapsulator,
    ecdh: PublicKey,
}

impl HybridEncapsulator {
    /// `None` if the modulus check of FIPS 203 §7.2 fails, or if the point is not on the curve or
    /// not uncompressed.
    pub(crate) fn new(key: &[u8; HYBRID_ENCAPSULATION_KEY_BYTES]) -> Option<Self> {
        let (ml_kem, rest) = key.split_first_chunk()?;
        Some(Self { ml_kem: Encapsulator::new(ml_kem)?, ecdh: public_key(rest.try_into().ok()?)? })
    }

    pub(crate) fn encapsulate(&self, rng: &mut impl CryptoRng) -> (Vec<u8>, SharedSecret) {
        let mut message = Zeroizing::new([0; SHARED_SECRET_BYTES]);
        rng.fill_bytes(message.as_mut_slice());
        let ephemeral = loop {
            let mut scalar = Zeroizing::new([0; SCALAR_BYTES]);
            rng.fill_bytes(scalar.as_mut_slice());
            // One value in 2^192 is not below the group's order.
            if let Ok(key) = SecretKey::from_slice(&scalar[..]) {
                break key;
            }
        };
        let (mut ciphertext, ml_kem) = {
            let (ciphertext, secret) = self.ml_kem.encapsulate(&message);
            (ciphertext.to_vec(), secret)
        };
        let sent = point(&ephemeral.public_key());
        ciphertext.extend_from_slice(&sent);
        (ciphertext, combine(&ml_kem, &ephemeral, &self.ecdh, &sent, &point(&self.ecdh)))
    }
}

/// A hybrid secret key, unpacked. Each part wipes itself on drop.
pub(crate) struct HybridDecapsulator {
    ml_kem: Decapsulator,
    ecdh: SecretKey,
    point: Point,
}

impl HybridDecapsulator {
    /// `None` if the seed's scalar is 0 or not below the group's order: one seed in 2^192.
    pub(crate) fn from_seed(seed: &[u8; HYBRID_SEED_BYTES]) -> Option<Self> {
        let mut expanded = Zeroizing::new([0; super::SEED_BYTES + SCALAR_BYTES]);
        let mut shake = Shake256::default();
        shake.update(seed);
        shake.finalize_xof().read(expanded.as_mut_slice());
        let (ml_kem, scalar) = expanded.split_first_chunk().expect("it was made long enough");
        let ecdh = SecretKey::from_slice(scalar).ok()?;
        let point = point(&ecdh.public_key());
        Some(Self { ml_kem: Decapsulator::from_seed(ml_kem), ecdh, point })
    }

    pub(crate) fn encapsulation_key(&self) -> Box<[u8; HYBRID_ENCAPSULATION_KEY_BYTES]> {
        let mut key = Box::new([0; HYBRID_ENCAPSULATION_KEY_BYTES]);
        let (ml_kem, point) = key.split_at_mut(super::ENCAPSULATION_KEY_BYTES);
        ml_kem.copy_from_slice(&self.ml_kem.encapsulation_key()[..]);
        point.copy_from_slice(&self.point);
        key
    }

    /// `None` if the ephemeral point is not a point of P-384.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8; HYBRID_CIPHERTEXT_BYTES]) -> Option<SharedSecret> {
        let (ml_kem, rest) = ciphertext.split_first_chunk()?;
        let sent: &Point = rest.try_into().ok()?;
        let ephemeral = public_key(sent)?;
        Some(combine(&self.ml_kem.decapsulate(ml_kem), &self.ecdh, &ephemeral, sent, &self.point))
    }
}

/// SHA3-256(ss_PQ ‖ ss_T ‖ ct_T ‖ ek_T ‖ label): the combiner of draft-irtf-cfrg-hybrid-kems for a
/// KEM whose ciphertexts are second-preimage resistant.
fn combine(
    ml_kem: &SharedSecret,
    ours: &SecretKey,
    theirs: &PublicKey,
    sent: &Point,
    recipient: &Point,
) -> SharedSecret {
    let ecdh = ecdh::diffie_hellman(ours.to_nonzero_scalar(), theirs.as_affine());
    let digest = Sha3_256::new()
        .chain_update(ml_kem.expose())
        .chain_update(ecdh.raw_secret_bytes())
        .chain_update(sent)
        .chain_update(recipient)
        .chain_update(LABEL)
        .finalize();
    SharedSecret(digest.into())
}

/// SEC 1 §2.3.4, uncompressed only.
fn public_key(point: &Point) -> Option<PublicKey> {
    (point[0] == 0x04).then(|| PublicKey::from_sec1_bytes(point).ok()).flatten()
}

fn point(key: &PublicKey) -> Point {
    key.to_sec1_point(false).as_bytes().try_into().expect("an uncompressed point has 97 bytes")
}
