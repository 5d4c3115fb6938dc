//! The command line. Each verb's help shows an example first.
#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, reason = "these comments are help texts")]

pub(crate) mod backup;
pub(crate) mod vault;

use crate::settings::Flags;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use strongroom::SlotId;
use strongroom::principal::Principal;
use strongroom_root::PlatformChoice;
use strongroom_root::SealerName;

/// A post-quantum secret vault: seal secrets with ML-KEM-1024, keep them in a vault that shows what it runs.
#[derive(Parser)]
#[command(name = "strongroom", version, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused (no key fits, damaged, not trusted, not allowed), 2 usage or I/O."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Keygen(Keygen),
    Pubkey(Pubkey),
    Encrypt(Encrypt),
    Decrypt(Decrypt),
    Inspect(Inspect),
    Rewrap(Rewrap),
    #[command(subcommand)]
    Secret(Secret),
    #[command(subcommand)]
    Backup(backup::Backup),
    #[command(subcommand)]
    Attestation(Attestation),
    Serve(Serve),
    #[command(subcommand)]
    Config(Config),
    #[command(subcommand)]
    Store(Store),
    #[command(subcommand)]
    Vault(vault::Vault),
    Demo(Demo),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kem {
    /// ML-KEM-1024 (FIPS 203)
    Mlkem1024,
    /// MLKEM1024-P384: ML-KEM-1024 and ECDH on P-384, of which one must hold
    #[value(name = "mlkem1024-p384")]
    Mlkem1024P384,
}

/// Make a key
///
/// Example:  strongroom keygen -o key.txt && strongroom pubkey key.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Keygen {
    /// Write the secret key to a new file of mode 0600 (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What kind of key
    #[arg(long, value_enum, default_value_t = Kem::Mlkem1024, conflicts_with_all = ["from_eth_key_file", "admin_env"])]
    pub(crate) kem: Kem,
    /// Lock the key with a passphrase, which is asked on the terminal
    #[arg(short, long, conflicts_with_all = ["admin_env", "passphrase_file"])]
    pub(crate) passphrase: bool,
    /// Lock the key with the passphrase on the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "admin_env")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Derive the key from an Ethereum private key, as w3pk does: a file with 0x and 64 hex digits
    #[arg(long, value_name = "FILE")]
    pub(crate) from_eth_key_file: Option<PathBuf>,
    /// Derive the key from a mnemonic, by which a backup of it is at hand: a file with 12 to 24 BIP-39 words
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_eth_key_file", "kem"])]
    pub(crate) from_mnemonic_file: Option<PathBuf>,
    /// BIP-39's passphrase is on the first line of this file (default: none)
    #[arg(long, value_name = "FILE", requires = "from_mnemonic_file")]
    pub(crate) mnemonic_passphrase_file: Option<PathBuf>,
    /// Which of the mnemonic's accounts
    #[arg(long, value_name = "N", requires = "from_mnemonic_file", default_value_t = 0)]
    pub(crate) account: u32,
    /// The derivation's context, such as an application's name
    #[arg(long, value_name = "TEXT", requires = "from_eth_key_file", default_value = strongroom::derive::W3PK_DEFAULT_CONTEXT)]
    pub(crate) context: String,
    /// Write the two ADMIN_MLKEM_… lines of a zk-api .env file instead of a key file
    #[arg(long)]
    pub(crate) admin_env: bool,
}

/// Show the public key of a secret key file
///
/// Example:  strongroom pubkey key.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Pubkey {
    /// Bare base64 of 1568 bytes, as w3pk takes it
    #[arg(long)]
    pub(crate) base64: bool,
    /// The fingerprint alone
    #[arg(long, conflicts_with = "base64")]
    pub(crate) fingerprint: bool,
    /// The passphrase of a locked key file is on the first line of this one (default: it is asked on the terminal)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A secret key file, or - for standard input
    pub(crate) key_file: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// The native envelope
    Envelope,
    /// The present generation of the w3pk payload
    W3pk,
    /// The first generation, for w3pk up to 0.10
    W3pk1,
    /// The second generation
    W3pk2,
}

/// For whom something is sealed.
#[derive(ClapArgs)]
pub(crate) struct Recipients {
    /// Seal for this public key (can be repeated)
    #[arg(short, long, value_name = "KEY")]
    pub(crate) recipient: Vec<String>,
    /// Seal for every public key in this file, one a line (can be repeated)
    #[arg(short = 'R', long, value_name = "FILE")]
    pub(crate) recipients_file: Vec<PathBuf>,
    /// Seal for this vault too, once it is verified: only it may open it, for the readers
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) trust: Trust,
}

impl Recipients {
    pub(crate) fn is_given(&self) -> bool {
        !self.recipient.is_empty() || !self.recipients_file.is_empty() || self.server.is_some()
    }
}

