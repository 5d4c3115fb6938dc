//! `mnemonic::Mnemonic::parse`: words of BIP-39 with their checksum, and nothing else.

use strongroom::mnemonic::Mnemonic;
use strongroom_fuzz::{Mutant, Reach};

#[test]
fn a_mnemonic_is_words_of_the_list_with_their_checksum() {
    let valid: Vec<String> = [[0x7F; 32], [0; 32], [0xA5; 32]]
        .iter()
        .flat_map(|entropy| {
            [16, 24, 32].map(|bytes| Mnemonic::words_of(&entropy[..bytes]).expect("its length"))
        })
        .map(|words| words.to_string())
        .collect();
    let words = [" ", "\n", "\u{3000}", " abandon", " zoo", "é", "A", " wrong "];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &words);
        match Mnemonic::parse(&text, "") {
            Ok(_) => {
                // Each word by itself, as the word list of the valid ones' language has it.
                let count = text.split_whitespace().count();
                assert!([12, 15, 18, 21, 24].contains(&count), "{count}");
                assert!(text.split_whitespace().all(|word| word.bytes().all(|c| c.is_ascii_lowercase())));
                reach.count("accepted");
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["accepted", "WordCount", "UnknownWord"]);
}
