//! The table of the operations that are built, and the one way to call them.

use cenote_base::PoolId;
use cenote_wire::idp::{Operation, ops};
use cenote_wire::{Api, ApiError, Auth, Target, json};
use serde::Deserialize;

use crate::operations::confirm_user::{self, ConfirmationLink, LinkOutcome};
use crate::operations::{
    clients, lifecycle, list_users, passwords, pools, profile, refresh, sign_in, sign_up, tokens, users,
};
use crate::{Context, Deps};

/// User pools: answers every operation of cognito-idp.
#[derive(Debug)]
pub struct Service {
    deps: Deps,
}

macro_rules! operations {
    ($($operation:ident => $handler:path,)*) => {
        impl Service {
            /// Whether the operation is built. What is not answers NotImplementedException after its input was checked.
            pub fn is_implemented(operation: Operation) -> bool {
                matches!(operation, $(Operation::$operation)|*)
            }

            /// Answers an operation whose caller is known (or needs none): decodes and checks the input, runs the
            /// operation, encodes its output.
            ///
            /// # Errors
            /// The error that the caller is to be given.
            pub async fn call(&self, operation: Operation, body: &[u8], ctx: &Context) -> Result<Vec<u8>, ApiError> {
                self.authorize(operation, body, ctx)?;
                match operation {
                    $(Operation::$operation => {
                        let input: <ops::$operation as Api>::Input = json::decode(body)?;
                        let output: <ops::$operation as Api>::Output = $handler(&self.deps, ctx, input).await?;
                        Ok(json::encode(&output))
                    })*
                    other => self.not_built(other, body).await,
                }
            }
        }
    };
}

operations! {
    AdminConfirmSignUp => users::admin_confirm_sign_up,
    AdminCreateUser => users::admin_create_user,
    AdminDeleteUser => lifecycle::admin_delete_user,
    AdminDeleteUserAttributes => profile::admin_delete_user_attributes,
    AdminDisableUser => lifecycle::admin_disable_user,
    AdminEnableUser => lifecycle::admin_enable_user,
    AdminGetUser => users::admin_get_user,
    AdminInitiateAuth => sign_in::admin_initiate_auth,
    AdminResetUserPassword => passwords::admin_reset_user_password,
    AdminRespondToAuthChallenge => sign_in::admin_respond_to_auth_challenge,
    AdminSetUserPassword => users::admin_set_user_password,
    AdminUpdateUserAttributes => profile::admin_update_user_attributes,
    AdminUserGlobalSignOut => tokens::admin_user_global_sign_out,
    ChangePassword => passwords::change_password,
    ConfirmForgotPassword => passwords::confirm_forgot_password,
    ConfirmSignUp => sign_up::confirm_sign_up,
    CreateUserPool => pools::create_user_pool,
    CreateUserPoolClient => clients::create_user_pool_client,
    DeleteUser => lifecycle::delete_user,
    DeleteUserAttributes => profile::delete_user_attributes,
    DeleteUserPool => pools::delete_user_pool,
    DeleteUserPoolClient => clients::delete_user_pool_client,
    DescribeUserPool => pools::describe_user_pool,
    DescribeUserPoolClient => clients::describe_user_pool_client,
    ForgotPassword => passwords::forgot_password,
    GetTokensFromRefreshToken => refresh::get_tokens_from_refresh_token,
    GetUser => users::get_user,
    GetUserAttributeVerificationCode => profile::get_user_attribute_verification_code,
    GlobalSignOut => tokens::global_sign_out,
    InitiateAuth => sign_in::initiate_auth,
    ListUserPoolClients => clients::list_user_pool_clients,
    ListUserPools => pools::list_user_pools,
    ListUsers => list_users::list_users,
    ResendConfirmationCode => sign_up::resend_confirmation_code,
    RespondToAuthChallenge => sign_in::respond_to_auth_challenge,
    RevokeToken => tokens::revoke_token,
    SignUp => sign_up::sign_up,
    UpdateUserAttributes => profile::update_user_attributes,
    UpdateUserPool => pools::update_user_pool,
    UpdateUserPoolClient => clients::update_user_pool_client,
    VerifyUserAttribute => profile::verify_user_attribute,
}

impl Service {
    /// Puts the room together.
    pub fn new(deps: Deps) -> Self {
        Self { deps }
    }

