//! What a server must prove, from flags or from the policy that is kept for it.
#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, reason = "these comments are help texts")]

pub(crate) mod remedies;

use crate::error::Hint;
use anyhow::{Context, Result, anyhow};
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use strongroom::sign_in::Origin;
use strongroom_attest::policy::MAX_POLICY_BYTES;
use strongroom_attest::{AppraisalPolicy, TrustAnchors};
use strongroom_client::ClientError;
use tempfile::NamedTempFile;

/// What a server must prove before anything is sent to it.
#[derive(clap::Args)]
pub(crate) struct Trust {
    /// The policy that the server must meet: a file from its operator, or from `strongroom
    /// attestation policy` (default: the policy that is kept for it in
    /// strongroom/policies/HOST[:PORT].toml under $XDG_CONFIG_HOME or ~/.config)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Send to a server outside a TEE, whose operator can read what it opens. For development; a
    /// kept policy is not used
    #[arg(long, conflicts_with = "policy")]
    pub(crate) allow_no_tee: bool,
    /// Send to a vault whose key was imported: anyone who holds a copy of that key can read what it
    /// opens
    #[arg(long)]
    pub(crate) allow_imported_key: bool,
}

impl Trust {
    /// Whether any of these flags is given.
    pub(crate) fn is_given(&self) -> bool {
        self.policy.is_some() || self.allow_no_tee || self.allow_imported_key
    }

    /// The policy for this server: the file of `--policy`, or the one that is kept for it.
    pub(crate) fn policy(&self, url: &str, roots: &TrustAnchors) -> Result<AppraisalPolicy> {
        let policy = match &self.policy {
            Some(path) => read(path)?,
            None if self.allow_no_tee => AppraisalPolicy::default(),
            None => kept_for(url)?.unwrap_or_default(),
        };
        Ok(AppraisalPolicy {
            allow_no_tee: self.allow_no_tee,
            allow_imported_key: self.allow_imported_key || policy.allow_imported_key,
            trust_anchors: roots.clone(),
            ..policy
        })
    }
}

/// The policy that is kept for this server, if there is one.
pub(crate) fn kept_for(url: &str) -> Result<Option<AppraisalPolicy>> {
    let Ok(path) = path_of(url) else { return Ok(None) };
    match path.try_exists() {
        Ok(false) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(None),
        // A policy that cannot be read is an error: without it the server would have to prove less.
        _ => read(&path).map(Some),
    }
}

/// Where the policy of this server is kept.
pub(crate) fn path_of(url: &str) -> Result<PathBuf> {
    let origin: Origin =
        url.strip_suffix('/').unwrap_or(url).parse().map_err(|_| ClientError::Url(url.to_owned()))?;
    let folder = match (std::env::var_os("XDG_CONFIG_HOME"), std::env::var_os("HOME")) {
        (Some(folder), _) if !folder.is_empty() => PathBuf::from(folder),
        (_, Some(home)) if !home.is_empty() => Path::new(&home).join(".config"),
        _ => {
            return Err(anyhow!(Hint("pass the policy with --policy FILE"))
                .context("neither XDG_CONFIG_HOME nor HOME says where policies are kept"));
        }
    };
    // A server has one name, however its URL is written.
    let default_port = if origin.to_string().starts_with("https:") { ":443" } else { ":80" };
    let authority =
        origin.authority().strip_suffix(default_port).unwrap_or(origin.authority()).to_lowercase();
    Ok(folder.join("strongroom/policies").join(format!("{authority}.toml")))
}

/// Writes a new policy. One that is there already is not replaced.
pub(crate) fn keep(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(cannot)?;
    // The file gets its name once it is whole, since a part of a policy could ask for less.
    let mut file = NamedTempFile::new_in(folder).with_context(cannot)?;
    file.write_all(text.as_bytes()).with_context(cannot)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
            Err(anyhow!(Hint("compare the two, and remove the old one if the server may have changed"))
                .context(format!("{} exists already", path.display())))
        }
        Err(error) => Err(error.error).with_context(cannot),
    }
}

/// Reads a policy file.
pub(crate) fn read(path: &Path) -> Result<AppraisalPolicy> {
    let cannot = || format!("the policy {} cannot be read", path.display());
    let mut text = String::new();
    let bound = MAX_POLICY_BYTES as u64 + 1;
    fs::File::open(path).with_context(cannot)?.take(bound).read_to_string(&mut text).with_context(cannot)?;
    AppraisalPolicy::from_toml(&text)
        .with_context(|| format!("{} is not a policy", path.display()))
        .context(Hint("`strongroom attestation policy URL` drafts one"))
}
