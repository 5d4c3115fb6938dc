//! Nonces for sign-ins. Issuing one stores nothing; the vault recognises its own by their MAC
//! (spec/sign-in.md §7).
//!
//! ```text
//! hex( issued-at, Unix milliseconds, u64 || random 16 || MAC 16 )
//! ```

use crate::error::{ApiError, Code};
use getrandom::rand_core::Rng;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use strongroom::sign_in::{CLOCK_SKEW, NONCE_LIFETIME};
use strongroom::wallet::WalletAddress;
use strongroom_store::{Store, UnixSeconds};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use zeroize::Zeroizing;

const RANDOM_BYTES: usize = 16;
const MAC_BYTES: usize = 16;

/// Issues nonces and recognises its own.
pub(crate) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    /// Random if no other server uses the store. No nonce from before a restart passes then, so a
    /// database that was put back revives none. Zeros if servers share the store.
    start_id: [u8; 32],
}

/// A nonce that was issued, with its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuedNonce {
    /// The nonce's text, 80 hex digits.
    pub(crate) nonce: String,
    /// The vault's clock when it was issued.
    pub(crate) issued_at: OffsetDateTime,
    /// When it can no longer be used.
    pub(crate) expires_at: OffsetDateTime,
}

/// A nonce that this vault issued for this wallet and that has not expired. It may have been spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GenuineNonce {
    /// The nonce's random bytes, under which it is marked as spent.
    pub(crate) id: [u8; RANDOM_BYTES],
    /// How long the mark must be kept.
    pub(crate) keep_until: UnixSeconds,
}

/// Why a nonce does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NonceError {
    /// It was not issued here, or it was issued for another wallet.
    Unknown,
    /// It is older than five minutes.
    Expired,
}

