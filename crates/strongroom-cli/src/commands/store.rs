//! `strongroom store backup|verify|restore`

use crate::error::{Hint, Refused, tell};
use crate::passphrases::read_passphrase;
use crate::server::{find_platform, root_hint, sealer_hint};
use crate::settings::imported_key;
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use strongroom_root::{OpenedRoot, PlatformChoice, PlatformPaths, SealerChoice, SealerName, TokenKey, open};
use strongroom_server::{DataDir, DataDirError, RecordCheck};
use strongroom_store::{Snapshot, SnapshotError};

/// Keep an embedded store safe: back up, verify, restore
///
/// Example:  strongroom store backup --data-dir ./strongroom-data vault-monday.sqlite
#[derive(clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum StoreCommand {
    Backup(StoreBackup),
    Verify(StoreVerify),
    Restore(StoreRestore),
}

pub(crate) fn run(args: &StoreCommand) -> Result<()> {
    match args {
        StoreCommand::Backup(args) => backup(args),
        StoreCommand::Verify(args) => verify(args),
        StoreCommand::Restore(args) => restore(args),
    }
}

/// Copy the store into a new file, while the server runs
///
/// Example:  strongroom store backup --data-dir ./strongroom-data vault-monday.sqlite
///
/// The copy shows the store at one moment, and is checked and synced. Keep root.sealed too, in
/// another place: neither is of use without the other.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct StoreBackup {
    /// The data directory of the server
    #[arg(long, value_name = "DIR", default_value = "strongroom-data")]
    pub(crate) data_dir: PathBuf,
    /// The new file
    pub(crate) output: PathBuf,
}

fn backup(args: &StoreBackup) -> Result<()> {
    let store = DataDir::store_file_in(&args.data_dir);
    if !store.exists() {
        bail!(
            anyhow!(Hint(
                "name the server's data directory with --data-dir; a database is copied with pg_dump"
            ))
            .context(format!("{} is not there", store.display()))
        );
    }
    let backup = Snapshot::create(&store, &args.output).map_err(hint)?;
    show(&backup);
    tell(format_args!("kept in {}; keep {} too, elsewhere", args.output.display(), DataDir::ROOT_NAME));
    Ok(())
}

/// Check a backup or a store: every page, and with the root every record
///
/// Example:  strongroom store verify --root-file root.sealed vault-monday.sqlite
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct StoreVerify {
    /// The vault's root: with it every record is unsealed, which finds altered ones
    #[arg(long, value_name = "FILE")]
    pub(crate) root_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sealing: RootSealing,
    /// The backup
    pub(crate) file: PathBuf,
}

fn verify(args: &StoreVerify) -> Result<()> {
    // The root is opened before anything is shown: without it the rest would be half an answer.
    let opened = match &args.root_file {
        Some(root_file) => Some((root_file, root(root_file, &args.sealing)?)),
        None if args.sealing.names_a_secret() => {
            bail!("the flags for a root's passphrase or token need --root-file");
        }
        None => None,
    };
    let backup = Snapshot::verify(&args.file).map_err(hint)?;
    show(&backup);
    let Some((root_file, root)) = opened else {
        tell(format_args!(
            "every page is whole; records were not unsealed: pass --root-file to check them too"
        ));
        return Ok(());
    };
    if root.root.vault_id().as_bytes() != &backup.vault_id {
        return Err(Refused(format!("{} is another vault's root", root_file.display())).into());
    }
    let check = RecordCheck::new(&root.root);
    let mut altered = Vec::new();
    let mut records = 0;
    Snapshot::for_each_record(&args.file, |place, record| {
        records += 1;
        if !check.is_whole(place, record) {
            altered.push(place);
        }
    })?;
    if altered.is_empty() {
        tell(format_args!("every page and every record is whole"));
        return Ok(());
    }
    for place in &altered {
        tell(format_args!("altered: {place}"));
    }
    Err(Refused(format!("{} of {records} records were altered", altered.len())).into())
}

/// Put a backup back into a data directory that has no store
///
/// Example:  strongroom store restore --data-dir ./strongroom-data vault-monday.sqlite
///
/// Everything that was stored, replaced or deleted since the backup is undone: readers who were
/// removed since can read again, and deleted secrets are back.
#[derive(clap::Args)]
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

