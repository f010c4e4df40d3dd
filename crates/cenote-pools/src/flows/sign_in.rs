//! Signing in: from what was presented to a challenge or an authentication. A state machine whose states are the
//! [`Challenge`]s; which may follow which stands in [`after_password`] and, for each later step, in the step's own module.

use std::net::IpAddr;

use cenote_base::{RandomExt, Secret};
use cenote_store::Batch;

use super::session::{Session, Step};
use super::write::commit;
use super::{Door, Refusal, credentials, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::{User, UserStatus};
use crate::gate::Pass;

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
    /// Must be committed with the token family that this leads to.
    pub batch: Batch,
    /// The user's turn, held until then.
    pub pass: Option<Pass>,
}

/// Signs in by a password.
pub(crate) async fn by_password(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    door: Door,
    source: IpAddr,
    name: &str,
    password: &Secret,
) -> Result<SignIn, Refusal> {
    supported::sign_in(pool)?;
    credentials::take_limits(deps, client, door, source)?;
    let proven = credentials::check(deps, pool, client, name, password).await?;
    let credentials::Proven { user, reset, pass } = proven;
    match after_password(deps, pool, client, user) {
        Ok(SignIn::Authenticated(authentication)) => Ok(SignIn::Authenticated(Authentication {
            batch: reset.extend(authentication.batch),
            pass: Some(pass),
            ..authentication
        })),
        // The password was right, whatever else stands in the way: the attempt is given back.
        other => {
            commit(deps, reset).await?;
            other
        }
    }
}

/// What follows a right password (reference 04 §3).
fn after_password(deps: &Deps, pool: &Pool, client: &Client, user: User) -> Result<SignIn, Refusal> {
    match user.status {
        UserStatus::Unconfirmed => return Err(Refusal::NotConfirmed),
        UserStatus::ResetRequired => return Err(Refusal::ResetRequired),
        UserStatus::ExternalProvider => return Err(Refusal::BadCredentials),
        UserStatus::ForceChangePassword => {
            if user.stored().password_expires_at.is_some_and(|end| end <= deps.now()) {
                return Err(Refusal::TemporaryPasswordExpired);
            }
            let missing = pool.schema.missing(&user.attributes).into_iter().map(str::to_owned).collect();
            let session = Session::begin(deps, client, &user, Step::NewPassword);
            return Ok(SignIn::Challenge(Challenge::NewPassword { session, user, missing }));
        }
        UserStatus::Confirmed => {}
    }
    supported::second_factor(pool, &user)?;
    Ok(SignIn::Authenticated(authenticated(deps, user, vec![Method::Password])))
}

/// The end of a sign-in.
pub(crate) fn authenticated(deps: &Deps, user: User, methods: Vec<Method>) -> Authentication {
    let event_id = deps.random.uuid_v4().to_string();
    Authentication { user, methods, event_id, batch: Batch::new(), pass: None }
}
