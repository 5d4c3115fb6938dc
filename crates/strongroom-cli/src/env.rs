//! The certificate roots and the device that a run of the command line uses.

use std::sync::Arc;
use strongroom_attest::TrustAnchors;
use strongroom_root::SecureModule;

/// The environment of a run. The default is the real one; tests bring simulated roots and devices.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// The certificate roots that vouch for the platforms of servers.
    pub roots: TrustAnchors,
    /// A module that is asked in place of `/dev/nsm`.
    pub nsm: Option<Arc<dyn SecureModule>>,
}
