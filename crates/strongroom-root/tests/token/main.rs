//! A root under the key of a PKCS#11 token. Each test has a SoftHSM token of its own.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use rand_core::CryptoRng;
use std::path::{Path, PathBuf};
use std::process::Command;
use strongroom_attest::Protection;
use strongroom_root::{
    PassphraseSealer, Pkcs11Sealer, PlainSealer, RootAccess, RootError, Sealer, SealerError, TokenError,
    VaultId, open_or_create,
};
use zeroize::Zeroizing;

const PIN: &str = "834621";
const FOLDER: &str = "STRONGROOM_TOKEN_FOLDER";
const STAGE: &str = "STRONGROOM_TOKEN_STAGE";

static_assertions::assert_impl_all!(Pkcs11Sealer: Send, Sync);

fn library() -> PathBuf {
    let paths =
        ["/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib/aarch64-linux-gnu/softhsm"];
    let found = paths.iter().map(|place| Path::new(place).join("libsofthsm2.so")).find(|path| path.exists());
    found.expect("SoftHSM is needed: apt install softhsm2")
}

/// Runs the test's body in a process of its own, because SoftHSM reads the folder of its tokens
/// from the environment only once.
fn in_token(test: &str, body: impl FnOnce(&Token)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return body(&Token::load(folder.into()));
    }
    library();
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).expect("a folder");
    let settings = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    std::fs::write(folder.path().join("softhsm2.conf"), settings).expect("written");
    stage(test, folder.path(), "first");
}

/// Runs the test again in another process, with this stage in its environment.
fn stage(test: &str, folder: &Path, stage: &str) {
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args([test, "--exact", "--nocapture"])
        .env("SOFTHSM2_CONF", folder.join("softhsm2.conf"))
        .env(FOLDER, folder)
        .env(STAGE, stage)
        .output()
        .expect("it runs");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{stage}: {out}\n{error}");
}

fn is_stage(name: &str) -> bool {
    std::env::var(STAGE).is_ok_and(|stage| stage == name)
}

/// The token's module, and what an operator does with the token.
struct Token {
    folder: PathBuf,
    module: Pkcs11,
}

impl Token {
    fn load(folder: PathBuf) -> Self {
        let module = Pkcs11::new(library()).expect("SoftHSM");
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("initialised");
        Self { folder, module }
    }

    /// Initialises another token, with the tests' PIN.
    fn add(&self, label: &str) -> Slot {
        let slots = self.module.get_slots_with_token().expect("slots");
        let free = slots
            .into_iter()
            .find(|slot| !self.module.get_token_info(*slot).expect("a token").token_initialized());
        let so = AuthPin::from("12345678");
        let slot = free.expect("SoftHSM always has one more");
        self.module.init_token(slot, &so, label).expect("a token");
        let slot = self.slot(label);
        let session = self.module.open_rw_session(slot).expect("a session");
        session.login(UserType::So, Some(&so)).expect("logged in");
        session.init_pin(&AuthPin::from(PIN)).expect("a PIN");
        slot
    }

    fn slot(&self, label: &str) -> Slot {
        let slots = self.module.get_slots_with_initialized_token().expect("slots");
        let is_it = |slot: &Slot| self.module.get_token_info(*slot).expect("a token").label() == label;
        slots.into_iter().find(is_it).expect("the token")
    }

    fn session(&self) -> Session {
        let session = self.module.open_rw_session(self.slot("vault")).expect("a session");
        session.login(UserType::User, Some(&AuthPin::from(PIN))).expect("logged in");
        session
    }

    fn make_key(&self, label: &str) {
        self.make_key_as(label, 32, &[Attribute::Sensitive(true), Attribute::Extractable(false)]);
    }

    fn make_key_as(&self, label: &str, bytes: u64, more: &[Attribute]) {
        let mut template = vec![
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Label(label.into()),
            Attribute::ValueLen(bytes.into()),
        ];
        template.extend_from_slice(more);
        self.session().generate_key(&Mechanism::AesKeyGen, &template).expect("a key");
    }

    fn destroy_key(&self, label: &str) {
        let session = self.session();
        let wanted = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(label.into())];
        let keys = session.find_objects(&wanted).expect("the keys");
        assert_eq!(keys.len(), 1);
        session.destroy_object(keys[0]).expect("destroyed");
    }

    fn sealer(&self, key: &str) -> Result<Pkcs11Sealer, TokenError> {
        sealer_with(None, key, PIN)
    }

    fn has_wrong_tries(&self) -> bool {
        self.module.get_token_info(self.slot("vault")).expect("a token").user_pin_count_low()
    }

    fn root_file(&self) -> PathBuf {
        self.folder.join("root.sealed")
    }

    fn root_bytes(&self) -> Vec<u8> {
        std::fs::read(self.root_file()).expect("the file")
    }

    fn open(&self, sealer: &dyn Sealer) -> Result<VaultId, RootError> {
        open_or_create(
            &self.root_file(),
            sealer,
            None,
            &RootAccess::default(),
            &mut strongroom_testkit::rng(),
        )
        .map(|opened| opened.root.vault_id())
    }
}

