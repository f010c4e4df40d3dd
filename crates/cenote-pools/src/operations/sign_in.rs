//! InitiateAuth and RespondToAuthChallenge, and their siblings for administrators: the flows that a client allows,
//! their parameters, and the shape of the answers.

mod srp;

use std::collections::BTreeMap;

use cenote_wire::idp::{
    AdminInitiateAuthRequest, AdminInitiateAuthResponse, AdminRespondToAuthChallengeRequest,
    AdminRespondToAuthChallengeResponse, AuthFlowType, AuthenticationResultType, ChallengeNameType,
    InitiateAuthRequest, InitiateAuthResponse, Operation, RespondToAuthChallengeRequest,
    RespondToAuthChallengeResponse,
};
use cenote_wire::{ApiError, Sensitive};

use super::errors::{NEW_PASSWORD, WORDS, Words, not_built};
use super::{attributes, audit, caller, refresh, tokens};
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::User;
use crate::flows::credentials::Proven;
use crate::flows::new_password::{self, Hashed};
use crate::flows::sign_in::{self, Authentication, Challenge, SignIn};
use crate::flows::write::TRIES;
use crate::flows::{Door, Entry, Refusal};
use crate::{Context, Deps};

type Parameters = BTreeMap<String, Sensitive>;

/// What all four operations answer.
#[derive(Debug, Default)]
struct Answer {
    challenge_name: Option<ChallengeNameType>,
    session: Option<Sensitive>,
    challenge_parameters: Parameters,
    authentication_result: Option<AuthenticationResultType>,
}

macro_rules! answer_as {
    ($($response:ident),*) => {$(
        impl From<Answer> for $response {
            fn from(answer: Answer) -> Self {
                Self {
                    challenge_name: answer.challenge_name,
                    session: answer.session,
                    challenge_parameters: Some(answer.challenge_parameters),
                    authentication_result: answer.authentication_result,
                    ..Self::default()
                }
            }
        }
    )*};
}
answer_as!(
    InitiateAuthResponse,
    AdminInitiateAuthResponse,
    RespondToAuthChallengeResponse,
    AdminRespondToAuthChallengeResponse
);

/// InitiateAuth.
pub(crate) async fn initiate_auth(
    deps: &Deps,
    ctx: &Context,
    input: InitiateAuthRequest,
) -> Result<InitiateAuthResponse, ApiError> {
    let (pool, client) = caller::client(deps, input.client_id.as_ref()).await?;
    let attempt = Attempt { deps, ctx, pool: &pool, client: &client, operation: Operation::InitiateAuth };
    let parameters = input.auth_parameters.unwrap_or_default();
    Ok(attempt.initiate(input.auth_flow.as_ref(), &parameters).await?.into())
}

/// AdminInitiateAuth.
pub(crate) async fn admin_initiate_auth(
    deps: &Deps,
    ctx: &Context,
    input: AdminInitiateAuthRequest,
) -> Result<AdminInitiateAuthResponse, ApiError> {
    let (pool, client) = caller::pool_client(deps, input.user_pool_id.as_deref(), input.client_id.as_ref()).await?;
    let attempt = Attempt { deps, ctx, pool: &pool, client: &client, operation: Operation::AdminInitiateAuth };
    let parameters = input.auth_parameters.unwrap_or_default();
    Ok(attempt.initiate(input.auth_flow.as_ref(), &parameters).await?.into())
}

/// RespondToAuthChallenge.
pub(crate) async fn respond_to_auth_challenge(
    deps: &Deps,
    ctx: &Context,
    input: RespondToAuthChallengeRequest,
) -> Result<RespondToAuthChallengeResponse, ApiError> {
    let (pool, client) = caller::client(deps, input.client_id.as_ref()).await?;
    let attempt = Attempt { deps, ctx, pool: &pool, client: &client, operation: Operation::RespondToAuthChallenge };
    let responses = input.challenge_responses.unwrap_or_default();
    Ok(attempt.respond(input.challenge_name.as_ref(), input.session.as_ref(), &responses).await?.into())
}

