//! One server's room on a store of its own, and an application in it as its developers see it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cenote_base::{ClientId, Secret};
use cenote_secrets::secret_hash;
use cenote_store::testing::TestStore;
use cenote_wire::Auth;
use cenote_wire::idp::Operation;
use serde_json::{Map, Value, json};

use crate::testing::{self, House};
use crate::{Context, Deps};

pub(crate) const PASSWORD: &str = "Correct-Horse-9";
pub(crate) const NEW_PASSWORD: &str = "Battery-Staple-7";
pub(crate) const INCORRECT: &str = "NotAuthorizedException: Incorrect username or password.";
pub(crate) const LOCKED: &str = "NotAuthorizedException: Password attempts exceeded";
pub(crate) const NO_USER: &str = "UserNotFoundException: User does not exist.";
pub(crate) const INVALID_SESSION: &str = "NotAuthorizedException: Invalid session for the user.";

/// What an operation answers, or `Type: text` of its refusal.
pub(crate) type Answer = Result<Value, String>;

/// A server on a store of its own. Its clock stands still, but for a millisecond with each message.
pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) store: TestStore,
}

impl World {
    pub(crate) async fn on(store: TestStore) -> Self {
        let house = House::new(&store).await;
        Self::in_house(store, house)
    }

    pub(crate) fn in_house(store: TestStore, mut house: House) -> Self {
        house.deliver_messages();
        Self { house, store }
    }

    pub(crate) fn deps(&self) -> &Deps {
        self.house.deps()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.house.clock.advance(time);
    }

    /// Calls with a root's signature where the operation asks for one.
    pub(crate) async fn call(&self, operation: Operation, input: Value) -> Answer {
        self.call_from("192.0.2.7", operation, input).await
    }

    /// The same, from this address.
    pub(crate) async fn call_from(&self, source: &str, operation: Operation, input: Value) -> Answer {
        let context = if operation.auth() == Auth::Signed { testing::signed() } else { testing::public() };
        let context = Context { source: source.parse().unwrap(), ..context };
        let body = self.house.service.call(operation, input.to_string().as_bytes(), &context).await;
        let body = body.map_err(|error| error.to_string())?;
        Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
    }

    pub(crate) async fn pool(&self, settings: Value) -> String {
        testing::pool(&self.house, settings).await
    }

    /// A public app client, that allows everything with passwords, of a new pool.
    pub(crate) async fn app(&self, pool: Value) -> App<'_> {
        let pool = self.pool(pool).await;
        self.client(&pool, json!({})).await
    }

    pub(crate) async fn client(&self, pool: &str, settings: Value) -> App<'_> {
        let mut request = json!({"UserPoolId": pool, "ClientName": "app", "ExplicitAuthFlows": [
            "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH"]});
        request.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let answer = self.call(Operation::CreateUserPoolClient, request).await.unwrap();
        let client = &answer["UserPoolClient"];
        App {
            world: self,
            pool: pool.to_owned(),
            client: client["ClientId"].as_str().unwrap().to_owned(),
            secret: client["ClientSecret"].as_str().map(str::to_owned),
        }
    }

    /// The bodies of all messages to this address, the newest first.
    pub(crate) async fn messages(&self, address: &str) -> Vec<String> {
        let stored = self.deps().queue.newest(None, 1000).await.unwrap();
        let to_address = stored.into_iter().filter(|message| message.destination.as_ref().unwrap().expose() == address);
        to_address.map(|message| message.content.unwrap().1.expose().to_owned()).collect()
    }

    /// The code in the newest message to this address.
    pub(crate) async fn code(&self, address: &str) -> String {
        let newest = self.messages(address).await.into_iter().next().expect("a message");
        let texts = ["Your confirmation code is ", "Your password reset code is "];
        texts.iter().find_map(|text| newest.strip_prefix(text)).expect("a code").to_owned()
    }

    pub(crate) async fn rows(&self, sql: &'static str) -> i64 {
        testing::rows(&self.store, sql).await
    }
}

/// An app client of a user pool.
#[derive(Clone)]
pub(crate) struct App<'w> {
    pub(crate) world: &'w World,
    pub(crate) pool: String,
    pub(crate) client: String,
    pub(crate) secret: Option<String>,
}

/// A list of attributes as the API takes it.
pub(crate) fn attributes(values: &[(&str, &str)]) -> Value {
    values.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
}

/// A list of attributes as the API gives it, as an object.
pub(crate) fn by_name(list: &Value) -> Map<String, Value> {
    let entries = list.as_array().unwrap().iter();
    entries.map(|entry| (entry["Name"].as_str().unwrap().to_owned(), entry["Value"].clone())).collect()
}

