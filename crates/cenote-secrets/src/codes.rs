//! One-time codes as Cognito sends them: decimal digits, leading zeros kept (reference 01 §6).

use cenote_base::{Random, RandomExt, Secret};

/// A code of six digits: sign-up, attribute verification, recovery, MFA by SMS and e-mail.
pub fn six_digits(random: &dyn Random) -> Secret {
    Secret::new(random.digits(6))
}

/// A code of eight digits: the first factor `EMAIL_OTP` and `SMS_OTP` of `USER_AUTH`.
pub fn eight_digits(random: &dyn Random) -> Secret {
    Secret::new(random.digits(8))
}

#[cfg(test)]
mod tests {
    use cenote_base::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leading_zeros_are_kept_and_occur() {
        let random = SeededRandom::new(5);
        let codes: Vec<_> = (0..200).map(|_| six_digits(&random)).collect();
        assert!(codes.iter().any(|code| code.expose().starts_with('0')));
        assert!(codes.iter().all(|code| code.expose().len() == 6));
    }

    proptest! {
        #[test]
        fn codes_are_digits_of_the_asked_length(seed: u64) {
            let random = SeededRandom::new(seed);
            for (code, length) in [(six_digits(&random), 6), (eight_digits(&random), 8)] {
                prop_assert_eq!(code.expose().len(), length);
                prop_assert!(code.expose().bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }
}
