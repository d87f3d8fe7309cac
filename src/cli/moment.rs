//! Moments as people type them.

use crate::base::Timestamp;
use jiff::Unit;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

/// The moment that `text` means: a time of day is the first one after `after`,
/// a date with a time is that moment. UTC, like everything on the screen.
///
/// # Errors
/// It is neither, as a sentence.
pub(super) fn next(text: &str, after: Timestamp) -> Result<Timestamp, String> {
    let beyond = || "there is no such day".to_owned();
    if let Ok(exact) = text.parse::<jiff::Timestamp>() {
        return of(exact).ok_or_else(beyond);
    }
    // A date with a time would also be read as that time of any day.
    if let Ok(moment) = text.parse::<DateTime>() {
        return utc(moment).ok_or_else(beyond);
    }
    let time = text.parse::<Time>().map_err(|_| {
        "say a time like 02:00, or a date and a time like 2026-11-23T02:00".to_owned()
    })?;
    let ms = i64::try_from(after.0).map_err(|_| beyond())?;
    let after = jiff::Timestamp::from_millisecond(ms).map_err(|_| beyond())?;
    let after = after.to_zoned(TimeZone::UTC).datetime();
    let today = after.date().to_datetime(time);
    let found = match today > after {
        true => today,
        false => {
            let tomorrow = after.date().tomorrow().map_err(|_| beyond())?;
            tomorrow.to_datetime(time)
        }
    };
    utc(found).ok_or_else(beyond)
}

fn utc(moment: DateTime) -> Option<Timestamp> {
    of(moment.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn of(moment: jiff::Timestamp) -> Option<Timestamp> {
    let moment = moment.round(Unit::Millisecond).ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T23:30:00Z.
    const LATE: Timestamp = Timestamp(1_795_390_200_000);

    fn minute(text: &str) -> Option<String> {
        next(text, LATE).ok().map(Timestamp::minute)
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        assert_eq!(LATE.minute(), "2026-11-22 23:30");
        for (text, found) in [
            ("23:45", "2026-11-22 23:45"),
            ("02:00", "2026-11-23 02:00"),
            ("23:30", "2026-11-23 23:30"),
        ] {
            assert_eq!(minute(text).as_deref(), Some(found));
        }
    }

    #[test]
    fn a_date_is_that_moment_and_nonsense_is_refused() {
        for (text, found) in [
            ("2026-11-24T04:15", Some("2026-11-24 04:15")),
            ("2026-11-24T04:15+02:00", Some("2026-11-24 02:15")),
            ("", None),
            ("soon", None),
            ("25:00", None),
            ("2026-13-01T00:00", None),
            ("1969-01-01T00:00", None),
        ] {
            assert_eq!(minute(text).as_deref(), found, "{text}");
        }
    }
}
