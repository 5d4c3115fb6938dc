//! `strongroom config check`

use crate::settings::{Flags, SETTINGS, Settings};
use anyhow::Result;

/// Check a server's settings
#[derive(clap::Subcommand)]
pub(crate) enum ConfigCommand {
    Check(Check),
}

/// Read the settings as `serve` would, and name every mistake at once
///
/// Example:  strongroom config check --config strongroom.toml
///
/// Shows each setting that is set, and where it is set. Secrets are not shown.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) flags: Flags,
}

pub(crate) fn run(args: &ConfigCommand) -> Result<()> {
    let ConfigCommand::Check(check) = args;
    let settings = Settings::read(&check.flags)?;
    let width = SETTINGS.iter().map(|setting| setting.name.len()).max().unwrap_or(0);
    for (name, value, from) in &settings.shown {
        anstream::println!("{name:width$}  {value}   ({from})");
    }
    if settings.imported_key.is_some() {
        anstream::println!("{:width$}  (not shown)   (environment)", "ADMIN_MLKEM_PRIVATE_KEY");
    }
    for name in Settings::unknown_variables() {
        crate::error::tell(format_args!("{name} is set in the environment, and no setting has this name"));
    }
    crate::error::tell(format_args!("no mistakes; settings that are not listed have their defaults"));
    Ok(())
}
