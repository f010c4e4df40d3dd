//! Token families: what a sign-in leaves behind, and what all its tokens hang on.
//!
//! Present means valid: signing out and revoking delete the row. A row outlives its family by as long as access tokens of
//! the last refresh may live (`FAMILIES_KEPT` in the store's `records/swept.rs`). Tokens of clients with token revocation
//! disabled carry no `origin_jti` and so cannot be traced to their family; they are checked against the user's
//! `tokens_valid_after`.
//!
//! Where the app client rotates, each use of the refresh token replaces it: the family's generation rises, and the token
//! names its own ([`turn`], docs/decisions/0024-refresh-rotation.md).
//!
//! Tokens count in whole seconds, so a sign-out and the next sign-in may fall into one second. Two rules keep them
//! apart: a sign-in's `auth_time` is the first whole second not before the last sign-out, and a sign-out sets the mark
//! to [`signed_out_at`], or behind the `auth_time` of a sign-in that is ahead of time. Then a token is good exactly when
//! its `auth_time` is not before `tokens_valid_after`.

use std::time::Duration;

use cenote_base::{ClientId, Random, RandomExt, Timestamp};
use cenote_store::records::families::FamilyRecord;
use cenote_store::records::users::UserRecord;

/// The scope that lets an access token use the operations of its user; sign-in by the API grants it alone.
pub const USER_ADMIN_SCOPE: &str = "aws.cognito.signin.user.admin";

/// A sign-in that is about to succeed.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// The user as it was read.
    pub user: &'a UserRecord,
    /// The app client.
    pub client: &'a ClientId,
    /// The granted scopes, separated by spaces.
    pub scopes: &'a str,
    /// The methods of the sign-in, as `amr` names them.
    pub methods: &'a [&'a str],
    /// The device that the tokens are bound to.
    pub device_key: Option<&'a str>,
    /// The managed-login session that it came through.
    pub sso_id: Option<&'a str>,
    /// The id that session lists show, where the pool tracks sessions.
    pub session_id: Option<&'a str>,
    /// RefreshTokenValidity: counted from now, and never extended.
    pub refresh_validity: Duration,
}

/// The family that the sign-in begins. Its row ([`cenote_store::records::families::insert`]) belongs into the batch that
/// claims the challenge.
pub fn begin(sign_in: &SignIn<'_>, now: Timestamp, random: &dyn Random) -> FamilyRecord {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    FamilyRecord {
        origin_jti: random.uuid_v4().to_string(),
        pool_id: sign_in.user.pool_id.clone(),
        sub: sign_in.user.sub.clone(),
        client_id: sign_in.client.clone(),
        generation: 0,
        rotated_at: None,
        scopes: sign_in.scopes.to_owned(),
        methods: serde_json::Value::from(sign_in.methods).to_string(),
        device_key: owned(sign_in.device_key),
        sso_id: owned(sign_in.sso_id),
        session_id: owned(sign_in.session_id),
        details: "{}".to_owned(),
        auth_time: auth_time(now, sign_in.user),
        created_at: now,
        last_active_at: now,
        expires_at: now + sign_in.refresh_validity,
    }
}

/// The `auth_time` of a sign-in of this user: a whole second, and not before the user's last sign-out, so at most a second
/// ahead of `now`.
pub fn auth_time(now: Timestamp, user: &UserRecord) -> Timestamp {
    let earliest = user.tokens_valid_after.millis();
    let whole = earliest.div_euclid(1000).saturating_add(i64::from(earliest.rem_euclid(1000) != 0));
    Timestamp::from_secs(now.secs().max(whole))
}

/// What `tokens_valid_after` becomes, at least, when the user is signed out everywhere: everything issued until now is
/// dead, and what the next sign-in issues is not.
pub fn signed_out_at(now: Timestamp) -> Timestamp {
    now + Duration::from_millis(1)
}

/// What becomes of a refresh token that is used and good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the present one, and stays so: the client does not rotate.
    Keep,
    /// It is the present one, and the next takes its place: see [`rotated`].
    Rotate,
    /// It was replaced a moment ago, so the answer with its successor may have got lost: the present one is given
    /// again.
    Retry,
}

