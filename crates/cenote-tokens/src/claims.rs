//! What tokens say: builders for the claims of ID and access tokens, exactly Cognito's names, types and presence rules,
//! and the claims that were read from a verified token.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use cenote_base::{ClientId, Sub, Timestamp};
use serde_json::{Map, Value, json};

use crate::signing::TokenUse;

/// Names that no attribute may take in an ID token: the token's own claims.
const RESERVED: [&str; 20] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "event_id",
    "exp",
    "iat",
    "identities",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "origin_jti",
    "scope",
    "sub",
    "token_use",
    "version",
];

/// What all tokens of one issue have in common.
#[derive(Clone, Copy, Debug)]
pub struct Issue<'a> {
    /// The pool's issuer.
    pub issuer: &'a str,
    /// The app client.
    pub client: &'a ClientId,
    /// When the user signed in; refreshing keeps it.
    pub auth_time: Timestamp,
    /// The present time. A token is never issued before its `auth_time` ([`crate::families`] may set that up to a second
    /// ahead).
    pub issued_at: Timestamp,
    /// UUID of the authentication; absent in client-credentials tokens.
    pub event_id: Option<&'a str>,
    /// The family's `origin_jti`; `None` when the client has token revocation disabled: then neither it nor `jti` appears
    /// in tokens of the API.
    pub origin_jti: Option<&'a str>,
    /// The user's groups.
    pub groups: &'a [Group],
}

impl Issue<'_> {
    fn put_common(&self, claims: &mut Map<String, Value>, token_use: TokenUse, jti: Option<&str>, validity: Duration) {
        let issued_at = self.issued_at.secs().max(self.auth_time.secs());
        let seconds = i64::try_from(validity.as_secs()).unwrap_or(i64::MAX);
        put_text(claims, "origin_jti", self.origin_jti);
        put_text(claims, "event_id", self.event_id);
        put_text(claims, "token_use", Some(token_use.as_str()));
        claims.insert("auth_time".into(), self.auth_time.secs().into());
        claims.insert("exp".into(), issued_at.saturating_add(seconds).into());
        claims.insert("iat".into(), issued_at.into());
        put_text(claims, "jti", jti);
    }

    fn put_groups(&self, claims: &mut Map<String, Value>) {
        if !self.groups.is_empty() {
            let names: Vec<&str> = ranked(self.groups).iter().map(|group| group.name.as_str()).collect();
            claims.insert("cognito:groups".into(), json!(names));
        }
    }
}

/// A group that the user is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Lower goes first; none goes last.
    pub precedence: Option<i64>,
    /// The role that its members may take.
    pub role_arn: Option<String>,
}

impl Group {
    fn rank(&self) -> (bool, Option<i64>) {
        (self.precedence.is_none(), self.precedence)
    }
}

/// By rising precedence, then by name.
fn ranked(groups: &[Group]) -> Vec<&Group> {
    let mut groups: Vec<&Group> = groups.iter().collect();
    groups.sort_by(|a, b| a.rank().cmp(&b.rank()).then_with(|| a.name.cmp(&b.name)));
    groups
}

/// An identity of an external provider that is linked to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's name there.
    pub user_id: String,
    /// The provider's name in the pool.
    pub provider_name: String,
    /// `Google`, `SAML`, `OIDC` …
    pub provider_type: String,
    /// The provider's issuer, where it has one.
    pub issuer: Option<String>,
    /// Whether the user came from there first.
    pub primary: bool,
    /// When it was linked.
    pub date_created: Timestamp,
}

impl Identity {
    /// All values are texts in the claim, as Cognito has them.
    fn to_claim(&self) -> Value {
        json!({
            "userId": self.user_id,
            "providerName": self.provider_name,
            "providerType": self.provider_type,
            "issuer": self.issuer,
            "primary": self.primary.to_string(),
            "dateCreated": self.date_created.millis().to_string(),
        })
    }
}

/// Which attributes a client may see.
#[derive(Clone, Copy, Debug)]
pub enum Readable<'a> {
    /// All: the client has no ReadAttributes.
    All,
    /// These: the client's ReadAttributes, or what is left of them by the granted scopes.
    Only(&'a [String]),
}

impl Readable<'_> {
    fn allows(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|readable| readable == name),
        }
    }
}

/// What an ID token is made of.
#[derive(Clone, Copy, Debug)]
pub struct IdClaims<'a> {
    /// What it shares with the access token.
    pub issue: Issue<'a>,
    /// How long it is valid: IdTokenValidity.
    pub validity: Duration,
    /// UUID of this token.
    pub jti: &'a str,
    /// The user's `sub`.
    pub sub: &'a Sub,
    /// The username as it is stored.
    pub username: &'a str,
    /// The user's attributes: those without a value are not in it.
    pub attributes: &'a BTreeMap<String, String>,
    /// Which of them the client may see.
    pub readable: Readable<'a>,
    /// Linked identities.
    pub identities: &'a [Identity],
    /// The authorisation request's `nonce`.
    pub nonce: Option<&'a str>,
    /// The access token's hash (OpenID Connect Core §3.1.3.6), in tokens of the OAuth endpoints only.
    pub at_hash: Option<&'a str>,
    /// The authentication context class, where the pool has them.
    pub acr: Option<&'a str>,
    /// The methods of the sign-in, where the pool shows them.
    pub amr: &'a [&'a str],
}

