//! UpdateUserAttributes, DeleteUserAttributes and their siblings for administrators, GetUserAttributeVerificationCode
//! and VerifyUserAttribute (reference 03 §9).

mod addresses;
mod aliases;
mod at_once;
mod pending;
mod property;
mod refusals;
mod verification;

use cenote_wire::idp::Operation;
use serde_json::{Map, Value, json};

use super::on_both_engines;
use super::world::{Answer, App, attributes};

const MISMATCH: &str = "CodeMismatchException: Invalid verification code provided, please try again.";
const EXPIRED: &str = "ExpiredCodeException: Invalid code provided, please request a code again.";
const TOO_MANY: &str = "LimitExceededException: Attempt limit exceeded, please try after some time.";
const EMAIL_TAKEN: &str = "AliasExistsException: An account with the given email already exists.";

const OLD: &str = "old@example.com";
const NEW: &str = "new@shop.example";
const PHONE: &str = "+12065559934";

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

fn invalid(text: &str) -> Answer {
    Err(format!("InvalidParameterException: {text}"))
}

fn unauthorized() -> Answer {
    refused("NotAuthorizedException: A client attempted to write unauthorized attribute")
}

/// Where codes went, as UpdateUserAttributes tells it.
fn sent(list: &[(&str, &str, &str)]) -> Answer {
    let entry = |(attribute, medium, masked): &(&str, &str, &str)| {
        let mut details = json!({"AttributeName": attribute, "DeliveryMedium": medium});
        details["Destination"] = json!(masked);
        details
    };
    Ok(json!({"CodeDeliveryDetailsList": list.iter().map(entry).collect::<Value>()}))
}

fn sent_to_new() -> Answer {
    sent(&[("email", "EMAIL", "n***@s***")])
}

/// A code that is not this one.
fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// The values of these attributes; an attribute that is not there is null.
fn shown(all: &Map<String, Value>, names: &[&str]) -> Value {
    names.iter().map(|name| all.get(*name).cloned().unwrap_or_default()).collect()
}

impl App<'_> {
    /// UpdateUserAttributes.
    async fn update_own(&self, tokens: &Value, values: &[(&str, &str)]) -> Answer {
        let input = json!({"AccessToken": tokens["AccessToken"], "UserAttributes": attributes(values)});
        self.world.pass(std::time::Duration::from_millis(1));
        self.world.call(Operation::UpdateUserAttributes, input).await
    }

    /// AdminUpdateUserAttributes.
    async fn admin_update(&self, username: &str, values: &[(&str, &str)]) -> Answer {
        let more = json!({"UserAttributes": attributes(values)});
        self.admin(Operation::AdminUpdateUserAttributes, username, more).await
    }

    /// DeleteUserAttributes.
    async fn delete_own(&self, tokens: &Value, names: &[&str]) -> Answer {
        let input = json!({"AccessToken": tokens["AccessToken"], "UserAttributeNames": names});
        self.world.call(Operation::DeleteUserAttributes, input).await
    }

    /// AdminDeleteUserAttributes.
    async fn admin_delete(&self, username: &str, names: &[&str]) -> Answer {
        self.admin(Operation::AdminDeleteUserAttributes, username, json!({"UserAttributeNames": names})).await
    }

    /// GetUserAttributeVerificationCode.
    async fn send_code(&self, tokens: &Value, attribute: &str) -> Answer {
        let input = json!({"AccessToken": tokens["AccessToken"], "AttributeName": attribute});
        self.world.pass(std::time::Duration::from_millis(1));
        self.world.call(Operation::GetUserAttributeVerificationCode, input).await
    }

    /// VerifyUserAttribute.
    async fn verify(&self, tokens: &Value, attribute: &str, code: &str) -> Answer {
        let input = json!({"AccessToken": tokens["AccessToken"], "AttributeName": attribute, "Code": code});
        self.world.call(Operation::VerifyUserAttribute, input).await
    }

    /// A user with a verified address, and the tokens of a sign-in.
    async fn with_address(&self, username: &str, address: &str) -> Value {
        self.create(username, &[("email", address), ("email_verified", "true")]).await.unwrap();
        self.set_password(username, super::world::PASSWORD, true).await.unwrap();
        self.tokens(username).await
    }

    /// The address and its flag.
    async fn email_of(&self, username: &str) -> Value {
        shown(&self.attributes(username).await, &["email", "email_verified"])
    }
}
