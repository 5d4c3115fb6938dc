//! A key that dstack's key management service gives this application, through the guest's agent. It
//! is the same on every host and for any code, as long as the application's id is the same.

use super::{Sealer, SealerError, kek, seal_under, unseal_under};
use crate::platform::{Dstack, KeyApi, PlatformError};
use rand_core::CryptoRng;
use strongroom_attest::Protection;
use zeroize::Zeroizing;

const APP_ID_BYTES: usize = 20;

/// Seals under the key of dstack's agent. The data is the number of its interface, one byte ‖
/// application id 20.
pub struct DstackSealer(Dstack);

impl DstackSealer {
    /// A sealer that asks this agent for its key.
    #[must_use]
    pub fn new(agent: Dstack) -> Self {
        Self(agent)
    }

    fn key(&self, data: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealerError> {
        let (api, app_id) = data.split_first().ok_or(SealerError::Damaged)?;
        let api = KeyApi::of(*api).ok_or(SealerError::Damaged)?;
        if app_id.len() != APP_ID_BYTES {
            return Err(SealerError::Damaged);
        }
        let (file, here) = (hex::encode(app_id), self.0.app_id());
        if file != here {
            return Err(SealerError::Elsewhere { what: "dstack application", file, here: here.to_owned() });
        }
        Ok(kek(&self.0.key(api)?, data))
    }
}

impl Sealer for DstackSealer {
    fn protection(&self) -> Protection {
        Protection::Dstack
    }

    fn data(&self, _: &mut dyn CryptoRng) -> Result<Vec<u8>, SealerError> {
        let api = self.0.key_api()?;
        let app_id = hex::decode(self.0.app_id()).ok().filter(|id| id.len() == APP_ID_BYTES);
        let app_id = app_id.ok_or(PlatformError::Answer { from: "dstack's agent", what: "app_id" })?;
        Ok([&[api.number()], &app_id[..]].concat())
    }

    fn seal(
        &self,
        data: &[u8],
        head: &[u8],
        plaintext: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        Ok(seal_under(&*self.key(data)?, head, plaintext, rng))
    }

    fn unseal(&self, data: &[u8], head: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        unseal_under(&*self.key(data)?, head, sealed)
    }
}
