//! An app client as the rules see it: its stored settings, parsed once (reference 02 §8).
//!
//! The stored document has Cognito's own member names (`UserPoolClientType` without ids, dates and secrets).

mod document;
mod flows;

use std::time::Duration;

use cenote_base::{ClientId, PoolId, Secret, Timestamp};
use cenote_store::records::clients::ClientRecord;

pub use self::document::Unit;
pub use self::flows::AuthFlows;
use super::pool::SettingsError;
use super::schema::{DEVELOPER_PREFIX, VERIFIED_FLAGS};

/// Refresh tokens are exchanged for new ones (`RefreshTokenRotation` with `Feature` `ENABLED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// How long the old token still works after it was exchanged: at most 60 seconds.
    pub grace: Duration,
}

/// An app client. Built by [`Client::from_record`], trusted after.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's id.
    pub id: ClientId,
    /// The pool it belongs to.
    pub pool_id: PoolId,
    /// Its name.
    pub name: String,
    /// The version of the record these settings were read at.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,

    /// Its secrets, the oldest first; none: a public client.
    pub secrets: Vec<Secret>,
    /// The ways to sign in that it may use.
    pub flows: AuthFlows,
    /// How long access tokens live.
    pub access_validity: Duration,
    /// How long ID tokens live.
    pub id_validity: Duration,
    /// How long refresh tokens live.
    pub refresh_validity: Duration,
    /// How long a challenge may be answered.
    pub auth_session_validity: Duration,
    /// `ReadAttributes`; `None`: never set.
    pub read_attributes: Option<Vec<String>>,
    /// `WriteAttributes`; `None`: never set.
    pub write_attributes: Option<Vec<String>>,
    /// `PreventUserExistenceErrors` is `ENABLED`.
    pub prevent_user_existence_errors: bool,
    /// `EnableTokenRevocation`: tokens carry `origin_jti` and can be revoked.
    pub token_revocation: bool,
    /// Refresh tokens are exchanged for new ones.
    pub rotation: Option<Rotation>,
    /// `EnablePropagateAdditionalUserContextData`: the client may name the user's address.
    pub propagate_user_context: bool,

    /// The whole stored document.
    pub settings: serde_json::Value,
}

impl Client {
    /// Parses a stored client; `secrets` are its opened secrets, the oldest first.
    ///
    /// # Errors
    /// When the stored document is no valid settings document: nobody but Cenote writes it, so that is an internal fault.
    pub fn from_record(record: &ClientRecord, secrets: Vec<Secret>) -> Result<Self, SettingsError> {
        document::parse(record, secrets).map_err(|error| SettingsError {
            kind: "app client",
            id: record.client_id.to_string(),
            reason: error.to_string(),
        })
    }

