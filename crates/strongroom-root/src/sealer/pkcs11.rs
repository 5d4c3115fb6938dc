//! A key that a PKCS#11 token holds and does not give out. The token seals and opens, and counts
//! wrong PINs.

use super::{Sealer, SealerError, TokenError};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use rand_core::CryptoRng;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use strongroom::aead::{KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use strongroom_attest::Protection;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const MAX_LABEL_BYTES: usize = 64;
/// A code of PKCS#11 3.0 that `cryptoki` has no name for.
const CKR_AEAD_DECRYPT_FAILED: u64 = 0x42;

/// The modules that this process has loaded. A module is never unloaded, because it may have
/// threads. The lock is held for a whole session, because a login counts for the whole process.
static MODULES: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());

impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        let Error::Pkcs11(code, call) = error else { return Self::Other(error.to_string()) };
        match code {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => Self::WrongPin,
            RvError::PinLocked => Self::PinLocked,
            RvError::DeviceError
            | RvError::DeviceRemoved
            | RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::SlotIdInvalid
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized => Self::Gone(name(code, call)),
            // SoftHSM's code for a token that is gone.
            RvError::GeneralError if matches!(call, Function::GetTokenInfo | Function::OpenSession) => {
                Self::Gone(name(code, call))
            }
            _ => Self::Other(name(code, call)),
        }
    }
}

/// The names of call and code as PKCS#11 writes them, such as `C_Login: CKR_PIN_LOCKED`.
fn name(code: RvError, call: Function) -> String {
    let mut name = "CKR".to_owned();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    format!("C_{call:?}: {name}")
}

/// Seals under a token's key. The data is the length u8 ‖ label of the key.
pub struct Pkcs11Sealer {
    module: Pkcs11,
    token_label: Option<String>,
    key_label: String,
    /// `None` once the token has refused the PIN, so it is not tried again.
    pin: Mutex<Option<AuthPin>>,
}

impl Pkcs11Sealer {
    /// A sealer with the key of this label in the token of `token_label`, or else in the only token
    /// that the module shows. Logs in once.
    ///
    /// # Errors
    /// [`TokenError`] where module, token, PIN or key cannot be used.
    pub fn open(
        module: &Path,
        token_label: Option<&str>,
        key_label: &str,
        pin: Zeroizing<String>,
    ) -> Result<Self, TokenError> {
        if !(1..=MAX_LABEL_BYTES).contains(&key_label.len()) {
            return Err(TokenError::Label);
        }
        let sealer = Self {
            module: load(module)?,
            token_label: token_label.map(str::to_owned),
            key_label: key_label.to_owned(),
            pin: Mutex::new(Some(AuthPin::from(pin.as_str()))),
        };
        sealer.with_key(key_label, |_, _| Ok::<_, TokenError>(()))?;
        Ok(sealer)
    }

    /// Runs `act` in a session of its own, which is logged in before and out after it.
    fn with_key<T, E: From<TokenError>>(
        &self,
        label: &str,
        act: impl FnOnce(&Session, ObjectHandle) -> Result<T, E>,
    ) -> Result<T, E> {
        let _one = modules();
        let session = self.log_in()?;
        let key = find_key(&session, label)?;
        act(&session, key)
    }

    fn log_in(&self) -> Result<Session, TokenError> {
        let mut pin = self.pin.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pin.as_ref().ok_or(TokenError::WrongPin)?;
        let (slot, token) = self.token()?;
        if token.user_pin_locked() {
            return Err(TokenError::PinLocked);
        }
        if token.user_pin_final_try() {
            return Err(TokenError::FinalTry);
        }
        let session = self.module.open_ro_session(slot).map_err(TokenError::from)?;
        match session.login(UserType::User, Some(known)).map_err(TokenError::from) {
            Ok(()) => Ok(session),
            Err(error) => {
                if matches!(error, TokenError::WrongPin | TokenError::PinLocked) {
                    *pin = None;
                }
                Err(error)
            }
        }
    }

    fn token(&self) -> Result<(Slot, TokenInfo), TokenError> {
        let mut found = Vec::new();
        for slot in self.module.get_slots_with_token()? {
            let token = match self.module.get_token_info(slot) {
                Ok(token) => token,
                // Another token may have been removed, or be one that this module does not know.
                Err(Error::Pkcs11(RvError::TokenNotPresent | RvError::TokenNotRecognized, _)) => continue,
                Err(error) => return Err(error.into()),
            };
            let is_named = self.token_label.as_ref().is_none_or(|label| label == token.label());
            if token.token_initialized() && is_named {
                found.push((slot, token));
            }
        }
        match found.len() {
            0 | 1 => found.pop().ok_or_else(|| TokenError::NoToken(self.token_label.clone())),
            _ => Err(TokenError::SeveralTokens(self.token_label.clone())),
        }
    }
}

