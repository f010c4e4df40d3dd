//! Whether one value fits its attribute (reference 02 §2, "Values"). Every value travels as a text.

use std::fmt;

use super::definition::{Attribute, DataType};
use super::integer::Integer;

/// The most characters of a text whose attribute names no bound.
const LONGEST_TEXT: u32 = 2048;
/// E.164: at most fifteen digits.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 1..=15;

/// Why a value does not fit its attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueProblem {
    /// The attribute is required and absent or empty.
    Required,
    /// Fewer characters than asked for.
    TooShort(Integer),
    /// More characters than allowed.
    TooLong(Integer),
    /// Below the least value.
    TooSmall(Integer),
    /// Above the greatest value.
    TooGreat(Integer),
    /// Not a text of the attribute's data type.
    Type(DataType),
}

/// Cognito's words where the reference has them (required, the beginning of the length texts), else words of that kind.
impl fmt::Display for ValueProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("The attribute is required"),
            Self::TooShort(least) => write!(f, "String length must be greater than or equal to {least}"),
            Self::TooLong(most) => write!(f, "String length must be less than or equal to {most}"),
            Self::TooSmall(least) => write!(f, "Number value must be greater than or equal to {least}"),
            Self::TooGreat(most) => write!(f, "Number value must be less than or equal to {most}"),
            Self::Type(data_type) => write!(f, "Value is not of type {}", data_type.as_str()),
        }
    }
}

impl Attribute {
    /// Judges one value by the attribute's data type and bounds; formats of addresses are [`is_email`] and
    /// [`is_phone_number`].
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check(&self, value: &str) -> Result<(), ValueProblem> {
        match self.data_type {
            DataType::String => self.check_length(value),
            DataType::Number => self.check_number(value),
            DataType::DateTime if is_date_time(value) => Ok(()),
            DataType::Boolean if is_boolean(value) => Ok(()),
            DataType::DateTime | DataType::Boolean => Err(ValueProblem::Type(self.data_type)),
        }
    }

    fn check_length(&self, value: &str) -> Result<(), ValueProblem> {
        let length = Integer::from(u32::try_from(value.chars().count()).unwrap_or(u32::MAX));
        if let Some(least) = self.bounds.min.as_ref().filter(|least| length < **least) {
            return Err(ValueProblem::TooShort(least.clone()));
        }
        let most = self.bounds.max.clone().unwrap_or_else(|| LONGEST_TEXT.into());
        if length > most { Err(ValueProblem::TooLong(most)) } else { Ok(()) }
    }

    fn check_number(&self, value: &str) -> Result<(), ValueProblem> {
        let number: Integer = value.parse().map_err(|_| ValueProblem::Type(DataType::Number))?;
        if let Some(least) = self.bounds.min.as_ref().filter(|least| number < **least) {
            return Err(ValueProblem::TooSmall(least.clone()));
        }
        if let Some(most) = self.bounds.max.as_ref().filter(|most| number > **most) {
            return Err(ValueProblem::TooGreat(most.clone()));
        }
        Ok(())
    }
}

/// In any case: scripts in Python write `True`.
fn is_boolean(value: &str) -> bool {
    ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether the text is an e-mail address: `local@domain` without spaces, quotes or anything that a mail header would take
/// for more than one address. A domain without a dot is one (`root@localhost`).
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    let host = |c: char| c.is_alphanumeric() || c == '-';
    let dotted = |text: &str, allowed: &dyn Fn(char) -> bool| {
        text.split('.').all(|part| !part.is_empty() && part.chars().all(allowed))
    };
    dotted(local, &atom)
        && dotted(domain, &host)
        && domain.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-'))
}

