//! `keyfile::parse`: comments, and exactly one line that is a key.

use strongroom::key::{DecapsulationKey, Identity};
use strongroom::keyfile::{self, KeyFile};
use strongroom_fuzz::{Mutant, Reach};
use strongroom_testkit::rng;

/// The one line that is neither empty nor a comment, if the file is within its bounds.
fn plain_reading(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= 64 * 1024)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut keys = lines.iter().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let key = keys.next().filter(|_| keys.next().is_none())?;
    lines.iter().all(|line| line.len() <= 8 * 1024).then_some(*key)
}

#[test]
fn a_key_file_holds_one_key() {
    let key = DecapsulationKey::from_seed(&[5; 64]);
    let expanded = DecapsulationKey::from_expanded(&key.to_expanded()[..]).expect("our own key").into();
    let base64 = key.to_expanded_base64();
    let key = Identity::from(key);
    let file = keyfile::write(&key, "2026-11-22T00:00:00Z").to_string();
    let comment = |bytes: usize| format!("#{}\n", "c".repeat(bytes - 2));
    let valid = [
        file.clone(),
        file.replace('\n', "\r\n"),
        keyfile::write(&expanded, "").to_string(),
        format!("{}\n", *base64),
        key.to_secret_text().to_string(),
        // These are at the bounds of a line and of a file. An edit more is too much.
        format!("{}{file}", comment(8 * 1024 + 1)),
        format!("{}{}{file}", comment(8192).repeat(7), comment(8192 - file.len())),
        keyfile::write_locked(&key, b"correct horse", "", &mut rng()).to_string(),
    ];
    assert_eq!(valid[6].len(), keyfile::MAX_KEY_FILE_BYTES);
    let words = ["#", "\n", "\r\n", "\n\n", "# c\n", " ", "STRONGROOM-SECRET-KEY-1", "é"];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let bytes = mutant.of(&valid, &words);
        let line = plain_reading(&bytes);
        match keyfile::parse(&bytes) {
            Ok(KeyFile::Locked(_)) => {
                assert!(line.expect("one key").starts_with("STRONGROOM-ENCRYPTED-KEY-1"));
                reach.count("locked");
            }
            Ok(KeyFile::Open(read)) => {
                let line = line.expect("a file with one key");
                let same = Identity::from_secret_text(line).expect("the key of the file");
                assert!(*read.to_secret_text() == *same.to_secret_text());
                let written = keyfile::write(&read, "2026-11-22T00:00:00Z");
                let Ok(KeyFile::Open(again)) = keyfile::parse(written.as_bytes()) else {
                    panic!("our own file")
                };
                assert!(again.to_secret_text() == read.to_secret_text());
                assert!(*keyfile::write(&again, "2026-11-22T00:00:00Z") == *written);
                reach.count("accepted");
            }
            Ok(_) => unreachable!("a file is open or locked"),
            Err(error) => {
                let is_key = line.is_some_and(|line| Identity::from_secret_text(line).is_ok());
                assert!(!is_key, "{error}");
                assert!(error.to_string().len() < 100, "a message holds no line of the file");
                reach.count(&error);
            }
        }
    });
    reach.assert_met(&["accepted", "TooLarge", "NotText", "NoKey", "ManyKeys", "Key", "locked"]);
}
