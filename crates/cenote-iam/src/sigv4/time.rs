//! Times as signatures carry them: ISO 8601's basic format in UTC, `20150830T123600Z`.

use cenote_base::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

/// The text of a time; a time outside of jiff's range (about ±9999 years) is that range's end.
pub(super) fn basic(time: Timestamp) -> String {
    let end = if time.millis() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let at = jiff::Timestamp::from_millisecond(time.millis()).unwrap_or(end).to_zoned(TimeZone::UTC);
    format!("{:04}{:02}{:02}T{:02}{:02}{:02}Z", at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second())
}

/// The time of a text in exactly the basic format.
pub(super) fn parse_basic(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes.get(8) != Some(&b'T') || bytes.get(15) != Some(&b'Z') {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = text.get(from..to)?;
        if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let small = |from: usize| -> Option<i8> { i8::try_from(number(from, from.saturating_add(2))?).ok() };
    let civil = DateTime::new(number(0, 4)?, small(4)?, small(6)?, small(9)?, small(11)?, small(13)?, 0).ok()?;
    let instant = TimeZone::UTC.to_timestamp(civil).ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

/// The time of a `Date` header: the basic format, or the format of HTTP (`Sun, 30 Aug 2015 12:36:00 GMT`).
pub(super) fn parse_date_header(text: &str) -> Option<Timestamp> {
    let http = || DateTimeParser::new().parse_timestamp(text).ok();
    parse_basic(text).or_else(|| Some(Timestamp::from_millis(http()?.as_millisecond())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUITE: Timestamp = Timestamp::from_secs(1_440_938_160);

    #[test]
    fn the_time_of_the_test_suite() {
        assert_eq!(basic(SUITE), "20150830T123600Z");
        assert_eq!(parse_basic("20150830T123600Z"), Some(SUITE));
        assert_eq!(parse_date_header("Sun, 30 Aug 2015 12:36:00 GMT"), Some(SUITE));
        assert_eq!(parse_date_header("20150830T123600Z"), Some(SUITE));
    }

    #[test]
    fn nothing_else_is_a_time() {
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "2015-08-30T12:36:00Z",
            "20150830T123600z",
            "20150830T123660Z",
            "20150830T243600Z",
            "20150230T123600Z",
            "20151330T123600Z",
            "+2015830T123600Z",
            "20150830T12360ßZ",
            "٢٠١٥",
            " 0150830T123600Z",
            "20150830T123600Z,20150830T123600Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
        assert_eq!(parse_date_header("Mon, 30 Aug 2015 12:36:00 GMT"), None, "that was a Sunday");
    }

    proptest! {
        #[test]
        fn print_then_parse_gives_the_same(secs in 0i64..250_000_000_000) {
            let time = Timestamp::from_secs(secs);
            prop_assert_eq!(parse_basic(&basic(time)), Some(time));
        }

        #[test]
        fn nothing_panics(millis: i64, text: String) {
            let _ = basic(Timestamp::from_millis(millis));
            let _ = parse_date_header(&text);
        }
    }
}
