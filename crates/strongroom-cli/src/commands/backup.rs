//! `strongroom backup create|verify|restore|push|pull|list|delete|keys`

use crate::cli::backup::{
    AnyCase, Backup, BackupCipher, BackupCreate, BackupDelete, BackupForm, BackupKem, BackupKeys, BackupList,
    BackupPull, BackupPush, BackupRemote, BackupRestore, BackupVerify, Sha256Hex, Words,
};
use crate::error::{Hint, Refused, tell};
use crate::files;
use crate::streams::{self, Kind};
use crate::trust as policies;
use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::path::Path;
use strongroom::backup::{
    Archive, BackupContent, CapsuleKem, Keys, PayloadCipher, Position, Restored, SignedBackup,
    SignedBackupError, UserId, VerifiedBackup,
};
use strongroom::encoding;
use strongroom::mnemonic::Mnemonic;
use strongroom::os_rng;
use strongroom::sign_in::Act;
use strongroom_attest::{AppraisalPolicy, TrustAnchors};
use strongroom_client::{BackupServer, BackupSession, FetchedBackup, ListedBackup, Vault};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) fn run(args: &Backup, roots: &TrustAnchors) -> Result<()> {
    match args {
        Backup::Create(args) => create(args),
        Backup::Verify(args) => verify(args),
        Backup::Restore(args) => restore(args),
        Backup::Push(args) => push(args, roots),
        Backup::Pull(args) => pull(args, roots),
        Backup::List(args) => list(args, roots),
        Backup::Delete(args) => delete(args, roots),
        Backup::Keys(args) => keys(args),
    }
}

/// The two derivations, by which the forms have different owners.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Native,
    Compatible,
}

impl Form {
    fn of(backup: &SignedBackup) -> Self {
        match backup.content() {
            BackupContent::Compatible { .. } => Self::Compatible,
            BackupContent::Native { .. } => Self::Native,
        }
    }

    fn chosen(compat: bool) -> Self {
        if compat { Self::Compatible } else { Self::Native }
    }

    /// Those that a command looks at: both unless it is told.
    fn looked_at(compat: bool) -> &'static [Self] {
        if compat { &[Self::Compatible] } else { &[Self::Native, Self::Compatible] }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Compatible => "compatible",
        }
    }
}

/// A mnemonic, and which of its accounts.
struct Wallet {
    mnemonic: Mnemonic,
    account: u32,
}

impl Wallet {
    fn of(words: &Words) -> Result<Self> {
        Self::beside(words, &[], None)
    }

    /// Of words that are read from elsewhere than the inputs, and that the output leaves alone.
    fn beside(words: &Words, inputs: &[Option<&Path>], output: Option<&Path>) -> Result<Self> {
        let secrets = [words.mnemonic_file.as_deref(), words.mnemonic_passphrase_file.as_deref()];
        let secrets: Vec<&Path> = secrets.into_iter().flatten().collect();
        streams::refuse_stdin_twice(secrets.iter().copied().map(Some).chain(inputs.iter().copied()))?;
        files::refuse_overwriting(&secrets, output)?;
        let passphrase = words.mnemonic_passphrase_file.as_deref();
        let mnemonic = files::read_mnemonic(words.mnemonic_file.as_deref(), passphrase)?;
        Ok(Self { mnemonic, account: words.account })
    }

    fn keys(&self, form: Form) -> Keys {
        match form {
            Form::Native => Keys::strongroom(&self.mnemonic, self.account),
            Form::Compatible => Keys::compatible(&self.mnemonic, self.account),
        }
    }
}

fn create(args: &BackupCreate) -> Result<()> {
    let (input, output) = (args.input.as_deref(), args.output.as_deref());
    let wallet = Wallet::beside(&args.words, &[input], output)?;
    let input = files::read(input)?;
    if is_backup(&input) {
        return Err(anyhow!(Hint("`backup push` takes it as it is, and `backup restore` opens it"))
            .context("that is a backup already"));
    }
    let archive = read_archive(&input)?;
    let keys = wallet.keys(Form::chosen(args.form.compat));
    let position = match &args.after {
        None => Position::first(args.user.unwrap_or(own_user_id(&keys))),
        Some(path) => after(path, &keys)?,
    };
    let backup = sign(&archive, &keys, &args.form, &position);
    streams::write(output, format!("{}\n", backup.to_json()).as_bytes(), Kind::Text)?;
    if !args.form.compat {
        tell(format_args!("version: {}", position.counter()));
    }
    tell(format_args!("sha256: {}", hex::encode(archive.sha256())));
    Ok(())
}

