//! Wrapping the file key for a recipient: HPKE in base mode, one message (RFC 9180 §5.1, §6.1;
//! spec/envelope.md#stanzas).

use super::file_key::{Binding, FILE_KEY_BYTES, FileKey};
use crate::aead::{self, NONCE_BYTES, TAG_BYTES};
use crate::kem::SharedSecret;
use crate::key::{IdentityRef, Recipient};
use crate::open_error::OpenError;
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a wrapped file key: the key and a tag.
pub const WRAPPED_BYTES: usize = FILE_KEY_BYTES + TAG_BYTES;
const INFO: &[u8] = b"strongroom/envelope/1";
const MODE_BASE: u8 = 0;
const KDF_HKDF_SHA256: u16 = 0x0001;
const AEAD_AES_256_GCM: u16 = 0x0002;

impl FileKey {
    /// Returns the KEM ciphertext `enc`, and the wrapped key.
    pub(crate) fn wrap(
        &self,
        recipient: &Recipient,
        binding: &Binding,
        rng: &mut impl CryptoRng,
    ) -> (Vec<u8>, [u8; WRAPPED_BYTES]) {
        let (enc, shared_secret) = recipient.encapsulate(rng);
        let (key, nonce) = key_schedule(recipient.kem_id(), &shared_secret, INFO);
        let mut wrapped = [0; WRAPPED_BYTES];
        let (data, tag) = wrapped.split_at_mut(FILE_KEY_BYTES);
        data.copy_from_slice(&self.0);
        tag.copy_from_slice(&aead::seal_in_place(&key, &nonce, binding, data));
        (enc, wrapped)
    }

    pub(crate) fn unwrap(
        key: IdentityRef<'_>,
        enc: &[u8],
        wrapped: &[u8; WRAPPED_BYTES],
        binding: &Binding,
    ) -> Result<Self, OpenError> {
        let shared_secret = key.decapsulate(enc).ok_or(OpenError::Damaged)?;
        let (key, nonce) = key_schedule(key.kem_id(), &shared_secret, INFO);
        let (data, tag) = wrapped.split_last_chunk().expect("a wrapped key is longer than its tag");
        let opened = aead::open(&key, &nonce, binding, data, tag).map_err(|_| OpenError::Damaged)?;
        Ok(Self(opened[..].try_into().expect("what is sealed in 48 bytes has 32")))
    }
}

/// RFC 9180 §5.1, KeySchedule in mode base: the key, and the nonce of the first message.
fn key_schedule(
    kem_id: u16,
    shared_secret: &SharedSecret,
    info: &[u8],
) -> (Zeroizing<[u8; aead::KEY_BYTES]>, [u8; NONCE_BYTES]) {
    let mut suite_id = *b"HPKE\0\0\0\0\0\0";
    for (at, id) in [kem_id, KDF_HKDF_SHA256, AEAD_AES_256_GCM].into_iter().enumerate() {
        suite_id[4 + 2 * at..6 + 2 * at].copy_from_slice(&id.to_be_bytes());
    }
    // LabeledExtract and LabeledExpand of RFC 9180 §4.
    let extract = |salt: &[u8], label: &[u8], ikm: &[u8]| {
        Hkdf::<Sha256>::extract(Some(salt), &[b"HPKE-v1", &suite_id[..], label, ikm].concat())
    };
    let expand = |hkdf: &Hkdf<Sha256>, label: &[u8], context: &[u8], out: &mut [u8]| {
        let length = u16::try_from(out.len()).expect("keys and nonces are short").to_be_bytes();
        hkdf.expand_multi_info(&[&length, b"HPKE-v1", &suite_id, label, context], out)
            .expect("keys and nonces are within HKDF's bound");
    };
    let mut context = vec![MODE_BASE];
    context.extend_from_slice(&extract(b"", b"psk_id_hash", b"").0);
    context.extend_from_slice(&extract(b"", b"info_hash", info).0);
    let (mut prk, secret) = extract(shared_secret.expose(), b"secret", b"");
    prk.as_mut_slice().zeroize();
    let (mut key, mut nonce) = (Zeroizing::new([0; aead::KEY_BYTES]), [0; NONCE_BYTES]);
    expand(&secret, b"key", &context, &mut key[..]);
    expand(&secret, b"base_nonce", &context, &mut nonce);
    (key, nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{DecapsulationKey, HybridDecapsulationKey, Identity};
    use hpke::aead::AesGcm256;
    use hpke::kdf::HkdfSha256;
    use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
    use strongroom_testkit::rng;

    const BINDING: Binding = [7; 32];

    /// Both ways with the crate `hpke`: what it seals, we open; what we seal, it opens.
    fn both_ways<K: Kem>(identity: &Identity, seed: &[u8]) {
        let theirs = K::PrivateKey::from_bytes(seed).expect("its secret key is the seed too");
        assert_eq!(K::sk_to_pk(&theirs).to_bytes()[..], *identity.recipient().as_bytes(), "one public key");

        let file_key = FileKey::random(&mut rng());
        let (enc, wrapped) = file_key.wrap(&identity.recipient(), &BINDING, &mut rng());
        let enc = K::EncappedKey::from_bytes(&enc).expect("an enc of its size");
        let opened = hpke::single_shot_open::<AesGcm256, HkdfSha256, K>(
            &OpModeR::Base,
            &theirs,
            &enc,
            INFO,
            &wrapped,
            &BINDING,
        );
        assert_eq!(opened.expect("ours is a message of its"), file_key.0);

        let public = K::PublicKey::from_bytes(identity.recipient().as_bytes()).expect("a public key");
        let (enc, sealed) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, K>(
            &OpModeS::Base,
            &public,
            INFO,
            &file_key.0,
            &BINDING,
            &mut rng(),
        )
        .expect("a message");
        let wrapped = sealed[..].try_into().expect("48 bytes");
        let opened = FileKey::unwrap(identity.into(), &enc.to_bytes(), &wrapped, &BINDING);
        assert!(opened.expect("theirs is a message of ours").0 == file_key.0);
    }

    #[test]
    fn ml_kem_1024_both_ways_with_another_hpke() {
        both_ways::<hpke::kem::MlKem1024>(&DecapsulationKey::from_seed(&[3; 64]).into(), &[3; 64]);
    }

    #[test]
    fn mlkem1024_p384_both_ways_with_another_hpke() {
        let identity = HybridDecapsulationKey::from_seed(&[3; 32]).expect("a seed").into();
        both_ways::<hpke::kem::MlKem1024P384>(&identity, &[3; 32]);
    }

    #[test]
    fn another_binding_key_or_byte_is_damage() {
        let identity = Identity::from(DecapsulationKey::from_seed(&[3; 64]));
        let (enc, wrapped) = FileKey::random(&mut rng()).wrap(&identity.recipient(), &BINDING, &mut rng());
        let open =
            |enc: &[u8], wrapped, binding| FileKey::unwrap((&identity).into(), enc, wrapped, binding).err();
        assert_eq!(open(&enc, &wrapped, &BINDING), None);
        // Rests on `binding` as the AEAD's associated data in `wrap` and `unwrap`.
        assert_eq!(open(&enc, &wrapped, &[8; 32]), Some(OpenError::Damaged));
        let mut other = enc.clone();
        other[0] ^= 1;
        assert_eq!(open(&other, &wrapped, &BINDING), Some(OpenError::Damaged));
        let mut other = wrapped;
        other[47] ^= 1;
        assert_eq!(open(&enc, &other, &BINDING), Some(OpenError::Damaged));
    }
}
