//! A user proves an address of its own: asks for a code, gives one back (reference 03 §9).

use cenote_messages::MessageKind;
use cenote_store::records::users::{AliasKind, unchanged};

use super::codes::{self, CodeDelivery, CodePurpose, Returned, Verdict};
use super::hourly::{Hourly, limited};
use super::write::{TRIES, Written, commit, update_user};
use super::{Refusal, aliases, find, messages};
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::user::User;

const CODES: Hourly = Hourly { factor: "attribute_code", most: 5 };
const VERIFICATIONS: Hourly = Hourly { factor: "verify_attribute", most: 15 };

/// The attribute with this name that can be verified.
pub(crate) fn address(name: &str) -> Result<AliasKind, Refusal> {
    match name.parse() {
        Ok(kind @ (AliasKind::Email | AliasKind::PhoneNumber)) => Ok(kind),
        _ => Err(Refusal::NotVerifiable(name.to_owned())),
    }
}

/// Sends a code to the address that the user has, verified or not. A change that waits for its proof goes on waiting:
/// its code is sent again by asking for the same change.
pub(crate) async fn send_code(
    deps: &Deps,
    pool: &Pool,
    mut user: User,
    attribute: AliasKind,
) -> Result<CodeDelivery, Refusal> {
    for _ in 0..TRIES {
        if !user.attributes.contains_key(attribute.as_str()) {
            return Err(Refusal::NoAddress(attribute));
        }
        let (purpose, kind) = (CodePurpose::Verify(attribute), MessageKind::VerifyUserAttribute);
        let code = codes::prepare(deps, pool, &user, purpose, kind, attribute).await?;
        let stored = user.stored();
        // For the address that the user has when this is committed: else it would replace the code to the next one.
        let batch = CODES
            .claim(deps, pool, stored.sub.as_str())
            .extend(unchanged(&pool.id, &stored.sub, stored.version))
            .extend(code.batch);
        match commit(deps, batch).await? {
            Written::Done => {
                messages::deliver(deps, &[code.message]).await?;
                return Ok(code.delivery);
            }
            Written::Unmet("LimitExceeded") => return Err(Refusal::LimitExceeded),
            Written::Unmet(_) => user = still_enabled(find::again(deps, pool, &user).await?)?,
        }
    }
    Err(Refusal::Contended)
}

/// Verifies an address by its code. One that waited for it becomes the user's. An alias goes to who proved it last: its
/// owner so far keeps the address, unverified (reference 02 §7).
pub(crate) async fn verify(
    deps: &Deps,
    pool: &Pool,
    mut user: User,
    attribute: AliasKind,
    code: &str,
) -> Result<(), Refusal> {
    limited(deps, VERIFICATIONS.claim(deps, pool, user.stored().sub.as_str())).await?;
    for _ in 0..TRIES {
        let returned = returned(deps, pool, &user, attribute, code).await?;
        let mut after = user.clone();
        let mut batch = returned.claim;
        if let Some(address) = returned.pending {
            after.attributes.insert(attribute.as_str().to_owned(), address);
            // What was sent to the old address is good for nothing any more.
            batch = batch.extend(codes::forget_sent_to(pool, &user, attribute));
        }
        after.set_verified(attribute, true);
        let freed = aliases::take_over(deps, pool, &after).await?;
        match commit(deps, batch.extend(freed).extend(update_user(pool, &user, &after, deps.now()))).await? {
            Written::Done => return Ok(()),
            Written::Unmet("AliasExists") => aliases::refuse_taken(deps, pool, &after, true).await?,
            Written::Unmet(_) => {}
        }
        user = still_enabled(find::again(deps, pool, &user).await?)?;
    }
    Err(Refusal::Contended)
}

/// Two codes may be out: to an address that is to replace the present one, and to the present one.
async fn returned(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    attribute: AliasKind,
    code: &str,
) -> Result<Returned, Refusal> {
    let change = codes::judge(deps, pool, user, CodePurpose::Change(attribute), code).await?;
    if let Verdict::Right(returned) = change {
        return Ok(returned);
    }
    let verdict = match (change, codes::judge(deps, pool, user, CodePurpose::Verify(attribute), code).await?) {
        (_, right @ Verdict::Right(_)) => right,
        (Verdict::Ended, _) | (_, Verdict::Ended) => Verdict::Ended,
        (Verdict::Wrong, _) | (_, Verdict::Wrong) => Verdict::Wrong,
        (none, _) => none,
    };
    verdict.or_refuse()
}

fn still_enabled(user: User) -> Result<User, Refusal> {
    if user.stored().enabled { Ok(user) } else { Err(Refusal::Disabled) }
}
