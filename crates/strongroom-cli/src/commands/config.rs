//! `strongroom config check`

use crate::cli::Config;
use crate::settings::{SETTINGS, Settings};
use anyhow::Result;

pub(super) fn run(args: &Config) -> Result<()> {
    let Config::Check(check) = args;
    let settings = Settings::read(&check.flags)?;
    let width = SETTINGS.iter().map(|setting| setting.name.len()).max().unwrap_or(0);
    for (name, value, from) in &settings.shown {
        anstream::println!("{name:width$}  {value}   ({from})");
    }
    if settings.imported_key.is_some() {
        anstream::println!("{:width$}  (not shown)   (environment)", "ADMIN_MLKEM_PRIVATE_KEY");
    }
    for name in Settings::unknown_variables() {
        crate::error::tell(format_args!("{name} is set, and is no setting"));
    }
    crate::error::tell(format_args!("no mistakes; what is not listed has its default"));
    Ok(())
}