/// What an envelope binds. Who opens it with a key of his own is not held to it.
#[derive(ClapArgs)]
pub(crate) struct PolicyArgs {
    /// A vault may open it for this wallet, 0x…, or SLH-DSA key, slh-dsa:0x… (can be repeated)
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) reader: Vec<Principal>,
    /// Who may replace and delete it in a vault (can be repeated; default: who stores it)
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) owner: Vec<Principal>,
    /// A vault does not open it before this RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) not_before: Option<time::OffsetDateTime>,
    /// A vault does not open it from this RFC 3339 time on
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) not_after: Option<time::OffsetDateTime>,
    /// A note that everybody can read
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
}

/// Whose keys open something.
#[derive(ClapArgs)]
pub(crate) struct Identities {
    /// A secret key file; tried in turn (can be repeated)
    #[arg(short, long, value_name = "KEYFILE", required = true)]
    pub(crate) identity: Vec<PathBuf>,
    /// The passphrase of locked key files is on the first line of this one (default: it is asked on the terminal)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Seal a file or standard input, of any size, for one or more keys
///
/// Example:  echo hello | strongroom encrypt -a -R friends.txt > hello.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
#[command(group(clap::ArgGroup::new("for_whom").args(["recipient", "recipients_file", "server"]).required(true).multiple(true)))]
pub(crate) struct Encrypt {
    #[command(flatten)]
    pub(crate) recipients: Recipients,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Envelope)]
    pub(crate) format: Format,
    /// Write text, for where bytes do not pass
    #[arg(short, long)]
    pub(crate) armor: bool,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The plaintext (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// Open what was sealed for a key
///
/// Example:  strongroom decrypt -i key.txt hello.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Decrypt {
    #[command(flatten)]
    pub(crate) identities: Identities,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What is sealed (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// Show what something sealed says without a key: recipients, policy, sizes
///
/// Example:  strongroom inspect hello.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Inspect {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// What is sealed (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// Change an envelope's recipients, or give it a new key
///
/// Example:  strongroom rewrap -i key.txt --add "$(cat bob.pub)" -o note.sealed note.sealed
///
/// --add and --remove leave the payload as it is. Who is removed may have kept the old envelope,
/// or its file key: what he could read before, he still can. --rotate-key seals everything anew
/// under a new file key; it needs the public key of everyone who shall open it (-r), since an
/// envelope holds only fingerprints. It is the only way to change the policy: what is given takes the
/// place of what was there, and the rest stays.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Rewrap {
    #[command(flatten)]
    pub(crate) identities: Identities,
    /// Let this public key open it too (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub(crate) add: Vec<String>,
    /// Leave this recipient out: a public key, or a fingerprint sr:… (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub(crate) remove: Vec<String>,
    /// Make a new file key, and seal the payload anew
    #[arg(long)]
    pub(crate) rotate_key: bool,
    #[command(flatten)]
    pub(crate) recipients: Recipients,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The envelope, or - for standard input
    pub(crate) input: PathBuf,
}

/// Which vault, and as whom.
#[derive(ClapArgs)]
pub(crate) struct Remote {
    /// The vault: https://host[:port], or http:// to this machine
    #[arg(long, value_name = "URL", default_value = "http://localhost:3000")]
    pub(crate) server: String,
    /// The wallet that signs: a file with an Ethereum private key, 0x and 64 hex digits
    #[arg(long, value_name = "FILE")]
    pub(crate) wallet_file: PathBuf,
    #[command(flatten)]
    pub(crate) trust: Trust,
}

/// What a server must show before anything is sent.
#[derive(ClapArgs)]
pub(crate) struct Trust {
    /// What the server must prove: a file of its operator's, or of `strongroom attestation policy` (default: what is kept for this server,
    /// strongroom/policies/HOST[:PORT].toml in $XDG_CONFIG_HOME or ~/.config)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Send to a server outside a TEE: its operator can read what it opens. For development; leaves a kept policy aside
    #[arg(long, conflicts_with = "policy")]
    pub(crate) allow_no_tee: bool,
    /// Send to a vault whose key came from outside: whoever exported it can read what it opens
    #[arg(long)]
    pub(crate) allow_imported_key: bool,
}

/// Keep secrets in a vault
///
/// Example:  echo hello | strongroom secret put --allow-no-tee --wallet-file wallet.txt
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Secret {
    Put(Put),
    Get(Get),
    Open(Open),
    List(List),
    Rm(Remove),
}

/// Seal a file or standard input for yourself and the vault, store it, and print its slot
///
/// Example:  strongroom secret put --wallet-file wallet.txt --server https://vault.example note.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Put {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Seal for this public key too (can be repeated); the wallet's own w3pk key always is
    #[arg(short, long, value_name = "KEY")]
    pub(crate) recipient: Vec<String>,
    /// Seal for every public key in this file too (can be repeated)
    #[arg(short = 'R', long, value_name = "FILE")]
    pub(crate) recipients_file: Vec<PathBuf>,
    /// Do not seal for the vault: it keeps the secret and cannot open it
    #[arg(long)]
    pub(crate) not_for_vault: bool,
    /// When the vault forgets it: an RFC 3339 time, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) expires_at: Option<time::OffsetDateTime>,
    /// What to write; w3pk clients read w3pk
    #[arg(long, value_enum, default_value_t = Format::Envelope)]
    pub(crate) format: Format,
    /// The input is sealed already, such as by `strongroom rewrap`: store it as it is
    #[arg(long, conflicts_with_all = ["recipient", "recipients_file", "not_for_vault", "format", "owner", "not_before", "not_after", "label"])]
    pub(crate) sealed: bool,
    /// Replace what this slot holds, instead of making a new one
    #[arg(long, value_name = "SLOT")]
    pub(crate) slot: Option<SlotId>,
    /// With --slot: only if its ETag is still this one (default: whatever it is now)
    #[arg(long, value_name = "ETAG", requires = "slot")]
    pub(crate) if_match: Option<String>,
    /// The secret (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// Fetch a sealed secret and open it here, without the vault's key
///
/// Example:  strongroom secret get --server https://vault.example --wallet-file wallet.txt 05919c62…
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Open with this key file (default: the wallet's own w3pk key)
    #[arg(short, long, value_name = "KEYFILE")]
    pub(crate) identity: Vec<PathBuf>,
    /// The passphrase of locked key files is on the first line of this one (default: it is asked on the terminal)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Write what is sealed as it is, and its ETag to standard error
    #[arg(long, conflicts_with = "identity")]
    pub(crate) sealed: bool,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The slot: 64 hex digits
    pub(crate) slot: SlotId,
}

/// Have the vault open a secret
///
/// Example:  strongroom secret open --server https://vault.example --wallet-file wallet.txt 05919c62…
///
/// The answer comes sealed to a key that is made for it, so that whoever ends the TLS does not see it.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Open {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Have the answer sealed to this public key instead, and write it as it comes: an envelope
    #[arg(long, value_name = "KEY")]
    pub(crate) seal_to: Option<String>,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The slot: 64 hex digits
    pub(crate) slot: SlotId,
}

