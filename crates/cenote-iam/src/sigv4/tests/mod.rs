//! What the tests of the whole verification share: a movable clock, some keys, a request and the outcome of verifying
//! it.

mod properties;
mod refusals;
mod suite;

use std::sync::Arc;

use cenote_base::{ManualClock, Region, Secret, Timestamp};

use super::*;
use crate::keys::Finding;
use crate::{AccessKey, FoundKey, KeySource, KeySourceError, KeySources, Principal, PrincipalKind, RootCredentials};

/// 2015-08-30T12:36:00Z, the time of AWS's test suite.
const NOW: Timestamp = Timestamp::from_secs(1_440_938_160);
const SERVICE: Service = Service { signing_name: "service", window_minutes: 5 };
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TEMPORARY: &str = "ASIADEXAMPLE";
const TOKEN: &str = "FQoGZXIvYXdzEPT//////////wEaDExample+Token==";

fn key() -> AccessKey {
    AccessKey::new("AKIDEXAMPLE", SECRET.into()).unwrap()
}

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

/// Knows one temporary key, with its token, which ends an hour after [`NOW`]; fails for the key `BROKEN`.
#[derive(Debug)]
struct Sessions;

impl KeySource for Sessions {
    fn find<'a>(&'a self, access_key_id: &'a str, session_token: Option<&'a str>) -> Finding<'a> {
        let found = match (access_key_id, session_token) {
            ("BROKEN", _) => Err(KeySourceError::Unavailable("the database is away".to_owned())),
            (TEMPORARY, Some(TOKEN)) => Ok(Some(FoundKey {
                secret: SECRET.into(),
                principal: Principal {
                    account: "123456789012".parse().unwrap(),
                    arn: "arn:aws:sts::123456789012:assumed-role/Reader/alice".parse().unwrap(),
                    access_key_id: TEMPORARY.to_owned(),
                    kind: PrincipalKind::AssumedRole,
                },
                expires: Some(Timestamp::from_secs(NOW.secs() + 3600)),
            })),
            _ => Ok(None),
        };
        Box::pin(std::future::ready(found))
    }
}

/// A verifier and the clock that it reads.
struct House {
    verifier: Verifier,
    clock: Arc<ManualClock>,
}

impl House {
    fn new() -> Self {
        Self::with(VerifierConfig::default())
    }

    fn with(config: VerifierConfig) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let root = RootCredentials::new(key(), "123456789012".parse().unwrap()).unwrap();
        let keys = KeySources::new(vec![Arc::new(root), Arc::new(Sessions)]);
        Self { verifier: Verifier::new(config, Arc::new(keys), Arc::clone(&clock) as _), clock }
    }

    fn verify(&self, request: &Request, service: Service) -> Result<Verified, VerifyError> {
        let headers = request.headers();
        let verifying = async { self.verifier.verify(&request.signed(&headers), service).await };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verifying)
    }

    /// The error's type and text as a JSON service would answer them.
    fn refusal(&self, request: &Request) -> (&'static str, String) {
        match self.verify(request, SERVICE) {
            Err(VerifyError::Refused(refusal)) => (refusal.kind().code(Dialect::Json), refusal.to_string()),
            other => panic!("not refused: {other:?}"),
        }
    }
}

/// A request that can be changed after it was signed.
#[derive(Clone, Debug)]
struct Request {
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn new(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let mut all = vec![("host".to_owned(), "example.amazonaws.com".to_owned())];
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: all,
            body: body.to_vec(),
        }
    }

    /// `GET /`, signed by root at [`NOW`].
    fn vanilla() -> Self {
        Self::new("GET", "/", &[], b"").sign()
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn signed<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> SignedRequest<'a> {
        let (method, path, query) = (self.method.as_str(), self.path.as_str(), self.query.as_deref());
        SignedRequest { method, path, query, headers, body: &self.body }
    }

    fn sign(self) -> Self {
        self.sign_with(&key(), None)
    }

    fn sign_with(mut self, key: &AccessKey, token: Option<&Secret>) -> Self {
        let headers = self.headers();
        let signer = Signer { key, session_token: token, region: &region(), service: "service" };
        let added = sign(&self.signed(&headers), &signer, NOW);
        self.headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    fn get(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }

    /// With a part of the `Authorization` header replaced.
    fn edit(self, from: &str, to: &str) -> Self {
        let edited = self.get("authorization").replace(from, to);
        assert_ne!(edited, self.get("authorization"), "{from} is not there");
        self.set("authorization", &edited)
    }
}
