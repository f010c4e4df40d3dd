//! `CallbackURLs`, `LogoutURLs`, `DefaultRedirectURI`. What is accepted here is later compared letter by letter.

use cenote_wire::ApiError;
use cenote_wire::idp::UserPoolClientType;

/// The hosts that may be reached without TLS: they are the user's own machine.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
/// Schemes by which a redirect would run a script.
const SCRIPTS: [&str; 3] = ["javascript", "data", "vbscript"];

pub(super) fn check(client: &UserPoolClientType) -> Result<(), ApiError> {
    let callbacks = client.callback_urls.as_deref().unwrap_or_default();
    let logouts = client.logout_urls.as_deref().unwrap_or_default();
    callbacks.iter().chain(logouts).try_for_each(|url| check_url(url))?;
    match &client.default_redirect_uri {
        Some(default) if !callbacks.contains(default) => Err(ApiError::invalid_parameter(format!(
            "The default redirect URI {default} is not in the callback URIs list."
        ))),
        _ => Ok(()),
    }
}

fn check_url(url: &str) -> Result<(), ApiError> {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some(scheme) if is_scheme(scheme) && !SCRIPTS.contains(&scheme) => {
            if scheme == "http" && !is_loopback(url) {
                return Err(ApiError::invalid_parameter(format!("{url} cannot use the HTTP protocol.")));
            }
        }
        _ => return Err(ApiError::invalid_parameter(format!("{url} is not an absolute URL."))),
    }
    if url.contains('#') {
        return Err(ApiError::invalid_parameter(format!("{url} cannot use fragment")));
    }
    Ok(())
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}

/// Whether the authority is exactly a loopback host, with a port or without. A user part (`localhost@evil.example`) or a
/// backslash, which browsers take for a slash, makes it something else.
fn is_loopback(url: &str) -> bool {
    let Some(rest) = url.get("http:".len()..).and_then(|rest| rest.strip_prefix("//")) else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    LOOPBACK.iter().any(|host| {
        let named = authority.get(..host.len()).is_some_and(|start| start.eq_ignore_ascii_case(host));
        let port = authority.get(host.len()..).unwrap_or_default();
        let is_port = port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        named && (port.is_empty() || is_port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> Option<String> {
        check_url(url).err().and_then(|error| error.message)
    }

    #[test]
    fn https_loopback_and_apps_own_schemes_are_accepted() {
        for url in [
            "https://example.com/callback",
            "HTTPS://example.com",
            "http://localhost",
            "http://localhost:3000/cb?x=1",
            "http://127.0.0.1:8080",
            "http://[::1]/x",
            "HTTP://LocalHost:1/",
            "myapp://callback",
            "com.example.app:/oauth",
            "urn:ietf:wg:oauth:2.0:oob",
        ] {
            assert_eq!(refusal(url), None, "{url}");
        }
    }

    #[test]
    fn plain_http_elsewhere_is_refused() {
        for url in [
            "http://example.com",
            "HTTP://example.com",
            "http://localhost.example.com",
            "http://localhost@example.com",
            "http://localhost:80@example.com",
            "http://localhost\\@example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.2",
            "http:localhost",
            "http:/localhost",
            "http://",
        ] {
            assert_eq!(refusal(url), Some(format!("{url} cannot use the HTTP protocol.")), "{url}");
        }
    }

    #[test]
    fn fragments_and_what_is_no_address_are_refused() {
        assert_eq!(refusal("https://a.example/#x").unwrap(), "https://a.example/#x cannot use fragment");
        for url in
            ["example.com", "/callback", "javascript:alert(1)", "JavaScript://x", "data:text/html,x", "1a:b", ":x"]
        {
            assert_eq!(refusal(url), Some(format!("{url} is not an absolute URL.")), "{url}");
        }
    }
}