/// List the slots that your wallet owns or may read
///
/// Example:  strongroom secret list --server https://vault.example --wallet-file wallet.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Have the vault forget a secret that you own
///
/// Example:  strongroom secret rm --server https://vault.example --wallet-file wallet.txt 05919c62…
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The slot: 64 hex digits
    pub(crate) slot: SlotId,
}

/// Look at what a server proves: which code holds its key
///
/// Example:  strongroom attestation verify https://vault.example --policy policy.toml
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Attestation {
    Verify(AttestationVerify),
    Policy(AttestationPolicy),
    Show(AttestationShow),
}

/// Verify a server against a policy: every check with its value, ✓ or ✗
///
/// Example:  strongroom attestation verify https://vault.example --policy policy.toml
///
/// Exits with 1 where any check fails. Commands that send a secret do the same before they send it.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct AttestationVerify {
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The server: https://host[:port], or http:// to this machine
    pub(crate) url: String,
}

/// Draft the policy that asks for exactly what a running server proves
///
/// Example:  strongroom attestation policy https://vault.example -o policy.toml
///
/// The draft says what runs, not that it is what should run: compare it with what the operator
/// publishes, or with what you built yourself. What the server does not prove is not written.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct AttestationPolicy {
    /// Keep it for this server, where the other commands find it
    #[arg(long, conflicts_with = "output")]
    pub(crate) keep: bool,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The server: https://host[:port], or http:// to this machine
    pub(crate) url: String,
}

/// Explain evidence of any platform, without verifying it
///
/// Example:  strongroom attestation show evidence.json
///           curl -sk https://vault.example/attestation | strongroom attestation show -
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct AttestationShow {
    /// Write the collateral alone, as `serve --collateral-file` reads it
    #[arg(long, conflicts_with = "json")]
    pub(crate) collateral: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A file with evidence, a TDX quote, an SEV-SNP report or a Nitro document; - for standard input; or a server's URL
    pub(crate) from: String,
}

/// Run a vault
///
/// Example:  strongroom serve --listen 127.0.0.1:3000 --data-dir ./strongroom-data
///
/// Needs no configuration: the first start makes a root and a store in the data directory. An imported
/// key comes from ADMIN_MLKEM_PRIVATE_KEY, or from the file that ADMIN_MLKEM_PRIVATE_KEY_FILE names;
/// ADMIN_MLKEM_PUBLIC_KEY must fit it.
///
/// Each setting is also read from the environment, as STRONGROOM_LISTEN for --listen, and from
/// strongroom.toml, as listen; flags come first, the file last. `strongroom config check` names every
/// mistake at once.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// Look at a server's settings
#[derive(Subcommand)]
pub(crate) enum Config {
    Check(Check),
}

