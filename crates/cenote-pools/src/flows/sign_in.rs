//! Signing in: from what was presented to a challenge or an authentication. A state machine whose states are the
//! [`Challenge`]s; which may follow which stands in [`after_password`] and, for each later step, in the step's own
//! module.

use cenote_base::{RandomExt, Secret};
use cenote_store::Batch;
use cenote_store::records::users::unchanged;

use super::credentials::{self, Proven};
use super::session::{Session, Step};
use super::write::commit;
use super::{Entry, Refusal, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::{User, UserStatus};

/// How a sign-in method is named in `amr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A password.
    Password,
}

impl Method {
    /// The value in the claim `amr`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
        }
    }
}

/// How far a sign-in has come.
#[derive(Debug)]
pub(crate) enum SignIn {
    /// Something more is asked for.
    Challenge(Challenge),
    /// The user is who they say.
    Authenticated(Authentication),
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Challenge {
    /// A password of the user's own, and required attributes that have no value.
    NewPassword {
        /// Goes on with the sign-in.
        session: Session,
        /// The user.
        user: User,
        /// Names of required attributes without a value.
        missing: Vec<String>,
    },
}

/// A user who has proved who they are.
#[derive(Debug)]
pub(crate) struct Authentication {
    /// The user, as it will be when `batch` is committed.
    pub user: User,
    /// By what.
    pub methods: Vec<Method>,
    /// Names the sign-in in tokens and events.
    pub event_id: String,
    /// Must be committed with the token family that this leads to. Unmet with `UserChanged` (or what else a step names)
    /// when others changed the user meanwhile: then the step has to be decided again.
    pub batch: Batch,
}

/// Checks a password; [`after_password`] says what it leads to.
pub(crate) async fn by_password(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    name: &str,
    password: &Secret,
) -> Result<Proven, Refusal> {
    supported::sign_in(pool)?;
    credentials::take_limits(deps, client, entry)?;
    credentials::check(deps, pool, client, entry, name, password).await
}

/// What a right password leads to (reference 04 §3). Unless it is tokens, the attempt is given back here.
pub(crate) async fn after_password(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    proven: &Proven,
) -> Result<SignIn, Refusal> {
    match next_step(deps, pool, client, &proven.user) {
        Ok(SignIn::Authenticated(authentication)) => {
            let batch = proven.reset.clone().extend(authentication.batch);
            Ok(SignIn::Authenticated(Authentication { batch, ..authentication }))
        }
        // The password was right, whatever else stands in the way.
        other => {
            commit(deps, proven.reset.clone()).await?;
            other
        }
    }
}

fn next_step(deps: &Deps, pool: &Pool, client: &Client, user: &User) -> Result<SignIn, Refusal> {
    let stored = user.stored();
    match user.status {
        UserStatus::Unconfirmed => Err(Refusal::NotConfirmed),
        UserStatus::ResetRequired => Err(Refusal::ResetRequired),
        UserStatus::ExternalProvider => Err(Refusal::BadCredentials),
        UserStatus::ForceChangePassword => {
            if stored.password_expires_at.is_some_and(|end| end <= deps.now()) {
                return Err(Refusal::TemporaryPasswordExpired);
            }
            let missing = pool.schema.missing(&user.attributes).into_iter().map(str::to_owned).collect();
            let session = Session::begin(deps, client, user, Step::NewPassword);
            Ok(SignIn::Challenge(Challenge::NewPassword { session, user: user.clone(), missing }))
        }
        UserStatus::Confirmed => {
            supported::second_factor(pool, user)?;
            let still_the_same = unchanged(&pool.id, &stored.sub, stored.version);
            Ok(SignIn::Authenticated(authenticated(deps, user.clone(), vec![Method::Password], still_the_same)))
        }
    }
}

/// The end of a sign-in.
pub(crate) fn authenticated(deps: &Deps, user: User, methods: Vec<Method>, batch: Batch) -> Authentication {
    Authentication { user, methods, event_id: deps.random.uuid_v4().to_string(), batch }
}
