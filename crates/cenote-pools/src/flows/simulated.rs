//! What is made up about users who do not exist, for app clients that hide it (PreventUserExistenceErrors): always the
//! same for the same name, nothing that anybody could predict without the pool's pepper, which never rotates.

use cenote_base::Sub;
use cenote_secrets::srp::Verifier;
use cenote_store::records::users::AliasKind;
use cenote_tokens::{Purpose, Scope};

use super::{Refusal, find};
use crate::Deps;
use crate::domain::pool::Pool;

/// What a name's user would be like. Salt, verifier and subject hang on the username that is shown: who goes on with
/// that one, as clients do, meets the same user.
pub(crate) struct Simulated {
    /// A `sub` that nobody has.
    pub sub: Sub,
    /// The username that the API shows.
    pub username: String,
    /// See [`subject`].
    pub subject: [u8; 32],
    salt: [u8; 16],
    seed: [u8; 32],
}

impl Simulated {
    /// The made-up user whom `name` means in this pool.
    pub(crate) async fn of(deps: &Deps, pool: &Pool, name: &str) -> Result<Self, Refusal> {
        let (sub, username) = named(deps, pool, name).await?;
        Ok(Self {
            sub,
            subject: subject_of(deps, pool, &username).await?,
            salt: first_half(pepper(deps, pool, "salt", &username).await?),
            seed: pepper(deps, pool, "verifier", &username).await?,
            username,
        })
    }

    /// A salt and verifier that belong to no password. Also for users who have none.
    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::simulated(self.salt, &self.seed)
    }
}

/// What stands for an unknown user's `sub` in counts and memories: tells nothing about the name without the key.
pub(crate) async fn subject(deps: &Deps, pool: &Pool, name: &str) -> Result<[u8; 32], Refusal> {
    let (_, username) = named(deps, pool, name).await?;
    subject_of(deps, pool, &username).await
}

async fn subject_of(deps: &Deps, pool: &Pool, username: &str) -> Result<[u8; 32], Refusal> {
    Ok(deps.keyring.mac(&Scope::Pool(pool.id.clone()), Purpose::Subject, &[username.as_bytes()]).await?)
}

/// The `sub` and the username of the made-up user whom `name` means.
async fn named(deps: &Deps, pool: &Pool, name: &str) -> Result<(Sub, String), Refusal> {
    let key = pool.username_key(name);
    let sub = Sub::from_random_bytes(first_half(pepper(deps, pool, "sub", &key).await?));
    let username = if is_shown_as_given(pool, &key) { key } else { sub.to_string() };
    Ok((sub, username))
}

async fn pepper(deps: &Deps, pool: &Pool, what: &str, of: &str) -> Result<[u8; 32], Refusal> {
    let parts = [what.as_bytes(), of.as_bytes()];
    Ok(deps.keyring.mac(&Scope::Pool(pool.id.clone()), Purpose::Pepper, &parts).await?)
}

fn first_half(bytes: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    half
}

/// Whether a user who is found by this name has it as username. Not where usernames are made by Cenote, except for such
/// a username itself; nor for an address that may only be an alias: what the username beside it is nobody can make up,
/// so it is an identifier there too.
fn is_shown_as_given(pool: &Pool, key: &str) -> bool {
    if !pool.username_attributes.is_empty() {
        return key.parse::<Sub>().is_ok();
    }
    let email = pool.alias_attributes.contains(&AliasKind::Email) && find::is_email(key);
    let phone = pool.alias_attributes.contains(&AliasKind::PhoneNumber) && find::is_phone(key);
    !email && !phone
}
