//! One-time codes that are sent to a user and given back.

use std::time::Duration;

use cenote_base::Secret;
use cenote_messages::{MessageId, MessageKind, masks};
use cenote_secrets::codes::six_digits;
use cenote_secrets::ct_eq;
use cenote_store::records::codes::{self, CodeRecord};
use cenote_store::records::users::AliasKind;
use cenote_store::{Batch, StoreError};
use cenote_tokens::{Purpose, Scope};

use super::{Refusal, messages, supported};
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::user::User;

/// The length of a code's digest.
const DIGEST: usize = 32;

/// How many replaced codes are told from wrong ones.
const REMEMBERED: usize = 8;

/// What a code is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodePurpose {
    /// Confirms a sign-up.
    SignUp,
    /// Sets a new password in the place of a forgotten one.
    ForgotPassword,
}

impl CodePurpose {
    /// As the store has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::ForgotPassword => "forgot_password",
        }
    }

    /// Reference 01 §7.
    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::SignUp => Duration::from_secs(24 * 60 * 60),
            Self::ForgotPassword => Duration::from_secs(60 * 60),
        }
    }
}

/// Where a code went, as the caller may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodeDelivery {
    /// The attribute.
    pub attribute: AliasKind,
    /// The masked address.
    pub destination: String,
}

/// A code that is ready to be kept and sent.
#[derive(Debug)]
pub(crate) struct PreparedCode {
    /// The code's row and the message's.
    pub batch: Batch,
    /// What to tell the caller.
    pub delivery: CodeDelivery,
    /// The message, for [`messages::deliver`].
    pub message: MessageId,
}

/// Makes a new code for this user, which replaces an earlier one of the same purpose, and the message that carries it.
pub(crate) async fn prepare(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    purpose: CodePurpose,
    kind: MessageKind,
    to: AliasKind,
) -> Result<PreparedCode, Refusal> {
    match purpose {
        CodePurpose::SignUp => supported::verification(pool)?,
        CodePurpose::ForgotPassword => supported::sending(pool)?,
    }
    let address = user.attributes.get(to.as_str()).ok_or(Refusal::NothingToVerify)?;
    let now = deps.now();
    let code = six_digits(&*deps.random);
    let before = match kind {
        // The user is being made: there is none.
        MessageKind::SignUp => None,
        _ => codes::find(&deps.store, &pool.id, &user.stored().sub, purpose.as_str()).await?,
    };
    let record = CodeRecord {
        digest: digest(deps, pool, user, purpose, to.as_str(), &code).await?.to_vec(),
        replaced: before.map(|before| remembered(&before)).unwrap_or_default(),
        attribute: to.as_str().to_owned(),
        pending: None,
        created_at: now,
        expires_at: now + purpose.lifetime(),
    };
    let medium = messages::medium(to);
    let prepared = messages::prepare(deps, pool, kind, medium, address, user.username(), &code).await?;
    Ok(PreparedCode {
        batch: codes::replace(&pool.id, &user.stored().sub, purpose.as_str(), &record).extend(prepared.batch),
        delivery: CodeDelivery { attribute: to, destination: masked(to, address) },
        message: prepared.id,
    })
}

/// The digests of the code before and of those before it.
fn remembered(before: &CodeRecord) -> Vec<u8> {
    before.digest.iter().chain(&before.replaced).copied().take(REMEMBERED * DIGEST).collect()
}

/// Checks a code that a user gave back. The caller has counted the attempt. The batch claims the code: it must be part
/// of what the code leads to, so that it serves once.
pub(crate) async fn check(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    purpose: CodePurpose,
    code: &str,
) -> Result<(AliasKind, Batch), Refusal> {
    let sub = &user.stored().sub;
    let stored = codes::find(&deps.store, &pool.id, sub, purpose.as_str()).await?;
    let stored = stored.filter(|stored| stored.expires_at > deps.now());
    // Made for nothing where there is no code: as much work as where there is one.
    let attribute = stored.as_ref().map_or("", |stored| stored.attribute.as_str());
    let given = digest(deps, pool, user, purpose, attribute, &Secret::new(code)).await?;
    let Some(stored) = stored else { return Err(Refusal::CodeExpired) };
    if !ct_eq(&given, &stored.digest) {
        let replaced = stored.replaced.chunks(DIGEST).any(|before| ct_eq(&given, before));
        return Err(if replaced { Refusal::CodeExpired } else { Refusal::CodeMismatch });
    }
    let attribute = stored.attribute.parse().map_err(|_| StoreError::corrupt("codes", "attribute", sub.as_str()))?;
    Ok((attribute, codes::claim(&pool.id, sub, purpose.as_str(), &stored.digest)))
}

/// A MAC over the code and all that it is bound to, the address included: a code for an old address verifies no new
/// one.
async fn digest(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    purpose: CodePurpose,
    attribute: &str,
    code: &Secret,
) -> Result<[u8; DIGEST], Refusal> {
    let address = user.attributes.get(attribute).map_or("", String::as_str);
    let parts = [user.stored().sub.as_str(), purpose.as_str(), attribute, address, code.expose()].map(str::as_bytes);
    Ok(deps.keyring.mac(&Scope::Pool(pool.id.clone()), Purpose::Code, &parts).await?)
}

/// The masked form of an address.
pub(crate) fn masked(kind: AliasKind, address: &str) -> String {
    masks::destination(messages::medium(kind), address)
}

/// Which address a sign-up's code goes to: the phone where it may, else the e-mail address (reference 03 §2).
pub(crate) fn sign_up_channel(pool: &Pool, user: &User) -> Option<AliasKind> {
    [AliasKind::PhoneNumber, AliasKind::Email]
        .into_iter()
        .find(|kind| pool.auto_verified.contains(kind) && user.attributes.contains_key(kind.as_str()))
}
