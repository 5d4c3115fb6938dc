//! The platform that a server runs on.

use crate::error::Hint;
use anyhow::Result;
use strongroom_root::{Platform, PlatformChoice, PlatformPaths};

/// Finds the platform that was chosen. If it is not there, the start ends: no other platform takes
/// its place.
pub(crate) fn find_platform(choice: PlatformChoice, paths: &PlatformPaths) -> Result<Platform> {
    let hint = match choice {
        PlatformChoice::Dstack => {
            "mount dstack's socket into the container (docs/how-to/deploy-on-dstack.md), or name it with --dstack-endpoint"
        }
        PlatformChoice::IntelTdx | PlatformChoice::AmdSevSnp => {
            "mount configfs, load tsm, and run as a user who may write there (docs/how-to/deploy-on-tdx.md), or pass --platform none"
        }
        PlatformChoice::AwsNitro => {
            "run it inside the enclave (docs/how-to/deploy-on-nitro.md), or pass --platform none"
        }
        _ => "pass --platform none to run without a TEE",
    };
    Platform::find(choice, paths).map_err(|error| {
        anyhow::Error::from(error).context(Hint(hint)).context("the platform cannot be used")
    })
}
