//! The doors at which nobody is to learn who exists.

use cenote_base::SystemRandom;
use cenote_secrets::srp::client::Client as Attempt;
use serde_json::{Value, json};

use crate::Failed;
use crate::client::{Answer, Client, call};
use crate::program::{PASSWORD, Pool, Program, text};
use crate::sign_in::initiate_auth;
use crate::srp::{first_step, second_step};

/// Users of a pool: each is asked about a few times, never as often as makes a lock or a limit the answer.
const USERS: usize = 500;

/// Where a name is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// InitiateAuth with a password that is wrong.
    Password,
    /// InitiateAuth by SRP.
    SrpBegins,
    /// An answer to PASSWORD_VERIFIER that is wrong.
    SrpEnds,
    /// ForgotPassword.
    Forgot,
    /// ConfirmForgotPassword with a code that is wrong, after one was asked for.
    ConfirmForgot,
    /// ResendConfirmationCode, for users who wait for their code.
    Resend,
    /// ConfirmSignUp with a code that is wrong, after one was asked for, for users who wait for theirs.
    ConfirmSignUp,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Password,
        Self::SrpBegins,
        Self::SrpEnds,
        Self::Forgot,
        Self::ConfirmForgot,
        Self::Resend,
        Self::ConfirmSignUp,
    ];

    /// How it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "USER_PASSWORD_AUTH, wrong password",
            Self::SrpBegins => "USER_SRP_AUTH",
            Self::SrpEnds => "PASSWORD_VERIFIER, wrong password",
            Self::Forgot => "ForgotPassword",
            Self::ConfirmForgot => "ConfirmForgotPassword, wrong code",
            Self::Resend => "ResendConfirmationCode",
            Self::ConfirmSignUp => "ConfirmSignUp, wrong code",
        }
    }

    /// What it is asked for by.
    pub fn figure(self) -> &'static str {
        match self {
            Self::Password => "who-password",
            Self::SrpBegins => "who-srp-begins",
            Self::SrpEnds => "who-srp-ends",
            Self::Forgot => "who-forgot",
            Self::ConfirmForgot => "who-confirm-forgot",
            Self::Resend => "who-resend",
            Self::ConfirmSignUp => "who-confirm-sign-up",
        }
    }

    fn is_for_unconfirmed(self) -> bool {
        matches!(self, Self::Resend | Self::ConfirmSignUp)
    }

    /// Whether the answer is of the kind that the door gives; else something else is measured than is meant.
    pub fn is_meant(self, answer: &Answer) -> bool {
        let refusal = answer.headers.iter().find(|(name, _)| name == "x-amzn-errortype");
        let refusal = refusal.map(|(_, kind)| kind.trim_end_matches(':'));
        match self {
            Self::Password | Self::SrpEnds => refusal == Some("NotAuthorizedException"),
            Self::ConfirmForgot | Self::ConfirmSignUp => refusal == Some("CodeMismatchException"),
            Self::SrpBegins | Self::Forgot | Self::Resend => answer.status == 200,
        }
    }
}

/// A pool with users, for one door.
pub struct Scene {
    door: Door,
    pool: Pool,
    attempt: Attempt,
}

impl Scene {
    /// A new one.
    pub async fn new(server: &Program, door: Door) -> Result<Self, Failed> {
        let pool = server.create_pool().await?;
        if door.is_for_unconfirmed() {
            for number in 0..USERS {
                let name = name(true, number);
                let email = json!([{ "Name": "email", "Value": format!("{name}@example.com") }]);
                let user = json!({
                    "ClientId": pool.client, "Username": name, "Password": PASSWORD, "UserAttributes": email,
                });
                server.send(&call("SignUp", &user)).await?;
            }
        } else {
            server.create_users(&pool, USERS).await?;
        }
        Ok(Self { door, pool, attempt: Attempt::new(&SystemRandom) })
    }

    /// The request for the user, or the name, of this pair, once what has to come before it was done.
    pub async fn request(&self, client: &mut Client, exists: bool, pair: usize) -> Result<Vec<u8>, Failed> {
        let (pool, name) = (&self.pool, name(exists, pair));
        let named = |operation: &str, with: &[(&str, &str)]| {
            let who = [("ClientId", pool.client.as_str()), ("Username", name.as_str())];
            let body: Value = who.iter().chain(with).copied().collect();
            call(operation, &body)
        };
        Ok(match self.door {
            Door::Password => {
                let parameters = json!({ "USERNAME": name, "PASSWORD": "wrong-password-1" });
                initiate_auth(pool, "USER_PASSWORD_AUTH", &parameters)
            }
            Door::SrpBegins => first_step(pool, &name, &self.attempt),
            Door::SrpEnds => {
                let challenge = client.send(&first_step(pool, &name, &self.attempt)).await?;
                let challenge: Value = serde_json::from_slice(&challenge.body)?;
                // Where the first step is not built, neither is the second.
                let block = text(&challenge, "/ChallengeParameters/SECRET_BLOCK").unwrap_or_default();
                second_step(pool, &name, &block, &[7; 32])
            }
            Door::Forgot => named("ForgotPassword", &[]),
            Door::ConfirmForgot => {
                if pair < USERS {
                    client.send(&named("ForgotPassword", &[])).await?;
                }
                named("ConfirmForgotPassword", &[("ConfirmationCode", "000000"), ("Password", PASSWORD)])
            }
            Door::Resend => named("ResendConfirmationCode", &[]),
            Door::ConfirmSignUp => {
                // Without it Cognito itself says that a name that nobody has has no code.
                if pair < USERS {
                    client.send(&named("ResendConfirmationCode", &[])).await?;
                }
                named("ConfirmSignUp", &[("ConfirmationCode", "000000")])
            }
        })
    }
}

/// The name of a user, or one that nobody has: equally long, and asked about equally often.
fn name(exists: bool, pair: usize) -> String {
    format!("{}{}", if exists { "user" } else { "none" }, pair % USERS)
}