fn own_user_id(keys: &Keys) -> UserId {
    UserId::of_owner(keys.public_key().owner())
}

/// The position after the backup in a file, which must be of the same owner.
fn after(path: &Path, keys: &Keys) -> Result<Position> {
    let name = path.display();
    let before = read_backup(&files::read(Some(path))?).with_context(|| format!("{name} is no backup"))?;
    let before =
        before.verify(&keys.public_key()).with_context(|| format!("{name} is not of these words"))?;
    let Some(statement) = before.backup().statement() else {
        return Err(anyhow!(Hint("leave out --after, or name a native backup"))
            .context(format!("{name} is of the compatible form, which has no numbers")));
    };
    Position::after(statement).with_context(|| format!("{name} has the last number that there is"))
}

fn sign(archive: &Archive, keys: &Keys, form: &BackupForm, position: &Position) -> SignedBackup {
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

fn read_archive(bytes: &[u8]) -> Result<Archive> {
    Archive::from_json(bytes).map_err(|error| {
        anyhow!(Hint("a backup holds the wallet's data as JSON"))
            .context(format!("the wallet's data is {error}"))
    })
}

fn read_backup(bytes: &[u8]) -> Result<SignedBackup, SignedBackupError> {
    SignedBackup::from_json(bytes.trim_ascii_end())
}

fn verify(args: &BackupVerify) -> Result<()> {
    let wallet =
        args.public_key.is_none().then(|| Wallet::beside(&args.words, &[args.input.as_deref()], None));
    let wallet = wallet.transpose()?;
    let backup = read_backup(&files::read(args.input.as_deref())?)?;
    let form = Form::of(&backup);
    let keys = wallet.map(|wallet| wallet.keys(form));
    let public_key = keys.as_ref().map(Keys::public_key).or(args.public_key.map(|AnyCase(key)| key));
    let verified = backup.verify(&public_key.expect("a key is given, or the words"))?;
    let restored = keys.map(|keys| verified.restore(&keys)).transpose()?;
    let mut lines = vec![("form", form.name().to_owned()), ("owner", verified.owner().to_string())];
    if let Some(statement) = verified.backup().statement() {
        lines.push(("user", statement.position().user_id().to_string()));
        lines.push(("version", statement.counter().to_string()));
    }
    match &restored {
        None => lines.push(("checked", "signature".to_owned())),
        Some(restored) => {
            if let Some(created) = restored.created {
                lines.push(("created", date(i64::try_from(created)?)?));
            }
            lines.push(("bytes", restored.archive.expose().len().to_string()));
            lines.push(("sha256", hex::encode(restored.archive.sha256())));
            lines.push(("checked", checked(form).to_owned()));
        }
    }
    let text: String =
        lines.iter().map(|(name, value)| format!("{:10}{value}\n", format!("{name}:"))).collect();
    streams::write(None, text.as_bytes(), Kind::Text)
}

/// What a restore has looked at.
fn checked(form: Form) -> &'static str {
    match form {
        Form::Native => "signature, counter and SHA-256",
        Form::Compatible => "signature; the SHA-256 is yours to compare",
    }
}

fn restore(args: &BackupRestore) -> Result<()> {
    let (input, output) = (args.input.as_deref(), args.output.as_deref());
    let wallet = Wallet::beside(&args.words, &[input], output)?;
    let backup = read_backup(&files::read(input)?)?;
    let form = Form::of(&backup);
    let keys = wallet.keys(form);
    let verified = backup.verify(&keys.public_key())?;
    let restored = verified.restore(&keys)?;
    check_sha256(&restored, args.sha256)?;
    streams::write(output, restored.archive.expose(), Kind::Opened)?;
    tell_restored(form, &verified, &restored, None)
}

fn check_sha256(restored: &Restored, expected: Option<Sha256Hex>) -> Result<()> {
    let found = restored.archive.sha256();
    match expected {
        Some(Sha256Hex(expected)) if expected != found => Err(Refused(format!(
            "the backup's SHA-256 is {}, and not the one that was expected",
            hex::encode(found)
        ))
        .into()),
        _ => Ok(()),
    }
}

