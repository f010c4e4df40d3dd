//! Signing in by SRP (reference 04 §4): the first step asks PASSWORD_VERIFIER, the second checks what is answered. All
//! that the server must know again stands in the [`Block`] that the app carries, so any node can go on, and no Session
//! is needed: one that is sent is not looked at.
//!
//! Both steps read, write and compute the same for a user who does not exist, where the client hides that.

mod block;

use std::sync::Arc;

use cenote_secrets::srp::{self, Challenge, Claim, ClientPublic, Verifier};
use cenote_store::records::{sessions, users};

use self::block::Block;
use super::credentials::{Attempt, Proven, take_limits};
use super::simulated::Simulated;
use super::{Entry, Refusal, find, password, simulated, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::{User, aliases_of};

/// What PASSWORD_VERIFIER asks.
#[derive(Debug)]
pub(crate) struct PasswordVerifier {
    /// The stored username, which the password is hashed with.
    pub username: String,
    /// `SALT`.
    pub salt: String,
    /// `SRP_B`.
    pub public: String,
    /// `SECRET_BLOCK`.
    pub block: String,
}

/// The first step: to the client's A, the user's salt and a B for this attempt.
pub(crate) async fn begin(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    name: &str,
    public: &str,
) -> Result<PasswordVerifier, Refusal> {
    supported::sign_in(pool)?;
    let a = ClientPublic::parse(public).map_err(|_| Refusal::SrpPublic)?;
    take_limits(deps, client, entry)?;
    let user = find::user(deps, pool, name).await?;
    match &user {
        None if !client.prevent_user_existence_errors => return Err(Refusal::UserNotFound),
        Some(user) if !user.stored().enabled => return Err(Refusal::Disabled),
        _ => {}
    }
    // Made for everybody: it costs some time.
    let simulated = Simulated::of(deps, pool, user.as_ref().map_or(name, User::username)).await?;
    let known = match &user {
        Some(user) => password::verifier(deps, pool, user).await?,
        None => None,
    };
    let verifier = known.unwrap_or_else(|| simulated.verifier());
    let salt = verifier.salt_hex();
    let random = Arc::clone(&deps.random);
    let challenge = deps.heavy.run(pool.id.as_str(), move || Challenge::make(&verifier, &*random)).await?;
    let public = challenge.public_hex();
    let block = Block::begin(deps, client, user.as_ref(), &simulated, a, challenge);
    Ok(PasswordVerifier {
        username: user.map_or(simulated.username, |user| user.username().to_owned()),
        salt,
        public,
        block: block.seal(deps, &pool.id, &client.id).await?,
    })
}

/// What is answered to PASSWORD_VERIFIER, as it was sent.
pub(crate) struct Answer<'a> {
    /// Who answers: the username or an alias of the block's user.
    pub name: &'a str,
    /// `PASSWORD_CLAIM_SECRET_BLOCK`.
    pub block: &'a str,
    /// `PASSWORD_CLAIM_SIGNATURE`.
    pub signature: &'a str,
    /// `TIMESTAMP`: signed, not read.
    pub timestamp: &'a str,
}

/// The second step. The block is used up by any answer that is compared, so that one block is one guess. A block that
/// does not open, or that is another user's, is answered as a wrong signature is: it is part of what is signed.
pub(crate) async fn answer(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    answer: &Answer<'_>,
) -> Result<Proven, Refusal> {
    supported::sign_in(pool)?;
    take_limits(deps, client, entry)?;
    let (block, sealed) = Block::open(deps, &pool.id, &client.id, answer.block).await?;
    let named = simulated::subject(deps, pool, answer.name).await?;
    // A made-up `sub` is looked for too.
    let record = users::find_by_sub(&deps.store, &pool.id, &block.sub).await?;
    let user = record.filter(|_| !block.is_simulated).map(User::from_record).transpose()?;
    let is_meant = match &user {
        Some(user) => is_name_of(pool, user, answer.name),
        None => named == block.subject,
    };
    match &user {
        None if !client.prevent_user_existence_errors => return Err(Refusal::UserNotFound),
        _ if !is_meant => return Err(Refusal::BadCredentials),
        Some(user) if !user.stored().enabled => return Err(Refusal::Disabled),
        _ => {}
    }
    let (subject, known) = match &user {
        Some(user) => (user.stored().sub.to_string(), password::verifier(deps, pool, user).await?),
        None => (hex::encode(block.subject), None),
    };
    // What was asked about one password is not answered with another.
    let same = user.as_ref().is_some_and(|user| user.stored().password_set_at == block.password_set_at);
    let can_be_right = known.is_some() && same;
    let verifier = known.unwrap_or_else(|| Verifier::simulated([0; 16], &block.subject));
    let (id, expires_at) = (block.id.to_string(), block.expires_at);
    let attempt = Attempt::claim(deps, pool, entry, &subject, sessions::consume(&id, expires_at)).await?;
    let username = user.as_ref().map_or(answer.name, User::username);
    let compared = compare(deps, pool, username, block, sealed, verifier, answer).await;
    let right = attempt.unless_compared(deps, compared, sessions::release(&id)).await?;
    match user {
        Some(user) => attempt.conclude(client, user, right && can_be_right),
        None => Err(Refusal::BadCredentials),
    }
}

/// Whether the signature was made with the verifier's password.
async fn compare(
    deps: &Deps,
    pool: &Pool,
    username: &str,
    block: Block,
    sealed: Vec<u8>,
    verifier: Verifier,
    answer: &Answer<'_>,
) -> Result<bool, Refusal> {
    let (group, user, timestamp) = (pool.id.name().to_owned(), username.to_owned(), answer.timestamp.to_owned());
    // What is no Base64 is a wrong signature.
    let signature = block::from_base64(answer.signature).unwrap_or_default();
    let compared = deps.heavy.run(pool.id.as_str(), move || {
        let claim =
            Claim { group: &group, user: &user, secret_block: &sealed, timestamp: &timestamp, signature: &signature };
        srp::check(&block.challenge, &block.a, &verifier, &claim)
    });
    // A and B that have no key between them prove nothing.
    Ok(compared.await?.unwrap_or(false))
}

/// Whether the user can be called so: by the username, or by an alias that it owns.
fn is_name_of(pool: &Pool, user: &User, name: &str) -> bool {
    pool.username_key(name) == user.stored().username_key
        || aliases_of(pool, user).iter().any(|(kind, value)| pool.alias_key(*kind, name) == *value)
}
