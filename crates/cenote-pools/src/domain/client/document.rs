//! Reading the stored document of an app client. Only what rules read has a member here; the rest stays in the document.

use std::time::Duration;

use cenote_base::Secret;
use cenote_store::records::clients::ClientRecord;
use serde::Deserialize;

use super::flows::FlowName;
use super::{AuthFlows, Client, Rotation};

/// `RefreshTokenValidity` where none, or 0, is set, in days.
const DEFAULT_REFRESH_DAYS: u32 = 30;
/// `AccessTokenValidity` and `IdTokenValidity` where none is set, in hours.
const DEFAULT_TOKEN_HOURS: u32 = 1;
/// `AuthSessionValidity` where none is set, in minutes.
const DEFAULT_SESSION_MINUTES: u32 = 3;
/// `RetryGracePeriodSeconds` where none is set.
const DEFAULT_GRACE_SECONDS: u32 = 0;

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("not a JSON object")]
    NotAnObject,
}

/// `TimeUnitsType`: what a validity is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
}

impl Unit {
    /// `count` of this unit in seconds; never overflows.
    pub const fn seconds(self, count: u32) -> u64 {
        let each: u64 = match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Hours => 3600,
            Self::Days => 86_400,
        };
        each * count as u64
    }

    fn duration(self, count: u32) -> Duration {
        Duration::from_secs(self.seconds(count))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Document {
    refresh_token_validity: Option<u32>,
    access_token_validity: Option<u32>,
    id_token_validity: Option<u32>,
    token_validity_units: Units,
    read_attributes: Option<Vec<String>>,
    write_attributes: Option<Vec<String>>,
    explicit_auth_flows: Vec<FlowName>,
    prevent_user_existence_errors: ExistenceErrors,
    enable_token_revocation: Option<bool>,
    enable_propagate_additional_user_context_data: bool,
    auth_session_validity: Option<u32>,
    refresh_token_rotation: Option<RotationDocument>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Units {
    access_token: Option<Unit>,
    id_token: Option<Unit>,
    refresh_token: Option<Unit>,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ExistenceErrors {
    #[default]
    Legacy,
    Enabled,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RotationDocument {
    feature: Feature,
    retry_grace_period_seconds: Option<u32>,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Feature {
    Enabled,
    Disabled,
}

/// Parses the document of a stored client.
pub(super) fn parse(record: &ClientRecord, secrets: Vec<Secret>) -> Result<Client, DocumentError> {
    let settings: serde_json::Value = serde_json::from_str(&record.settings)?;
    // serde would take an array for a structure.
    if !settings.is_object() {
        return Err(DocumentError::NotAnObject);
    }
    let document = Document::deserialize(&settings)?;
    let rotation = document
        .refresh_token_rotation
        .filter(|rotation| rotation.feature == Feature::Enabled)
        .map(|rotation| rotation.retry_grace_period_seconds.unwrap_or(DEFAULT_GRACE_SECONDS))
        .map(|seconds| Rotation { grace: Unit::Seconds.duration(seconds) });
    let mut flows = AuthFlows::from_names(&document.explicit_auth_flows);
    flows.refresh &= rotation.is_none();
    let units = document.token_validity_units;
    let token = |validity: Option<u32>, unit: Option<Unit>| match validity {
        Some(count) => unit.unwrap_or(Unit::Hours).duration(count),
        // A unit alone does not change what the default lasts.
        None => Unit::Hours.duration(DEFAULT_TOKEN_HOURS),
    };
    Ok(Client {
        id: record.client_id.clone(),
        pool_id: record.pool_id.clone(),
        name: record.name.clone(),
        version: record.version,
        created_at: record.created_at,
        modified_at: record.modified_at,
        secrets,
        flows,
        access_validity: token(document.access_token_validity, units.access_token),
        id_validity: token(document.id_token_validity, units.id_token),
        refresh_validity: match document.refresh_token_validity {
            None | Some(0) => Unit::Days.duration(DEFAULT_REFRESH_DAYS),
            Some(count) => units.refresh_token.unwrap_or(Unit::Days).duration(count),
        },
        auth_session_validity: Unit::Minutes
            .duration(document.auth_session_validity.unwrap_or(DEFAULT_SESSION_MINUTES)),
        read_attributes: document.read_attributes,
        write_attributes: document.write_attributes,
        prevent_user_existence_errors: document.prevent_user_existence_errors == ExistenceErrors::Enabled,
        token_revocation: document.enable_token_revocation.unwrap_or(true),
        rotation,
        propagate_user_context: document.enable_propagate_additional_user_context_data,
        settings,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::client;
    use super::*;

    fn unit() -> impl Strategy<Value = (&'static str, u64)> {
        prop_oneof![Just(("seconds", 1)), Just(("minutes", 60)), Just(("hours", 3600)), Just(("days", 86_400))]
    }

    #[test]
    fn a_unit_without_a_count_changes_nothing() {
        let client = client(serde_json::json!({
            "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "days", "RefreshToken": "hours"}}));
        assert_eq!(client.access_validity, Duration::from_secs(3600));
        assert_eq!(client.id_validity, Duration::from_secs(3600));
        assert_eq!(client.refresh_validity, Duration::from_secs(30 * 86_400));
    }

    #[test]
    fn zero_refresh_validity_means_thirty_days() {
        let client =
            client(serde_json::json!({"RefreshTokenValidity": 0, "TokenValidityUnits": {"RefreshToken": "hours"}}));
        assert_eq!(client.refresh_validity, Duration::from_secs(30 * 86_400));
    }

    proptest! {
        #[test]
        fn a_validity_is_count_times_unit(count in 1u32.., access in unit(), id in unit(), refresh in unit()) {
            let client = client(serde_json::json!({
                "AccessTokenValidity": count, "IdTokenValidity": count, "RefreshTokenValidity": count,
                "TokenValidityUnits": {"AccessToken": access.0, "IdToken": id.0, "RefreshToken": refresh.0}}));
            prop_assert_eq!(client.access_validity.as_secs(), u64::from(count) * access.1);
            prop_assert_eq!(client.id_validity.as_secs(), u64::from(count) * id.1);
            prop_assert_eq!(client.refresh_validity.as_secs(), u64::from(count) * refresh.1);
        }

        #[test]
        fn without_units_they_are_hours_and_days(count in 1u32..) {
            let client = client(serde_json::json!({"AccessTokenValidity": count, "RefreshTokenValidity": count}));
            prop_assert_eq!(client.access_validity.as_secs(), u64::from(count) * 3600);
            prop_assert_eq!(client.refresh_validity.as_secs(), u64::from(count) * 86_400);
        }
    }
}