/// What becomes of the family's refresh token of this `generation`; `None` when it was replaced and nobody may use it
/// any more. `grace`: how long a token is good after it was replaced, where the client rotates; `None` where it does
/// not, then only the present token is good.
pub fn turn(family: &FamilyRecord, generation: i64, grace: Option<Duration>, now: Timestamp) -> Option<Turn> {
    if generation == family.generation {
        return Some(if grace.is_some() { Turn::Rotate } else { Turn::Keep });
    }
    let is_previous = generation.checked_add(1) == Some(family.generation);
    let since = now.since(family.rotated_at?);
    (is_previous && grace.is_some_and(|grace| since < grace)).then_some(Turn::Retry)
}

/// The family after a rotation now, as [`cenote_store::records::families::rotate`] writes it.
pub fn rotated(family: &FamilyRecord, now: Timestamp) -> FamilyRecord {
    FamilyRecord {
        generation: family.generation.saturating_add(1),
        rotated_at: Some(now),
        last_active_at: now,
        ..family.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn family(generation: i64, rotated_at: Option<Timestamp>) -> FamilyRecord {
        FamilyRecord {
            origin_jti: "3c6ea56b-0000-4000-8000-000000000001".into(),
            pool_id: "us-east-1_AbCdEfGhI".parse().unwrap(),
            sub: "34c84488-e0e1-70ae-d2ee-991ad1a898c8".parse().unwrap(),
            client_id: "26cb2c60kq7nbmas7rbme9b6pp".parse().unwrap(),
            generation,
            rotated_at,
            scopes: USER_ADMIN_SCOPE.into(),
            methods: "[]".into(),
            device_key: None,
            sso_id: None,
            session_id: None,
            details: "{}".into(),
            auth_time: Timestamp::from_secs(1),
            created_at: Timestamp::from_secs(1),
            last_active_at: Timestamp::from_secs(1),
            expires_at: Timestamp::from_secs(10_000),
        }
    }

    #[test]
    fn the_present_token_rotates_where_the_client_does() {
        let (grace, now) = (Some(Duration::ZERO), Timestamp::from_secs(100));
        for family in [family(0, None), family(3, Some(now))] {
            assert_eq!(turn(&family, family.generation, grace, now), Some(Turn::Rotate));
            assert_eq!(turn(&family, family.generation, None, now), Some(Turn::Keep));
        }
    }

    #[test]
    fn the_token_before_is_good_for_the_grace_period() {
        let (grace, at) = (Duration::from_secs(60), Timestamp::from_secs(100));
        let family = family(3, Some(at));
        let (just, over) = (at + Duration::from_millis(59_999), at + grace);
        for now in [at, just] {
            assert_eq!(turn(&family, 2, Some(grace), now), Some(Turn::Retry));
            assert_eq!(turn(&family, 1, Some(grace), now), None, "but none before that");
            assert_eq!(turn(&family, 2, Some(Duration::ZERO), now), None, "unless there is no grace");
            assert_eq!(turn(&family, 2, None, now), None, "or no rotation any more");
        }
        assert_eq!(turn(&family, 2, Some(grace), over), None);
        // The node that rotated it has a clock that goes ahead.
        assert_eq!(turn(&family, 2, Some(grace), Timestamp::from_secs(99)), Some(Turn::Retry));
        assert_eq!(turn(&family, 2, Some(Duration::ZERO), Timestamp::from_secs(99)), None);
    }

    proptest! {
        /// Whoever uses the newest token, and repeats within the grace period a use whose answer got lost, is
        /// never refused; whoever comes with an older token always is.
        #[test]
        fn who_keeps_the_newest_token_stays(
            steps in prop::collection::vec((0..100_i64, any::<bool>()), 1..40),
            grace in 0..=60_u64,
        ) {
            let grace = Duration::from_secs(grace);
            let (mut family, mut mine, mut now) = (family(0, None), 0, Timestamp::from_secs(100));
            for (wait, is_lost) in steps {
                now = now + Duration::from_secs(wait.unsigned_abs());
                let is_late = mine < family.generation && now.since(family.rotated_at.unwrap()) >= grace;
                let found = turn(&family, mine, Some(grace), now);
                prop_assert_eq!(found.is_none(), is_late);
                for older in 0..mine.min(family.generation - 1) {
                    prop_assert_eq!(turn(&family, older, Some(grace), now), None);
                }
                match found {
                    Some(Turn::Rotate) => family = rotated(&family, now),
                    Some(Turn::Retry) => {}
                    _ => return Ok(()),
                }
                prop_assert_eq!(family.expires_at, Timestamp::from_secs(10_000), "it does not slide");
                if !is_lost {
                    mine = family.generation;
                }
            }
        }
    }
}