fn restore(args: &StoreRestore) -> Result<()> {
    let data_dir = DataDir::open(&args.data_dir).map_err(|error| match error {
        DataDirError::Locked(_) => anyhow::Error::from(error).context(Hint("stop the server first")),
        other => other.into(),
    })?;
    let backup = Snapshot::verify(&args.backup).map_err(hint)?;
    let root_file = data_dir.root_file();
    if root_file.exists() && root(&root_file, &args.sealing)?.root.vault_id().as_bytes() != &backup.vault_id {
        return Err(anyhow::Error::from(Refused(format!("{} is another vault's root", root_file.display())))
            .context(Hint("restore the root of the same vault, or pass another --data-dir")));
    }
    let backup = Snapshot::restore(&args.backup, &data_dir.store_file()).map_err(hint)?;
    show(&backup);
    if !root_file.exists() {
        tell(format_args!(
            "put the vault's {} into {} too; if it is lost, a recovery recipient can bring the root (`strongroom serve --recover`)",
            DataDir::ROOT_NAME,
            args.data_dir.display()
        ));
    }
    Ok(())
}

/// How an existing root is sealed, as for `strongroom serve`.
#[derive(clap::Args)]
pub(crate) struct RootSealing {
    /// The sealer of the root: dstack, sev-snp, pkcs11, passphrase, plain or auto
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) root_sealer: SealerName,
    /// The file whose first line is the passphrase that the root is sealed under
    #[arg(long, value_name = "FILE")]
    pub(crate) root_passphrase_file: Option<PathBuf>,
    /// The PKCS#11 module of the token whose key the root is sealed under
    #[arg(long, value_name = "FILE")]
    pub(crate) hsm_module: Option<PathBuf>,
    /// The label of the token's key
    #[arg(long, value_name = "LABEL")]
    pub(crate) hsm_key_label: Option<String>,
    /// The file whose first line is the token's PIN
    #[arg(long, value_name = "FILE")]
    pub(crate) hsm_pin_file: Option<PathBuf>,
    /// The token's label, where the module shows several tokens
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
    /// Whether a passphrase or a token is named, which is of use only if a root is opened.
    pub(crate) fn names_a_secret(&self) -> bool {
        self.root_passphrase_file.is_some()
            || self.hsm_module.is_some()
            || self.hsm_key_label.is_some()
            || self.hsm_pin_file.is_some()
            || self.hsm_token.is_some()
    }
}

/// Opens an existing root. If it needs an imported key, that key is read as `serve` reads it.
fn root(path: &Path, args: &RootSealing) -> Result<OpenedRoot> {
    if !path.exists() {
        bail!("{} is not there", path.display());
    }
    let passphrase = args.root_passphrase_file.as_deref().map(read_passphrase).transpose()?;
    let pin = args.hsm_pin_file.as_deref().map(read_passphrase).transpose()?;
    let token =
        TokenKey::new(args.hsm_module.clone(), args.hsm_key_label.clone(), pin, args.hsm_token.clone());
    let token = token?;
    let paths = PlatformPaths {
        dstack: args.dstack_endpoint.clone(),
        tsm: args.tsm_dir.clone().unwrap_or(PlatformPaths::default().tsm),
        ..PlatformPaths::default()
    };
    let sealer = SealerChoice::new(args.root_sealer, passphrase, token)?
        .sealer(&find_platform(args.platform, &paths)?)
        .map_err(sealer_hint)?
        .context(Hint("name what this root is sealed under with --root-sealer"))
        .context("--root-sealer memory keeps no root in a file")?;
    let imported = imported_key()?;
    open(path, &*sealer, imported)
        .map_err(root_hint)
        .with_context(|| format!("cannot use {}", path.display()))
}

fn show(backup: &Snapshot) {
    anstream::println!("vault:   {}", hex::encode(backup.vault_id));
    anstream::println!("slots:   {}", backup.slots);
    anstream::println!("backups: {} versions", backup.versions);
    anstream::println!("records: {} bytes", backup.record_bytes);
}

fn hint(error: SnapshotError) -> anyhow::Error {
    let hint = match &error {
        SnapshotError::Exists(_) => "nothing is overwritten: choose another name, or move the file away",
        SnapshotError::NoStore(_) => "name a backup, or the vault.sqlite of a data directory",
        SnapshotError::Damaged { .. } => return anyhow::Error::from(Refused(error.to_string())),
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}