    /// Whether the client has a secret, which every public operation must then prove.
    pub fn is_confidential(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Whether users of this client see this attribute. Without a list they see all but developer attributes; `sub` is
    /// seen always.
    pub fn can_read(&self, attribute: &str) -> bool {
        match &self.read_attributes {
            _ if attribute == "sub" => true,
            Some(names) => names.iter().any(|name| name == attribute),
            None => !attribute.starts_with(DEVELOPER_PREFIX),
        }
    }

    /// Whether users of this client write this attribute. Never `sub`, a verified flag or a developer attribute; without a
    /// list everything else, custom attributes included (docs/decisions/0020-client-attribute-permissions.md).
    pub fn can_write(&self, attribute: &str) -> bool {
        if attribute == "sub" || VERIFIED_FLAGS.contains(&attribute) || attribute.starts_with(DEVELOPER_PREFIX) {
            return false;
        }
        self.write_attributes.as_ref().is_none_or(|names| names.iter().any(|name| name == attribute))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(settings: &serde_json::Value) -> ClientRecord {
        ClientRecord {
            client_id: "26cb2c60kq7nbmas7rbme9b6pp".parse().unwrap(),
            pool_id: "eu-west-1_AbCdEfGhI".parse().unwrap(),
            name: "app".into(),
            client_type: "REGULAR".into(),
            settings: settings.to_string(),
            version: 5,
            created_at: Timestamp::from_secs(1),
            modified_at: Timestamp::from_secs(2),
        }
    }

    pub(crate) fn client(settings: serde_json::Value) -> Client {
        Client::from_record(&record(&settings), Vec::new()).unwrap()
    }

    #[test]
    fn an_empty_document_means_cognitos_defaults() {
        let client = client(serde_json::json!({}));
        assert_eq!(client.access_validity, Duration::from_secs(3600));
        assert_eq!(client.id_validity, Duration::from_secs(3600));
        assert_eq!(client.refresh_validity, Duration::from_secs(30 * 86_400));
        assert_eq!(client.auth_session_validity, Duration::from_secs(180));
        assert!(client.token_revocation && !client.prevent_user_existence_errors && !client.is_confidential());
        assert!(client.rotation.is_none() && client.read_attributes.is_none() && client.write_attributes.is_none());
    }

    #[test]
    fn every_member_that_rules_read_is_read() {
        let settings = serde_json::json!({
            "AccessTokenValidity": 10, "IdTokenValidity": 300, "RefreshTokenValidity": 12,
            "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "seconds", "RefreshToken": "hours"},
            "AuthSessionValidity": 15, "ReadAttributes": ["email"], "WriteAttributes": ["email"],
            "PreventUserExistenceErrors": "ENABLED", "EnableTokenRevocation": false,
            "EnablePropagateAdditionalUserContextData": true,
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
            "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 20}
        });
        let client = Client::from_record(&record(&settings), vec![Secret::from("s3cret")]).unwrap();
        assert_eq!(client.access_validity, Duration::from_secs(600));
        assert_eq!(client.id_validity, Duration::from_secs(300));
        assert_eq!(client.refresh_validity, Duration::from_secs(12 * 3600));
        assert_eq!(client.auth_session_validity, Duration::from_secs(900));
        assert_eq!(client.rotation, Some(Rotation { grace: Duration::from_secs(20) }));
        assert!(client.prevent_user_existence_errors && !client.token_revocation && client.is_confidential());
        assert!(client.propagate_user_context && client.flows.user_password && !client.flows.user_srp);
        assert!(!format!("{client:?}").contains("s3cret"));
    }

    #[test]
    fn rotation_that_is_off_is_none() {
        let client = client(serde_json::json!({"RefreshTokenRotation": {"Feature": "DISABLED"}}));
        assert_eq!(client.rotation, None);
    }

    #[test]
    fn settings_that_are_not_understood_are_an_error_not_a_default() {
        for bad in [
            serde_json::json!({"PreventUserExistenceErrors": "MAYBE"}),
            serde_json::json!({"ExplicitAuthFlows": ["ALLOW_EVERYTHING"]}),
            serde_json::json!({"TokenValidityUnits": {"AccessToken": "weeks"}}),
            serde_json::json!({"AccessTokenValidity": -1}),
            serde_json::json!("text"),
            serde_json::json!([]),
        ] {
            let error = Client::from_record(&record(&bad), Vec::new()).unwrap_err();
            assert_eq!(error.kind, "app client", "{bad}");
        }
    }

    #[test]
    fn what_a_client_without_lists_sees_and_writes() {
        let client = client(serde_json::json!({}));
        for name in ["email", "email_verified", "custom:team", "sub", "identities"] {
            assert!(client.can_read(name), "{name}");
        }
        assert!(!client.can_read("dev:custom:level"));
        for name in ["email", "custom:team", "phone_number"] {
            assert!(client.can_write(name), "{name}");
        }
        for name in ["sub", "email_verified", "phone_number_verified", "dev:custom:level"] {
            assert!(!client.can_write(name), "{name}");
        }
    }

    #[test]
    fn what_a_client_with_lists_sees_and_writes() {
        let client =
            client(serde_json::json!({"ReadAttributes": ["email"], "WriteAttributes": ["name", "custom:team"]}));
        assert!(client.can_read("email") && client.can_read("sub"));
        assert!(!client.can_read("name") && !client.can_read("custom:team"));
        assert!(client.can_write("name") && client.can_write("custom:team") && !client.can_write("email"));
    }
}