impl Nonces {
    /// Nonces that all servers of a shared store recognise, under the root's nonce key.
    #[must_use]
    pub(crate) fn for_all_servers(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key, start_id: [0; 32] }
    }

    /// Nonces that only this run of the server recognises, under the root's nonce key.
    #[must_use]
    pub(crate) fn for_this_run(key: Zeroizing<[u8; 32]>) -> Self {
        let mut start_id = [0; 32];
        strongroom::os_rng().fill_bytes(&mut start_id);
        Self { key, start_id }
    }

    /// A new nonce, for anybody or for one wallet only.
    #[must_use]
    pub(crate) fn issue(&self, address: Option<&WalletAddress>, now: OffsetDateTime) -> IssuedNonce {
        let issued_at_ms = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let mut random = [0; RANDOM_BYTES];
        strongroom::os_rng().fill_bytes(&mut random);
        let mac = self.mac(issued_at_ms, &random, address);
        let nonce = hex::encode([&issued_at_ms.to_be_bytes()[..], &random, &mac].concat());
        IssuedNonce { nonce, issued_at: now, expires_at: now + NONCE_LIFETIME }
    }

    /// Recognises a nonce. `address` is that of the wallet that signed it; an SLH-DSA key has none.
    ///
    /// # Errors
    /// [`NonceError`] where the nonce is not this vault's, is for another wallet, or has expired.
    pub(crate) fn check(
        &self,
        nonce: &str,
        address: Option<&WalletAddress>,
        now: OffsetDateTime,
    ) -> Result<GenuineNonce, NonceError> {
        let mut bytes = [0; 8 + RANDOM_BYTES + MAC_BYTES];
        hex::decode_to_slice(nonce, &mut bytes).map_err(|_| NonceError::Unknown)?;
        let (time, rest) = bytes.split_first_chunk().expect("8 of 40 bytes");
        let (random, mac) = rest.split_first_chunk().expect("16 of 32 bytes");
        let issued_at_ms = u64::from_be_bytes(*time);
        let anybody = mac.ct_eq(&self.mac(issued_at_ms, random, None));
        let for_address = mac.ct_eq(&self.mac(issued_at_ms, random, address));
        if !bool::from(anybody | for_address) {
            return Err(NonceError::Unknown);
        }
        let issued_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(issued_at_ms) * 1_000_000)
            .map_err(|_| NonceError::Unknown)?;
        // Two replicas' clocks may differ by a little. A nonce from further in the future is
        // refused.
        if now - issued_at > NONCE_LIFETIME || issued_at - now > CLOCK_SKEW {
            return Err(NonceError::Expired);
        }
        let keep_until = (issued_at + NONCE_LIFETIME + CLOCK_SKEW).unix_timestamp() + 1;
        Ok(GenuineNonce { id: *random, keep_until })
    }

    /// Recognises a nonce and spends it, atomically and durably.
    ///
    /// # Errors
    /// Where the nonce does not pass, was spent before, or the store does not answer.
    pub(crate) async fn spend(
        &self,
        store: &dyn Store,
        nonce: &str,
        address: Option<&WalletAddress>,
        now: OffsetDateTime,
    ) -> Result<(), ApiError> {
        let checked = self.check(nonce, address, now);
        let GenuineNonce { id, keep_until } = checked.map_err(|error| match error {
            NonceError::Unknown => Code::NonceUnknown
                .because("the nonce was issued elsewhere, for another wallet, or before a restart: get one at /auth/nonce"),
            NonceError::Expired => {
                Code::NonceExpired.because("the nonce has expired: get a new one at /auth/nonce")
            }
        })?;
        if store.spend_nonce(id, keep_until).await? {
            return Ok(());
        }
        Err(Code::NonceSpent.because(
            "the nonce was used before, or the server's clock went back: get a new one at /auth/nonce",
        ))
    }

    /// The first 16 bytes of HMAC-SHA256 over start id ‖ time ‖ random bytes ‖ the wallet's
    /// address, if there is one.
    fn mac(
        &self,
        issued_at_ms: u64,
        random: &[u8; RANDOM_BYTES],
        address: Option<&WalletAddress>,
    ) -> [u8; MAC_BYTES] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key[..])
            .expect("HMAC takes any key")
            .chain_update(self.start_id)
            .chain_update(issued_at_ms.to_be_bytes())
            .chain_update(random)
            .chain_update(address.map_or(&[][..], |address| address.as_bytes()))
            .finalize()
            .into_bytes();
        mac[..MAC_BYTES].try_into().expect("16 of 32 bytes")
    }
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));
    const ALICE: WalletAddress = WalletAddress::from_bytes([1; 20]);
    const BOB: WalletAddress = WalletAddress::from_bytes([2; 20]);

    fn nonces() -> Nonces {
        Nonces::for_this_run(Zeroizing::new([1; 32]))
    }

    #[test]
    fn a_nonce_passes_for_five_minutes() {
        let nonces = nonces();
        let issued = nonces.issue(None, NOW);
        assert!(issued.nonce.bytes().all(|c| c.is_ascii_alphanumeric()));
        let at =
            |seconds| nonces.check(&issued.nonce, Some(&ALICE), NOW + Duration::seconds(seconds)).map(|_| ());
        assert_eq!(at(0), Ok(()));
        assert_eq!(at(300), Ok(()));
        assert_eq!(at(301), Err(NonceError::Expired));
        assert_eq!(at(-121), Err(NonceError::Expired));
        let genuine = nonces.check(&issued.nonce, Some(&ALICE), NOW).expect("genuine");
        assert!(genuine.keep_until > (NOW + NONCE_LIFETIME + CLOCK_SKEW).unix_timestamp());
    }

    #[test]
    fn a_nonce_for_one_wallet_serves_no_other() {
        let nonces = nonces();
        let issued = nonces.issue(Some(&ALICE), NOW);
        assert!(nonces.check(&issued.nonce, Some(&ALICE), NOW).is_ok());
        assert_eq!(nonces.check(&issued.nonce, Some(&BOB), NOW), Err(NonceError::Unknown));
        assert_eq!(nonces.check(&issued.nonce, None, NOW), Err(NonceError::Unknown));
    }

    #[test]
    fn servers_that_share_a_store_take_each_others() {
        let [one, other] = [(); 2].map(|()| Nonces::for_all_servers(Zeroizing::new([1; 32])));
        let nonce = one.issue(None, NOW).nonce;
        assert!(other.check(&nonce, Some(&ALICE), NOW).is_ok());
        assert_eq!(
            nonces().check(&nonce, Some(&ALICE), NOW),
            Err(NonceError::Unknown),
            "an embedded store's run does not"
        );
    }

    #[test]
    fn only_this_run_issued_it_and_only_whole() {
        let nonces = nonces();
        let nonce = nonces.issue(None, NOW).nonce;
        let after_a_restart = Nonces::for_this_run(Zeroizing::new([1; 32]));
        assert_eq!(after_a_restart.check(&nonce, Some(&ALICE), NOW), Err(NonceError::Unknown));
        for at in 0..nonce.len() {
            let mut altered = nonce.clone().into_bytes();
            altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(altered).expect("ASCII");
            assert_eq!(nonces.check(&altered, Some(&ALICE), NOW), Err(NonceError::Unknown), "digit {at}");
        }
        for other in ["", "abcdefgh", &nonce[2..], &format!("{nonce}00")] {
            assert_eq!(nonces.check(other, Some(&ALICE), NOW), Err(NonceError::Unknown), "{other}");
        }
    }
}
