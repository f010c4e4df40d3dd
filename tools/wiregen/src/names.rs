//! Names: from the model's to Rust's.

/// Words whose capitals do not fall where words begin.
const WORDS: &[(&str, &str)] = &[("OAuth", "Oauth"), ("ARNs", "Arns"), ("URLs", "Urls"), ("IPs", "Ips")];

/// `UserMFASettingList` → `user_mfa_setting_list`. A Rust keyword becomes a raw identifier.
pub fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" | "use" | "ref" | "enum" | "struct" | "move" | "in" => format!("r#{name}"),
        _ => name,
    }
}

/// `UserMFASettingList` → `user_mfa_setting_list`.
pub fn snake(name: &str) -> String {
    let mut name = name.to_owned();
    for (from, to) in WORDS {
        name = name.replace(from, to);
    }
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if begins {
            out.push('_');
        }
        out.extend(if letter.is_alphanumeric() { letter.to_lowercase().next() } else { Some('_') });
    }
    out
}

/// `UserPoolIdType` → `USER_POOL_ID_TYPE`.
pub fn constant(name: &str) -> String {
    snake(name).to_uppercase()
}

/// The variant of an enumeration: `USER_SRP_AUTH` → `UserSrpAuth`, `terms-of-use` → `TermsOfUse`, `V1_0` → `V1_0`.
/// `Unknown` is taken by the words that the model does not know.
pub fn variant(word: &str) -> String {
    let mut out = String::new();
    for part in word.split(|letter: char| !letter.is_alphanumeric()).filter(|part| !part.is_empty()) {
        let ends_in_digit = out.chars().last().is_some_and(|letter| letter.is_numeric());
        if ends_in_digit && part.chars().next().is_some_and(char::is_numeric) {
            out.push('_');
        }
        let shouted = !part.chars().any(char::is_lowercase);
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(&if shouted { letters.as_str().to_lowercase() } else { letters.as_str().to_owned() });
    }
    if out == "Unknown" { "UnknownWord".to_owned() } else { out }
}

/// The variant of an error: `NotAuthorizedException` → `NotAuthorized`.
pub fn error(name: &str) -> &str {
    name.strip_suffix("Exception").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let names = [
            ("ClientId", "client_id"),
            ("UserMFASettingList", "user_mfa_setting_list"),
            ("CallbackURLs", "callback_urls"),
            ("AllowedOAuthFlowsUserPoolClient", "allowed_oauth_flows_user_pool_client"),
            ("OpenIdConnectProviderARNs", "open_id_connect_provider_arns"),
            ("CSSVersion", "css_version"),
            ("SSOSession", "sso_session"),
            ("LastIPAddress", "last_ip_address"),
            ("PrimaryRoute53HealthCheckId", "primary_route53_health_check_id"),
            ("headerName", "header_name"),
            ("Type", "r#type"),
            ("RoleARN", "role_arn"),
        ];
        for (wire, rust) in names {
            assert_eq!(field(wire), rust);
        }
    }

    #[test]
    fn variants() {
        let words = [
            ("USER_SRP_AUTH", "UserSrpAuth"),
            ("phone_number", "PhoneNumber"),
            ("terms-of-use", "TermsOfUse"),
            ("V1_0", "V1_0"),
            ("TLS_V1_2_2021", "TlsV1_2_2021"),
            ("ARGON2ID", "Argon2id"),
            ("InProgress", "InProgress"),
            ("userAuthEvents", "UserAuthEvents"),
            ("OIDC", "Oidc"),
            ("UNKNOWN", "UnknownWord"),
        ];
        for (word, rust) in words {
            assert_eq!(variant(word), rust);
        }
    }
}
