//! The password policy of a user pool and the temporary passwords that obey it (reference 03 §3).

use std::fmt;

use cenote_base::{Random, RandomExt, Secret};

/// What counts as a symbol, beside a space that is neither first nor last.
const SYMBOLS: &str = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+=";

/// The characters of generated passwords: none that people confuse (0 O, 1 l I), none that HTML or a shell would
/// change.
const GENERATED_UPPERCASE: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const GENERATED_LOWERCASE: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const GENERATED_NUMBERS: &[u8] = b"23456789";
const GENERATED_SYMBOLS: &[u8] = b"!@#%*-_+=?";
const GENERATED_ANY: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!@#%*-_+=?";

/// The length of a generated password unless the policy asks for more. Cognito never makes one shorter than eight.
const GENERATED_LENGTH: usize = 12;

/// A user pool's `Policies.PasswordPolicy`, as far as it judges a single password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The least number of characters (Unicode scalar values); Cognito allows 6 to 99.
    pub minimum_length: usize,
    /// At least one of A–Z.
    pub require_uppercase: bool,
    /// At least one of a–z.
    pub require_lowercase: bool,
    /// At least one of 0–9.
    pub require_numbers: bool,
    /// At least one of the symbols that Cognito counts, or a space that is neither first nor last.
    pub require_symbols: bool,
}

/// What a pool without a policy of its own asks for: eight characters of all four kinds.
impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_length: 8,
            require_uppercase: true,
            require_lowercase: true,
            require_numbers: true,
            require_symbols: true,
        }
    }
}

/// The first rule of a policy that a password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyViolation {
    /// Fewer characters than asked for.
    TooShort,
    /// No uppercase letter.
    NoUppercase,
    /// No lowercase letter.
    NoLowercase,
    /// No digit.
    NoNumber,
    /// No symbol.
    NoSymbol,
}

impl fmt::Display for PolicyViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for PolicyViolation {}

impl PolicyViolation {
    /// Cognito's words for it; the operation puts its own prefix in front.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort => "Password not long enough",
            Self::NoUppercase => "Password must have uppercase characters",
            Self::NoLowercase => "Password must have lowercase characters",
            Self::NoNumber => "Password must have numeric characters",
            Self::NoSymbol => "Password must have symbol characters",
        }
    }
}

impl PasswordPolicy {
    /// Checks the rules in Cognito's order and names the first that is broken.
    pub fn check(&self, password: &str) -> Result<(), PolicyViolation> {
        let has = |wanted: fn(char) -> bool| password.chars().any(wanted);
        if password.chars().count() < self.minimum_length {
            return Err(PolicyViolation::TooShort);
        }
        if self.require_uppercase && !has(|c| c.is_ascii_uppercase()) {
            return Err(PolicyViolation::NoUppercase);
        }
        if self.require_lowercase && !has(|c| c.is_ascii_lowercase()) {
            return Err(PolicyViolation::NoLowercase);
        }
        if self.require_numbers && !has(|c| c.is_ascii_digit()) {
            return Err(PolicyViolation::NoNumber);
        }
        let inner_space = password.trim_matches(' ').contains(' ');
        if self.require_symbols && !inner_space && !has(|c| SYMBOLS.contains(c)) {
            return Err(PolicyViolation::NoSymbol);
        }
        Ok(())
    }
}

/// A new temporary password that satisfies `policy`: one character of each kind at least, the rest of any kind, in
/// random order.
pub fn generate_temporary(policy: &PasswordPolicy, random: &dyn Random) -> Secret {
    let kinds = [GENERATED_UPPERCASE, GENERATED_LOWERCASE, GENERATED_NUMBERS, GENERATED_SYMBOLS];
    let length = policy.minimum_length.max(GENERATED_LENGTH);
    let mut password = String::with_capacity(length);
    for kind in kinds {
        password.push_str(&random.text(kind, 1));
    }
    password.push_str(&random.text(GENERATED_ANY, length.saturating_sub(kinds.len())));
    Secret::new(shuffled(password, random))
}

