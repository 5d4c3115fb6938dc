//! Every way in which a server is not trusted, by name.

/// Why a server is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no JSON object with the fields of evidence.
    #[error("the server shows no evidence of the kind that this client verifies")]
    NoEvidence,
    /// More bytes than are looked at.
    #[error("the evidence is larger than evidence is")]
    Oversized,
    /// A field is of another size or encoding.
    #[error("the evidence is malformed: {field}")]
    Malformed {
        /// Its name on the wire.
        field: &'static str,
    },
    /// Another version of evidence.
    #[error("the evidence has a version that this client does not know")]
    Version,
    /// Evidence for another request.
    #[error("the evidence does not carry the nonce that was asked for")]
    Nonce,
    /// The key id is another key's.
    #[error("the key id is not that of the encapsulation key")]
    KeyId,
    /// From the future, or too old for an answer to a nonce.
    #[error("the evidence's time is more than five minutes off")]
    Timestamp,
    /// The report binds other fields than those shown.
    #[error("the report does not bind the fields that the server shows")]
    ReportData,
    /// A platform without a verifier here.
    #[error("the platform is not known to this client")]
    UnknownPlatform,
    /// Platform `none`.
    #[error("the server runs outside a TEE: its operator can read what it opens")]
    NoTee,
    /// The policy says nothing about this platform.
    #[error("no policy says which code to trust on this platform")]
    PlatformNotInPolicy,
    /// The policy names no measurement.
    #[error("the policy lists no measurement: it would take any code")]
    NoMeasurements,
    /// The key was imported.
    #[error("the vault's key was imported: whoever exported it can read what it opens")]
    ImportedKey,
    /// The key was brought back, and the policy pins no vault: whoever starts this code can bring a root of his own.
    #[error(
        "the vault's key was brought to this server, and the policy does not say which vault's it must be"
    )]
    UnpinnedVault,
    /// Another vault than the pinned one.
    #[error("this is another vault than the policy pins")]
    VaultId,
    /// Another configuration than the pinned one.
    #[error("the vault runs another configuration than the policy pins")]
    ConfigDigest,
    /// TLS ends elsewhere than in the TEE that the evidence is of.
    #[error("this connection's TLS key is not the one that the evidence binds: somebody else ends the TLS")]
    TlsKey,
    /// The policy wants TLS that ends in the TEE.
    #[error("the evidence binds no TLS key, and the policy asks for TLS that ends in the TEE")]
    TlsNotInTee,

    /// What the platform's maker signed is not there.
    #[error("the evidence lacks the collateral that its report is verified with")]
    MissingCollateral,
    /// It cannot be read, or its signatures do not hold.
    #[error("the collateral is damaged or not signed by the platform's maker")]
    Collateral,
    /// At this time it holds no more, or not yet.
    #[error("collateral or certificates are not valid at this time")]
    Expired,
    /// A certificate of the report's chain is revoked.
    #[error("a certificate of the report's chain is revoked")]
    Revoked,
    /// No chain of certificates to the pinned root.
    #[error("the report's certificates do not lead to the platform's root")]
    Chain,
    /// The report is none, or has parts that no platform writes.
    #[error("the report is none of this platform")]
    Report,
    /// It is not signed by the key of its certificate.
    #[error("the report's signature does not hold")]
    Signature,
    /// Its owner can look into the guest.
    #[error("the guest runs in debug mode: its host can read what it opens")]
    Debug,
    /// The guest may be moved or watched by another agent.
    #[error("the guest has attributes by which others may read or move it")]
    Attributes,
    /// Other code.
    #[error("the measurement is none of those that the policy lists")]
    Measurement,
    /// Known holes of the platform are open, or its firmware is too old.
    #[error("the platform's firmware is not as up to date as the policy asks for")]
    Tcb,
    /// Intel's advisories apply that the policy does not accept.
    #[error("security advisories apply to the platform that the policy does not accept")]
    Advisories,
    /// A property of the platform that the policy must allow by name.
    #[error("the platform is dynamic, caches keys or runs SMT, and the policy does not allow that")]
    PlatformFeature,

    /// The event log is none.
    #[error("an event of the log is malformed")]
    EventLog,
    /// It does not lead to the RTMR3 of the quote; or RTMR3 is extended and there is no log.
    #[error(
        "the event log does not lead to the quote's RTMR3, or the policy does not speak of dstack where it runs"
    )]
    EventReplay,
    /// A name twice before `system-ready`.
    #[error("the event log names the same thing twice")]
    DuplicateEvent,
    /// Something that identifies the application is missing before `system-ready`.
    #[error("the event log does not say which application runs")]
    MissingEvent,
    /// Another application.
    #[error("the application is none of those that the policy lists")]
    ComposeHash,
    /// The same code under another id, whose owner may give its keys to other code.
    #[error("the application's id is none of those that the policy lists")]
    AppId,
    /// The text that is shown is not the one that was measured.
    #[error("app-compose.json is not the text that was measured")]
    AppCompose,
    /// Somebody else gives the application its keys.
    #[error("the key provider is none of those that the policy lists")]
    KeyProvider,
    /// Another system image.
    #[error("the system image is none of those that the policy lists")]
    OsImage,

    /// The certificate is for another chip or another TCB than the report's.
    #[error("the chip's certificate is not for this report's chip and firmware")]
    ChipCertificate,
    /// Reported from a less privileged level than the guest's own.
    #[error("the report was asked for outside of VMPL 0")]
    Vmpl,
    /// Other data of the host than the policy pins.
    #[error("HOST_DATA is none of those that the policy lists")]
    HostData,
    /// PCR0-2 are zero or missing.
    #[error("the enclave runs in debug mode or shows no PCRs")]
    ZeroPcrs,
}
