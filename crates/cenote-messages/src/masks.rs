//! How a destination is shown to somebody who may not see it whole: in `CodeDeliveryDetails`, challenge parameters
//! and on the login pages (reference 03 §2).

use crate::Medium;

/// How many digits at the end of a phone number stay visible.
const VISIBLE_DIGITS: usize = 4;

/// Masks `destination` in the way of its medium.
pub fn destination(medium: Medium, destination: &str) -> String {
    match medium {
        Medium::Email => email(destination),
        Medium::Sms => phone(destination),
    }
}

/// `alice@example.com` → `a***@e***`: the first character of the local part and of the domain. The length of neither
/// is given away. What has no `@` keeps only its first character.
pub fn email(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{}", first_character(local), first_character(domain)),
        None => first_character(address),
    }
}

/// `+12065559934` → `+*******9934`: a star for each hidden digit, the last four as they are. A number of four digits
/// or fewer, which no real one has, is hidden whole.
pub fn phone(number: &str) -> String {
    let (plus, digits) = number.strip_prefix('+').map_or(("", number), |digits| ("+", digits));
    let count = digits.chars().count();
    let hidden = if count > VISIBLE_DIGITS { count - VISIBLE_DIGITS } else { count };
    let visible: String = digits.chars().skip(hidden).collect();
    format!("{plus}{}{visible}", "*".repeat(hidden))
}

fn first_character(text: &str) -> String {
    text.chars().next().into_iter().chain("***".chars()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_the_reference() {
        assert_eq!(destination(Medium::Email, "alice@example.com"), "a***@e***");
        assert_eq!(destination(Medium::Sms, "+12065559934"), "+*******9934");
    }

    #[test]
    fn odd_input_is_still_hidden() {
        assert_eq!(email("élodie@übung.example"), "é***@ü***");
        assert_eq!(email("\"a@b\"@example.com"), "\"***@e***");
        assert_eq!(email("alice"), "a***");
        assert_eq!(email("@"), "***@***");
        assert_eq!(email(""), "***");
        assert_eq!(phone("+1"), "+*");
        assert_eq!(phone("+1234"), "+****");
        assert_eq!(phone("+12345"), "+*2345");
        assert_eq!(phone("12345678"), "****5678");
        assert_eq!(phone("+١٢٣٤٥٦"), "+**٣٤٥٦");
        assert_eq!(phone(""), "");
    }

    proptest! {
        #[test]
        fn an_address_shows_two_characters_at_most(local in "[a-z0-9.]{1,40}", domain in "[a-z0-9.]{1,40}") {
            let masked = email(&format!("{local}@{domain}"));
            let mut expected = String::new();
            expected.extend(local.chars().take(1));
            expected.push_str("***@");
            expected.extend(domain.chars().take(1));
            expected.push_str("***");
            prop_assert_eq!(masked, expected);
        }

        #[test]
        fn a_number_keeps_its_length_and_four_digits_at_most(number in "\\+[0-9]{1,20}") {
            let masked = phone(&number);
            prop_assert_eq!(masked.len(), number.len());
            prop_assert!(masked.chars().filter(char::is_ascii_digit).count() <= VISIBLE_DIGITS);
        }

        #[test]
        fn nothing_panics(text: String) {
            let _ = email(&text);
            let _ = phone(&text);
        }
    }
}