    /// What the operations work with, for the jobs that go on after them.
    pub fn deps(&self) -> &Deps {
        &self.deps
    }

    /// The key set of a pool, JSON text; `None` when there is no such pool.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn jwks(&self, pool: &PoolId) -> Result<Option<std::sync::Arc<str>>, ApiError> {
        Ok(self.deps.signing.jwks(pool).await.map_err(crate::flows::Refusal::from)?)
    }

    /// The discovery document of a pool (OpenID Connect Discovery 1.0 §3), JSON text; `None` when there is no such
    /// pool.
    ///
    /// It names only endpoints that exist; those of OAuth come with them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn discovery(&self, pool: &PoolId) -> Result<Option<String>, ApiError> {
        let Some(pool) = self.deps.directory.pool(pool).await? else { return Ok(None) };
        let document = serde_json::json!({
            "issuer": pool.issuer,
            "jwks_uri": format!("{}/.well-known/jwks.json", pool.issuer),
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        });
        Ok(Some(document.to_string()))
    }

    /// Follows the confirmation link of an e-mail.
    ///
    /// # Errors
    /// When the database does not answer, or Cenote is at fault.
    pub async fn confirm_user(&self, ctx: &Context, link: &ConfirmationLink) -> Result<LinkOutcome, ApiError> {
        confirm_user::confirm_user(&self.deps, ctx, link).await
    }

    /// Whether the signer may do this to the pool that the body names. Without a signer nobody may, whatever the front
    /// end did: the room does not rely on it.
    fn authorize(&self, operation: Operation, body: &[u8], ctx: &Context) -> Result<(), ApiError> {
        if operation.auth() != Auth::Signed {
            return Ok(());
        }
        let Some(principal) = &ctx.principal else {
            return Err(ApiError::missing_authentication_token("Missing Authentication Token"));
        };
        let action = Target::from(operation).action();
        cenote_iam::authorize(principal, &action, &self.resource(body))
            .map_err(|denied| ApiError::access_denied(denied.message))
    }

    /// The ARN of the pool that a body names, or `*`.
    fn resource(&self, body: &[u8]) -> String {
        #[derive(Deserialize)]
        struct Named {
            #[serde(rename = "UserPoolId")]
            pool: PoolId,
        }
        serde_json::from_slice::<Named>(body)
            .map_or_else(|_| "*".to_owned(), |named| named.pool.arn(&self.deps.settings.account).to_string())
    }

    /// The input is checked all the same, and so is an access token: only who may call learns that it is not built.
    async fn not_built(&self, operation: Operation, body: &[u8]) -> Result<Vec<u8>, ApiError> {
        json::check(operation.into(), body)?;
        if operation.auth() == Auth::AccessToken {
            tokens::bearer_of_body(&self.deps, body).await?;
        }
        Err(ApiError::not_built(operation.name()))
    }
}

#[cfg(test)]
mod tests {
    use cenote_iam::{Principal, PrincipalKind};
    use cenote_wire::ErrorCode;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn no_signed_operation_answers_without_a_signer_who_may() {
        let store = testing::store().await;
        let house = testing::House::new(&store).await;
        let service = &house.service;
        let alice = Principal {
            account: "123456789012".parse().unwrap(),
            arn: "arn:aws:iam::123456789012:user/alice".parse().unwrap(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            kind: PrincipalKind::User,
        };
        let signed = Operation::ALL.iter().copied().filter(|operation| operation.auth() == Auth::Signed);
        let mut seen = 0;
        for operation in signed {
            let body = br#"{"UserPoolId": "us-east-1_AbCdEfGhI"}"#;
            let ctx = testing::public();
            let error = service.call(operation, body, &ctx).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::MissingAuthenticationToken, "{}", operation.name());
            let ctx = Context { principal: Some(alice.clone()), ..testing::public() };
            let error = service.call(operation, body, &ctx).await.unwrap_err();
            let action = Target::from(operation).action();
            assert_eq!(error.code, ErrorCode::AccessDenied, "{action}");
            let told = format!(
                "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: {action} on resource: \
                 arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEfGhI because no identity-based policy \
                 allows the {action} action"
            );
            assert_eq!(error.message.unwrap(), told);
            seen += 1;
        }
        assert!(seen > 90, "{seen}");
    }
}