/// Read the settings as `serve` would, and name every mistake at once
///
/// Example:  strongroom config check --config strongroom.toml
///
/// Shows what is set, and where; secrets are not shown.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// Keep an embedded store safe: back up, verify, restore
///
/// Example:  strongroom store backup --data-dir ./strongroom-data vault-monday.sqlite
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Store {
    Backup(StoreBackup),
    Verify(StoreVerify),
    Restore(StoreRestore),
}

/// How a root that is there is sealed, as for `strongroom serve`.
#[derive(ClapArgs)]
pub(crate) struct RootSealing {
    /// What the root is sealed under: dstack, sev-snp, pkcs11, passphrase, plain or auto
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) root_sealer: SealerName,
    /// The passphrase of a root that is sealed under one: the file's first line
    #[arg(long, value_name = "FILE")]
    pub(crate) root_passphrase_file: Option<PathBuf>,
    /// The PKCS#11 module of the token whose key the root is sealed under
    #[arg(long, value_name = "FILE")]
    pub(crate) hsm_module: Option<PathBuf>,
    /// The token's key
    #[arg(long, value_name = "LABEL")]
    pub(crate) hsm_key_label: Option<String>,
    /// The token's PIN: the file's first line
    #[arg(long, value_name = "FILE")]
    pub(crate) hsm_pin_file: Option<PathBuf>,
    /// The token, where the module shows several
    #[arg(long, value_name = "LABEL")]
    pub(crate) hsm_token: Option<String>,
    /// The platform whose key the root is sealed under, as for `strongroom serve`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) platform: PlatformChoice,
    /// dstack's agent: a socket or http:// URL
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) dstack_endpoint: Option<String>,
    /// The kernel's configfs-tsm folder
    #[arg(long, value_name = "DIR")]
    pub(crate) tsm_dir: Option<PathBuf>,
}

impl RootSealing {
    /// Whether a passphrase or something of a token is named: of no use where no root is opened.
    pub(crate) fn names_a_secret(&self) -> bool {
        self.root_passphrase_file.is_some()
            || self.hsm_module.is_some()
            || self.hsm_key_label.is_some()
            || self.hsm_pin_file.is_some()
            || self.hsm_token.is_some()
    }
}

/// Copy the store into a new file, while the server runs
///
/// Example:  strongroom store backup --data-dir ./strongroom-data vault-monday.sqlite
///
/// The copy is of one moment, checked, and synced. Keep root.sealed too, elsewhere: neither is of use
/// without the other.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct StoreBackup {
    /// The data directory of the server
    #[arg(long, value_name = "DIR", default_value = "strongroom-data")]
    pub(crate) data_dir: PathBuf,
    /// The new file
    pub(crate) output: PathBuf,
}

/// Check a backup, or a store: every page, and with the root every record
///
/// Example:  strongroom store verify --root-file root.sealed vault-monday.sqlite
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct StoreVerify {
    /// The vault's root: then every record is unsealed, so that altered ones are found
    #[arg(long, value_name = "FILE")]
    pub(crate) root_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sealing: RootSealing,
    /// The backup
    pub(crate) file: PathBuf,
}

/// Put a backup back into a data directory that has no store
///
/// Example:  strongroom store restore --data-dir ./strongroom-data vault-monday.sqlite
///
/// What was stored, replaced or deleted since the backup is as it was then: wallets that were removed
/// since may read again, and secrets that were forgotten are back.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct StoreRestore {
    /// The data directory of the server, which must not run
    #[arg(long, value_name = "DIR", default_value = "strongroom-data")]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) sealing: RootSealing,
    /// The backup
    pub(crate) backup: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoFlow {
    /// Attest, seal, store, sign in, open
    Secret,
    /// A wallet's backup in both forms, and what is refused
    Backup,
}

/// Show the whole flow: attest, seal, store, sign in, open; or a wallet's backup
///
/// Example:  strongroom demo
///           strongroom demo backup
///
/// Starts a server of its own on a free port with a temporary data directory, or uses a running one.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct Demo {
    /// Which flow
    #[arg(value_enum, default_value_t = DemoFlow::Secret)]
    pub(crate) flow: DemoFlow,
    /// Use this server
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) trust: Trust,
}

fn parse_time(text: &str) -> Result<time::OffsetDateTime, String> {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .map_err(|_| "an RFC 3339 time, such as 2027-01-01T00:00:00Z, is expected".to_owned())
}