/// Whether the text is a phone number as E.164 writes it: `+` and up to fifteen digits.
pub fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| PHONE_DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the text is a date, or a date with a time, in the extended form of ISO 8601.
fn is_date_time(text: &str) -> bool {
    let (date, time) = text.split_once(['T', 't']).map_or((text, None), |(date, time)| (date, Some(time)));
    is_date(date) && time.is_none_or(is_time)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-').map(digits);
    let (Some(Some((year, 4))), Some(Some((month, 2))), Some(Some((day, 2)))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=longest).contains(&day)
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fraction`, with `Z`, an offset or nothing behind.
fn is_time(text: &str) -> bool {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let seconds = clock.split(':').count() == 3;
    is_clock(clock, 2..=3)
        && fraction.is_none_or(|fraction| seconds && digits(fraction).is_some())
        && (matches!(offset, "" | "Z" | "z") || is_offset(offset))
}

fn is_offset(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else { return false };
    match offset.split_at_checked(2) {
        Some((hours, minutes)) if !minutes.is_empty() && !minutes.starts_with(':') => {
            is_clock(hours, 1..=1) && is_clock_part(minutes, 59)
        }
        _ => is_clock(offset, 1..=2),
    }
}

fn is_clock(text: &str, parts: std::ops::RangeInclusive<usize>) -> bool {
    let limits = [23, 59, 60];
    parts.contains(&text.split(':').count())
        && text.split(':').zip(limits).all(|(part, limit)| is_clock_part(part, limit))
}

fn is_clock_part(text: &str, limit: u32) -> bool {
    matches!(digits(text), Some((number, 2)) if number <= limit)
}

/// The number that a text of decimal digits spells (at most nine are read) and how many digits there are.
fn digits(text: &str) -> Option<(u32, usize)> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = text.get(..text.len().min(9))?.parse().ok()?;
    Some((number, text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Bounds;
    use super::*;

    fn attribute(data_type: DataType, min: Option<u32>, max: Option<u32>) -> Attribute {
        Attribute {
            name: "custom:x".into(),
            data_type,
            developer_only: false,
            mutable: true,
            required: false,
            bounds: Bounds { min: min.map(Integer::from), max: max.map(Integer::from) },
        }
    }

    #[test]
    fn texts_have_a_length_in_characters() {
        let text = attribute(DataType::String, Some(2), Some(4));
        assert_eq!(text.check("ä"), Err(ValueProblem::TooShort(2.into())));
        assert_eq!(text.check("äöüß"), Ok(()));
        assert_eq!(text.check("äöüße"), Err(ValueProblem::TooLong(4.into())));
        let free = attribute(DataType::String, None, None);
        assert_eq!(free.check(""), Ok(()));
        assert_eq!(free.check(&"a".repeat(2049)), Err(ValueProblem::TooLong(2048.into())));
    }

    #[test]
    fn numbers_are_whole_and_inside_their_bounds() {
        let number = attribute(DataType::Number, Some(5), Some(10));
        assert_eq!(number.check("4"), Err(ValueProblem::TooSmall(5.into())));
        assert_eq!(number.check("-7"), Err(ValueProblem::TooSmall(5.into())));
        assert_eq!(number.check("05"), Ok(()));
        assert_eq!(number.check("10"), Ok(()));
        assert_eq!(number.check("11"), Err(ValueProblem::TooGreat(10.into())));
        assert_eq!(number.check("7.0"), Err(ValueProblem::Type(DataType::Number)));
        assert_eq!(number.check(""), Err(ValueProblem::Type(DataType::Number)));
    }

    #[test]
    fn booleans_are_two_words() {
        let flag = attribute(DataType::Boolean, None, None);
        assert_eq!((flag.check("true"), flag.check("false"), flag.check("True")), (Ok(()), Ok(()), Ok(())));
        for bad in ["", "1", "yes", "true "] {
            assert_eq!(flag.check(bad), Err(ValueProblem::Type(DataType::Boolean)), "{bad}");
        }
    }

    #[test]
    fn times_are_iso_8601() {
        let time = attribute(DataType::DateTime, None, None);
        for good in [
            "2026-02-28",
            "2024-02-29",
            "2026-12-31T23:59",
            "2026-12-31T23:59:60",
            "2026-01-01T00:00:00.123456789Z",
            "2026-01-01T00:00:00+02:00",
            "2026-01-01T00:00:00-0730",
            "2026-01-01T00:00:00+02",
        ] {
            assert_eq!(time.check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "2026",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "26-01-01",
            "2026-1-1",
            "2026-01-01T",
            "2026-01-01T24:00",
            "2026-01-01T00:60",
            "2026-01-01T00:00.5",
            "2026-01-01T00:00:00.",
            "2026-01-01T00:00:00+2",
            "2026-01-01T00:00:00+02:",
            "2026-01-01T00:00:00+02:60",
            "2026-01-01T00:00:00Zx",
            "2026-01-01 00:00:00",
            "2026-01-01-01",
            "٢٠٢٦-01-01",
        ] {
            assert_eq!(time.check(bad), Err(ValueProblem::Type(DataType::DateTime)), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        for good in ["a@b", "alice+x@example.com", "o'neil@sub.example.co.uk", "jürgen@müller.de", "a.b@c-d.e"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@@b",
            "a b@c",
            "a@b c",
            "a@b..c",
            "a@.b",
            "a@b.",
            ".a@b",
            "a.@b",
            "a..b@c",
            "<a@b>",
            "a@b,c@d",
            "a@b\r\nBcc: c@d",
            "\"a\"@b",
            "a@-b",
            "a@b-",
            "a@[127.0.0.1]",
            "a;b@c",
        ] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn phone_numbers() {
        for good in ["+12065559934", "+1", "+123456789012345"] {
            assert!(is_phone_number(good), "{good}");
        }
        for bad in ["", "+", "12065559934", "+1 206", "+1-206", "+1234567890123456", "++1", "+١٢"] {
            assert!(!is_phone_number(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_check_panic(text: String) {
            for data_type in [DataType::String, DataType::Number, DataType::DateTime, DataType::Boolean] {
                let _ = attribute(data_type, Some(3), Some(5)).check(&text);
            }
            let _ = is_phone_number(&text);
            prop_assert!(!is_email(&text) || !text.contains(char::is_whitespace));
        }

        #[test]
        fn a_text_fits_exactly_inside_its_bounds(text in ".{0,12}", min in 0u32..8, max in 0u32..12) {
            let length = u32::try_from(text.chars().count()).unwrap();
            let fits = attribute(DataType::String, Some(min), Some(max)).check(&text).is_ok();
            prop_assert_eq!(fits, (min..=max).contains(&length));
        }

        #[test]
        fn a_number_fits_exactly_inside_its_bounds(number: i64, min: u32, max: u32) {
            let fits = attribute(DataType::Number, Some(min), Some(max)).check(&number.to_string()).is_ok();
            prop_assert_eq!(fits, (i64::from(min)..=i64::from(max)).contains(&number));
        }
    }
}
