//! A recipient is added and removed. The envelope is rewrapped, its payload stays, and the new
//! envelope replaces the old one in the vault.

use crate::support::{RunningVault, wallet};
use strongroom::derive::{self, W3PK_DEFAULT_CONTEXT};
use strongroom::key::{HybridDecapsulationKey, Identity};
use strongroom::policy::EnvelopePolicy;
use strongroom::{OpenError, SealedSecret, envelope};
use strongroom_testkit::rng;

#[test]
fn an_envelope_is_rewrapped_and_put_back() {
    let running = RunningVault::start();
    let (vault, alice) = (running.client(), wallet(1));
    let mine = Identity::from(derive::w3pk(&alice, W3PK_DEFAULT_CONTEXT));
    let carols = Identity::from(HybridDecapsulationKey::generate(&mut rng()));

    // Alice seals for herself, and for the vault to open for her.
    let policy = EnvelopePolicy {
        readers: vec![alice.address().into()],
        audience: Some(*vault.server().vault_id()),
        ..EnvelopePolicy::default()
    };
    let recipients = [mine.recipient(), vault.server().encapsulation_key().clone().into()];
    let sealed = envelope::seal(b"four years", &recipients, policy, &mut rng()).expect("two recipients");
    let stored = vault.store(&sealed.clone().into(), &[], None, Some(&alice)).expect("stored");

    // Carol, who has a hybrid key, shall open it too. Her stanza wraps the same file key.
    let added = sealed.rewrap([&mine], &[carols.recipient()], &[], &mut rng()).expect("hers to rewrap");
    assert_eq!(added.open([&carols]).expect("hers too").expose(), b"four years");
    let put = vault.replace(stored.slot, &stored.etag, &added.into(), &[], None, &alice).expect("replaced");

    // The earlier generation can no longer be replaced.
    let late = vault.replace(stored.slot, &stored.etag, &sealed.into(), &[], None, &alice);
    assert_eq!(late.expect_err("too late").code(), Some("generation_changed"));

    // Carol is removed again. She keeps what she has read, and cannot open the next envelope.
    let fetched = vault.fetch(stored.slot, &alice).expect("hers");
    let SealedSecret::Envelope(now) = fetched.sealed else { panic!("what was put") };
    let without = now.rewrap([&mine], &[], &[carols.recipient().id()], &mut rng()).expect("hers to rewrap");
    assert_eq!(without.open([&carols]).err(), Some(OpenError::NotMine));
    vault.replace(stored.slot, &put.etag, &without.into(), &[], None, &alice).expect("replaced");

    // The vault opens it as before, and can seal the answer to a key of hers.
    assert_eq!(vault.open(stored.slot, &alice).expect("hers").expose(), b"four years");
    let answer = vault.open_to(stored.slot, &mine.recipient(), &alice).expect("hers");
    assert_eq!(answer.open([&mine]).expect("for her").expose(), b"four years");
}
