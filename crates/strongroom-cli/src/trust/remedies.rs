//! What to do if a server is not trusted, for each reason.

use strongroom_attest::Refusal;

/// What to do if a server is not trusted.
pub(crate) fn remedy(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoTee => {
            "for development only, pass --allow-no-tee: the server's operator can read what it opens"
        }
        Refusal::ImportedKey => {
            "pass --allow-imported-key to send to a vault whose key somebody else may hold"
        }
        Refusal::NoEvidence => "check that this is a Strongroom server: other zk-api servers prove nothing",
        Refusal::PlatformNotInPolicy | Refusal::NoMeasurements => {
            "pass the operator's policy with --policy FILE; `strongroom attestation policy URL` drafts one to compare"
        }
        Refusal::EventReplay => {
            "a dstack guest needs [intel-tdx.dstack] in the policy, and a bare one must not have it; otherwise send nothing"
        }
        Refusal::Timestamp => "check this machine's clock",
        Refusal::TlsKey | Refusal::TlsNotInTee => {
            "connect to the server itself: a proxy or gateway that ends the TLS sees what you send"
        }
        Refusal::MissingCollateral => {
            "try again in a minute; operator: the log says which service does not answer, and --collateral-file needs none"
        }
        Refusal::Expired => {
            "check this machine's clock; operator: renew the file of --collateral-file and restart, or look into the log"
        }
        Refusal::Version | Refusal::UnknownPlatform => "update strongroom",
        Refusal::UnpinnedVault => {
            "write vault_id = \"…\" into the policy, with the id that the vault had before it was recovered; or take the operator's new policy"
        }
        Refusal::VaultId
        | Refusal::ConfigDigest
        | Refusal::Measurement
        | Refusal::ComposeHash
        | Refusal::AppId
        | Refusal::KeyProvider
        | Refusal::OsImage
        | Refusal::HostData => {
            "send nothing; `strongroom attestation verify URL --policy FILE` shows which code runs: if it is a new release, get its new policy from the operator"
        }
        Refusal::Tcb | Refusal::Advisories | Refusal::PlatformFeature => {
            "ask the operator to update the machine; a policy may accept the risk by name (spec/attestation-policy.md §3)"
        }
        _ => "send nothing; `strongroom attestation verify URL --policy FILE` shows every check",
    }
}
