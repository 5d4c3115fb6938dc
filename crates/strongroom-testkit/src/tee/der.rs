//! A writer of DER (X.690), as far as fake certificates and revocation lists need it. It is for
//! tests only: it writes what it is told, valid or not.

use time::OffsetDateTime;

/// An element with this tag.
///
/// # Panics
/// If the contents are longer than 64 KiB.
#[must_use]
pub fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).expect("a test's elements are short").to_be_bytes();
    let mut out = vec![tag];
    match length {
        [0, short @ 0..=0x7F] => out.push(short),
        [0, low] => out.extend([0x81, low]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend(contents);
    out
}

/// A SEQUENCE of these elements, in this order.
#[must_use]
pub fn sequence<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    element(0x30, &concat(parts))
}

/// A SET of one element. With one element a SET's order is settled.
#[must_use]
pub fn set(only: &[u8]) -> Vec<u8> {
    element(0x31, only)
}

fn concat<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.as_ref()).copied().collect()
}

/// An INTEGER from an unsigned number, big-endian, in the shortest form.
#[must_use]
pub fn unsigned(number: &[u8]) -> Vec<u8> {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let digits = &number[first..];
    match digits {
        [] => element(0x02, &[0]),
        // Without the zero, the highest bit would make it negative.
        [0x80..=0xFF, ..] => element(0x02, &[&[0], digits].concat()),
        _ => element(0x02, digits),
    }
}

/// An INTEGER from a number, in the shortest form.
#[must_use]
pub fn integer(number: u64) -> Vec<u8> {
    unsigned(&number.to_be_bytes())
}

/// An ENUMERATED of one byte, below 0x80.
#[must_use]
pub fn enumerated(number: u8) -> Vec<u8> {
    element(0x0A, &[number])
}

/// A BOOLEAN: TRUE is written as 0xFF.
#[must_use]
pub fn boolean(value: bool) -> Vec<u8> {
    element(0x01, &[if value { 0xFF } else { 0 }])
}

/// A NULL, which has no contents.
#[must_use]
pub fn null() -> Vec<u8> {
    element(0x05, &[])
}

/// An OBJECT IDENTIFIER, from its dotted form.
///
/// # Panics
/// If the text is not a dotted form.
#[must_use]
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u32> = dotted.split('.').map(|arc| arc.parse().expect("an arc")).collect();
    let [first, second, rest @ ..] = &arcs[..] else { panic!("an object identifier has two arcs") };
    let mut contents = Vec::new();
    for arc in [first * 40 + second].iter().chain(rest) {
        // Groups of seven bits, all but the last one marked by the highest bit.
        let groups = (0..5).rev().map(|n| (n, arc >> (7 * n))).filter(|(n, rest)| *n == 0 || *rest != 0);
        contents.extend(groups.map(|(n, rest)| (rest & 0x7F) as u8 | if n == 0 { 0 } else { 0x80 }));
    }
    element(0x06, &contents)
}

/// An OCTET STRING of these bytes.
#[must_use]
pub fn octet_string(bytes: &[u8]) -> Vec<u8> {
    element(0x04, bytes)
}

/// A BIT STRING of whole bytes.
#[must_use]
pub fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], bytes].concat())
}

/// A BIT STRING of named bits, which ends with the last one that is set.
#[must_use]
pub fn named_bits(bits: &[u8]) -> Vec<u8> {
    let Some(last) = bits.iter().max() else { return element(0x03, &[0]) };
    let mut bytes = vec![0; usize::from(last / 8) + 1];
    for bit in bits {
        bytes[usize::from(bit / 8)] |= 0x80 >> (bit % 8);
    }
    element(0x03, &[&[7 - last % 8], &bytes[..]].concat())
}

/// A UTF8String of this text.
#[must_use]
pub fn utf8_string(text: &str) -> Vec<u8> {
    element(0x0C, text.as_bytes())
}

/// A PrintableString of this text, whose characters are not checked.
#[must_use]
pub fn printable_string(text: &str) -> Vec<u8> {
    element(0x13, text.as_bytes())
}

/// An IA5String of this text, which must be ASCII and is not checked.
#[must_use]
pub fn ia5_string(text: &str) -> Vec<u8> {
    element(0x16, text.as_bytes())
}

/// UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). `unix` is in seconds since
/// 1970.
///
/// # Panics
/// If the year is later than 9999.
#[must_use]
pub fn time(unix: i64) -> Vec<u8> {
    let at = OffsetDateTime::from_unix_timestamp(unix).expect("a year of four digits");
    let (hour, minute, second) = at.to_hms();
    let rest = format!("{:02}{:02}{hour:02}{minute:02}{second:02}Z", u8::from(at.month()), at.day());
    match at.year() {
        year @ 1950..=2049 => element(0x17, format!("{:02}{rest}", year % 100).as_bytes()),
        year => element(0x18, format!("{year:04}{rest}").as_bytes()),
    }
}

/// An explicit context tag around an element.
#[must_use]
pub fn explicit(number: u8, inner: &[u8]) -> Vec<u8> {
    element(0xA0 | number, inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings that X.690 and RFC 5280 give as examples.
    #[test]
    fn elements_are_ders() {
        assert_eq!(hex::encode(oid("1.2.840.113741.1.13.1")), "06092a864886f84d010d01");
        assert_eq!(hex::encode(oid("2.5.29.15")), "0603551d0f");
        assert_eq!(hex::encode(integer(0xDB)), "020200db");
        assert_eq!(hex::encode(integer(0)), "020100");
        assert_eq!(hex::encode(named_bits(&[5, 6])), "03020106");
        assert_eq!(time(0), b"\x17\x0d700101000000Z");
        assert_eq!(time(2_524_608_000), b"\x18\x0f20500101000000Z");
        assert_eq!(element(4, &[0; 200])[..3], [4, 0x81, 200]);
        assert_eq!(element(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }
}
