//! A wallet's backup: prepared, encrypted, signed, stored, checked and restored.

use crate::support::RunningVault;
use strongroom::backup::{Archive, CapsuleKem, Keys, PayloadCipher, Position, SignedBackup, UserId};
use strongroom::mnemonic::Mnemonic;
use strongroom::sign_in::Act;
use strongroom_client::BackupServer;
use strongroom_testkit::rng;

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

#[test]
fn a_wallet_is_backed_up_lost_and_restored() {
    let running = RunningVault::start();
    let server = BackupServer::at(&running.url).expect("a URL");
    let mnemonic = |words| Mnemonic::parse(words, "").expect("a mnemonic");

    // Prepare: the wallet's data is JSON, and the wallet keeps its SHA-256.
    let wallet = Archive::from_json(br#"{"accounts":[{"name":"Account 1"}]}"#).expect("JSON");
    let sha256 = wallet.sha256();

    // Encrypt with ML-KEM and XSalsa20, and sign the payload's Keccak-256 with SLH-DSA.
    let keys = Keys::compatible(&mnemonic(WORDS), 0);
    let user: UserId = "c0ffee00-1234-4abc-8def-0123456789ab".parse().expect("a UUID");
    let seal =
        || wallet.sign_compatible(&keys, CapsuleKem::MlKem768, PayloadCipher::XSalsa20Poly1305, &mut rng());
    let backup = seal();
    assert_eq!(backup.signature().as_bytes().len(), 49_856);

    // Store under the public key: the server verifies the signature, and takes no other key's.
    server.push(&keys.public_key(), user, &backup).expect("stored");
    let others = Keys::compatible(&mnemonic(WORDS), 1);
    let foreign = server.push(&others.public_key(), user, &backup).expect_err("another key's");
    assert_eq!(foreign.code(), Some("bad_signature"));
    server.push(&keys.public_key(), user, &seal()).expect("a newer one");
    let rollback = server.push(&keys.public_key(), user, &backup).expect_err("an older one");
    assert_eq!(rollback.code(), Some("backup_superseded"));

    // Restore: get the payload, check its signature, decrypt it, and compare the SHA-256.
    let keys = Keys::compatible(&mnemonic(WORDS), 0);
    let session = server.sign_in(keys.signing_key(), &[Act::Backups]).expect("the key's holder");
    let newest = &session.list().expect("listed")[0];
    let fetched = session.fetch(newest.user_id, None).expect("verified");
    let restored = fetched.backup.restore(&keys).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((restored.archive.expose(), restored.archive.sha256()), (wallet.expose(), sha256));

    // The native form has a signed counter, so the server takes only the next version.
    let keys = Keys::strongroom(&mnemonic(WORDS), 0);
    let seal = |position: &Position| wallet.sign(&keys, position, 1_800_000_000, &mut rng());
    let first = seal(&Position::first(user));
    let position = Position::after(first.statement().expect("native")).expect("a second");
    for backup in [&first, &seal(&position)] {
        server.push(&keys.public_key(), user, backup).expect("stored");
    }
    let push = |backup: &SignedBackup| server.push(&keys.public_key(), user, backup);
    assert_eq!(push(&first).expect_err("an older one").code(), Some("backup_counter"));
    let session = server.sign_in(keys.signing_key(), &[Act::Backups]).expect("the key's holder");
    assert_eq!(session.fetch(user, None).expect("verified").version, 2);
}
