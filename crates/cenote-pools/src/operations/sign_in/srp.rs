//! USER_SRP_AUTH and PASSWORD_VERIFIER: their parameters (reference 04 §1 and §2).

use cenote_wire::ApiError;
use cenote_wire::idp::ChallengeNameType;

use super::{Answer, Attempt, Parameters, required};
use crate::flows::srp::{self, PasswordVerifier};
use crate::operations::caller;

impl Attempt<'_> {
    /// The first step.
    pub(super) async fn by_srp(&self, parameters: &Parameters) -> Result<Answer, ApiError> {
        self.srp_enabled()?;
        let username = required(parameters, "USERNAME")?.expose();
        let public = required(parameters, "SRP_A")?.expose();
        caller::check_secret_hash(self.client, parameters.get("SECRET_HASH"), username)?;
        let asked = srp::begin(self.deps, self.pool, self.client, self.entry(), username, public).await?;
        let PasswordVerifier { username, salt, public, block } = asked;
        Ok(Answer {
            challenge_name: Some(ChallengeNameType::PasswordVerifier),
            challenge_parameters: Parameters::from([
                ("SALT".to_owned(), salt.into()),
                ("SECRET_BLOCK".to_owned(), block.into()),
                ("SRP_B".to_owned(), public.into()),
                ("USERNAME".to_owned(), username.clone().into()),
                ("USER_ID_FOR_SRP".to_owned(), username.into()),
            ]),
            ..Answer::default()
        })
    }

    /// The second step. Its Session, where one is sent, is not looked at: the block says all.
    pub(super) async fn password_verifier(&self, username: &str, responses: &Parameters) -> Result<Answer, ApiError> {
        // Also a sign-in that has begun ends where the flow is turned off.
        self.srp_enabled()?;
        let answer = srp::Answer {
            name: username,
            signature: required(responses, "PASSWORD_CLAIM_SIGNATURE")?.expose(),
            block: required(responses, "PASSWORD_CLAIM_SECRET_BLOCK")?.expose(),
            timestamp: required(responses, "TIMESTAMP")?.expose(),
        };
        let proven = srp::answer(self.deps, self.pool, self.client, self.entry(), &answer).await?;
        self.after_password(proven).await
    }

    fn srp_enabled(&self) -> Result<(), ApiError> {
        let enabled = self.client.flows.user_srp && self.deps.settings.srp;
        self.enabled(enabled, "USER_SRP_AUTH is not enabled for the client.")
    }
}
