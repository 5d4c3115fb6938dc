//! A replica that hands the root to another one (spec/root.md §10). What is said is sealed and verified from end to end, so
//! that it is no matter who ends the TLS.

use crate::error::ClientError;
use crate::http::Http;
use strongroom_attest::root_transfer::handoff::{HandoffRequest, Handover, Hello, Offer};

/// A replica that has the root, before it has shown anything.
pub struct Replica {
    http: Http,
}

impl Replica {
    /// A replica at `https://host[:port]`, or at `http://` of this machine.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn at(url: &str) -> Result<Self, ClientError> {
        Ok(Self { http: Http::at(url)? })
    }

    /// What it shows for a joiner's first message.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn offer(&self, hello: &Hello) -> Result<Offer, ClientError> {
        self.http.post_to_anybody("/handoff/offer", hello)?.json()
    }

    /// What it answers to the second one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn root(&self, request: &HandoffRequest) -> Result<Handover, ClientError> {
        self.http.post_to_anybody("/handoff/root", request)?.json()
    }
}