impl IdClaims<'_> {
    /// The claims. No attribute can stand in for one of the token's own.
    pub fn build(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        put_text(&mut claims, "sub", Some(self.sub.as_str()));
        self.issue.put_groups(&mut claims);
        self.put_roles(&mut claims);
        put_text(&mut claims, "iss", Some(self.issue.issuer));
        put_text(&mut claims, "cognito:username", Some(self.username));
        put_text(&mut claims, "aud", Some(self.issue.client.as_str()));
        put_text(&mut claims, "nonce", self.nonce);
        put_text(&mut claims, "at_hash", self.at_hash);
        put_text(&mut claims, "acr", self.acr);
        if !self.amr.is_empty() {
            claims.insert("amr".into(), json!(self.amr));
        }
        if !self.identities.is_empty() {
            claims.insert("identities".into(), self.identities.iter().map(Identity::to_claim).collect());
        }
        let jti = self.issue.origin_jti.map(|_| self.jti);
        self.issue.put_common(&mut claims, TokenUse::Id, jti, self.validity);
        for (name, value) in self.attributes {
            let is_own = RESERVED.contains(&name.as_str()) || name.starts_with("cognito:");
            if !is_own && self.readable.allows(name) {
                claims.insert(name.clone(), attribute(name, value));
            }
        }
        claims
    }

    /// `cognito:roles`: the groups' distinct roles. `cognito:preferred_role`: that of the best precedence, unless several
    /// groups share it and have different roles.
    fn put_roles(&self, claims: &mut Map<String, Value>) {
        let mut roles: Vec<&str> = Vec::new();
        let mut best = None;
        let mut preferred: Vec<&str> = Vec::new();
        for group in ranked(self.issue.groups) {
            let Some(role) = group.role_arn.as_deref() else { continue };
            if !roles.contains(&role) {
                roles.push(role);
            }
            if *best.get_or_insert(group.rank()) == group.rank() && !preferred.contains(&role) {
                preferred.push(role);
            }
        }
        if let [role] = preferred.as_slice() {
            put_text(claims, "cognito:preferred_role", Some(role));
        }
        if !roles.is_empty() {
            claims.insert("cognito:roles".into(), json!(roles));
        }
    }
}

/// An attribute as a claim: texts stay texts, custom ones of every type too; OpenID Connect Core §5.1 wants booleans,
/// an object and a number for four of the standard ones.
fn attribute(name: &str, value: &str) -> Value {
    match name {
        "email_verified" | "phone_number_verified" => Value::Bool(value.eq_ignore_ascii_case("true")),
        "address" => json!({ "formatted": value }),
        "updated_at" => value.parse::<i64>().map_or_else(|_| value.into(), Value::from),
        _ => value.into(),
    }
}

/// What an access token is made of.
#[derive(Clone, Copy, Debug)]
pub struct AccessClaims<'a> {
    /// What it shares with the ID token.
    pub issue: Issue<'a>,
    /// How long it is valid: AccessTokenValidity.
    pub validity: Duration,
    /// UUID of this token.
    pub jti: &'a str,
    /// The user's `sub`, or the client's id in a client-credentials token.
    pub sub: &'a str,
    /// The username as it is stored; `None` in a client-credentials token.
    pub username: Option<&'a str>,
    /// The granted scopes, separated by spaces.
    pub scope: &'a str,
    /// The device that the tokens are bound to.
    pub device_key: Option<&'a str>,
    /// Whether the OAuth endpoints issue it: then it has `version` 2, and `jti` always.
    pub oauth: bool,
}

impl AccessClaims<'_> {
    /// The claims.
    pub fn build(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        put_text(&mut claims, "sub", Some(self.sub));
        put_text(&mut claims, "device_key", self.device_key);
        self.issue.put_groups(&mut claims);
        put_text(&mut claims, "iss", Some(self.issue.issuer));
        if self.oauth {
            claims.insert("version".into(), 2.into());
        }
        put_text(&mut claims, "client_id", Some(self.issue.client.as_str()));
        let jti = (self.oauth || self.issue.origin_jti.is_some()).then_some(self.jti);
        self.issue.put_common(&mut claims, TokenUse::Access, jti, self.validity);
        put_text(&mut claims, "scope", Some(self.scope));
        put_text(&mut claims, "username", self.username);
        claims
    }
}

fn put_text(claims: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        claims.insert(name.to_owned(), text.into());
    }
}

/// The claims of a verified token. `Debug` shows their names only: values are people's data.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// A claim as it is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A claim that is a time: whole seconds since the Unix epoch.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.get(name)?.as_i64().map(Timestamp::from_secs)
    }

    /// The granted scopes.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.text("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty())
    }

    /// All claims.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
