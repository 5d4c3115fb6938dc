//! A secret: sealed by a client for itself and the vault, kept, opened by both, shared and deleted.

use crate::support::{RunningVault, wallet};
use strongroom::derive::{self, W3PK_DEFAULT_CONTEXT};
use strongroom::key::{EncapsulationKey, Recipient};
use strongroom::policy::EnvelopePolicy;
use strongroom::wallet::WalletKey;
use strongroom::{OpenError, SealedSecret, envelope};
use strongroom_testkit::rng;

#[test]
fn a_secret_is_sealed_stored_opened_shared_and_forgotten() {
    let running = RunningVault::start();
    let [alice, bob, mallory] = [wallet(1), wallet(2), wallet(3)];
    let alices_key = derive::w3pk(&alice, W3PK_DEFAULT_CONTEXT);
    let bobs_key = derive::w3pk(&bob, W3PK_DEFAULT_CONTEXT);

    // Alice verifies the vault before anything else, and seals for herself and for the key it
    // proved.
    let vault = running.client();
    let vault_key = vault.server().encapsulation_key().clone();
    let secret = "苟全性命於亂世,不求聞達於諸侯。".as_bytes();
    let seal = |keys: &[EncapsulationKey], readers: &[&WalletKey]| -> SealedSecret {
        let recipients: Vec<Recipient> = keys.iter().cloned().map(Recipient::from).collect();
        let readers = readers.iter().map(|wallet| wallet.address().into()).collect();
        let (owners, audience) = (vec![alice.address().into()], Some(*vault.server().vault_id()));
        let policy = EnvelopePolicy { readers, owners, audience, ..EnvelopePolicy::default() };
        envelope::seal(secret, &recipients, policy, &mut rng()).expect("recipients").into()
    };
    let sealed = seal(&[alices_key.encapsulation_key(), vault_key.clone()], &[&alice]);

    // The vault keeps the envelope, which says who may read it. Alice signs, so she owns the slot.
    let stored = vault.store(&sealed, &[], None, Some(&alice)).expect("stored");
    assert!(stored.openable);

    // Alice can open it without the vault, and the vault opens it for her wallet, and for nobody
    // else.
    assert_eq!(sealed.open(&alices_key).expect("hers").expose(), secret);
    assert_eq!(vault.open(stored.slot, &alice).expect("hers").expose(), secret);
    assert_eq!(sealed.open(&bobs_key).err(), Some(OpenError::NotMine));
    assert_eq!(vault.open(stored.slot, &mallory).err().expect("not hers").code(), Some("slot_not_found"));

    // She shares it: she seals it again, for Bob too, and replaces the envelope that she saw.
    let fetched = vault.fetch(stored.slot, &alice).expect("hers");
    assert_eq!((&fetched.sealed, &fetched.etag), (&sealed, &stored.etag));
    let keys = [alices_key.encapsulation_key(), bobs_key.encapsulation_key(), vault_key];
    let shared = seal(&keys, &[&alice, &bob]);
    vault.replace(stored.slot, &fetched.etag, &shared, &[], None, &alice).expect("replaced");

    // Bob finds the slot in the list, and opens the secret either way.
    let listed = vault.slots(&bob).expect("listed");
    assert_eq!(listed.iter().map(|entry| entry.slot).collect::<Vec<_>>(), [stored.slot]);
    assert_eq!(vault.open(stored.slot, &bob).expect("Bob reads").expose(), secret);
    let fetched = vault.fetch(stored.slot, &bob).expect("Bob reads");
    assert_eq!(fetched.sealed.open(&bobs_key).expect("Bob's key").expose(), secret);

    // Only the owner can delete it, and then it is gone for everybody.
    let refused = vault.delete(stored.slot, &bob).expect_err("Bob is not the owner");
    assert_eq!(refused.code(), Some("not_the_owner"));
    vault.delete(stored.slot, &alice).expect("deleted");
    assert_eq!(vault.open(stored.slot, &bob).err().expect("gone").code(), Some("slot_not_found"));
}
