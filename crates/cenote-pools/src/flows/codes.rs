//! One-time codes that are sent to a user and given back.

use std::time::Duration;

use cenote_base::Secret;
use cenote_messages::{MessageId, MessageKind, masks};
use cenote_secrets::codes::six_digits;
use cenote_secrets::ct_eq;
use cenote_store::records::codes::{self, CodeRecord};
use cenote_store::records::users::AliasKind;
use cenote_store::{Batch, StoreError};
use cenote_tokens::{KeyringError, Purpose, Scope};

use super::{Refusal, links, messages, supported};
use crate::Deps;
use crate::domain::client::Client;
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
    /// Verifies the address that the user has.
    Verify(AliasKind),
    /// Proves an address that then replaces the one that the user has.
    Change(AliasKind),
}

impl CodePurpose {
    /// As the store has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::ForgotPassword => "forgot_password",
            Self::Verify(AliasKind::Email) => "verify_email",
            Self::Verify(AliasKind::PhoneNumber) => "verify_phone_number",
            Self::Verify(AliasKind::PreferredUsername) => "verify_preferred_username",
            Self::Change(AliasKind::Email) => "change_email",
            Self::Change(AliasKind::PhoneNumber) => "change_phone_number",
            Self::Change(AliasKind::PreferredUsername) => "change_preferred_username",
        }
    }

    /// Reference 01 §7.
    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::ForgotPassword => Duration::from_secs(60 * 60),
            Self::SignUp | Self::Verify(_) | Self::Change(_) => Duration::from_secs(24 * 60 * 60),
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

/// Makes a new code for this user, which replaces an earlier one of the same purpose, and the message that carries it
/// to the address that the user has.
pub(crate) async fn prepare(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    purpose: CodePurpose,
    kind: MessageKind,
    to: AliasKind,
) -> Result<PreparedCode, Refusal> {
    let address = user.attributes.get(to.as_str()).ok_or(Refusal::NothingToVerify)?;
    make(deps, pool, user, &NewCode { purpose, kind, to, address, pending: None, linked: None }).await
}

/// As [`prepare`], for a code that was asked for through this client: where the pool says so, the e-mail of a sign-up
/// carries it in a link.
pub(crate) async fn prepare_through(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    user: &User,
    purpose: CodePurpose,
    kind: MessageKind,
    to: AliasKind,
) -> Result<PreparedCode, Refusal> {
    let linked = purpose == CodePurpose::SignUp && to == AliasKind::Email && links::wanted(pool);
    let linked = linked.then_some(client);
    let address = user.attributes.get(to.as_str()).ok_or(Refusal::NothingToVerify)?;
    make(deps, pool, user, &NewCode { purpose, kind, to, address, pending: None, linked }).await
}

/// Makes a new code for an address that becomes the user's when the code comes back, and the message that carries it
/// there. Replaces an earlier change of the same attribute that waits.
pub(crate) async fn prepare_change(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    to: AliasKind,
    address: &str,
) -> Result<PreparedCode, Refusal> {
    let (purpose, kind) = (CodePurpose::Change(to), MessageKind::UpdateUserAttribute);
    let context = [user.stored().sub.as_str(), purpose.as_str()];
    let scope = Scope::Pool(pool.id.clone());
    let sealed = deps.keyring.seal(&scope, Purpose::Code, &context, address.as_bytes()).await?;
    make(deps, pool, user, &NewCode { purpose, kind, to, address, pending: Some(sealed), linked: None }).await
}

/// A code to make.
struct NewCode<'a> {
    purpose: CodePurpose,
    kind: MessageKind,
    to: AliasKind,
    address: &'a str,
    /// The sealed address, where it is not the user's yet.
    pending: Option<Vec<u8>>,
    /// The client of the link that carries it, instead of the code alone.
    linked: Option<&'a Client>,
}

