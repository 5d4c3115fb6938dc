//! The root and its key tree (spec/root.md §2).

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use std::fmt;
use strongroom::envelope::SealError;
use strongroom::key::{DecapsulationKey, Recipient};
use strongroom_attest::KeyOrigin;
use strongroom_attest::root_transfer::handoff::{HandoffGrant, Handover, ReceivedRoot};
use strongroom_attest::root_transfer::root_envelope;
use zeroize::{Zeroize, Zeroizing};

const SALT: &[u8] = b"strongroom/root/1";
/// The epoch of the first key that follows from a generated root.
const FIRST_EPOCH: u32 = 1;
/// The epoch of an imported key, which does not follow from the root.
const IMPORTED_EPOCH: u32 = 0;

/// A vault's public name: 32 bytes, stable while its keys rotate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VaultId([u8; 32]);

impl VaultId {
    /// The id's bytes, as evidence and stores carry them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The 32 bytes that every key of a vault follows from, wiped on drop.
pub struct Root {
    bytes: Zeroizing<[u8; 32]>,
    origin: KeyOrigin,
}

impl Root {
    /// A new root of random bytes.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut bytes[..]);
        Self { bytes, origin: KeyOrigin::Generated }
    }

    /// The root of a vault whose first key was imported: SHA-256 over
    /// `strongroom/imported-root/1` ‖ the expanded key.
    #[must_use]
    pub fn import(key: &DecapsulationKey) -> Self {
        let mut digest = Sha256::new()
            .chain_update(b"strongroom/imported-root/1")
            .chain_update(&key.to_expanded()[..])
            .finalize();
        let bytes = Zeroizing::new(digest.into());
        digest.zeroize();
        Self { bytes, origin: KeyOrigin::Imported }
    }

    /// The root that a recovery recipient brought back, or `None` where it is another vault's.
    #[must_use]
    pub fn recovered(root: Zeroizing<[u8; 32]>, vault_id: &[u8; 32]) -> Option<Self> {
        Self::of_vault(root, KeyOrigin::Recovered, vault_id)
    }

    /// The root that another replica handed over, or `None` where it is another vault's.
    #[must_use]
    pub fn received(received: ReceivedRoot) -> Option<Self> {
        Self::of_vault(received.root, received.origin, &received.vault_id)
    }

    fn of_vault(root: Zeroizing<[u8; 32]>, origin: KeyOrigin, vault_id: &[u8; 32]) -> Option<Self> {
        let root = Self::from_parts(root, origin);
        (root.vault_id().as_bytes() == vault_id).then_some(root)
    }

    /// The envelope from which any one of these recipients brings the root back.
    ///
    /// # Errors
    /// [`SealError`]: no recipients, or more than an envelope takes.
    pub fn for_recovery(
        &self,
        recipients: &[Recipient],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, SealError> {
        root_envelope::seal(&self.bytes, self.vault_id().as_bytes(), recipients, rng)
    }

    /// The root, sealed to the verified replica that the grant was made for.
    #[must_use]
    pub fn hand_over(&self, grant: &HandoffGrant, rng: &mut impl CryptoRng) -> Handover {
        let recipient = [grant.joiner().encapsulation_key().clone().into()];
        let envelope = root_envelope::seal(&self.bytes, grant.transcript(), &recipient, rng);
        Handover::new(&envelope.expect("one recipient is a list that an envelope takes"))
    }

    pub(crate) fn from_parts(bytes: Zeroizing<[u8; 32]>, origin: KeyOrigin) -> Self {
        Self { bytes, origin }
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// How the root came to this server.
    #[must_use]
    pub fn origin(&self) -> KeyOrigin {
        self.origin
    }

    /// The epoch of the key that new secrets are sealed for.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        match self.origin {
            KeyOrigin::Imported => IMPORTED_EPOCH,
            _ => FIRST_EPOCH,
        }
    }

    /// The ML-KEM-1024 key of an epoch; 1 is the first.
    #[must_use]
    pub fn kem_key(&self, epoch: u32) -> DecapsulationKey {
        let mut seed = Zeroizing::new([0; 64]);
        self.expand("kem", &epoch.to_be_bytes(), &mut seed[..]);
        DecapsulationKey::from_seed(&seed)
    }

    /// The vault's public name.
    #[must_use]
    pub fn vault_id(&self) -> VaultId {
        VaultId(*self.key("vault-id"))
    }

    /// The AES-256-GCM key that records are sealed under.
    #[must_use]
    pub fn storage_key(&self) -> Zeroizing<[u8; 32]> {
        self.key("storage")
    }

