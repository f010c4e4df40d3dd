//! Challenge sessions: sealed, so that any node can go on; bound to pool, client, user and step; expiring; used once.

use cenote_base::{ClientId, PoolId, RandomExt, Sub, Timestamp};
use cenote_store::Batch;
use cenote_store::records::sessions;
use cenote_tokens::{KeyringError, Purpose, Scope};
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::user::User;

/// What a session asks for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// `NEW_PASSWORD_REQUIRED`.
    NewPassword,
}

/// The inside of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Names the session in `used_sessions`.
    pub id: String,
    /// The user who is signing in.
    pub sub: Sub,
    /// What is asked for.
    pub step: Step,
    /// The password that was proved, by the time it was set: another one ends the session.
    pub password_set_at: Option<Timestamp>,
    /// When the user had been signed out everywhere: a later time, as disabling sets it, ends the session.
    pub signed_out_at: Timestamp,
    /// When the session ends.
    pub expires_at: Timestamp,
}

impl Session {
    /// Begins a session of this user with this client.
    pub(crate) fn begin(deps: &Deps, client: &Client, user: &User, step: Step) -> Self {
        let now = deps.now();
        Self {
            id: deps.random.uuid_v4().to_string(),
            sub: user.stored().sub.clone(),
            step,
            password_set_at: user.stored().password_set_at,
            signed_out_at: user.stored().tokens_valid_after,
            expires_at: now + client.auth_session_validity,
        }
    }

    /// The text that the app carries.
    pub(crate) async fn seal(&self, deps: &Deps, pool: &PoolId, client: &ClientId) -> Result<String, Refusal> {
        let plain = serde_json::to_vec(self).map_err(|error| Refusal::Internal(error.to_string()))?;
        let context = [client.as_str()];
        let sealed = deps.keyring.seal(&Scope::Pool(pool.clone()), Purpose::Session, &context, &plain).await?;
        Ok(base64_url(&sealed))
    }

    /// Opens a session that was begun in this pool by this client and asks for `step`. Whether it was used is seen when
    /// it is [consumed](Self::consume), and by [`Self::check_unused`] before work is done for it.
    pub(crate) async fn open(
        deps: &Deps,
        pool: &PoolId,
        client: &ClientId,
        step: Step,
        text: &str,
    ) -> Result<Self, Refusal> {
        let sealed = from_base64_url(text).ok_or(Refusal::SessionInvalid)?;
        let context = [client.as_str()];
        let opened =
            deps.keyring.open_sealed(&Scope::Pool(pool.clone()), Purpose::Session, &context, &sealed).await.map_err(
                |error| match error {
                    KeyringError::NotOurs => Refusal::SessionInvalid,
                    other => other.into(),
                },
            )?;
        let session: Self = serde_json::from_slice(opened.expose()).map_err(|_| Refusal::SessionInvalid)?;
        if session.step != step {
            return Err(Refusal::SessionInvalid);
        }
        if session.expires_at <= deps.now() {
            return Err(Refusal::SessionExpired);
        }
        Ok(session)
    }

    /// Whether what the session was begun on still holds for its user.
    pub(crate) fn still_holds(&self, user: &User) -> bool {
        let stored = user.stored();
        stored.password_set_at == self.password_set_at && stored.tokens_valid_after == self.signed_out_at
    }

    /// Refuses a session that has done its work.
    pub(crate) async fn check_unused(&self, deps: &Deps) -> Result<(), Refusal> {
        if sessions::is_used(&deps.store, &self.id).await? { Err(Refusal::SessionUsed) } else { Ok(()) }
    }

    /// Uses the session up, in the batch of the success that it led to; unmet with `SessionUsed`.
    pub(crate) fn consume(&self) -> Batch {
        sessions::consume(&self.id, self.expires_at)
    }
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn from_base64_url(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}
