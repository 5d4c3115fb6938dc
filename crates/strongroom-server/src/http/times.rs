//! Writes times for answers: RFC 3339, UTC.

use strongroom_store::UnixSeconds;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time in whole seconds. It was checked when it was taken in, or comes from the clock.
pub(crate) fn unix_rfc3339(at: UnixSeconds) -> String {
    OffsetDateTime::from_unix_timestamp(at)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .expect("times are checked when they are taken in")
}

/// A time of the vault's clock, in milliseconds.
pub(crate) fn rfc3339(at: OffsetDateTime) -> String {
    let at = at.replace_millisecond(at.millisecond()).expect("its own millisecond");
    at.format(&Rfc3339).expect("the clock is before the year 10000")
}
