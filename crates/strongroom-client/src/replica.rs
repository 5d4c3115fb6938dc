//! A replica that hands its root to another one (spec/root.md §10). The messages are verified and
//! sealed from end to end, so a proxy that ends the TLS cannot read them.

use crate::error::ClientError;
use crate::http::Http;
use strongroom_attest::root_transfer::handoff::{HandoffRequest, Handover, Hello, Offer};

/// A replica that has the root, and has not been verified yet.
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

    /// Sends a joiner's first message, and gives the replica's offer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn offer(&self, hello: &Hello) -> Result<Offer, ClientError> {
        self.http.post_to_anybody("/handoff/offer", hello)?.json()
    }

    /// Sends a joiner's second message, and gives the handover with the sealed root.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn root(&self, request: &HandoffRequest) -> Result<Handover, ClientError> {
        self.http.post_to_anybody("/handoff/root", request)?.json()
    }
}
