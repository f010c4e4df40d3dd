//! Signing: for calls that Cenote makes itself, and for tests.

use cenote_base::{Region, Secret, Timestamp};

use super::canonical::Canonical;
use super::derive::{Scope, SigningKey};
use super::{ALGORITHM, SignedRequest, query, time};
use crate::AccessKey;

/// The headers that signing sets: what the request has of them is replaced.
const SET: [&str; 3] = ["authorization", "x-amz-date", "x-amz-security-token"];

/// Who signs, and for what.
#[derive(Clone, Debug)]
pub struct Signer<'a> {
    /// The key.
    pub key: &'a AccessKey,
    /// The session token, where the key is a temporary one.
    pub session_token: Option<&'a Secret>,
    /// The region in the scope.
    pub region: &'a Region,
    /// The service's signing name.
    pub service: &'a str,
}

/// Signs all the headers that the request has, `host` must be among them, and its body. Returns the headers to add:
/// `x-amz-date`, `x-amz-security-token` where there is a token, and `authorization`.
pub fn sign(request: &SignedRequest<'_>, signer: &Signer<'_>, now: Timestamp) -> Vec<(&'static str, String)> {
    let stamp = time::basic(now);
    let mut added = vec![("x-amz-date", stamp.clone())];
    if let Some(token) = signer.session_token {
        added.push(("x-amz-security-token", token.expose().to_owned()));
    }
    let kept = request.headers.iter().copied().filter(|(name, _)| !SET.contains(name));
    let headers: Vec<(&str, &str)> = kept.chain(added.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    let names: Vec<String> = headers.iter().map(|(name, _)| (*name).to_owned()).collect();
    let complete = SignedRequest { headers: &headers, ..*request };
    let canonical = Canonical::new(complete, &query::pairs(request.query), &names);
    let scope = Scope {
        access_key_id: signer.key.id().to_owned(),
        date: stamp.chars().take(8).collect(),
        region: signer.region.to_string(),
        service: signer.service.to_owned(),
    };
    let to_sign = scope.string_to_sign(&stamp, &canonical.text(None));
    let signature = SigningKey::derive(signer.key.secret(), &scope).sign(&to_sign);
    let (credential, signed) = (scope.credential(), canonical.signed_headers());
    let authorization = format!("{ALGORITHM} Credential={credential}, SignedHeaders={signed}, Signature={signature}");
    added.push(("authorization", authorization));
    added
}
