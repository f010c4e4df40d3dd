//! Token families: what a sign-in leaves behind, and what all its tokens hang on.
//!
//! Present means valid: signing out and revoking delete the row. A row outlives its family by as long as access tokens of
//! the last refresh may live (`FAMILIES_KEPT` in the store's `records/swept.rs`). Tokens of clients with token revocation
//! disabled carry no `origin_jti` and so cannot be traced to their family; they are checked against the user's
//! `tokens_valid_after`.
//! Tokens count in whole seconds, so a sign-out and the next sign-in may fall into one second. Two rules keep them apart:
//! a sign-out sets [`signed_out_at`], and a sign-in's `auth_time` is the first whole second not before that. Then a token
//! is good exactly when its `auth_time` is not before `tokens_valid_after`.

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

/// What `tokens_valid_after` becomes when the user is signed out everywhere: everything issued until now is dead, and
/// what the next sign-in issues is not.
pub fn signed_out_at(now: Timestamp) -> Timestamp {
    now + Duration::from_millis(1)
}
