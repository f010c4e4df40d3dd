//! Numbers as Cognito's SRP writes and hashes them (reference 04 §4).

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

/// The bytes without leading zeros.
pub(super) fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// `pad(n)`: the number's bytes without leading zeros, but with one zero byte in front when the first hex digit is 8 or
/// more; zero is one zero byte. It is what Java's `BigInteger.toByteArray` gives for a number that is not negative.
///
/// Its length, and so the time of what hashes it, tells how many leading zero bytes the number has; every client and
/// server of this protocol has that in common.
pub(super) fn pad(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let digits = significant(bytes);
    let mut padded = Zeroizing::new(Vec::with_capacity(digits.len().saturating_add(1)));
    if digits.first().is_none_or(|first| *first >= 0x80) {
        padded.push(0);
    }
    padded.extend_from_slice(digits);
    padded
}

/// Lower-case hex without leading zeros, as `BigInteger.toString(16)` gives it. Clients that pad the text and clients
/// that pad the number agree on it, and on no other spelling.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let digits = hex::encode(significant(bytes));
    match digits.strip_prefix('0').unwrap_or(&digits) {
        "" => "0".to_owned(),
        unpadded => unpadded.to_owned(),
    }
}

/// The bytes of a hex number of either case, which may have an odd number of digits; `None` when it has others.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len().is_multiple_of(2) { hex::decode(text).ok() } else { hex::decode(format!("0{text}")).ok() }
}

/// SHA-256 of all parts, one after the other.
pub(super) fn sha256(parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = Zeroizing::new([0; 32]);
    copy(out.as_mut(), context.finish().as_ref());
    out
}

/// Copies as many bytes as both have.
pub(super) fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_that_of_a_signed_number() {
        for (number, padded) in [
            ("", "00"),
            ("00", "00"),
            ("0000", "00"),
            ("01", "01"),
            ("7f", "7f"),
            ("80", "0080"),
            ("007f01", "7f01"),
            ("0000ff01", "00ff01"),
            ("00f3d024", "00f3d024"),
        ] {
            assert_eq!(hex::encode(&*pad(&hex::decode(number).unwrap())), padded, "{number}");
        }
    }

    #[test]
    fn hex_is_unpadded() {
        for (number, text) in [("", "0"), ("00", "0"), ("0a", "a"), ("000abc", "abc"), ("f00d", "f00d"), ("10", "10")] {
            assert_eq!(to_hex(&hex::decode(number).unwrap()), text, "{number}");
        }
    }
}
