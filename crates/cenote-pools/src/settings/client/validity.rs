//! How long tokens live: units × values must stay in Cognito's ranges.

use std::ops::RangeInclusive;

use cenote_wire::ApiError;
use cenote_wire::idp::{TimeUnitsType, UserPoolClientType};

use crate::domain::client::Unit;

/// Access and ID tokens: five minutes to a day, in seconds.
const TOKEN_SECONDS: RangeInclusive<u64> = 300..=86_400;
/// Refresh tokens: an hour to ten years, in seconds.
const REFRESH_SECONDS: RangeInclusive<u64> = 3_600..=315_360_000;
/// What access and ID tokens live where nothing is set, in seconds.
const DEFAULT_TOKEN_SECONDS: u64 = 3_600;
/// What refresh tokens live where nothing is set, in seconds.
const DEFAULT_REFRESH_SECONDS: i32 = 30 * 86_400;

fn unit(unit: Option<&TimeUnitsType>, default: Unit) -> Unit {
    match unit {
        Some(TimeUnitsType::Seconds) => Unit::Seconds,
        Some(TimeUnitsType::Minutes) => Unit::Minutes,
        Some(TimeUnitsType::Hours) => Unit::Hours,
        Some(TimeUnitsType::Days) => Unit::Days,
        None | Some(TimeUnitsType::Unknown(_)) => default,
    }
}

/// The refresh token's validity with its default, thirty days, in the unit that is set.
pub(super) fn refresh(validity: Option<i32>, given_unit: Option<&TimeUnitsType>) -> i32 {
    match validity.filter(|count| *count != 0) {
        Some(count) => count,
        None => match unit(given_unit, Unit::Days) {
            Unit::Seconds => DEFAULT_REFRESH_SECONDS,
            Unit::Minutes => DEFAULT_REFRESH_SECONDS / 60,
            Unit::Hours => DEFAULT_REFRESH_SECONDS / 3_600,
            Unit::Days => DEFAULT_REFRESH_SECONDS / 86_400,
        },
    }
}

fn seconds(count: i32, unit: Unit) -> u64 {
    unit.seconds(u32::try_from(count).unwrap_or(0))
}

/// Refuses validities out of range, and tokens that outlive the refresh token.
pub(super) fn check(client: &UserPoolClientType) -> Result<(), ApiError> {
    let units = client.token_validity_units.clone().unwrap_or_default();
    let token = |validity: Option<i32>, given: Option<&TimeUnitsType>| {
        validity.map_or(DEFAULT_TOKEN_SECONDS, |count| seconds(count, unit(given, Unit::Hours)))
    };
    let access = token(client.access_token_validity, units.access_token.as_ref());
    let id = token(client.id_token_validity, units.id_token.as_ref());
    let refresh_unit = unit(units.refresh_token.as_ref(), Unit::Days);
    let refresh = seconds(client.refresh_token_validity.unwrap_or(0), refresh_unit);
    if !TOKEN_SECONDS.contains(&access) || !TOKEN_SECONDS.contains(&id) || !REFRESH_SECONDS.contains(&refresh) {
        return Err(ApiError::invalid_parameter("Invalid range for token validity."));
    }
    if access.max(id) > refresh {
        return Err(ApiError::invalid_parameter(
            "Access and Id Token expiration times must be less than or equal to refresh token expiration times.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cenote_wire::idp::TokenValidityUnitsType;
    use proptest::prelude::*;

    use super::*;

    const UNITS: [(&str, u64); 4] = [("seconds", 1), ("minutes", 60), ("hours", 3_600), ("days", 86_400)];

    fn refusal(client: &UserPoolClientType) -> Option<String> {
        check(client).err().and_then(|error| error.message)
    }

    #[test]
    fn the_default_is_thirty_days_in_any_unit() {
        for (name, each) in UNITS {
            let count = refresh(None, Some(&TimeUnitsType::from(name)));
            assert_eq!(u64::try_from(count).unwrap() * each, 30 * 86_400, "{name}");
            assert_eq!(refresh(Some(0), Some(&TimeUnitsType::from(name))), count);
        }
        assert_eq!(refresh(None, None), 30);
        assert_eq!(refresh(Some(7), None), 7);
    }

    proptest! {
        #[test]
        fn ranges_are_kept_in_seconds(
            access in 1i32..=86_400, access_unit in 0usize..4, id in 1i32..=86_400, id_unit in 0usize..4,
            refresh_count in 1i32..=315_360_000, refresh_unit in 0usize..4,
        ) {
            let word = |at: usize| Some(TimeUnitsType::from(UNITS[at].0));
            let client = UserPoolClientType {
                access_token_validity: Some(access),
                id_token_validity: Some(id),
                refresh_token_validity: Some(refresh_count),
                token_validity_units: Some(TokenValidityUnitsType {
                    access_token: word(access_unit),
                    id_token: word(id_unit),
                    refresh_token: word(refresh_unit),
                }),
                ..UserPoolClientType::default()
            };
            let lasting = |count: i32, at: usize| u64::try_from(count).unwrap() * UNITS[at].1;
            let (access, id) = (lasting(access, access_unit), lasting(id, id_unit));
            let refresh = lasting(refresh_count, refresh_unit);
            let in_range = (300..=86_400).contains(&access) && (300..=86_400).contains(&id)
                && (3_600..=315_360_000).contains(&refresh);
            let expected = if !in_range {
                Some("Invalid range for token validity.".to_owned())
            } else if access > refresh || id > refresh {
                Some("Access and Id Token expiration times must be less than or equal to refresh token expiration \
                      times.".to_owned())
            } else {
                None
            };
            prop_assert_eq!(refusal(&client), expected);
        }
    }
}