/// The same ASCII characters in an order that is equally likely to be any (Fisher–Yates).
fn shuffled(text: String, random: &dyn Random) -> String {
    let mut bytes = text.into_bytes();
    for last in (1..bytes.len()).rev() {
        let bound = u32::try_from(last.saturating_add(1)).unwrap_or(u32::MAX);
        bytes.swap(last, usize::try_from(random.below(bound)).unwrap_or(0));
    }
    bytes.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use cenote_base::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    const LENGTH_ONLY: PasswordPolicy = PasswordPolicy {
        minimum_length: 6,
        require_uppercase: false,
        require_lowercase: false,
        require_numbers: false,
        require_symbols: false,
    };

    #[test]
    fn the_first_broken_rule_is_named_in_cognitos_order() {
        let policy = PasswordPolicy::default();
        for (password, reason) in [
            ("", "Password not long enough"),
            ("a", "Password not long enough"),
            ("-------", "Password not long enough"),
            ("--------", "Password must have uppercase characters"),
            ("AAAAAAAA", "Password must have lowercase characters"),
            ("Aaaaaaaa", "Password must have numeric characters"),
            ("Aaaaaaa1", "Password must have symbol characters"),
        ] {
            let violation = policy.check(password).unwrap_err();
            assert_eq!((violation.reason(), violation.to_string().as_str()), (reason, reason), "{password}");
        }
        assert_eq!(policy.check("Aaaaaa1-"), Ok(()));
    }

    #[test]
    fn rules_that_are_off_are_not_asked() {
        assert_eq!(LENGTH_ONLY.check("aaaaaa"), Ok(()));
        assert_eq!(LENGTH_ONLY.check("aaaaa"), Err(PolicyViolation::TooShort));
    }

    #[test]
    fn length_counts_characters() {
        assert_eq!(LENGTH_ONLY.check("äöüßéè"), Ok(()));
        assert_eq!(LENGTH_ONLY.check("äöüßé"), Err(PolicyViolation::TooShort));
        assert_eq!(LENGTH_ONLY.check("😀😀😀😀😀"), Err(PolicyViolation::TooShort));
    }

    #[test]
    fn every_symbol_of_the_reference_counts_and_no_other() {
        let policy = PasswordPolicy { require_symbols: true, ..LENGTH_ONLY };
        for symbol in "^ $ * . [ ] { } ( ) ? - \" ! @ # % & / \\ , > < ' : ; | _ ~ ` + =".split(' ') {
            assert_eq!(policy.check(&format!("aaaaa{symbol}")), Ok(()), "{symbol}");
        }
        for other in ["aaaaaaé", "aaaaaa€", "aaaa\taaa", "aaaaaa§", "aaa\u{a0}aaa"] {
            assert_eq!(policy.check(other), Err(PolicyViolation::NoSymbol), "{other:?}");
        }
    }

    #[test]
    fn a_space_counts_inside_only() {
        let policy = PasswordPolicy { require_symbols: true, ..LENGTH_ONLY };
        assert_eq!(policy.check("aaa aaa"), Ok(()));
        for outside in [" aaaaaa", "aaaaaa ", "   aaaaaa   ", "       "] {
            assert_eq!(policy.check(outside), Err(PolicyViolation::NoSymbol), "{outside:?}");
        }
    }

    #[test]
    fn letters_and_digits_are_basic_latin() {
        let policy = PasswordPolicy::default();
        assert_eq!(policy.check("äÄ-12345"), Err(PolicyViolation::NoUppercase));
        assert_eq!(policy.check("A-ä12345"), Err(PolicyViolation::NoLowercase));
        assert_eq!(policy.check("Aa-٣٣٣٣٣"), Err(PolicyViolation::NoNumber));
    }

    #[test]
    fn generated_passwords_put_any_kind_anywhere() {
        let random = SeededRandom::new(11);
        let firsts: Vec<char> = (0..400)
            .filter_map(|_| generate_temporary(&PasswordPolicy::default(), &random).expose().chars().next())
            .collect();
        assert!(firsts.iter().any(char::is_ascii_uppercase));
        assert!(firsts.iter().any(char::is_ascii_lowercase));
        assert!(firsts.iter().any(char::is_ascii_digit));
        assert!(firsts.iter().any(|c| SYMBOLS.contains(*c)));
    }

    proptest! {
        #[test]
        fn generated_passwords_satisfy_any_policy(
            seed: u64, minimum_length in 0usize..=99, upper: bool, lower: bool, numbers: bool, symbols: bool,
        ) {
            let policy = PasswordPolicy {
                minimum_length,
                require_uppercase: upper,
                require_lowercase: lower,
                require_numbers: numbers,
                require_symbols: symbols,
            };
            let password = generate_temporary(&policy, &SeededRandom::new(seed));
            prop_assert_eq!(policy.check(password.expose()), Ok(()));
            let strictest = PasswordPolicy { minimum_length, ..PasswordPolicy::default() };
            prop_assert_eq!(strictest.check(password.expose()), Ok(()));
            prop_assert!((8..=99).contains(&password.expose().len()));
        }

        #[test]
        fn checking_never_panics(text: String) {
            let _ = PasswordPolicy::default().check(&text);
        }
    }
}