async fn make(deps: &Deps, pool: &Pool, user: &User, new: &NewCode<'_>) -> Result<PreparedCode, Refusal> {
    supported::sending(pool)?;
    let NewCode { purpose, kind, to, address, ref pending, linked } = *new;
    let now = deps.now();
    let code = six_digits(&*deps.random);
    let before = match kind {
        // The user is being made: there is none.
        MessageKind::SignUp => None,
        _ => codes::find(&deps.store, &pool.id, &user.stored().sub, purpose.as_str()).await?,
    };
    let bound = Bound { user, purpose, attribute: to.as_str(), address };
    let record = CodeRecord {
        digest: bound.digest(deps, pool, &code).await?.to_vec(),
        replaced: before.map(|before| remembered(&before)).unwrap_or_default(),
        attribute: to.as_str().to_owned(),
        pending: pending.clone(),
        created_at: now,
        expires_at: now + purpose.lifetime(),
    };
    let prepared = match linked {
        Some(client) => {
            let link = links::confirmation(deps, pool, client, user.username(), &code)?;
            messages::prepare_link(deps, pool, kind, address, user.username(), &link).await?
        }
        None => messages::prepare(deps, pool, kind, messages::medium(to), address, user.username(), &code).await?,
    };
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

/// The right code.
pub(crate) struct Returned {
    /// Where it had been sent to.
    pub attribute: AliasKind,
    /// The address that becomes the attribute's value, where that is not the user's yet.
    pub pending: Option<String>,
    /// Claims the code: must be part of what the code leads to, so that it serves once.
    pub claim: Batch,
}

/// What a code turned out to be that a user gave back.
pub(crate) enum Verdict {
    /// The code that was sent last.
    Right(Returned),
    /// One that was replaced or has expired.
    Ended,
    /// Another than the one that is waited for.
    Wrong,
    /// None is waited for.
    NoneSent,
}

impl Verdict {
    /// The right code, or why it is none.
    pub(crate) fn or_refuse(self) -> Result<Returned, Refusal> {
        match self {
            Self::Right(returned) => Ok(returned),
            Self::Wrong => Err(Refusal::CodeMismatch),
            Self::Ended | Self::NoneSent => Err(Refusal::CodeExpired),
        }
    }
}

/// Forgets the user's code of this purpose, if there is one.
pub(crate) fn forget(pool: &Pool, user: &User, purpose: CodePurpose) -> Batch {
    codes::forget(&pool.id, &user.stored().sub, purpose.as_str())
}

/// Forgets every code that was sent to this address of the user, whatever it is good for.
pub(crate) fn forget_sent_to(pool: &Pool, user: &User, attribute: AliasKind) -> Batch {
    codes::forget_sent_to(&pool.id, &user.stored().sub, attribute.as_str())
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
    let returned = judge(deps, pool, user, purpose, code).await?.or_refuse()?;
    Ok((returned.attribute, returned.claim))
}

/// What a code of this purpose is that a user gave back. The caller has counted the attempt.
pub(crate) async fn judge(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    purpose: CodePurpose,
    code: &str,
) -> Result<Verdict, Refusal> {
    let sub = &user.stored().sub;
    let Some(stored) = codes::find(&deps.store, &pool.id, sub, purpose.as_str()).await? else {
        // Made for nothing: as much work as where there is a code.
        Bound { user, purpose, attribute: "", address: "" }.digest(deps, pool, &Secret::new(code)).await?;
        return Ok(Verdict::NoneSent);
    };
    let pending = match &stored.pending {
        Some(sealed) => match open(deps, pool, user, purpose, sealed).await? {
            Some(address) => Some(address),
            // The row is another user's or another purpose's: nobody was sent a code for it.
            None => return Ok(Verdict::NoneSent),
        },
        None => None,
    };
    let own = user.attributes.get(&stored.attribute).map_or("", String::as_str);
    let bound = Bound { user, purpose, attribute: &stored.attribute, address: pending.as_deref().unwrap_or(own) };
    let given = bound.digest(deps, pool, &Secret::new(code)).await?;
    let newest = ct_eq(&given, &stored.digest);
    if stored.expires_at <= deps.now() {
        return Ok(if newest { Verdict::Ended } else { Verdict::NoneSent });
    }
    if !newest {
        let replaced = stored.replaced.chunks(DIGEST).any(|before| ct_eq(&given, before));
        return Ok(if replaced { Verdict::Ended } else { Verdict::Wrong });
    }
    let attribute = stored.attribute.parse().map_err(|_| StoreError::corrupt("codes", "attribute", sub.as_str()))?;
    let claim = codes::claim(&pool.id, sub, purpose.as_str(), &stored.digest);
    Ok(Verdict::Right(Returned { attribute, pending, claim }))
}

/// Opens an address that waits for its code; `None` when it was not sealed for this user and purpose.
async fn open(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    purpose: CodePurpose,
    sealed: &[u8],
) -> Result<Option<String>, Refusal> {
    let context = [user.stored().sub.as_str(), purpose.as_str()];
    let opened = deps.keyring.open_sealed(&Scope::Pool(pool.id.clone()), Purpose::Code, &context, sealed).await;
    match opened {
        Ok(address) => {
            let address =
                std::str::from_utf8(address.expose()).map_err(|error| Refusal::Internal(error.to_string()))?;
            Ok(Some(address.to_owned()))
        }
        Err(KeyringError::NotOurs) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// What a code is bound to: for an old address it verifies no new one.
pub(super) struct Bound<'a> {
    pub(super) user: &'a User,
    pub(super) purpose: CodePurpose,
    pub(super) attribute: &'a str,
    pub(super) address: &'a str,
}

impl Bound<'_> {
    /// A MAC over the code and all that it is bound to.
    pub(super) async fn digest(&self, deps: &Deps, pool: &Pool, code: &Secret) -> Result<[u8; DIGEST], Refusal> {
        let sub = self.user.stored().sub.as_str();
        let parts = [sub, self.purpose.as_str(), self.attribute, self.address, code.expose()].map(str::as_bytes);
        Ok(deps.keyring.mac(&Scope::Pool(pool.id.clone()), Purpose::Code, &parts).await?)
    }
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