/// The claims of a token; its signature is others' business.
pub(crate) fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

pub(crate) fn email(name: &str) -> String {
    format!("{name}@example.com")
}

fn merged(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

impl App<'_> {
    pub(crate) fn hash(&self, username: &str) -> Option<String> {
        let client: ClientId = self.client.parse().unwrap();
        self.secret.as_ref().map(|secret| secret_hash::compute(username, &client, &Secret::new(secret.as_str())))
    }

    /// A public operation: `ClientId`, and `SecretHash` over the username where the client has a secret.
    pub(crate) async fn public(&self, operation: Operation, username: &str, more: Value) -> Answer {
        let mut request = json!({"ClientId": self.client, "Username": username});
        if let Some(hash) = self.hash(username) {
            request["SecretHash"] = json!(hash);
        }
        self.world.pass(Duration::from_millis(1));
        self.world.call(operation, merged(request, more)).await
    }

    /// SignUp with an address of the user's own.
    pub(crate) async fn sign_up(&self, username: &str) -> Answer {
        self.sign_up_with(username, &[("email", &email(username))]).await
    }

    pub(crate) async fn sign_up_with(&self, username: &str, values: &[(&str, &str)]) -> Answer {
        let more = json!({"Password": PASSWORD, "UserAttributes": attributes(values)});
        self.public(Operation::SignUp, username, more).await
    }

    pub(crate) async fn confirm(&self, username: &str, code: &str) -> Answer {
        self.public(Operation::ConfirmSignUp, username, json!({"ConfirmationCode": code})).await
    }

    pub(crate) async fn resend(&self, username: &str) -> Answer {
        self.public(Operation::ResendConfirmationCode, username, json!({})).await
    }

    pub(crate) async fn forgot_password(&self, username: &str) -> Answer {
        self.public(Operation::ForgotPassword, username, json!({})).await
    }

    pub(crate) async fn confirm_forgot_password(&self, username: &str, code: &str, password: &str) -> Answer {
        let more = json!({"ConfirmationCode": code, "Password": password});
        self.public(Operation::ConfirmForgotPassword, username, more).await
    }

    pub(crate) async fn change_password(&self, tokens: &Value, previous: &str, proposed: &str) -> Answer {
        self.world.pass(Duration::from_millis(1));
        let request = json!({"AccessToken": tokens["AccessToken"], "PreviousPassword": previous,
            "ProposedPassword": proposed});
        self.world.call(Operation::ChangePassword, request).await
    }

    pub(crate) async fn initiate(&self, flow: &str, parameters: Value) -> Answer {
        let request = json!({"ClientId": self.client, "AuthFlow": flow, "AuthParameters": parameters});
        self.world.call(Operation::InitiateAuth, request).await
    }

    pub(crate) async fn admin_initiate(&self, flow: &str, parameters: Value) -> Answer {
        let request = json!({"UserPoolId": self.pool, "ClientId": self.client, "AuthFlow": flow,
            "AuthParameters": parameters});
        self.world.pass(Duration::from_millis(1));
        self.world.call(Operation::AdminInitiateAuth, request).await
    }

    pub(crate) fn credentials(&self, username: &str, password: &str) -> Value {
        let mut parameters = json!({"USERNAME": username, "PASSWORD": password});
        if let Some(hash) = self.hash(username) {
            parameters["SECRET_HASH"] = json!(hash);
        }
        parameters
    }

    pub(crate) async fn sign_in(&self, username: &str, password: &str) -> Answer {
        self.initiate("USER_PASSWORD_AUTH", self.credentials(username, password)).await
    }

    pub(crate) async fn admin_sign_in(&self, username: &str, password: &str) -> Answer {
        self.admin_initiate("ADMIN_USER_PASSWORD_AUTH", self.credentials(username, password)).await
    }

    /// Signs in with a password from this address, by either door.
    pub(crate) async fn sign_in_from(&self, source: &str, door: Operation, name: &str, password: &str) -> Answer {
        let flow = match door {
            Operation::AdminInitiateAuth => "ADMIN_USER_PASSWORD_AUTH",
            _ => "USER_PASSWORD_AUTH",
        };
        let request = json!({"UserPoolId": self.pool, "ClientId": self.client, "AuthFlow": flow,
            "AuthParameters": self.credentials(name, password)});
        self.world.call_from(source, door, request).await
    }

    /// The tokens of a sign-in that succeeds.
    pub(crate) async fn tokens(&self, username: &str) -> Value {
        self.sign_in(username, PASSWORD).await.unwrap()["AuthenticationResult"].clone()
    }

    /// REFRESH_TOKEN_AUTH; the hash is over the stored username.
    pub(crate) async fn refresh(&self, token: &Value, username: &str) -> Answer {
        let mut parameters = json!({"REFRESH_TOKEN": token});
        if let Some(hash) = self.hash(username) {
            parameters["SECRET_HASH"] = json!(hash);
        }
        self.initiate("REFRESH_TOKEN_AUTH", parameters).await
    }

    /// GetTokensFromRefreshToken.
    pub(crate) async fn renew(&self, token: &Value) -> Answer {
        let request = json!({"ClientId": self.client, "ClientSecret": self.secret, "RefreshToken": token});
        self.world.call(Operation::GetTokensFromRefreshToken, request).await
    }

    /// The tokens that GetTokensFromRefreshToken gives.
    pub(crate) async fn renewed(&self, token: &Value) -> Value {
        self.renew(token).await.unwrap()["AuthenticationResult"].clone()
    }

    pub(crate) async fn revoke(&self, token: &Value) -> Answer {
        let mut request = json!({"ClientId": self.client, "Token": token});
        if let Some(secret) = &self.secret {
            request["ClientSecret"] = json!(secret);
        }
        self.world.call(Operation::RevokeToken, request).await
    }

    /// What the user of a sign-in may ask with its access token.
    pub(crate) async fn get_user(&self, tokens: &Value) -> Answer {
        self.world.call(Operation::GetUser, json!({"AccessToken": tokens["AccessToken"]})).await
    }

    pub(crate) async fn global_sign_out(&self, tokens: &Value) -> Answer {
        self.world.call(Operation::GlobalSignOut, json!({"AccessToken": tokens["AccessToken"]})).await
    }

    /// RespondToAuthChallenge for NEW_PASSWORD_REQUIRED.
    pub(crate) async fn answer(&self, session: &Value, username: &str, more: Value) -> Answer {
        let mut responses = merged(json!({"USERNAME": username, "NEW_PASSWORD": NEW_PASSWORD}), more);
        if let Some(hash) = self.hash(username) {
            responses["SECRET_HASH"] = json!(hash);
        }
        let request = json!({"ClientId": self.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session,
            "ChallengeResponses": responses});
        self.world.call(Operation::RespondToAuthChallenge, request).await
    }

    /// An administrator's operation on a user.
    pub(crate) async fn admin(&self, operation: Operation, username: &str, more: Value) -> Answer {
        self.world.pass(Duration::from_millis(1));
        self.world.call(operation, merged(json!({"UserPoolId": self.pool, "Username": username}), more)).await
    }

    /// AdminCreateUser with a temporary password and without a message.
    pub(crate) async fn create(&self, username: &str, values: &[(&str, &str)]) -> Answer {
        let more = json!({"TemporaryPassword": PASSWORD, "MessageAction": "SUPPRESS",
            "UserAttributes": attributes(values)});
        self.admin(Operation::AdminCreateUser, username, more).await
    }

    pub(crate) async fn set_password(&self, username: &str, password: &str, permanent: bool) -> Answer {
        let more = json!({"Password": password, "Permanent": permanent});
        self.admin(Operation::AdminSetUserPassword, username, more).await
    }

    /// A user who can sign in with [`PASSWORD`]; has a verified address.
    pub(crate) async fn confirmed(&self, username: &str) {
        self.create(username, &[("email", &email(username)), ("email_verified", "true")]).await.unwrap();
        self.set_password(username, PASSWORD, true).await.unwrap();
    }

    /// A new user who must set a password, and the session to do it with.
    pub(crate) async fn challenged(&self, username: &str) -> Value {
        self.create(username, &[("email", &email(username))]).await.unwrap();
        self.session(username).await
    }

    pub(crate) async fn session(&self, username: &str) -> Value {
        let answer = self.sign_in(username, PASSWORD).await.unwrap();
        assert_eq!(answer["ChallengeName"], "NEW_PASSWORD_REQUIRED");
        answer["Session"].clone()
    }

    pub(crate) async fn get(&self, username: &str) -> Answer {
        self.admin(Operation::AdminGetUser, username, json!({})).await
    }

    pub(crate) async fn attributes(&self, username: &str) -> Map<String, Value> {
        by_name(&self.get(username).await.unwrap()["UserAttributes"])
    }

    pub(crate) async fn status(&self, username: &str) -> String {
        self.get(username).await.unwrap()["UserStatus"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn disable(&self, username: &str) {
        self.admin(Operation::AdminDisableUser, username, json!({})).await.unwrap();
    }
}
