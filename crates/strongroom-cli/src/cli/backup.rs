//! What the backup verbs take.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::path::PathBuf;
use strongroom::backup::{UserId, UserIdError};
use strongroom::slh_dsa::{FormatError, PublicKey};

/// Keep a wallet's data with a server that cannot read it, restorable from the mnemonic alone
///
/// Example:  strongroom backup push --mnemonic-file words.txt wallet.json
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Backup {
    Create(BackupCreate),
    Verify(BackupVerify),
    Restore(BackupRestore),
    Push(BackupPush),
    Pull(BackupPull),
    List(BackupList),
    Delete(BackupDelete),
    Keys(BackupKeys),
}

/// Whose backups.
#[derive(ClapArgs)]
pub(crate) struct Words {
    /// The mnemonic: a file with 12 to 24 BIP-39 words (default: asked on the terminal)
    #[arg(long, value_name = "FILE")]
    pub(crate) mnemonic_file: Option<PathBuf>,
    /// BIP-39's passphrase is on the first line of this file (default: none)
    #[arg(long, value_name = "FILE")]
    pub(crate) mnemonic_passphrase_file: Option<PathBuf>,
    /// Which of the mnemonic's accounts; with --compat, the index of the SLH-DSA key
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) account: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackupKem {
    /// ML-KEM-768, as wallets in the field write
    Mlkem768,
    /// ML-KEM-1024
    Mlkem1024,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackupCipher {
    /// XSalsa20-Poly1305
    #[value(name = "xsalsa20-poly1305")]
    XSalsa20Poly1305,
    /// AES-256-GCM
    #[value(name = "aes-256-gcm")]
    Aes256Gcm,
}

/// Which form to write.
#[derive(ClapArgs)]
pub(crate) struct BackupForm {
    /// Write what wallets in the field read, with their keys: no counter, no user id or date inside
    #[arg(long)]
    pub(crate) compat: bool,
    /// With --compat: which ML-KEM
    #[arg(long, value_enum, requires = "compat", default_value_t = BackupKem::Mlkem1024)]
    pub(crate) kem: BackupKem,
    /// With --compat: which cipher
    #[arg(long, value_enum, requires = "compat", default_value_t = BackupCipher::Aes256Gcm)]
    pub(crate) cipher: BackupCipher,
}

/// Where backups are kept.
#[derive(ClapArgs)]
pub(crate) struct BackupRemote {
    /// The server: https://host[:port], or http:// to this machine
    #[arg(long, value_name = "URL", default_value = "http://localhost:3000")]
    pub(crate) server: String,
    /// Verify the server first, against this policy (default: what is kept for it; without any, it is not asked for proof, since it
    /// can read nothing)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// Seal and sign a wallet's JSON, without a server
///
/// Example:  strongroom backup create --mnemonic-file words.txt wallet.json -o wallet.backup
///
/// A native backup has a number. It is 1 unless --after names the backup before it; `backup push`
/// of a wallet's JSON asks the server instead.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupCreate {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) form: BackupForm,
    /// Under which name: a UUID (default: one that follows from the mnemonic)
    #[arg(long, value_name = "UUID", value_parser = parse_user_id, conflicts_with = "compat")]
    pub(crate) user: Option<UserId>,
    /// The backup before this one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["compat", "user"])]
    pub(crate) after: Option<PathBuf>,
    /// Write to this file, in place of what is there (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The wallet's JSON (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// Check a backup: its signature, and with the words what is in it
///
/// Example:  strongroom backup verify --mnemonic-file words.txt wallet.backup
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupVerify {
    #[command(flatten)]
    pub(crate) words: Words,
    /// Check the signature alone, of this public key: 0x and 128 hex digits
    #[arg(long, value_name = "KEY", value_parser = parse_public_key,
        conflicts_with_all = ["mnemonic_file", "mnemonic_passphrase_file", "account"])]
    pub(crate) public_key: Option<AnyCase>,
    /// The backup (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// Open a backup, once it is verified
///
/// Example:  strongroom backup restore --mnemonic-file words.txt wallet.backup -o wallet.json
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupRestore {
    #[command(flatten)]
    pub(crate) words: Words,
    /// Refuse it unless the JSON has this SHA-256, as `create` and `push` say it
    #[arg(long, value_name = "HEX", value_parser = parse_sha256)]
    pub(crate) sha256: Option<Sha256Hex>,
    /// Write to this file, in place of what is there (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The backup (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// Leave a backup with a server: a wallet's JSON, or what `backup create` made
///
/// Example:  strongroom backup push --mnemonic-file words.txt wallet.json
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupPush {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) remote: BackupRemote,
    #[command(flatten)]
    pub(crate) form: BackupForm,
    /// Under which name: a UUID (default: the backup's own, or one that follows from the mnemonic)
    #[arg(long, value_name = "UUID", value_parser = parse_user_id)]
    pub(crate) user: Option<UserId>,
    /// Refuse unless this is the next version; needed where all before it were deleted over a week ago
    #[arg(long, value_name = "N", conflicts_with = "compat")]
    pub(crate) next: Option<u64>,
    /// The wallet's JSON, or a backup (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// Bring a backup back, with nothing but the words
///
/// Example:  strongroom backup pull --mnemonic-file words.txt -o wallet.json
///
/// The newest version of the native backup that was changed last; where there is none, of a compatible
/// one. It is verified, and its version and date are told. That a server gives the newest, only a
/// device that remembers a version can tell: pass it with --at-least.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupPull {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) remote: BackupRemote,
    /// Only compatible ones, as wallets in the field write them
    #[arg(long)]
    pub(crate) compat: bool,
    /// Under which name: a UUID (default: whichever was changed last; with --version or --at-least, the one that follows from the mnemonic)
    #[arg(long, value_name = "UUID", value_parser = parse_user_id)]
    pub(crate) user: Option<UserId>,
    /// Which version, also one that was deleted within seven days (default: the newest)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) version: Option<u64>,
    /// Refuse a version before this one, and compatible ones, whose numbers nobody signed
    #[arg(long, value_name = "N", conflicts_with = "compat")]
    pub(crate) at_least: Option<u64>,
    /// Refuse it unless the JSON has this SHA-256, as `create` and `push` say it
    #[arg(long, value_name = "HEX", value_parser = parse_sha256)]
    pub(crate) sha256: Option<Sha256Hex>,
    /// As it is kept, signed and sealed: what `create --after`, `verify` and `restore` take
    #[arg(long)]
    pub(crate) sealed: bool,
    /// Write to this file, in place of what is there (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// List your backups on a server, or the versions of one
///
/// Example:  strongroom backup list --mnemonic-file words.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupList {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) remote: BackupRemote,
    /// Only compatible ones, as wallets in the field write them
    #[arg(long)]
    pub(crate) compat: bool,
    /// The versions of this one: a UUID
    #[arg(long, value_name = "UUID", value_parser = parse_user_id)]
    pub(crate) user: Option<UserId>,
    /// As JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Delete a backup on a server
///
/// Example:  strongroom backup delete --mnemonic-file words.txt --user UUID
///
/// Its versions can be pulled for seven days: `backup pull --user UUID --version N`.
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupDelete {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) remote: BackupRemote,
    /// A compatible one
    #[arg(long)]
    pub(crate) compat: bool,
    /// Which one: a UUID, as `backup list` shows it
    #[arg(long, value_name = "UUID", value_parser = parse_user_id)]
    pub(crate) user: UserId,
}

/// Show the public keys that backups of a mnemonic have
///
/// Example:  strongroom backup keys --mnemonic-file words.txt
#[derive(ClapArgs)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupKeys {
    #[command(flatten)]
    pub(crate) words: Words,
    /// Those of wallets in the field
    #[arg(long)]
    pub(crate) compat: bool,
    /// As JSON, with the ML-KEM keys whole
    #[arg(long)]
    pub(crate) json: bool,
}

/// In either case, as other programs write it.
fn parse_user_id(text: &str) -> Result<UserId, UserIdError> {
    text.to_ascii_lowercase().parse()
}

/// A public key, in either case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnyCase(pub(crate) PublicKey);

fn parse_public_key(text: &str) -> Result<AnyCase, FormatError> {
    text.to_ascii_lowercase().parse().map(AnyCase)
}

/// A SHA-256, as people pass it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sha256Hex(pub(crate) [u8; 32]);

fn parse_sha256(text: &str) -> Result<Sha256Hex, String> {
    let mut bytes = [0; 32];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| "64 hex digits are expected".to_owned())?;
    Ok(Sha256Hex(bytes))
}
