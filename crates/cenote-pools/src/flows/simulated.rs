//! What is made up about users who do not exist, for app clients that hide it (PreventUserExistenceErrors): always the
//! same for the same name, nothing that anybody could predict without the pool's pepper, which never rotates.

use cenote_base::Sub;
use cenote_secrets::srp::Verifier;
use cenote_store::records::users::AliasKind;
use cenote_tokens::{Purpose, Scope};

use super::{Refusal, find};
use crate::Deps;
use crate::domain::pool::Pool;

/// What a name's user would be like.
pub(crate) struct Simulated {
    /// A `sub` that nobody has.
    pub sub: Sub,
    /// The username that the API shows.
    pub username: String,
    salt: [u8; 16],
    seed: [u8; 32],
}

impl Simulated {
    /// The made-up user whom `name` means in this pool.
    pub(crate) async fn of(deps: &Deps, pool: &Pool, name: &str) -> Result<Self, Refusal> {
        let (scope, key) = (Scope::Pool(pool.id.clone()), pool.username_key(name));
        let part = |what: &'static str| {
            let (scope, key) = (&scope, key.as_bytes());
            async move { deps.keyring.mac(scope, Purpose::Pepper, &[what.as_bytes(), key]).await }
        };
        let [sub, salt] = halves(part("sub and salt").await?);
        let sub = Sub::from_random_bytes(sub);
        let username = if is_shown_as_given(pool, &key) { key.clone() } else { sub.to_string() };
        Ok(Self { sub, username, salt, seed: part("verifier").await? })
    }

    /// A salt and verifier that belong to no password. Also for users who have none.
    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::simulated(self.salt, &self.seed)
    }
}

fn halves(bytes: [u8; 32]) -> [[u8; 16]; 2] {
    let (mut first, mut second) = ([0; 16], [0; 16]);
    let both = first.iter_mut().chain(&mut second);
    both.zip(bytes).for_each(|(to, byte)| *to = byte);
    [first, second]
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