/// Says which version it was and what was checked.
fn tell_restored(
    form: Form,
    verified: &VerifiedBackup,
    restored: &Restored,
    fetched: Option<(&FetchedBackup, UserId)>,
) -> Result<()> {
    let version = fetched.map(|(fetched, _)| fetched.version);
    if let Some(version) = version.or(verified.backup().statement().map(|statement| statement.counter())) {
        tell(format_args!("version: {version}"));
    }
    if let Some(created) = restored.created {
        tell(format_args!("created: {}", date(i64::try_from(created)?)?));
    }
    if let Some((fetched, user_id)) = fetched {
        tell(format_args!("stored:  {}", fetched.updated_at.format(&Rfc3339)?));
        tell(format_args!("user:    {user_id}"));
    }
    tell(format_args!("form:    {}", form.name()));
    tell(format_args!("sha256:  {}", hex::encode(restored.archive.sha256())));
    tell(format_args!("checked: {}", checked(form)));
    Ok(())
}

fn date(unix_seconds: i64) -> Result<String> {
    Ok(OffsetDateTime::from_unix_timestamp(unix_seconds)?.format(&Rfc3339)?)
}

fn connect(remote: &BackupRemote, roots: &TrustAnchors) -> Result<BackupServer> {
    server_at(&remote.server, remote.policy.as_deref(), roots)
}

/// A server of backups, verified where there is a policy to verify it by.
pub(super) fn server_at(url: &str, policy: Option<&Path>, roots: &TrustAnchors) -> Result<BackupServer> {
    let policy = match policy {
        Some(path) => Some(policies::read(path)?),
        None => policies::kept_for(url)?,
    };
    match policy {
        None => Ok(BackupServer::at(url)?),
        Some(policy) => {
            let policy = AppraisalPolicy { trust_anchors: roots.clone(), ..policy };
            Ok(BackupServer::of(Vault::at(url)?.attest(&policy)?))
        }
    }
}

fn push(args: &BackupPush, roots: &TrustAnchors) -> Result<()> {
    let wallet = Wallet::beside(&args.words, &[args.input.as_deref()], None)?;
    let server = connect(&args.remote, roots)?;
    let input = files::read(args.input.as_deref())?;
    if is_backup(&input) {
        return push_as_it_is(args, &wallet, &server, read_backup(&input)?);
    }
    let archive = read_archive(&input)?;
    let keys = wallet.keys(Form::chosen(args.form.compat));
    let user_id = args.user.unwrap_or(own_user_id(&keys));
    let position = if args.form.compat {
        Position::first(user_id)
    } else {
        next(&server.sign_in(keys.signing_key(), &[Act::Backups])?, user_id, args.next)?
    };
    let backup = sign(&archive, &keys, &args.form, &position);
    server.push(&keys.public_key(), user_id, &backup)?;
    if !args.form.compat {
        tell(format_args!("version: {}", position.counter()));
    }
    tell(format_args!("user:    {user_id}"));
    tell(format_args!("sha256:  {}", hex::encode(archive.sha256())));
    Ok(())
}

/// Where the next version stands: after the last one that the server shows, which is verified. Its word alone is nobody's signature.
fn next(session: &BackupSession<'_>, user_id: UserId, expected: Option<u64>) -> Result<Position> {
    let versions = session.versions(user_id)?;
    let said = versions.next;
    let shown = match versions.versions.first() {
        None => Position::first(user_id),
        Some(last) => {
            let last = session.fetch(user_id, Some(last.version))?;
            let statement = last.backup.backup().statement();
            let statement = statement
                .ok_or_else(|| Refused(format!("what is kept under {user_id} is of the compatible form")))?;
            Position::after(statement).context("the last version has the last number that there is")?
        }
    };
    match expected {
        Some(expected) if expected == said.counter() => return Ok(said),
        Some(expected) => {
            return Err(Refused(format!(
                "the next version is {}, and --next asks for {expected}",
                said.counter()
            ))
            .into());
        }
        None if said == shown => return Ok(said),
        None => {}
    }
    let refused = format!(
        "the server says that version {} is the next, and shows none before it that says so",
        said.counter()
    );
    let hint = "where all versions were deleted more than a week ago, pass that number with --next";
    Err(anyhow::Error::from(Refused(refused)).context(Hint(hint)))
}

/// Whether it is meant to be a backup: a wallet's JSON has no signature of that length. Nothing else of it is copied.
fn is_backup(input: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        signature: Option<&'a RawValue>,
    }
    let fields: Result<Fields<'_>, _> = serde_json::from_slice(input);
    let signature = fields.ok().and_then(|fields| fields.signature);
    signature.is_some_and(|text| text.get().starts_with("\"0x") && text.get().len() > 90_000)
}