fn sealer_with(token: Option<&str>, key: &str, pin: &str) -> Result<Pkcs11Sealer, TokenError> {
    Pkcs11Sealer::open(&library(), token, key, Zeroizing::new(pin.to_owned()))
}

fn refused(sealer: Result<Pkcs11Sealer, TokenError>) -> TokenError {
    sealer.err().expect("it is refused")
}

fn token_error(opened: Result<VaultId, RootError>) -> TokenError {
    match opened {
        Err(RootError::Sealer(SealerError::Token(error))) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn a_root_opens_with_the_tokens_key_alone() {
    in_token("a_root_opens_with_the_tokens_key_alone", |token| {
        if is_stage("restarted") {
            let vault = token.open(&token.sealer("kek").expect("a sealer")).expect("the same root");
            let first = std::fs::read(token.folder.join("vault")).expect("the vault's id");
            assert_eq!(vault.as_bytes()[..], first);
            return;
        }
        token.add("vault");
        token.make_key("kek");
        let path = token.root_file();
        let opened = open_or_create(
            &path,
            &token.sealer("kek").expect("a sealer"),
            None,
            &RootAccess::default(),
            &mut strongroom_testkit::rng(),
        )
        .expect("a new root");
        assert_eq!(opened.protection, Protection::Pkcs11);
        let file = token.root_bytes();
        assert_eq!(file[8..10], [0, 4]);
        let (head, sealed) = file.split_at(8 + 2 + 32 + 4 + 4);
        let sealer = token.sealer("kek").expect("a sealer");
        let plaintext = sealer.unseal(b"\x03kek", head, &sealed[4..]).expect("origin, root, and nobody else");
        assert_eq!(plaintext.len(), 37);
        assert!(!file.windows(8).any(|part| plaintext[1..33].windows(8).any(|root| root == part)));
        let again = token.open(&token.sealer("kek").expect("a sealer")).expect("the same root");
        assert_eq!(again, opened.root.vault_id());
        assert!(token.root_bytes() == file, "nothing changed, nothing is written");
        let passphrase = PassphraseSealer::new(Zeroizing::new(PIN.to_owned()));
        for other in [&PlainSealer as &dyn Sealer, &passphrase] {
            assert!(matches!(token.open(other), Err(RootError::OtherSealer { .. })));
        }
        std::fs::write(token.folder.join("vault"), again.as_bytes()).expect("written");
        stage("a_root_opens_with_the_tokens_key_alone", &token.folder, "restarted");

        // A key of the same name in another token is another key.
        token.destroy_key("kek");
        token.make_key("kek");
        let sealer = token.sealer("kek").expect("a sealer");
        assert!(matches!(token.open(&sealer), Err(RootError::WrongKey(Protection::Pkcs11))));
        assert!(token.root_bytes() == file, "a refused root stays as it is");
    });
}

#[test]
fn a_newer_key_takes_over_from_the_older_at_a_start() {
    in_token("a_newer_key_takes_over_from_the_older_at_a_start", |token| {
        token.add("vault");
        token.make_key("first");
        let vault = token.open(&token.sealer("first").expect("a sealer")).expect("a new root");
        let before = token.root_bytes();
        token.make_key("second");
        let second = token.sealer("second").expect("a sealer");
        assert_eq!(token.open(&second).expect("by the older key"), vault);
        let after = token.root_bytes();
        assert!(after != before, "sealed again");
        token.destroy_key("first");
        assert_eq!(token.open(&second).expect("by the newer key"), vault);
        assert!(token.root_bytes() == after, "nothing changed, nothing is written");

        token.make_key("third");
        token.destroy_key("second");
        let error = token_error(token.open(&token.sealer("third").expect("a sealer")));
        assert!(matches!(&error, TokenError::NoOlderKey { file } if file == "second"), "{error}");
        assert!(error.to_string().contains("`second`, which the token does not have"), "{error}");
        assert!(matches!(token_error(token.open(&second)), TokenError::NoKey(label) if label == "second"));
        assert!(token.root_bytes() == after, "a refused root stays as it is");
        assert_eq!(
            std::fs::read_dir(&token.folder).expect("the folder").count(),
            3,
            "no temporary file stays"
        );
    });
}

#[test]
fn a_wrong_pin_is_tried_once() {
    in_token("a_wrong_pin_is_tried_once", |token| {
        token.add("vault");
        token.make_key("kek");
        let sealer = token.sealer("kek").expect("a sealer");
        let vault = token.open(&sealer).expect("a new root");
        assert!(!token.has_wrong_tries());
        let error = refused(sealer_with(None, "kek", "834622"));
        assert!(matches!(error, TokenError::WrongPin), "{error}");
        assert!(!format!("{error:?} {error}").contains("834622"));
        assert!(token.has_wrong_tries());
        token.sealer("kek").expect("the right one");
        assert!(!token.has_wrong_tries(), "the token counts from zero again");

        // The PIN is changed under a sealer: it tries its own once more, and never again.
        let (old, new) = (AuthPin::from(PIN), AuthPin::from("190574"));
        token.session().set_pin(&old, &new).expect("changed");
        assert!(matches!(token_error(token.open(&sealer)), TokenError::WrongPin));
        assert!(token.has_wrong_tries());
        let right = sealer_with(None, "kek", "190574").expect("the right one");
        assert!(matches!(token_error(token.open(&sealer)), TokenError::WrongPin));
        assert!(!token.has_wrong_tries(), "it was not tried again");
        assert_eq!(token.open(&right).expect("the same root"), vault);
    });
}

#[test]
fn a_key_that_the_token_would_give_out_is_refused() {
    in_token("a_key_that_the_token_would_give_out_is_refused", |token| {
        token.add("vault");
        let (sensitive, kept) = (Attribute::Sensitive(true), Attribute::Extractable(false));
        token.make_key_as("extractable", 32, &[sensitive.clone(), Attribute::Extractable(true)]);
        token.make_key_as("open", 32, &[Attribute::Sensitive(false), kept.clone()]);
        token.make_key_as("short", 16, &[sensitive.clone(), kept.clone()]);
        for (label, reason) in
            [("extractable", "extractable"), ("open", "not sensitive"), ("short", "256 bits")]
        {
            let error = refused(token.sealer(label));
            assert!(matches!(error, TokenError::KeyRefused { .. }), "{label}: {error}");
            assert!(error.to_string().contains(reason), "{label}: {error}");
        }
        let generic = [
            Attribute::Token(true),
            Attribute::Label("generic".into()),
            Attribute::ValueLen(32.into()),
            sensitive,
            kept,
        ];
        token.session().generate_key(&Mechanism::GenericSecretKeyGen, &generic).expect("a key");
        assert!(refused(token.sealer("generic")).to_string().contains("not an AES key"));
        // The token keeps its promise: it does not give out the key that is accepted.
        token.make_key("kek");
        token.sealer("kek").expect("a sealer");
        let session = token.session();
        let key = session.find_objects(&[Attribute::Label("kek".into())]).expect("found")[0];
        let value = session.get_attributes(key, &[AttributeType::Value]).unwrap_or_default();
        assert!(value.is_empty());
    });
}

#[test]
fn neither_token_nor_key_is_guessed() {
    in_token("neither_token_nor_key_is_guessed", |token| {
        assert!(matches!(refused(token.sealer("kek")), TokenError::NoToken(None)));
        token.add("vault");
        assert!(matches!(refused(token.sealer("kek")), TokenError::NoKey(label) if label == "kek"));
        token.make_key("kek");
        token.sealer("kek").expect("the only token");
        token.add("other");
        assert!(matches!(refused(token.sealer("kek")), TokenError::SeveralTokens(None)));
        sealer_with(Some("vault"), "kek", PIN).expect("the token that is named");
        let missing = refused(sealer_with(Some("third"), "kek", PIN));
        assert_eq!(missing.to_string(), "no initialised token labelled `third` is there");
        token.make_key("kek");
        let twice = refused(sealer_with(Some("vault"), "kek", PIN));
        assert!(matches!(twice, TokenError::SeveralKeys(label) if label == "kek"));
        assert!(matches!(refused(sealer_with(Some("vault"), "", PIN)), TokenError::Label));
        assert!(matches!(refused(sealer_with(Some("vault"), &"k".repeat(65), PIN)), TokenError::Label));
        for no_module in ["/nowhere.so", "/proc/self/exe"] {
            let pin = Zeroizing::new(PIN.to_owned());
            let error = refused(Pkcs11Sealer::open(Path::new(no_module), None, "kek", pin));
            assert!(matches!(error, TokenError::Module { .. }), "{error}");
        }
    });
}

#[test]
fn without_the_token_the_root_stays_as_it_is() {
    in_token("without_the_token_the_root_stays_as_it_is", |token| {
        if is_stage("without") {
            let error = refused(token.sealer("kek"));
            assert!(matches!(error, TokenError::NoToken(None)), "{error}");
            return;
        }
        token.add("vault");
        token.make_key("kek");
        let sealer = token.sealer("kek").expect("a sealer");
        token.open(&sealer).expect("a new root");
        let file = token.root_bytes();
        std::fs::remove_dir_all(token.folder.join("tokens")).expect("removed");
        std::fs::create_dir(token.folder.join("tokens")).expect("a folder");
        let error = token_error(token.open(&sealer));
        assert!(matches!(error, TokenError::Gone(_) | TokenError::NoToken(_)), "{error}");
        let error = refused(token.sealer("kek"));
        assert!(matches!(error, TokenError::Gone(_) | TokenError::NoToken(_)), "{error}");
        stage("without_the_token_the_root_stays_as_it_is", &token.folder, "without");
        assert!(token.root_bytes() == file, "it stays as it is");
    });
}

#[test]
fn any_altered_byte_is_refused() {
    in_token("any_altered_byte_is_refused", |token| {
        token.add("vault");
        token.make_key("kek");
        let sealer = token.sealer("kek").expect("a sealer");
        let rng: &mut dyn CryptoRng = &mut strongroom_testkit::rng();
        let data = sealer.data(rng).expect("data");
        assert_eq!(data, b"\x03kek");
        let sealed = sealer.seal(&data, b"head", b"root", rng).expect("sealed");
        assert_eq!(sealed.len(), 12 + 4 + 16);
        assert_eq!(sealer.unseal(&data, b"head", &sealed).expect("opened")[..], *b"root");
        assert!(!sealer.is_outdated(&data) && sealer.is_outdated(b"\x03KEK"));
        let again = sealer.seal(&data, b"head", b"root", rng).expect("sealed");
        assert!(again[..12] != sealed[..12], "each has a nonce of its own");
        for bit in [0x01, 0x80] {
            for at in 0..data.len() {
                let mut altered = data.clone();
                altered[at] ^= bit;
                assert!(sealer.unseal(&altered, b"head", &sealed).is_err(), "byte {at} of its data");
            }
            for at in 0..sealed.len() {
                let mut altered = sealed.to_vec();
                altered[at] ^= bit;
                let opened = sealer.unseal(&data, b"head", &altered);
                assert!(matches!(opened, Err(SealerError::WrongKey)), "byte {at}");
            }
        }
        for data in [&b""[..], b"\0", b"\x03ke", b"\x03kekk", b"\x01\xFF"] {
            assert!(matches!(sealer.unseal(data, b"head", &sealed), Err(SealerError::Damaged)), "{data:?}");
        }
        for bytes in 0..28 {
            assert!(matches!(sealer.unseal(&data, b"head", &sealed[..bytes]), Err(SealerError::Damaged)));
        }
        for bytes in 28..sealed.len() {
            assert!(matches!(sealer.unseal(&data, b"head", &sealed[..bytes]), Err(SealerError::WrongKey)));
        }
        assert!(matches!(sealer.unseal(&data, b"tail", &sealed), Err(SealerError::WrongKey)));

        // The same holds for each byte of the whole file.
        let vault = token.open(&sealer).expect("a new root");
        let file = token.root_bytes();
        for at in 0..file.len() {
            let mut altered = file.clone();
            altered[at] ^= 0x01;
            std::fs::write(token.root_file(), &altered).expect("written");
            assert!(token.open(&sealer).is_err(), "byte {at} of the file");
            assert!(token.root_bytes() == altered, "a refused root stays as it is");
        }
        std::fs::write(token.root_file(), &file).expect("written");
        assert_eq!(token.open(&sealer).expect("the same root"), vault);
    });
}

/// The sealer rests on this: SoftHSM's code for a wrong tag is not the one for a token that is
/// gone.
#[test]
fn softhsm_tells_a_wrong_tag_as_it_is_read() {
    in_token("softhsm_tells_a_wrong_tag_as_it_is_read", |token| {
        token.add("vault");
        token.make_key("kek");
        let session = token.session();
        let key = session.find_objects(&[Attribute::Label("kek".into())]).expect("found")[0];
        let mut nonce = [0; 12];
        let gcm = cryptoki::mechanism::aead::GcmParams::new(&mut nonce, b"head", 128.into()).expect("fits");
        let error = session.decrypt(&Mechanism::AesGcm(gcm), key, &[0; 32]).expect_err("a wrong tag");
        assert!(
            matches!(error, Error::Pkcs11(RvError::GeneralError | RvError::EncryptedDataInvalid, _)),
            "{error:?}"
        );
    });
}