/// AdminRespondToAuthChallenge.
pub(crate) async fn admin_respond_to_auth_challenge(
    deps: &Deps,
    ctx: &Context,
    input: AdminRespondToAuthChallengeRequest,
) -> Result<AdminRespondToAuthChallengeResponse, ApiError> {
    let (pool, client) = caller::pool_client(deps, input.user_pool_id.as_deref(), input.client_id.as_ref()).await?;
    let operation = Operation::AdminRespondToAuthChallenge;
    let attempt = Attempt { deps, ctx, pool: &pool, client: &client, operation };
    let responses = input.challenge_responses.unwrap_or_default();
    Ok(attempt.respond(input.challenge_name.as_ref(), input.session.as_ref(), &responses).await?.into())
}

fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a Sensitive, ApiError> {
    parameters
        .get(name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| ApiError::invalid_parameter(format!("Missing required parameter {name}")))
}

/// One call of one of the four operations.
struct Attempt<'a> {
    deps: &'a Deps,
    ctx: &'a Context,
    pool: &'a Pool,
    client: &'a Client,
    operation: Operation,
}

impl Attempt<'_> {
    fn door(&self) -> Door {
        match self.operation {
            Operation::AdminInitiateAuth | Operation::AdminRespondToAuthChallenge => Door::Admin,
            _ => Door::Api,
        }
    }

    fn entry(&self) -> Entry {
        Entry { door: self.door(), source: self.ctx.source }
    }

    async fn initiate(&self, flow: Option<&AuthFlowType>, parameters: &Parameters) -> Result<Answer, ApiError> {
        let flows = &self.client.flows;
        match (flow, self.door()) {
            (Some(AuthFlowType::UserPasswordAuth), Door::Api) => {
                self.enabled(flows.user_password, "USER_PASSWORD_AUTH flow not enabled for this client")?;
                self.by_password(parameters).await
            }
            (Some(AuthFlowType::AdminUserPasswordAuth | AuthFlowType::AdminNoSrpAuth), Door::Admin) => {
                self.enabled(flows.admin_user_password, "Auth flow not enabled for this client")?;
                self.by_password(parameters).await
            }
            (Some(AuthFlowType::RefreshTokenAuth | AuthFlowType::RefreshToken), _) => {
                // A client that rotates its refresh tokens must use GetTokensFromRefreshToken.
                let allowed = flows.refresh && self.client.rotation.is_none();
                self.enabled(allowed, "REFRESH_TOKEN_AUTH flow not enabled for this client")?;
                self.by_refresh_token(parameters).await
            }
            (Some(AuthFlowType::UserSrpAuth), _) => self.by_srp(parameters).await,
            (Some(AuthFlowType::CustomAuth), _) => {
                self.enabled(flows.custom, "CUSTOM_AUTH is not enabled for the client.")?;
                if self.pool.triggers.define_auth_challenge.is_none() {
                    return Err(ApiError::invalid_parameter(
                        "Custom auth lambda trigger is not configured for the user pool.",
                    ));
                }
                Err(not_built("the CUSTOM_AUTH flow"))
            }
            (Some(AuthFlowType::UserAuth), _) => {
                self.enabled(flows.user_auth, "USER_AUTH is not enabled for the client.")?;
                Err(not_built("the USER_AUTH flow"))
            }
            _ => Err(ApiError::invalid_parameter("Initiate Auth method not supported.")),
        }
    }

    fn enabled(&self, enabled: bool, otherwise: &str) -> Result<(), ApiError> {
        if enabled { Ok(()) } else { Err(ApiError::invalid_parameter(otherwise)) }
    }

    async fn by_password(&self, parameters: &Parameters) -> Result<Answer, ApiError> {
        let username = required(parameters, "USERNAME")?;
        let password = required(parameters, "PASSWORD")?;
        caller::check_secret_hash(self.client, parameters.get("SECRET_HASH"), username.expose())?;
        let password = password.clone().into_secret();
        let (deps, pool, client) = (self.deps, self.pool, self.client);
        let name = username.expose();
        let proven = sign_in::by_password(deps, pool, client, self.entry(), name, &password).await?;
        self.after_password(proven).await
    }

    /// What a right password leads to, however it was proved.
    async fn after_password(&self, mut proven: Proven) -> Result<Answer, ApiError> {
        let (deps, pool, client) = (self.deps, self.pool, self.client);
        for _ in 0..TRIES {
            match sign_in::after_password(deps, pool, client, &proven).await? {
                SignIn::Challenge(challenge) => return self.challenge(challenge).await,
                SignIn::Authenticated(authentication) => match self.issue(authentication, WORDS).await? {
                    Some(answer) => return Ok(answer),
                    None => proven = proven.read_again(deps, pool).await?,
                },
            }
        }
        Err(Refusal::Contended.into())
    }

    async fn by_refresh_token(&self, parameters: &Parameters) -> Result<Answer, ApiError> {
        let token = required(parameters, "REFRESH_TOKEN")?;
        let hash = parameters.get("SECRET_HASH");
        let result = refresh::without_rotation(self.deps, self.pool, self.client, token, hash).await?;
        Ok(Answer { authentication_result: Some(result), ..Answer::default() })
    }

    /// The tokens of a sign-in; `None` when it has to be decided again.
    async fn issue(&self, mut authentication: Authentication, words: Words) -> Result<Option<Answer>, ApiError> {
        if self.door() == Door::Admin {
            let resource = self.pool.id.arn(&self.pool.account).to_string();
            authentication.batch =
                authentication.batch.extend(audit::row(self.deps, self.ctx, self.operation, &resource));
        }
        let result = tokens::issue(self.deps, self.pool, self.client, authentication).await;
        let result = result.map_err(|refusal| words.error(refusal))?;
        Ok(result.map(|result| Answer { authentication_result: Some(result), ..Answer::default() }))
    }

    async fn challenge(&self, challenge: Challenge) -> Result<Answer, ApiError> {
        let Challenge::NewPassword { session, user, missing } = challenge;
        let session = session.seal(self.deps, &self.pool.id, &self.client.id).await?;
        Ok(Answer {
            challenge_name: Some(ChallengeNameType::NewPasswordRequired),
            session: Some(session.into()),
            challenge_parameters: new_password_parameters(self.client, &user, &missing),
            ..Answer::default()
        })
    }

    async fn respond(
        &self,
        challenge: Option<&ChallengeNameType>,
        session: Option<&Sensitive>,
        responses: &Parameters,
    ) -> Result<Answer, ApiError> {
        let username = required(responses, "USERNAME")?.expose();
        caller::check_secret_hash(self.client, responses.get("SECRET_HASH"), username)?;
        match challenge {
            Some(ChallengeNameType::PasswordVerifier) => self.password_verifier(username, responses).await,
            Some(ChallengeNameType::NewPasswordRequired) => self.new_password(username, session, responses).await,
            // No flow that is built leads to another challenge, so no session fits one.
            _ => Err(Refusal::SessionInvalid.into()),
        }
    }

    async fn new_password(
        &self,
        username: &str,
        session: Option<&Sensitive>,
        responses: &Parameters,
    ) -> Result<Answer, ApiError> {
        let password = required(responses, "NEW_PASSWORD")?.clone().into_secret();
        let session = session.ok_or(Refusal::SessionInvalid)?;
        let answer = new_password::Answer {
            session: session.expose(),
            name: username,
            password: &password,
            attributes: &attributes::from_responses(responses),
        };
        let mut hashed = Hashed::default();
        for _ in 0..TRIES {
            let (deps, pool, client) = (self.deps, self.pool, self.client);
            let authentication = new_password::answer(deps, pool, client, self.entry(), &answer, &mut hashed)
                .await
                .map_err(|refusal| NEW_PASSWORD.error(refusal))?;
            if let Some(answer) = self.issue(authentication, NEW_PASSWORD).await? {
                // A code to a new address may go with it; the sign-in does not wait for that.
                deps.queue.wake();
                return Ok(answer);
            }
        }
        Err(Refusal::Contended.into())
    }
}

/// Reference 04 §2, NEW_PASSWORD_REQUIRED.
fn new_password_parameters(client: &Client, user: &User, missing: &[String]) -> Parameters {
    let required: Vec<String> = missing.iter().map(|name| format!("userAttributes.{name}")).collect();
    let present: serde_json::Map<String, serde_json::Value> = user
        .attributes
        .iter()
        .filter(|(name, _)| client.can_read(name))
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    Parameters::from([
        ("USER_ID_FOR_SRP".to_owned(), user.username().into()),
        ("requiredAttributes".to_owned(), serde_json::Value::from(required).to_string().into()),
        ("userAttributes".to_owned(), serde_json::Value::from(present).to_string().into()),
    ])
}
