//! `testdata/formats/root.json`.

use super::*;
use serde_json::{Value, json};
use strongroom_testkit::vectors::{Cases, array, text, walk};

#[test]
fn roots() {
    walk("root.json", 8, make, |input| {
        let root = match input.get("importedKey") {
            Some(_) => {
                let key = DecapsulationKey::from_secret_text(text(input, "importedKey"));
                Root::import(&key.map_err(|error| error.to_string())?)
            }
            None => Root::from_parts(Zeroizing::new(array(input, "root")), KeyOrigin::Generated),
        };
        if input.get("vaultId").is_some()
            && Root::recovered(Zeroizing::new(*root.expose()), &array(input, "vaultId")).is_none()
        {
            return Err("refused: another vault".to_owned());
        }
        let kem: Vec<Value> = [1, 2, u32::MAX].into_iter().map(|epoch| kem(&root, epoch)).collect();
        Ok(json!({
            "root": hex::encode(root.expose()),
            "vaultId": hex::encode(root.vault_id().as_bytes()),
            "storage": hex::encode(&root.storage_key()[..]),
            "index": hex::encode(&root.index_key()[..]),
            "nonce": hex::encode(&root.nonce_key()[..]),
            "session": hex::encode(&root.session_key()[..]),
            "kem": kem,
        }))
    });
}

/// The seed is computed here, apart, and must give the root's key.
fn kem(root: &Root, epoch: u32) -> Value {
    let info = [&b"strongroom/kem/1"[..], &epoch.to_be_bytes()].concat();
    let mut seed = [0; 64];
    Hkdf::<Sha256>::new(Some(b"strongroom/root/1"), root.expose())
        .expand(&info, &mut seed)
        .expect("64 bytes");
    let key = root.kem_key(epoch);
    assert_eq!(key.id(), DecapsulationKey::from_seed(&seed).id());
    json!({ "epoch": epoch, "seed": hex::encode(seed), "keyId": hex::encode(key.id().as_bytes()) })
}

fn make(cases: &mut Cases) {
    let of = |root: [u8; 32]| json!({ "root": hex::encode(root) });
    cases.accepted("generated", "a root", of([0x11; 32]));
    cases.accepted("counting", "a root of bytes that count", of(std::array::from_fn(|at| at as u8)));
    cases.accepted("zeros", "a root of zeros", of([0; 32]));
    let key = DecapsulationKey::from_seed(&[1; 64]);
    let imported = json!({ "importedKey": key.to_secret_text().as_str() });
    cases.accepted("imported", "the root of a key that was imported", imported);
    let expanded = DecapsulationKey::from_expanded(&key.to_expanded()[..]).expect("our own key");
    let imported = json!({ "importedKey": expanded.to_secret_text().as_str() });
    cases.accepted("imported-expanded", "the same of the key's expanded form", imported);
    let root = Root::from_parts(Zeroizing::new([0x11; 32]), KeyOrigin::Generated);
    let mut vault_id = *root.vault_id().as_bytes();
    let recovered =
        |vault_id: &[u8]| json!({ "root": hex::encode([0x11; 32]), "vaultId": hex::encode(vault_id) });
    cases.accepted("recovered", "a root that was brought back to its vault", recovered(&vault_id));
    cases.refused("another vault", "zeros", "brought to a vault that has another id", recovered(&[0; 32]));
    vault_id[31] ^= 1;
    cases.refused("another vault", "flipped", "a bit of the vault's id is flipped", recovered(&vault_id));
}
