//! Whole numbers of any length: attribute values and their bounds are texts that need not fit a machine word.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A whole number of any length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Integer {
    negative: bool,
    /// Decimal digits without leading zeros; empty for zero, which is never negative.
    digits: String,
}

/// A text that is no whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number")]
pub struct NotAnInteger;

impl FromStr for Integer {
    type Err = NotAnInteger;

    /// An optional `-` and decimal digits, nothing else.
    fn from_str(text: &str) -> Result<Self, NotAnInteger> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnInteger);
        }
        let digits = digits.trim_start_matches('0').to_owned();
        Ok(Self { negative: negative && !digits.is_empty(), digits })
    }
}

impl From<u32> for Integer {
    fn from(number: u32) -> Self {
        let digits = if number == 0 { String::new() } else { number.to_string() };
        Self { negative: false, digits }
    }
}

impl Ord for Integer {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = || self.digits.len().cmp(&other.digits.len()).then_with(|| self.digits.cmp(&other.digits));
        match (self.negative, other.negative) {
            (false, false) => size(),
            (true, true) => size().reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() { "0" } else { &self.digits };
        write!(f, "{sign}{digits}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn integer(text: &str) -> Integer {
        text.parse().unwrap()
    }

    #[test]
    fn only_whole_decimal_numbers() {
        for bad in ["", "-", "+1", "1.0", "1e3", " 1", "1 ", "0x1", "٣", "--1", "1_000"] {
            assert_eq!(bad.parse::<Integer>(), Err(NotAnInteger), "{bad:?}");
        }
        assert_eq!(integer("-0"), integer("000"));
        assert_eq!(integer("0042").to_string(), "42");
    }

    #[test]
    fn numbers_beyond_a_machine_word_compare() {
        assert!(
            integer("99999999999999999999999999999999999999999") > integer("99999999999999999999999999999999999999998")
        );
        assert!(integer("-100000000000000000000000000000000000000000") < integer("-1"));
    }

    proptest! {
        #[test]
        fn agrees_with_machine_numbers(a: i128, b: i128) {
            let (x, y) = (integer(&a.to_string()), integer(&b.to_string()));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.to_string(), a.to_string());
        }

        #[test]
        fn small_numbers_convert(a: u32) {
            prop_assert_eq!(Integer::from(a), integer(&a.to_string()));
        }
    }
}
