//! An AWS Nitro enclave: its Secure Module signs attestation documents.

use super::PlatformError;
use aws_nitro_enclaves_nsm_api::api::{Request, Response};
use aws_nitro_enclaves_nsm_api::driver;
use serde_bytes::ByteBuf;
use std::fmt;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use strongroom_attest::platform::nitro;
use strongroom_attest::{AuxiliaryData, Claims, Collateral, Report};

const DEVICE: &str = "/dev/nsm";
const NAME: &str = "the Nitro Secure Module";

/// A Nitro Secure Module: the enclave's own, or a fake in a test.
pub trait SecureModule: Send + Sync + fmt::Debug {
    /// An attestation document with this user data and nonce, and no public key.
    ///
    /// # Errors
    /// [`PlatformError`] where the module cannot be opened or refuses.
    fn document(&self, user_data: &[u8; 64], nonce: &[u8; 32]) -> Result<Vec<u8>, PlatformError>;
}

/// The module of this enclave, asked through `/dev/nsm`.
#[derive(Debug)]
struct Device;

impl SecureModule for Device {
    fn document(&self, user_data: &[u8; 64], nonce: &[u8; 32]) -> Result<Vec<u8>, PlatformError> {
        // The library's own way to open the device drops the reason of a failure.
        let opened = File::options().read(true).write(true).open(DEVICE);
        let device = opened.map_err(|source| PlatformError::Io { path: DEVICE.into(), source })?;
        let request = Request::Attestation {
            user_data: Some(ByteBuf::from(user_data)),
            nonce: Some(ByteBuf::from(nonce)),
            public_key: None,
        };
        document_of(driver::nsm_process_request(device.as_raw_fd(), request))
    }
}

fn document_of(response: Response) -> Result<Vec<u8>, PlatformError> {
    match response {
        Response::Attestation { document } => Ok(document),
        // The library says `InternalError` for whatever the driver refuses and for unknown answers.
        Response::Error(code) => {
            Err(PlatformError::Refused(NAME, format!("{code:?}: see the enclave's kernel log")))
        }
        _ => Err(PlatformError::Answer { from: NAME, what: "it answers another request" }),
    }
}

/// An AWS Nitro enclave, with the module that vouches for it.
#[derive(Debug, Clone)]
pub struct Nitro {
    module: Arc<dyn SecureModule>,
}

impl Nitro {
    /// This enclave, or `None` where the code does not run in one.
    pub(super) fn find() -> Option<Self> {
        Path::new(DEVICE).exists().then(|| Self::new(Arc::new(Device)))
    }

    pub(super) fn new(module: Arc<dyn SecureModule>) -> Self {
        Self { module }
    }

    pub(super) fn quote(&self, report_data: &[u8; 64], claims: &Claims<'_>) -> Result<Report, PlatformError> {
        let bytes = self.module.document(report_data, &claims.nonce)?;
        let pcr0 = nitro::pcr0(&bytes)
            .ok_or(PlatformError::Answer { from: NAME, what: "it is not an attestation document" })?;
        Ok(Report {
            bytes,
            measurement: hex::encode(pcr0),
            auxiliary_data: AuxiliaryData::Nitro {},
            // The document contains its certificates.
            collateral: Collateral::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_nitro_enclaves_nsm_api::api::ErrorCode;

    #[test]
    fn a_document_is_taken_and_nothing_else() {
        let good = document_of(Response::Attestation { document: vec![1, 2] });
        assert_eq!(good.expect("a document"), [1, 2]);
        let refused = document_of(Response::Error(ErrorCode::InternalError));
        assert!(
            matches!(refused, Err(PlatformError::Refused(NAME, why)) if why.starts_with("InternalError"))
        );
        let other = document_of(Response::GetRandom { random: vec![3] });
        assert!(matches!(other, Err(PlatformError::Answer { from: NAME, .. })));
    }

    #[test]
    fn a_machine_that_is_no_enclave_has_no_module() {
        if !Path::new(DEVICE).exists() {
            assert!(Nitro::find().is_none());
            assert!(matches!(Device.document(&[0; 64], &[0; 32]), Err(PlatformError::Io { .. })));
        }
    }
}
