//! SECRET_BLOCK: SRP's state between its two steps, sealed and carried by the app. Always of the same length, whoever
//! it is for.

use cenote_base::{ClientId, PoolId, RandomExt as _, SecretBytes, Sub, Timestamp};
use cenote_secrets::srp::{Challenge, ClientPublic};
use cenote_tokens::{KeyringError, Purpose, Scope};
use uuid::Uuid;

use crate::Deps;
use crate::domain::client::Client;
use crate::domain::user::User;
use crate::flows::Refusal;
use crate::flows::simulated::Simulated;

/// The first byte of the inside.
const VERSION: u8 = 1;
/// The length of the inside: sealed it has 1,200 bytes, and 1,600 characters in Base64, about as many as Cognito's.
const LENGTH: usize = 1_155;
/// The most bytes of A and of B.
const NUMBER: usize = 384;
/// Stands in the inside for a user without a password.
const NEVER: i64 = i64::MIN;
/// Tells a block from a Session of the same client.
const STEP: &str = "PASSWORD_VERIFIER";

/// The inside of a block.
pub(super) struct Block {
    /// Names the block in `used_sessions`.
    pub id: Uuid,
    /// Whether there is no such user.
    pub is_simulated: bool,
    /// The user who is signing in, or a made-up one.
    pub sub: Sub,
    /// What stands for the user where there is none.
    pub subject: [u8; 32],
    /// The password that was asked for, by the time it was set: another one ends the block.
    pub password_set_at: Option<Timestamp>,
    /// When the block ends.
    pub expires_at: Timestamp,
    /// The client's A.
    pub a: ClientPublic,
    /// The server's b and B.
    pub challenge: Challenge,
}

impl Block {
    /// The block of a first step; `simulated` is who stands for the user where there is none.
    pub(super) fn begin(
        deps: &Deps,
        client: &Client,
        user: Option<&User>,
        simulated: &Simulated,
        a: ClientPublic,
        challenge: Challenge,
    ) -> Self {
        Self {
            id: deps.random.uuid_v4(),
            is_simulated: user.is_none(),
            sub: user.map_or(&simulated.sub, |user| &user.stored().sub).clone(),
            subject: simulated.subject,
            password_set_at: user.and_then(|user| user.stored().password_set_at),
            expires_at: deps.now() + client.auth_session_validity,
            a,
            challenge,
        }
    }

    /// The text that the app carries.
    pub(super) async fn seal(&self, deps: &Deps, pool: &PoolId, client: &ClientId) -> Result<String, Refusal> {
        let inside = self.inside();
        let context = [client.as_str(), STEP];
        let sealed = deps.keyring.seal(&Scope::Pool(pool.clone()), Purpose::Session, &context, inside.expose()).await?;
        Ok(to_base64(&sealed))
    }

    /// Opens a block that was made in this pool for this client, and gives the bytes that are signed.
    pub(super) async fn open(
        deps: &Deps,
        pool: &PoolId,
        client: &ClientId,
        text: &str,
    ) -> Result<(Self, Vec<u8>), Refusal> {
        let sealed = from_base64(text).ok_or(Refusal::BadCredentials)?;
        let context = [client.as_str(), STEP];
        let opened = deps.keyring.open_sealed(&Scope::Pool(pool.clone()), Purpose::Session, &context, &sealed).await;
        let opened = opened.map_err(|error| match error {
            KeyringError::NotOurs => Refusal::BadCredentials,
            other => other.into(),
        })?;
        let unreadable = || Refusal::Internal("a secret block of ours cannot be read".to_owned());
        let block = Self::read(opened.expose()).ok_or_else(unreadable)?;
        if block.expires_at <= deps.now() {
            return Err(Refusal::SessionExpired);
        }
        Ok((block, sealed))
    }

    fn inside(&self) -> SecretBytes {
        // Never moved while it grows: nothing of it stays behind.
        let mut inside = Vec::with_capacity(LENGTH);
        inside.extend([VERSION, u8::from(self.is_simulated)]);
        inside.extend(self.id.as_bytes());
        inside.extend(self.sub.as_str().as_bytes());
        inside.extend(self.subject);
        inside.extend(self.password_set_at.map_or(NEVER, Timestamp::millis).to_be_bytes());
        inside.extend(self.expires_at.millis().to_be_bytes());
        inside.extend(self.challenge.secret_bytes().expose());
        for number in [self.a.to_bytes(), self.challenge.public_bytes()] {
            inside.extend(std::iter::repeat_n(0, NUMBER.saturating_sub(number.len())));
            inside.extend(&number);
        }
        inside.resize(LENGTH, 0);
        SecretBytes::new(inside)
    }

    fn read(inside: &[u8]) -> Option<Self> {
        let ([version, is_simulated], rest) = inside.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (sub, rest) = rest.split_first_chunk::<36>()?;
        let (subject, rest) = rest.split_first_chunk()?;
        let (password_set_at, rest) = rest.split_first_chunk()?;
        let (expires_at, rest) = rest.split_first_chunk()?;
        let (secret, rest) = rest.split_first_chunk::<32>()?;
        let (a, rest) = rest.split_first_chunk::<NUMBER>()?;
        let (public, _) = rest.split_first_chunk::<NUMBER>()?;
        let password_set_at = Some(i64::from_be_bytes(*password_set_at)).filter(|at| *at != NEVER);
        (*version == VERSION).then_some(())?;
        Some(Self {
            id: Uuid::from_bytes(*id),
            is_simulated: *is_simulated != 0,
            sub: std::str::from_utf8(sub).ok()?.parse().ok()?,
            subject: *subject,
            password_set_at: password_set_at.map(Timestamp::from_millis),
            expires_at: Timestamp::from_millis(i64::from_be_bytes(*expires_at)),
            a: ClientPublic::from_bytes(a).ok()?,
            challenge: Challenge::from_parts(secret, public).ok()?,
        })
    }
}

fn to_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