fn modules() -> MutexGuard<'static, Vec<(PathBuf, Pkcs11)>> {
    MODULES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(path: &Path) -> Result<Pkcs11, TokenError> {
    let mut modules = modules();
    if let Some((_, loaded)) = modules.iter().find(|(known, _)| known == path) {
        return Ok(loaded.clone());
    }
    let failed = |error: Error| TokenError::Module {
        path: path.to_owned(),
        reason: match error {
            Error::Pkcs11(code, call) => name(code, call),
            other => other.to_string(),
        },
    };
    let module = Pkcs11::new(path).map_err(failed)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(failed(error)),
    }
    modules.push((path.to_owned(), module.clone()));
    Ok(module)
}

/// The only key of this label, provided that the token does not give it out.
fn find_key(session: &Session, label: &str) -> Result<ObjectHandle, TokenError> {
    let wanted = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(label.into())];
    let found = session.find_objects(&wanted)?;
    let [key] = found[..] else {
        return Err(match found.len() {
            0 => TokenError::NoKey(label.to_owned()),
            _ => TokenError::SeveralKeys(label.to_owned()),
        });
    };
    let asked = [
        AttributeType::KeyType,
        AttributeType::ValueLen,
        AttributeType::Token,
        AttributeType::Sensitive,
        AttributeType::Extractable,
    ];
    let has = session.get_attributes(key, &asked)?;
    let rules = [
        (Attribute::KeyType(KeyType::AES), "it is not an AES key"),
        (Attribute::ValueLen((KEY_BYTES as u64).into()), "it is not an AES key of 256 bits"),
        (Attribute::Token(true), "it is a session's key, and lost when the session ends"),
        (Attribute::Sensitive(true), "the token would give it out: it is not sensitive"),
        (Attribute::Extractable(false), "the token would give it out: it is extractable"),
    ];
    // An attribute that the token does not report counts as wrong.
    match rules.iter().find(|(rule, _)| !has.contains(rule)) {
        None => Ok(key),
        Some((_, why)) => Err(TokenError::KeyRefused { label: label.to_owned(), why }),
    }
}

fn label_of(data: &[u8]) -> Option<&str> {
    let (length, label) = data.split_first()?;
    let fits = usize::from(*length) == label.len() && (1..=MAX_LABEL_BYTES).contains(&label.len());
    std::str::from_utf8(label).ok().filter(|_| fits)
}

fn gcm<'a>(nonce: &'a mut [u8; NONCE_BYTES], head: &'a [u8]) -> Result<Mechanism<'a>, TokenError> {
    let tag_bits = (TAG_BYTES as u64 * 8).into();
    Ok(Mechanism::AesGcm(GcmParams::new(nonce, head, tag_bits)?))
}

fn decrypt(
    session: &Session,
    key: ObjectHandle,
    mut nonce: [u8; NONCE_BYTES],
    head: &[u8],
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealerError> {
    let opened = session.decrypt(&gcm(&mut nonce, head)?, key, body);
    opened.map(Zeroizing::new).map_err(|error| match error {
        // Tokens report a wrong tag by one of these codes; SoftHSM uses the last.
        Error::Pkcs11(
            RvError::UnknownErrorCode(CKR_AEAD_DECRYPT_FAILED)
            | RvError::EncryptedDataInvalid
            | RvError::GeneralError,
            Function::Decrypt,
        ) => SealerError::WrongKey,
        error => TokenError::from(error).into(),
    })
}

impl Sealer for Pkcs11Sealer {
    fn protection(&self) -> Protection {
        Protection::Pkcs11
    }

    fn data(&self, _: &mut dyn CryptoRng) -> Result<Vec<u8>, SealerError> {
        let length = u8::try_from(self.key_label.len()).expect("64 bytes at most");
        Ok([&[length], self.key_label.as_bytes()].concat())
    }

    fn seal(
        &self,
        data: &[u8],
        head: &[u8],
        plaintext: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        let label = label_of(data).ok_or(SealerError::Damaged)?;
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        self.with_key(label, |session, key| {
            let sealed =
                session.encrypt(&gcm(&mut nonce, head)?, key, plaintext).map_err(TokenError::from)?;
            // Tokens differ in what they do with nonces, so the root is opened again before it is
            // written.
            let opened = decrypt(session, key, nonce, head, &sealed).ok();
            let is_whole = sealed.len() == plaintext.len() + TAG_BYTES
                && opened.is_some_and(|opened| opened.ct_eq(plaintext).into());
            if !is_whole {
                return Err(TokenError::Unfit.into());
            }
            Ok(Zeroizing::new([&nonce[..], &sealed].concat()))
        })
    }

    fn unseal(&self, data: &[u8], head: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        let label = label_of(data).ok_or(SealerError::Damaged)?;
        let (nonce, body) = sealed.split_first_chunk().ok_or(SealerError::Damaged)?;
        if body.len() < TAG_BYTES {
            return Err(SealerError::Damaged);
        }
        self.with_key(label, |session, key| decrypt(session, key, *nonce, head, body)).map_err(|error| {
            match error {
                SealerError::Token(TokenError::NoKey(file)) if file != self.key_label => {
                    TokenError::NoOlderKey { file }.into()
                }
                other => other,
            }
        })
    }

    /// True after a rotation: the file was sealed under the older key.
    fn is_outdated(&self, data: &[u8]) -> bool {
        label_of(data) != Some(&self.key_label)
    }
}
