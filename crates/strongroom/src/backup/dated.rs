//! Dated messages, which wallets in the field sign to read and delete
//! (spec/sign-in.md#dated-messages).

use super::user_id::UserId;
use crate::slh_dsa::PublicKey;
use time::{Date, Duration, OffsetDateTime, UtcOffset};

/// How far the clocks of client and server may be apart.
const SKEW: Duration = Duration::minutes(10);

/// The order of year, month and day in a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// `YYYY-MM-DD`, of the original specification.
    YearFirst,
    /// `MM-DD-YYYY`, of servers in the field.
    MonthFirst,
}

/// An act that is signed together with a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatedMessage {
    /// List the backups of a key.
    List(PublicKey),
    /// Read the backup of this name.
    Read(UserId),
    /// Delete the backup of this name.
    Delete(UserId),
}

impl DatedMessage {
    /// The message for the day of `now` in UTC.
    #[must_use]
    pub fn on(&self, now: OffsetDateTime, spelling: DateOrder) -> String {
        self.of_day(now.to_offset(UtcOffset::UTC).date(), spelling)
    }

    fn of_day(&self, day: Date, spelling: DateOrder) -> String {
        let (year, month, day) = (day.year(), u8::from(day.month()), day.day());
        let date = match spelling {
            DateOrder::YearFirst => format!("{year:04}-{month:02}-{day:02}"),
            DateOrder::MonthFirst => format!("{month:02}-{day:02}-{year:04}"),
        };
        match self {
            Self::List(key) => format!("{key}-GET-BACKUPS-{date}"),
            Self::Read(user_id) => format!("{user_id}-GET-BACKUP-{date}"),
            Self::Delete(user_id) => format!("{user_id}-DELETE-BACKUP-{date}"),
        }
    }

    /// The messages that are valid at `now`: at most four, the most likely first, since each costs
    /// a verification to try.
    #[must_use]
    pub fn candidates(&self, now: OffsetDateTime) -> Vec<String> {
        let mut days: Vec<Date> = Vec::new();
        for offset in [Duration::ZERO, -SKEW, SKEW] {
            let day = now.checked_add(offset).map(|at| at.to_offset(UtcOffset::UTC).date());
            days.extend(day.filter(|day| !days.contains(day)));
        }
        let spellings = [DateOrder::YearFirst, DateOrder::MonthFirst];
        days.iter().flat_map(|day| spellings.map(|spelling| self.of_day(*day, spelling))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::format_description::well_known::Rfc3339;

    fn candidates(now: &str) -> Vec<String> {
        let user_id: UserId = "c0ffee00-1234-4abc-8def-0123456789ab".parse().expect("a UUID");
        let now = OffsetDateTime::parse(now, &Rfc3339).expect("a time");
        let all = DatedMessage::Read(user_id).candidates(now);
        all.iter()
            .map(|text| text.strip_prefix(&format!("{user_id}-GET-BACKUP-")).expect("it").to_owned())
            .collect()
    }

    #[test]
    fn ten_minutes_around_midnight_two_days_count() {
        assert_eq!(candidates("2026-11-25T12:00:00Z"), ["2026-11-25", "11-25-2026"]);
        assert_eq!(candidates("2026-11-25T00:10:00Z"), ["2026-11-25", "11-25-2026"]);
        let after = ["2026-11-25", "11-25-2026", "2026-11-24", "11-24-2026"];
        assert_eq!(candidates("2026-11-25T00:09:59Z"), after);
        assert_eq!(candidates("2026-11-25T01:09:59+01:00"), after, "the day is UTC's");
        let before = ["2026-12-31", "12-31-2026", "2027-01-01", "01-01-2027"];
        assert_eq!(candidates("2026-12-31T23:50:00Z"), before);
        assert_eq!(candidates("2026-12-31T23:49:59Z"), before[..2]);
    }

    #[test]
    fn the_three_acts() {
        let key = PublicKey::from_bytes([1; 64]);
        let user_id = UserId::from_bytes([0xAB; 16]);
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(
            DatedMessage::List(key).on(now, DateOrder::YearFirst),
            format!("0x{}-GET-BACKUPS-1970-01-01", "01".repeat(64))
        );
        assert_eq!(
            DatedMessage::Delete(user_id).on(now, DateOrder::MonthFirst),
            "abababab-abab-abab-abab-abababababab-DELETE-BACKUP-01-01-1970"
        );
    }
}