fn push_as_it_is(
    args: &BackupPush,
    wallet: &Wallet,
    server: &BackupServer,
    backup: SignedBackup,
) -> Result<()> {
    let form = Form::of(&backup);
    if args.next.is_some() || (args.form.compat && form == Form::Native) {
        return Err(anyhow!(Hint("leave them out, or pass the wallet's JSON"))
            .context("--compat and --next are for a wallet's JSON, and this is a backup already"));
    }
    let keys = wallet.keys(form);
    // What is not one's own would be refused there too, after it was sent.
    let backup = backup.verify(&keys.public_key()).context("it is not of these words")?;
    let named = backup.backup().statement().map(|statement| statement.position().user_id());
    if args.user.is_some_and(|user| named.is_some_and(|named| named != user)) {
        return Err(anyhow!(Hint("leave out --user, or create the backup for that one"))
            .context("the backup was signed for another user id"));
    }
    let user_id = args.user.or(named).unwrap_or(own_user_id(&keys));
    // And what its owner cannot open would help nobody there.
    let restored = backup.restore(&keys)?;
    server.push(&keys.public_key(), user_id, backup.backup()).map_err(|error| match error.code() {
        Some("backup_counter") => anyhow::Error::from(error).context(Hint(
            "push the versions before it first, or make it anew: `backup pull --sealed`, then `backup create --after`",
        )),
        _ => error.into(),
    })?;
    if let Some(statement) = backup.backup().statement() {
        tell(format_args!("version: {}", statement.counter()));
    }
    tell(format_args!("user:    {user_id}"));
    tell(format_args!("sha256:  {}", hex::encode(restored.archive.sha256())));
    Ok(())
}

fn pull(args: &BackupPull, roots: &TrustAnchors) -> Result<()> {
    let output = args.output.as_deref();
    let wallet = Wallet::beside(&args.words, &[], output)?;
    let server = connect(&args.remote, roots)?;
    // Of a compatible version the number is the server's word alone: it is not asked for it.
    let looked_at = if args.at_least.is_some() { &[Form::Native][..] } else { Form::looked_at(args.compat) };
    for form in looked_at {
        let keys = wallet.keys(*form);
        let session = server.sign_in(keys.signing_key(), &[Act::Backups])?;
        let Some(user_id) = user_to_pull(args, &keys, &session)? else { continue };
        let fetched = session.fetch(user_id, args.version)?;
        if let Some(least) = args.at_least.filter(|least| fetched.version < *least) {
            return Err(Refused(format!(
                "the server gives version {}, and --at-least asks for {least}: it serves an older one, or another device deleted what was newer",
                fetched.version
            ))
            .into());
        }
        let restored = fetched.backup.restore(&keys)?;
        check_sha256(&restored, args.sha256)?;
        if *form == Form::Compatible && !args.compat && args.version.is_none() {
            tell(format_args!(
                "warning: no native backup is there, and of a compatible one only the server says that it is the newest"
            ));
        }
        if args.sealed {
            let sealed = fetched.backup.backup().to_json();
            streams::write(output, format!("{sealed}\n").as_bytes(), Kind::Text)?;
        } else {
            streams::write(output, restored.archive.expose(), Kind::Opened)?;
        }
        return tell_restored(*form, &fetched.backup, &restored, Some((&fetched, user_id)));
    }
    let hint = "check the words, --account and --server; `strongroom backup list` shows what is there";
    let refused = match (args.user, args.version) {
        (None, None) => "no backup of these words is there".to_owned(),
        (user, version) => format!(
            "no {} of these words is there{}",
            version.map_or("backup".to_owned(), |version| format!("version {version}")),
            user.map_or(String::new(), |user| format!(" under {user}"))
        ),
    };
    Err(anyhow::Error::from(Refused(refused)).context(Hint(hint)))
}

/// The backup that is asked for, where this key has it; the one that was changed last where none is named.
fn user_to_pull(args: &BackupPull, keys: &Keys, session: &BackupSession<'_>) -> Result<Option<UserId>> {
    // What was deleted is in no list; and a number is remembered of one name.
    let named = args.user.or_else(|| args.version.or(args.at_least).map(|_| own_user_id(keys)));
    let Some(user_id) = named else {
        let all = session.list()?;
        if let [_, _, ..] = &all[..] {
            tell(format_args!(
                "note: the one that was changed last, of {}: `strongroom backup list` shows all, --user names one",
                all.len()
            ));
        }
        return Ok(all.first().map(|backup| backup.user_id));
    };
    let versions = session.versions(user_id)?.versions;
    let is_there = match args.version {
        None => versions.iter().any(|version| version.deleted_at.is_none()),
        Some(number) => versions.iter().any(|version| version.version == number),
    };
    Ok(is_there.then_some(user_id))
}

