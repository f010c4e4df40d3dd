//! The query string, taken apart and put into the form that is signed.

use std::fmt::Write as _;

/// A name and a value, percent-decoded. A `+` is a plus: signers write a space as `%20`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    name: Vec<u8>,
    value: Vec<u8>,
}

/// The pairs in the order in which they stand.
pub(super) fn pairs(query: Option<&str>) -> Vec<Pair> {
    let parts = query.unwrap_or("").split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Pair { name: decode(name), value: decode(value) }
        })
        .collect()
}

/// The first value of this name; a value that is not UTF-8 is shown with replacement characters.
pub(super) fn value(pairs: &[Pair], name: &str) -> Option<String> {
    let pair = pairs.iter().find(|pair| pair.name == name.as_bytes())?;
    Some(String::from_utf8_lossy(&pair.value).into_owned())
}

/// The canonical query: encoded, sorted by name and then by value, without the signature itself.
pub(super) fn canonical(pairs: &[Pair]) -> String {
    let mut encoded: Vec<(String, String)> = pairs
        .iter()
        .filter(|pair| pair.name != b"X-Amz-Signature")
        .map(|pair| (encode(&pair.name, ""), encode(&pair.value, "")))
        .collect();
    encoded.sort_unstable();
    let mut text = String::new();
    for (name, value) in encoded {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&name);
        text.push('=');
        text.push_str(&value);
    }
    text
}

/// Percent-encodes all but RFC 3986's unreserved characters and those in `keep`.
pub(super) fn encode(bytes: &[u8], keep: &str) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        let letter = char::from(*byte);
        if letter.is_ascii_alphanumeric() || "-_.~".contains(letter) || keep.contains(letter) {
            text.push(letter);
        } else {
            // Writing to a String can't fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Percent-decodes; a `%` that two hexadecimal digits don't follow stands for itself.
fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0usize;
    while let Some(byte) = bytes.get(at) {
        let digits = (digit(bytes.get(at.saturating_add(1))), digit(bytes.get(at.saturating_add(2))));
        if let (b'%', (Some(high), Some(low))) = (byte, digits) {
            decoded.push(u8::try_from(high.saturating_mul(16).saturating_add(low)).unwrap_or(0));
            at = at.saturating_add(3);
        } else {
            decoded.push(*byte);
            at = at.saturating_add(1);
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical_of(query: &str) -> String {
        canonical(&pairs(Some(query)))
    }

    #[test]
    fn pairs_are_encoded_sorted_and_complete() {
        for (query, canonical) in [
            ("", ""),
            ("&&", ""),
            ("a", "a="),
            ("a=", "a="),
            ("b=2&a=1&a=0&A=3", "A=3&a=0&a=1&b=2"),
            ("Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "%E1%88%B4=Value1&Param=Value2&Param-3=Value3"),
            ("a=b=c", "a=b%3Dc"),
            ("a=x%20y+z%2fz", "a=x%20y%2Bz%2Fz"),
            ("a=%zz%4", "a=%25zz%254"),
            ("a=ü", "a=%C3%BC"),
            ("X-Amz-Signature=0&X-Amz-Date=1", "X-Amz-Date=1"),
            ("X-Amz-Signature%32=0", "X-Amz-Signature2=0"),
        ] {
            assert_eq!(canonical_of(query), canonical, "{query}");
        }
    }

    #[test]
    fn the_first_value_counts() {
        let pairs = pairs(Some("X-Amz-Date=1&x-amz-date=2&X-Amz-Date=3&y=%ff"));
        assert_eq!(value(&pairs, "X-Amz-Date").as_deref(), Some("1"));
        assert_eq!(value(&pairs, "y").as_deref(), Some("\u{fffd}"));
        assert_eq!(value(&pairs, "z"), None);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes, "")), bytes);
        }

        #[test]
        fn the_canonical_form_is_its_own(query: String) {
            let once = canonical_of(&query);
            prop_assert_eq!(canonical_of(&once), once);
        }
    }
}
