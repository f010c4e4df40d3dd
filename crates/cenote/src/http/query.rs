//! What stands behind a path's `?` (the form of HTML 5's `application/x-www-form-urlencoded`).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The value of each name, decoded; `None` for a name that is missing or stands there twice, and for what is no UTF-8:
/// two readers would take different ones for the value.
pub fn values<const N: usize>(query: &str, names: [&str; N]) -> [Option<String>; N] {
    names.map(|name| {
        let mut found = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key).as_deref() == Some(name)).then(|| decode(value))
        });
        match (found.next(), found.next()) {
            (Some(value), None) => value,
            _ => None,
        }
    })
}

/// Percent-decoded, a plus being a space.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_and_b(query: &str) -> [Option<String>; 2] {
        values(query, ["a", "b"])
    }

    #[test]
    fn values_are_found_and_decoded() {
        let found = |a: &str, b: &str| [Some(a.to_owned()), Some(b.to_owned())];
        assert_eq!(a_and_b("a=1&b=2"), found("1", "2"));
        assert_eq!(a_and_b("x=0&b=%c3%AB+%2B&%61=1%3D2=3"), found("1=2=3", "\u{eb} +"));
        assert_eq!(a_and_b("a&b="), found("", ""));
        assert_eq!(a_and_b("a=%zz&b=%"), found("%zz", "%"), "what is no encoding stands for itself");
    }

    #[test]
    fn what_is_missing_doubled_or_broken_is_nothing() {
        for query in ["", "b=2", "a=1&a=1", "a=1&%61=2", "a=%ff", "A=1"] {
            assert_eq!(a_and_b(query)[0], None, "{query}");
        }
        assert_eq!(a_and_b("a=%ff&b=2")[1].as_deref(), Some("2"));
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(value: String, noise in "[a-z=%+]{0,20}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let query = format!("x{noise}&v={encoded}");
            prop_assert_eq!(values(&query, ["v"]), [Some(value)]);
        }

        #[test]
        fn no_query_panics(query: String) {
            let _ = a_and_b(&query);
        }
    }
}
