//! The times of statements, requests and options: RFC 3339 §5.6.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Reads a time. Its letters `T` and `Z` may be of either case, and nothing else separates the date
/// from the time.
#[must_use]
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    // The `time` crate takes any byte there: §5.6 lets applications show a space instead.
    let is_separated = matches!(text.as_bytes().get(10), Some(b'T' | b't'));
    is_separated.then(|| OffsetDateTime::parse(text, &Rfc3339).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2021-09-30 16:25:24 UTC.
    const MOMENT: OffsetDateTime = match OffsetDateTime::from_unix_timestamp(1_633_019_124) {
        Ok(at) => at,
        Err(_) => unreachable!(),
    };

    #[test]
    fn letters_are_of_either_case() {
        for text in [
            "2021-09-30T16:25:24Z",
            "2021-09-30t16:25:24z",
            "2021-09-30T16:25:24z",
            "2021-09-30t16:25:24Z",
            "2021-09-30t17:25:24+01:00",
        ] {
            assert_eq!(parse(text), Some(MOMENT), "{text}");
        }
        assert_eq!(parse("2021-09-30t16:25:24.5z"), Some(MOMENT + time::Duration::milliseconds(500)));
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in [
            "",
            "2021-09-30",
            "2021-09-30 16:25:24Z",
            "2021-09-30_16:25:24Z",
            "2021-09-30T16:25:24",
            "2021-09-30T16:25:24X",
            "2021-09-31T16:25:24Z",
            "2021-09-30T24:00:00Z",
            "2021-09-30T16:25:24.Z",
            "2021-09-30T16:25:24Z ",
            "20210930T162524Z",
            "12021-09-30T16:25:24Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
