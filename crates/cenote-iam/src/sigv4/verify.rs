//! The verification itself: the checks in AWS's order, the signature last.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, Region, Timestamp};
use quick_cache::sync::Cache;

use super::canonical::Canonical;
use super::derive::{Scope, SigningKey};
use super::presented::{self, Presented, echo};
use super::query::{self, Pair};
use super::refusal::ScopeFaults;
use super::{ALGORITHM, Refusal, Service, SignedRequest, TERMINATOR, time};
use crate::{FoundKey, KeySource, KeySourceError, Principal};

/// How signatures are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierConfig {
    /// The one region that a signature may be for; any when there is none.
    pub strict_region: Option<Region>,
    /// Hosts (`name` or `name:port`) for which a signature also counts when the request came with another `Host`: the
    /// public names of the installation, for the proxies that rewrite that header.
    pub public_hosts: Vec<String>,
    /// How many derived keys are kept.
    pub cached_keys: usize,
}

impl Default for VerifierConfig {
    fn default() -> Self {
        Self { strict_region: None, public_hosts: Vec::new(), cached_keys: 1024 }
    }
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Its signature is refused: the caller's fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The access key could not be looked up: not the caller's fault.
    #[error(transparent)]
    Keys(#[from] KeySourceError),
}

/// A request whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whom it comes from.
    pub principal: Principal,
    /// The region that it was signed for.
    pub region: Region,
    /// When it was signed.
    pub signed_at: Timestamp,
}

/// Verifies signatures.
pub struct Verifier {
    config: VerifierConfig,
    keys: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    derived: Cache<Scope, Arc<SigningKey>>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("config", &self.config).field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier that knows the keys of `keys`.
    pub fn new(config: VerifierConfig, keys: Arc<dyn KeySource>, clock: Arc<dyn Clock>) -> Self {
        let derived = Cache::new(config.cached_keys);
        Self { config, keys, clock, derived }
    }

    /// Checks that `request` was signed for `service`, now, by someone we know.
    pub async fn verify(&self, request: &SignedRequest<'_>, service: Service) -> Result<Verified, VerifyError> {
        let now = self.clock.now();
        let pairs = query::pairs(request.query);
        let presented = presented::read(request, &pairs)?;
        check_time(&presented, service, now)?;
        if let Some(missing) = first_unsigned(&presented) {
            return Err(Refusal::Unsigned(missing).into());
        }
        if presented.algorithm != ALGORITHM {
            return Err(Refusal::BadAlgorithm(presented.algorithm).into());
        }
        let (scope, region) = self.scope(&presented, service)?;
        let token = presented.session_token.as_deref();
        let found = self.keys.find(&scope.access_key_id, token).await?.ok_or(Refusal::UnknownKey)?;
        if found.expires.is_some_and(|expires| expires <= now) {
            return Err(Refusal::SessionExpired.into());
        }
        self.check_signature(request, &pairs, &presented, &scope, &found)?;
        Ok(Verified { principal: found.principal, region, signed_at: presented.at })
    }

    /// Rows 8 and 9: the five parts of the credential.
    fn scope(&self, presented: &Presented, service: Service) -> Result<(Scope, Region), Refusal> {
        let mut parts = presented.credential.split('/');
        let five = [(); 5].map(|()| parts.next());
        let ([Some(key), Some(date), Some(region), Some(signed_for), Some(terminator)], None) = (five, parts.next())
        else {
            return Err(Refusal::BadScopeShape(echo(&presented.credential)));
        };
        let stamp = time::basic(presented.at);
        let day = stamp.get(..8).unwrap_or_default();
        let parsed: Option<Region> = region.parse().ok();
        let parsed = parsed.filter(|region| self.config.strict_region.as_ref().is_none_or(|only| only == region));
        let faults = ScopeFaults {
            region: parsed.is_none(),
            service: (signed_for != service.signing_name).then_some(service.signing_name),
            terminator: (terminator != TERMINATOR).then(|| echo(terminator)),
            date: (date != day).then(|| (echo(date), day.to_owned(), stamp.clone())),
        };
        match parsed {
            Some(parsed) if faults.is_empty() => {
                let [key, date, region, signed_for] = [key, date, region, signed_for].map(str::to_owned);
                Ok((Scope { access_key_id: key, date, region, service: signed_for }, parsed))
            }
            _ => Err(Refusal::BadScope(faults)),
        }
    }

    /// Row 12: the body's hash and the signature.
    fn check_signature(
        &self,
        request: &SignedRequest<'_>,
        pairs: &[Pair],
        presented: &Presented,
        scope: &Scope,
        found: &FoundKey,
    ) -> Result<(), Refusal> {
        let canonical = Canonical::new(*request, pairs, &presented.signed_headers);
        let in_query = query::value(pairs, "X-Amz-Content-Sha256");
        for stated in [request.header("x-amz-content-sha256"), in_query].into_iter().flatten() {
            if stated.starts_with("UNSIGNED-PAYLOAD") || stated.starts_with("STREAMING-") {
                return Err(Refusal::UnsignedPayload(echo(&stated)));
            }
            if stated != canonical.payload_hash() {
                return Err(Refusal::Mismatch);
            }
        }
        // A signature that is no hexadecimal is as wrong as any other.
        let signature = hex::decode(&presented.signature).unwrap_or_default();
        let cached = self.derived.get(scope).filter(|key| key.is_of(&found.secret));
        let is_new = cached.is_none();
        let key = cached.unwrap_or_else(|| Arc::new(SigningKey::derive(&found.secret, scope)));
        let stamp = time::basic(presented.at);
        let right = |host| key.verify(&scope.string_to_sign(&stamp, &canonical.text(host)), &signature);
        if !right(None) && !self.config.public_hosts.iter().any(|host| right(Some(host))) {
            return Err(Refusal::Mismatch);
        }
        // Only what a right signature was made with is kept: nobody else can push keys out of the cache.
        if is_new {
            self.derived.insert(scope.clone(), key);
        }
        Ok(())
    }
}

/// Row 5: not too old, not from the future.
fn check_time(presented: &Presented, service: Service, now: Timestamp) -> Result<(), Refusal> {
    let minutes = u64::from(service.window_minutes);
    let window = Duration::from_secs(minutes.saturating_mul(60));
    if presented.at > now + window {
        return Err(Refusal::NotYetCurrent {
            signed: time::basic(presented.at),
            latest: time::basic(now + window),
            now: time::basic(now),
            window: format!("{minutes} min"),
        });
    }
    let (life, words) = match presented.expires {
        Some(seconds) => (Duration::from_secs(seconds.unsigned_abs()), life_in_words(seconds)),
        None => (window, format!("{minutes} min")),
    };
    if presented.at < now - life {
        return Err(Refusal::Expired {
            signed: time::basic(presented.at),
            oldest: time::basic(now - life),
            now: time::basic(now),
            window: words,
        });
    }
    Ok(())
}

fn life_in_words(seconds: i64) -> String {
    if seconds % 60 == 0 { format!("{} min", seconds / 60) } else { format!("{seconds} sec") }
}

/// Row 6: the first header that must be signed and is not.
fn first_unsigned(presented: &Presented) -> Option<&'static str> {
    let is_signed = |name: &str| presented.signed_headers.iter().any(|signed| signed.eq_ignore_ascii_case(name));
    presented.must_be_signed.iter().copied().find(|name| !is_signed(name))
}
