//! `envelope::armor`: text with one spelling around any bytes.

use std::io::{Read, Write};
use strongroom::envelope::armor::{ArmorReader, ArmorWriter, BEGIN, END};
use strongroom_fuzz::{Mutant, Reach, from_base64};

fn armored(bytes: &[u8]) -> String {
    let mut writer = ArmorWriter::new(Vec::new());
    writer.write_all(bytes).expect("memory");
    String::from_utf8(writer.finish().expect("memory")).expect("ASCII")
}

fn read(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    ArmorReader::new(text).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The bytes in armor, read by lines and digits.
fn plain_reading(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let crlf = text.split_once('\n')?.0.ends_with('\r');
    let end = if crlf { "\r\n" } else { "\n" };
    let body = text.strip_prefix(BEGIN)?.strip_prefix(end)?;
    let (body, after) = body.split_once(END)?;
    let ends = after.is_empty() || after.strip_prefix(end)?.bytes().all(|byte| b" \t\r\n".contains(&byte));
    let lines: Vec<&str> =
        if body.is_empty() { vec![] } else { body.strip_suffix(end)?.split(end).collect() };
    let full = lines.iter().rev().skip(1).all(|line| line.len() == 64 && !line.contains('='));
    let last = lines.last().is_none_or(|line| (1..=64).contains(&line.len()));
    (ends && full && last).then(|| from_base64(&lines.concat()))?
}

#[test]
fn armor_is_read_as_it_is_written() {
    let of = |count: usize| armored(&(0..count).map(|at| at as u8).collect::<Vec<_>>());
    let valid = [of(0), of(1), of(47), of(48), of(100), of(150).replace('\n', "\r\n"), of(100) + " \n\t"];
    let words = ["\n", "\r\n", "=", "==", "A", " ", BEGIN, END, "-"];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.of(&valid, &words);
        let bytes = read(&text);
        assert_eq!(bytes, plain_reading(&text), "{}", String::from_utf8_lossy(&text));
        match bytes {
            Some(bytes) => {
                assert_eq!(read(armored(&bytes).as_bytes()), Some(bytes));
                reach.count("accepted");
            }
            None => reach.count("refused"),
        }
    });
    reach.assert_met(&["accepted", "refused"]);
}