fn list(args: &BackupList, roots: &TrustAnchors) -> Result<()> {
    let wallet = Wallet::of(&args.words)?;
    let server = connect(&args.remote, roots)?;
    let mut text = String::new();
    for form in Form::looked_at(args.compat) {
        let keys = wallet.keys(*form);
        let session = server.sign_in(keys.signing_key(), &[Act::Backups])?;
        match args.user {
            None => session.list()?.iter().try_for_each(|backup| {
                text += &listed(backup, *form, args.json)?;
                Ok::<_, anyhow::Error>(())
            })?,
            Some(user_id) => {
                for version in session.versions(user_id)?.versions {
                    let updated_at = version.updated_at.format(&Rfc3339)?;
                    let deleted_at = version.deleted_at.map(|at| at.format(&Rfc3339)).transpose()?;
                    text += &if args.json {
                        let line = json!({
                            "version": version.version, "updatedAt": updated_at, "bytes": version.bytes,
                            "deletedAt": deleted_at, "form": form.name(),
                        });
                        format!("{line}\n")
                    } else {
                        let deleted = deleted_at.map_or(String::new(), |at| format!("  deleted {at}"));
                        let (number, bytes) = (version.version, version.bytes);
                        format!("{number:5}  {:10}  {updated_at}  {bytes:9} bytes{deleted}\n", form.name())
                    };
                }
            }
        }
    }
    streams::write(None, text.as_bytes(), Kind::Text)?;
    match args.user {
        _ if !text.is_empty() => {}
        None => tell(format_args!("no backups of these words")),
        Some(user_id) => tell(format_args!("no versions of these words under {user_id}")),
    }
    Ok(())
}

fn listed(backup: &ListedBackup, form: Form, as_json: bool) -> Result<String> {
    let updated_at = backup.updated_at.format(&Rfc3339)?;
    Ok(if as_json {
        let line = json!({
            "userId": backup.user_id.to_string(), "version": backup.version, "updatedAt": updated_at,
            "form": form.name(),
        });
        format!("{line}\n")
    } else {
        format!("{}  {:10}  {updated_at}  version {}\n", backup.user_id, form.name(), backup.version)
    })
}

fn delete(args: &BackupDelete, roots: &TrustAnchors) -> Result<()> {
    let form = Form::chosen(args.compat);
    let keys = Wallet::of(&args.words)?.keys(form);
    let server = connect(&args.remote, roots)?;
    let session = server.sign_in(keys.signing_key(), &[Act::Backups, Act::DeleteBackup(args.user)])?;
    let there = session.versions(args.user)?.versions;
    if !there.iter().any(|version| version.deleted_at.is_none()) {
        let refused = Refused(format!("no {} backup is there under {}", form.name(), args.user));
        let hint = "`strongroom backup list` shows what is there; --compat deletes a compatible one";
        return Err(anyhow::Error::from(refused).context(Hint(hint)));
    }
    session.delete(args.user)?;
    tell(format_args!("deleted; for seven days: `strongroom backup pull --user {} --version N`", args.user));
    Ok(())
}

fn keys(args: &BackupKeys) -> Result<()> {
    let form = Form::chosen(args.compat);
    let keys = Wallet::of(&args.words)?.keys(form);
    let (public_key, owner) = (keys.public_key(), keys.public_key().owner());
    let recipient = keys.recipient();
    if args.json {
        let mut all = json!({
            "form": form.name(),
            "publicKey": public_key.to_string(),
            "owner": owner.to_string(),
            "userId": own_user_id(&keys).to_string(),
            "encapsulationKey": encoding::prefixed_hex(recipient.as_bytes()),
        });
        if form == Form::Compatible {
            all["encapsulationKey768"] = encoding::prefixed_hex(&keys.ml_kem_768_encapsulation_key()).into();
        }
        return streams::write(None, format!("{all}\n").as_bytes(), Kind::Text);
    }
    let text = format!(
        "form:       {}\npublic key: {public_key}\nowner:      {owner}\nuser:       {}\nrecipient:  {}\n",
        form.name(),
        own_user_id(&keys),
        recipient.id()
    );
    streams::write(None, text.as_bytes(), Kind::Text)
}
