//! Why a server is not trusted: a named refusal for each rule of spec/attestation.md#verification.

/// Why a server is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The answer is not a JSON object with the fields of evidence.
    #[error("the server shows no evidence of the kind that this client verifies")]
    NoEvidence,
    /// The evidence, or the report in it, has more bytes than are read.
    #[error("the evidence is too large: it, or the report in it, has more bytes than this client reads")]
    Oversized,
    /// A field has another size or encoding.
    #[error("the evidence is malformed: {field}")]
    Malformed {
        /// The name of the field in JSON.
        field: &'static str,
    },
    /// The version of the evidence is not [`VERSION`](crate::VERSION).
    #[error("the evidence has a version that this client does not know")]
    Version,
    /// The evidence was made for another request.
    #[error("the evidence does not carry the nonce that was asked for")]
    Nonce,
    /// The key id is not that of the key that is shown.
    #[error("the key id is not that of the encapsulation key")]
    KeyId,
    /// The evidence is from the future, or too old to answer a nonce.
    #[error("the evidence's time is more than five minutes off")]
    Timestamp,
    /// The report binds other fields than those shown.
    #[error("the report does not bind the fields that the server shows")]
    ReportData,
    /// This crate has no verifier for the platform.
    #[error("the platform is not known to this client")]
    UnknownPlatform,
    /// The platform is `none`, and the policy does not allow it.
    #[error("the server runs outside a TEE: its operator can read what it opens")]
    NoTee,
    /// The policy has no table for this platform.
    #[error("no policy says which code to trust on this platform")]
    PlatformNotInPolicy,
    /// The policy has a table for this platform, and no measurement in it.
    #[error("the policy lists no measurement for this platform, and would let any code pass")]
    NoMeasurements,
    /// The key was imported, and the policy does not allow that.
    #[error("the vault's key was imported: whoever exported it can read what it opens")]
    ImportedKey,
    /// The key was brought back, and the policy pins no vault. Anybody who starts this code can
    /// bring a root of their own.
    #[error(
        "the vault's key was brought to this server, and the policy does not say which vault's it must be"
    )]
    UnpinnedVault,
    /// The vault is not the one that the policy pins.
    #[error("this is another vault than the policy pins")]
    VaultId,
    /// The configuration is not one that the policy pins.
    #[error("the vault runs another configuration than the policy pins")]
    ConfigDigest,
    /// TLS does not end in the TEE that the evidence is of.
    #[error("this connection's TLS key is not the one that the evidence binds: somebody else ends the TLS")]
    TlsKey,
    /// The policy asks for TLS that ends in the TEE, and the evidence binds no TLS key.
    #[error("the evidence binds no TLS key, and the policy asks for TLS that ends in the TEE")]
    TlsNotInTee,

    /// The evidence comes without what the platform's maker signed.
    #[error("the evidence lacks the collateral that its report is verified with")]
    MissingCollateral,
    /// The collateral cannot be read, or its signatures do not hold.
    #[error("the collateral is damaged or not signed by the platform's maker")]
    Collateral,
    /// Collateral or a certificate has expired, or is not valid yet.
    #[error("collateral or certificates are not valid at this time")]
    Expired,
    /// A certificate of the report's chain is revoked.
    #[error("a certificate of the report's chain is revoked")]
    Revoked,
    /// The certificates form no path to the pinned root.
    #[error("the report's certificates do not lead to the platform's root")]
    Chain,
    /// The report cannot be parsed, or has parts that its platform never writes.
    #[error("the report is not one of this platform")]
    Report,
    /// The report is not signed by the key of its certificate.
    #[error("the report's signature does not hold")]
    Signature,
    /// The guest was started so that its host can look into it.
    #[error("the guest runs in debug mode: its host can read what it opens")]
    Debug,
    /// The guest has an attribute by which another agent may move or watch it.
    #[error("the guest has attributes by which others may read or move it")]
    Attributes,
    /// The code that runs is not listed in the policy.
    #[error("the measurement is none of those that the policy lists")]
    Measurement,
    /// The platform has known holes, or its firmware is too old for the policy.
    #[error("the platform's firmware is not as up to date as the policy asks for")]
    Tcb,
    /// An advisory of Intel's applies to the platform, and the policy does not accept it.
    #[error("security advisories apply to the platform that the policy does not accept")]
    Advisories,
    /// The platform has a property that a policy must allow by name, and this one does not.
    #[error("the platform is dynamic, caches keys or runs SMT, and the policy does not allow that")]
    PlatformFeature,

    /// The event log is too long, or an event in it cannot be read.
    #[error("an event of the log is malformed")]
    EventLog,
    /// The log does not lead to the RTMR3 of the quote, or RTMR3 is extended and there is no log.
    #[error(
        "the event log does not lead to the quote's RTMR3, or the policy does not speak of dstack where it runs"
    )]
    EventReplay,
    /// Two events before `system-ready` have the same name.
    #[error("the event log names the same thing twice")]
    DuplicateEvent,
    /// An event that identifies the application is missing before `system-ready`.
    #[error("the event log does not say which application runs")]
    MissingEvent,
    /// The application that runs is not listed in the policy.
    #[error("the application is none of those that the policy lists")]
    ComposeHash,
    /// The application runs under an id that the policy does not list. The owner of an id can give
    /// the application's keys to other code.
    #[error("the application's id is none of those that the policy lists")]
    AppId,
    /// The app-compose.json that is shown does not have the digest that was measured.
    #[error("app-compose.json is not the text that was measured")]
    AppCompose,
    /// The application gets its keys from a provider that the policy does not list.
    #[error("the key provider is none of those that the policy lists")]
    KeyProvider,
    /// The guest's system image is not listed in the policy, or the log does not name one.
    #[error("the system image is none of those that the policy lists")]
    OsImage,

    /// The certificate is for another chip, or another TCB, than the report's.
    #[error("the chip's certificate is not for this report's chip and firmware")]
    ChipCertificate,
    /// The report was asked for from a less privileged level than the guest's own.
    #[error("the report was asked for outside of VMPL 0")]
    Vmpl,
    /// The host started the guest with HOST_DATA that the policy does not list.
    #[error("HOST_DATA is none of those that the policy lists")]
    HostData,
    /// PCR0, PCR1 or PCR2 is zero or missing, as in debug mode.
    #[error("the enclave runs in debug mode or shows no PCRs")]
    ZeroPcrs,
}
