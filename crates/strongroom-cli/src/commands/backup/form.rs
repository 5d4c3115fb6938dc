//! The two forms of a backup, each with keys of its own.

use crate::mnemonic_words::Words;
use anyhow::Result;
use std::path::Path;
use strongroom::backup::{Archive, BackupContent, CapsuleKem, Keys, PayloadCipher, Position, SignedBackup};
use strongroom::mnemonic::Mnemonic;
use strongroom::os_rng;
use time::OffsetDateTime;

/// The form of backup to write.
#[derive(clap::Args)]
pub(crate) struct BackupForm {
    /// Write the form that existing wallets read, with their keys; it has no counter, user id or
    /// date inside
    #[arg(long)]
    pub(crate) compat: bool,
    /// With --compat: the ML-KEM parameter set
    #[arg(long, value_enum, requires = "compat", default_value_t = BackupKem::Mlkem1024)]
    pub(crate) kem: BackupKem,
    /// With --compat: the cipher
    #[arg(long, value_enum, requires = "compat", default_value_t = BackupCipher::Aes256Gcm)]
    pub(crate) cipher: BackupCipher,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BackupKem {
    /// ML-KEM-768, as existing wallets write
    Mlkem768,
    /// ML-KEM-1024
    Mlkem1024,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BackupCipher {
    /// XSalsa20-Poly1305
    #[value(name = "xsalsa20-poly1305")]
    XSalsa20Poly1305,
    /// AES-256-GCM
    #[value(name = "aes-256-gcm")]
    Aes256Gcm,
}

/// The form of a backup. Each derives its own keys from the words, so the forms have different
/// owners.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Native,
    Compatible,
}

impl Form {
    pub(super) fn of(backup: &SignedBackup) -> Self {
        match backup.content() {
            BackupContent::Compatible { .. } => Self::Compatible,
            BackupContent::Native { .. } => Self::Native,
        }
    }

    pub(super) fn chosen(compat: bool) -> Self {
        if compat { Self::Compatible } else { Self::Native }
    }

    /// The forms that a command looks for: both, unless `--compat` is given.
    pub(super) fn looked_at(compat: bool) -> &'static [Self] {
        if compat { &[Self::Compatible] } else { &[Self::Native, Self::Compatible] }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Compatible => "compatible",
        }
    }
}

/// A mnemonic, and the number of its account.
pub(super) struct Wallet {
    mnemonic: Mnemonic,
    account: u32,
}

impl Wallet {
    pub(super) fn of(words: &Words) -> Result<Self> {
        Self::read(words, &[], None)
    }

    /// Reads the words after checking that no other input is read from the same place, and that the
    /// output does not replace them.
    pub(super) fn read(words: &Words, inputs: &[Option<&Path>], output: Option<&Path>) -> Result<Self> {
        words.check_files(inputs, output)?;
        Ok(Self { mnemonic: words.read()?, account: words.account })
    }

    pub(super) fn keys(&self, form: Form) -> Keys {
        match form {
            Form::Native => Keys::strongroom(&self.mnemonic, self.account),
            Form::Compatible => Keys::compatible(&self.mnemonic, self.account),
        }
    }
}

pub(super) fn sign(archive: &Archive, keys: &Keys, form: &BackupForm, position: &Position) -> SignedBackup {
    if !form.compat {
        let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or(0);
        return archive.sign(keys, position, now, &mut os_rng());
    }
    let kem = match form.kem {
        BackupKem::Mlkem768 => CapsuleKem::MlKem768,
        BackupKem::Mlkem1024 => CapsuleKem::MlKem1024,
    };
    let cipher = match form.cipher {
        BackupCipher::XSalsa20Poly1305 => PayloadCipher::XSalsa20Poly1305,
        BackupCipher::Aes256Gcm => PayloadCipher::Aes256Gcm,
    };
    archive.sign_compatible(keys, kem, cipher, &mut os_rng())
}
