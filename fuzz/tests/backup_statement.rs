//! `backup::Statement::from_bytes`: the bytes that a signature covers have one encoding.

use strongroom::backup::{Archive, BackupStatement, Keys, MAX_COUNTER, Position, UserId};
use strongroom::mnemonic::Mnemonic;
use strongroom_fuzz::{Mutant, Reach};
use strongroom_testkit::rng;

#[test]
fn a_statement_has_one_encoding() {
    let words = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let keys = Keys::strongroom(&Mnemonic::parse(words, "").expect("a mnemonic"), 0);
    let archive = Archive::from_json(b"{}").expect("JSON");
    let user = UserId::from_bytes([7; 16]);
    let signed = |position: &Position| {
        let backup = archive.sign(&keys, position, 1, &mut rng());
        backup.statement().expect("native").to_bytes()
    };
    let later = |counter| Position::new(user, counter, [9; 32]).expect("a counter");
    let valid = [signed(&Position::first(user)), signed(&later(300)), signed(&later(MAX_COUNTER))];
    let words = ["\u{1}", "\u{18}", "\u{19}\u{1}", "\u{2}"];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let bytes = mutant.of(&valid, &words);
        match BackupStatement::from_bytes(&bytes) {
            Ok(statement) => {
                assert_eq!(statement.to_bytes(), bytes);
                assert!((1..=MAX_COUNTER).contains(&statement.counter()));
                assert_eq!(statement.counter() == 1, *statement.position().previous() == [0; 32]);
                reach.count("accepted");
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["accepted", "BackupStatementError"]);
}
