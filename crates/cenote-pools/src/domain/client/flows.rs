//! `ExplicitAuthFlows`: which ways to sign in an app client may use, with Cognito's rules for older names (reference 02
//! §8, 08 §5 and §6).

use serde::Deserialize;

/// A member of `ExplicitAuthFlows`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FlowName {
    AdminNoSrpAuth,
    CustomAuthFlowOnly,
    UserPasswordAuth,
    AllowAdminUserPasswordAuth,
    AllowCustomAuth,
    AllowUserPasswordAuth,
    AllowUserSrpAuth,
    AllowRefreshTokenAuth,
    AllowUserAuth,
    AllowTokenExchangeDelegation,
    AllowTokenExchangeImpersonation,
    AllowClientTokenAuth,
}

impl FlowName {
    /// Whether this is a name from before the `ALLOW_` ones.
    pub(crate) fn is_legacy(self) -> bool {
        matches!(self, Self::AdminNoSrpAuth | Self::CustomAuthFlowOnly | Self::UserPasswordAuth)
    }
}

/// Which ways to sign in an app client may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthFlows {
    /// `USER_PASSWORD_AUTH`.
    pub user_password: bool,
    /// `ADMIN_USER_PASSWORD_AUTH` (and its older name `ADMIN_NO_SRP_AUTH`).
    pub admin_user_password: bool,
    /// `USER_SRP_AUTH`.
    pub user_srp: bool,
    /// `CUSTOM_AUTH`.
    pub custom: bool,
    /// `USER_AUTH`: password, SRP, one-time codes and passkeys inside it.
    pub user_auth: bool,
    /// `REFRESH_TOKEN_AUTH`. Never with rotation, where only GetTokensFromRefreshToken and the token endpoint refresh.
    pub refresh: bool,
    /// GetClientToken.
    pub client_token: bool,
    /// Token exchange with an actor.
    pub exchange_delegation: bool,
    /// Token exchange without an actor.
    pub exchange_impersonation: bool,
}

impl AuthFlows {
    /// What nothing, or nothing but older names, stands for.
    const WITHOUT_NAMES: Self = Self {
        user_password: false,
        admin_user_password: false,
        user_srp: true,
        custom: true,
        user_auth: false,
        refresh: true,
        client_token: false,
        exchange_delegation: false,
        exchange_impersonation: false,
    };

    /// `names` as they are stored. None at all, and older names, leave SRP, custom challenges and refreshing on;
    /// `CUSTOM_AUTH_FLOW_ONLY` leaves custom challenges and refreshing; of `ALLOW_` names exactly the listed work.
    pub(crate) fn from_names(names: &[FlowName]) -> Self {
        if names.contains(&FlowName::CustomAuthFlowOnly) {
            return Self { user_srp: false, ..Self::WITHOUT_NAMES };
        }
        let allowed = |name| names.contains(&name);
        if names.iter().all(|name| name.is_legacy()) {
            return Self {
                user_password: allowed(FlowName::UserPasswordAuth),
                admin_user_password: allowed(FlowName::AdminNoSrpAuth),
                ..Self::WITHOUT_NAMES
            };
        }
        Self {
            user_password: allowed(FlowName::AllowUserPasswordAuth),
            admin_user_password: allowed(FlowName::AllowAdminUserPasswordAuth),
            user_srp: allowed(FlowName::AllowUserSrpAuth),
            custom: allowed(FlowName::AllowCustomAuth),
            user_auth: allowed(FlowName::AllowUserAuth),
            refresh: allowed(FlowName::AllowRefreshTokenAuth),
            client_token: allowed(FlowName::AllowClientTokenAuth),
            exchange_delegation: allowed(FlowName::AllowTokenExchangeDelegation),
            exchange_impersonation: allowed(FlowName::AllowTokenExchangeImpersonation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flows(names: &[&str]) -> AuthFlows {
        let names: Vec<FlowName> = serde_json::from_value(serde_json::json!(names)).unwrap();
        AuthFlows::from_names(&names)
    }

    #[test]
    fn no_names_allow_srp_custom_challenges_and_refreshing() {
        assert_eq!(flows(&[]), AuthFlows { user_srp: true, custom: true, refresh: true, ..AuthFlows::default() });
    }

    #[test]
    fn older_names_add_to_that() {
        assert_eq!(flows(&["ADMIN_NO_SRP_AUTH"]), AuthFlows { admin_user_password: true, ..flows(&[]) });
        assert_eq!(flows(&["USER_PASSWORD_AUTH"]), AuthFlows { user_password: true, ..flows(&[]) });
        assert_eq!(
            flows(&["USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"]),
            AuthFlows { user_password: true, admin_user_password: true, ..flows(&[]) }
        );
    }

    #[test]
    fn custom_only_takes_srp_and_passwords_away() {
        let only = AuthFlows { custom: true, refresh: true, ..AuthFlows::default() };
        assert_eq!(flows(&["CUSTOM_AUTH_FLOW_ONLY"]), only);
        assert_eq!(flows(&["CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH"]), only);
    }

    #[test]
    fn of_the_allow_names_exactly_the_listed_work() {
        type Flag = fn(&AuthFlows) -> bool;
        let flags: [(&str, Flag); 9] = [
            ("ALLOW_USER_PASSWORD_AUTH", |flows| flows.user_password),
            ("ALLOW_ADMIN_USER_PASSWORD_AUTH", |flows| flows.admin_user_password),
            ("ALLOW_USER_SRP_AUTH", |flows| flows.user_srp),
            ("ALLOW_CUSTOM_AUTH", |flows| flows.custom),
            ("ALLOW_USER_AUTH", |flows| flows.user_auth),
            ("ALLOW_REFRESH_TOKEN_AUTH", |flows| flows.refresh),
            ("ALLOW_CLIENT_TOKEN_AUTH", |flows| flows.client_token),
            ("ALLOW_TOKEN_EXCHANGE_DELEGATION", |flows| flows.exchange_delegation),
            ("ALLOW_TOKEN_EXCHANGE_IMPERSONATION", |flows| flows.exchange_impersonation),
        ];
        for (name, _) in flags {
            let flows = flows(&[name]);
            for (other, flag) in flags {
                assert_eq!(flag(&flows), name == other, "{name} {other}");
            }
        }
    }
}