    /// The HMAC key of the look-up tags.
    #[must_use]
    pub fn index_key(&self) -> Zeroizing<[u8; 32]> {
        self.key("index")
    }

    /// The HMAC key of the nonces for sign-ins.
    #[must_use]
    pub fn nonce_key(&self) -> Zeroizing<[u8; 32]> {
        self.key("nonce")
    }

    /// The HMAC key of the tokens of sessions.
    #[must_use]
    pub fn session_key(&self) -> Zeroizing<[u8; 32]> {
        self.key("session")
    }

    fn key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        self.expand(purpose, &[], &mut key[..]);
        key
    }

    /// HKDF-Expand (RFC 5869) under HKDF-Extract(salt, root), with the info
    /// `strongroom/<purpose>/1` ‖ context.
    fn expand(&self, purpose: &str, context: &[u8], out: &mut [u8]) {
        let info = [format!("strongroom/{purpose}/1").as_bytes(), context].concat();
        Hkdf::<Sha256>::new(Some(SALT), &self.bytes[..])
            .expand(&info, out)
            .expect("at most 64 bytes are asked for");
    }
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;

    static_assertions::assert_not_impl_any!(Root: fmt::Debug, fmt::Display, Clone, PartialEq);

    /// The values were computed with Python's hmac and hashlib. If a label changed, no vault could
    /// read the data that it stored before.
    #[test]
    fn the_key_tree_stays_as_it_is() {
        let root = Root::from_parts(Zeroizing::new([0x11; 32]), KeyOrigin::Generated);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(root.vault_id().as_bytes()),
            "b0ce59066ca2c30a0f55409a639ded2a84eb85cd1265bd9ddbcfabd8cfa9dfd8"
        );
        assert_eq!(
            hex(&root.storage_key()[..]),
            "9d1d014af806acd43644d3d53835662e9529b08c73087db037128daafe22294e"
        );
        assert_eq!(
            hex(&root.index_key()[..]),
            "dd4a487f5b5d5962e91a49c06517081bf52b7bff2a2b186a8fb34aad51712c15"
        );
        assert_eq!(
            hex(&root.nonce_key()[..]),
            "f37039508b9b3ef5d1d8c39a38053197adf26bdf5e20131fa5d8e47c97c6b324"
        );
        let mut seed = [0; 64];
        root.expand("kem", &1_u32.to_be_bytes(), &mut seed);
        assert_eq!(
            hex(&seed),
            "109bab799cece0de5a27f76309d5f3cba1adc4915e57b422d4983062272c40a2c876d7bfdf6bab3746e7ad47d28370a2dbe03df622b6a50a0654152e16002921"
        );
        let key = DecapsulationKey::from_seed(&seed).encapsulation_key();
        assert_eq!(root.kem_key(1).encapsulation_key(), key);
    }

    /// Fails if `of_vault` no longer compares the vaultId.
    #[test]
    fn what_comes_back_is_this_vaults_root_or_none() {
        let mut rng = strongroom_testkit::rng();
        let root = Root::generate(&mut rng);
        let key = DecapsulationKey::from_seed(&[1; 64]);
        let envelope = root.for_recovery(&[key.encapsulation_key().into()], &mut rng).expect("sealed");
        let vault_id = *root.vault_id().as_bytes();
        let bytes = root_envelope::open(&envelope, &vault_id, [&key]).expect("opened");
        let back = Root::recovered(bytes.clone(), &vault_id).expect("this vault's");
        assert_eq!((back.vault_id(), back.origin()), (root.vault_id(), KeyOrigin::Recovered));
        assert!(back.expose() == root.expose());
        assert!(Root::recovered(bytes.clone(), &[0; 32]).is_none());
        let received =
            |vault_id| ReceivedRoot { root: bytes.clone(), origin: KeyOrigin::HandoffGenerated, vault_id };
        let back = Root::received(received(vault_id)).expect("this vault's");
        assert_eq!((back.origin(), back.epoch()), (KeyOrigin::HandoffGenerated, root.epoch()));
        assert!(Root::received(received([0; 32])).is_none());
    }

    #[test]
    fn epochs_have_keys_of_their_own_and_an_imported_root_follows_its_key() {
        let root = Root::generate(&mut strongroom_testkit::rng());
        assert_ne!(root.kem_key(1).encapsulation_key(), root.kem_key(2).encapsulation_key());
        let key = DecapsulationKey::from_seed(&[1; 64]);
        assert_eq!(Root::import(&key).vault_id(), Root::import(&key).vault_id());
        assert_eq!((Root::import(&key).epoch(), root.epoch()), (0, 1));
    }
}
