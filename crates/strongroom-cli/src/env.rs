//! What the command line trusts and runs on.

use std::sync::Arc;
use strongroom_attest::TrustAnchors;
use strongroom_root::SecureModule;

/// The world around a run. The default is the world as it is; tests bring another.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// The certificate roots that vouch for the platforms of servers.
    pub roots: TrustAnchors,
    /// What stands in for `/dev/nsm`.
    pub nsm: Option<Arc<dyn SecureModule>>,
}
