//! `strongroom store backup|verify|restore`

use crate::cli::{RootSealing, Store, StoreBackup, StoreRestore, StoreVerify};
use crate::error::{Hint, Refused};
use crate::files;
use crate::server::{find_platform, root_hint, sealer_hint};
use crate::settings::imported_key;
use anyhow::{Context, Result, anyhow, bail};
use std::path::Path;
use strongroom_root::{OpenedRoot, PlatformPaths, SealerChoice, TokenKey, open};
use strongroom_server::{DataDir, DataDirError, RecordCheck};
use strongroom_store::{Snapshot, SnapshotError};

pub(super) fn run(args: &Store) -> Result<()> {
    match args {
        Store::Backup(args) => backup(args),
        Store::Verify(args) => verify(args),
        Store::Restore(args) => restore(args),
    }
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
    crate::error::tell(format_args!(
        "kept in {}; keep {} too, elsewhere",
        args.output.display(),
        DataDir::ROOT_NAME
    ));
    Ok(())
}

fn verify(args: &StoreVerify) -> Result<()> {
    // Before anything is shown: without it the rest would be half an answer.
    let opened = match &args.root_file {
        Some(root_file) => Some((root_file, root(root_file, &args.sealing)?)),
        None if args.sealing.names_a_secret() => {
            bail!("how a root is sealed is of no use without --root-file");
        }
        None => None,
    };
    let backup = Snapshot::verify(&args.file).map_err(hint)?;
    show(&backup);
    let Some((root_file, root)) = opened else {
        crate::error::tell(format_args!(
            "every page is whole; records were not unsealed: pass --root-file for that"
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
        crate::error::tell(format_args!("every page and every record is whole"));
        return Ok(());
    }
    for place in &altered {
        crate::error::tell(format_args!("altered: {place}"));
    }
    Err(Refused(format!("{} of {records} records were altered", altered.len())).into())
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
            .context(Hint("restore the root of the same vault, or take another --data-dir")));
    }
    let backup = Snapshot::restore(&args.backup, &data_dir.store_file()).map_err(hint)?;
    show(&backup);
    if !root_file.exists() {
        crate::error::tell(format_args!(
            "put the vault's {} into {} too; without it a recovery recipient can bring the root (`strongroom serve --recover`)",
            DataDir::ROOT_NAME,
            args.data_dir.display()
        ));
    }
    Ok(())
}

/// An existing root; where an imported key is needed, it comes from where `serve` takes it.
fn root(path: &Path, args: &RootSealing) -> Result<OpenedRoot> {
    if !path.exists() {
        bail!("{} is not there", path.display());
    }
    let passphrase = args.root_passphrase_file.as_deref().map(files::read_passphrase).transpose()?;
    let pin = args.hsm_pin_file.as_deref().map(files::read_passphrase).transpose()?;
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
        .context(Hint("name how this root is sealed with --root-sealer"))
        .context("a root that is in memory has no file")?;
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
        SnapshotError::Exists(_) => "nothing is overwritten: choose another name, or move it away",
        SnapshotError::NoStore(_) => "name a backup, or the vault.sqlite of a data directory",
        SnapshotError::Damaged { .. } => return anyhow::Error::from(Refused(error.to_string())),
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}
