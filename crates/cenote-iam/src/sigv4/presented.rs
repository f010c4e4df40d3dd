//! What a request presents as its signature, in the header or in the query string: read, not yet believed.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cenote_base::Timestamp;

use super::query::{self, Pair};
use super::{Refusal, SignedRequest, time};

/// The longest text of the caller's that a refusal repeats, in characters.
const ECHO: usize = 256;
/// The longest life of a presigned request, in seconds: a week.
const LONGEST: i64 = 604_800;

/// A signature and what it says of itself.
#[derive(Clone, Debug)]
pub(super) struct Presented {
    pub(super) algorithm: String,
    pub(super) credential: String,
    /// As listed; any case, any order.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
    /// When it was made.
    pub(super) at: Timestamp,
    /// How long a presigned request lives, in seconds, where it says so.
    pub(super) expires: Option<i64>,
    pub(super) session_token: Option<String>,
    /// The headers that must be signed, as they are called in AWS's text.
    pub(super) must_be_signed: Vec<&'static str>,
}

/// The `Authorization` header, where there is one with anything in it.
pub(super) fn in_header(request: &SignedRequest<'_>) -> Option<String> {
    request.header("authorization").filter(|text| !text.is_empty())
}

/// Whether the query string says that it carries a signature.
pub(super) fn in_query(pairs: &[Pair]) -> bool {
    query::value(pairs, "X-Amz-Algorithm").is_some()
}

/// Reads the signature: rows 1 to 4 of the reference's table.
pub(super) fn read(request: &SignedRequest<'_>, pairs: &[Pair]) -> Result<Presented, Refusal> {
    match (in_header(request), in_query(pairs)) {
        (Some(_), true) => Err(Refusal::BothForms),
        (None, false) => Err(Refusal::NotSigned),
        (Some(header), false) => read_header(request, &header),
        (None, true) => read_query(request, pairs),
    }
}

fn read_header(request: &SignedRequest<'_>, header: &str) -> Result<Presented, Refusal> {
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split([' ', ',']).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| Refusal::NotPairs { digest: digest_of(header) })?;
        let slot = match key {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => continue,
        };
        // The first counts, as it does in a query string.
        slot.get_or_insert(value);
    }
    let date = request.header("x-amz-date").map(|text| ("X-Amz-Date", text));
    let date = date.or_else(|| request.header("date").map(|text| ("Date", text)));
    let given = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    let parts = (given(credential), given(signature), given(signed_headers), date);
    let (Some(credential), Some(signature), Some(signed_headers), Some((date_header, date))) = parts else {
        return Err(missing_in_header(&parts, scheme));
    };
    let at = if date_header == "Date" { time::parse_date_header(&date) } else { time::parse_basic(&date) };
    Ok(Presented {
        algorithm: echo(scheme),
        credential,
        signed_headers: list(&signed_headers),
        signature,
        at: at.ok_or_else(|| Refusal::BadDate(echo(&date)))?,
        expires: None,
        session_token: request.header("x-amz-security-token"),
        must_be_signed: must_be_signed(request, Some(date_header)),
    })
}

type Parts<'a> = (Option<String>, Option<String>, Option<String>, Option<(&'a str, String)>);

fn missing_in_header((credential, signature, signed_headers, date): &Parts<'_>, scheme: &str) -> Refusal {
    let named = [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)];
    let parts = named.into_iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
    Refusal::MissingInHeader { parts, date: date.is_none(), scheme: scheme_name(scheme) }
}

fn read_query(request: &SignedRequest<'_>, pairs: &[Pair]) -> Result<Presented, Refusal> {
    let names = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];
    let values = names.map(|name| query::value(pairs, name).filter(|value| !value.is_empty()));
    let [Some(algorithm), Some(credential), Some(signature), Some(signed_headers), Some(date)] = values else {
        let missing = names.into_iter().zip(&values).filter(|(_, value)| value.is_none());
        return Err(Refusal::MissingInQuery(missing.map(|(name, _)| name).collect()));
    };
    let token = query::value(pairs, "X-Amz-Security-Token").or_else(|| request.header("x-amz-security-token"));
    Ok(Presented {
        algorithm: echo(&algorithm),
        credential,
        signed_headers: list(&signed_headers),
        signature,
        at: time::parse_basic(&date).ok_or_else(|| Refusal::BadDate(echo(&date)))?,
        expires: query::value(pairs, "X-Amz-Expires").map(|text| expires(&text)).transpose()?,
        session_token: token,
        must_be_signed: must_be_signed(request, None),
    })
}

/// `X-Amz-Expires`: a number of seconds, digits only.
fn expires(text: &str) -> Result<i64, Refusal> {
    let seconds = if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None };
    seconds.filter(|seconds| (1..=LONGEST).contains(seconds)).ok_or(Refusal::BadExpires)
}

/// Without these in it a signature could be taken to another host or operation.
fn must_be_signed(request: &SignedRequest<'_>, date_header: Option<&'static str>) -> Vec<&'static str> {
    let present = |name: &'static str| request.values(&name.to_ascii_lowercase()).next().map(|_| name);
    let others = ["X-Amz-Target", "X-Amz-Security-Token"].into_iter().filter_map(present);
    ["Host"].into_iter().chain(date_header).chain(others).collect()
}

fn list(signed_headers: &str) -> Vec<String> {
    signed_headers.split(';').filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect()
}

/// What of the caller's a refusal repeats.
pub(super) fn echo(text: &str) -> String {
    text.chars().take(ECHO).collect()
}

/// The name of an authentication scheme; what does not look like one may be a token and is not repeated.
fn scheme_name(word: &str) -> String {
    let plausible = word.len() <= 32 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plausible { word.to_owned() } else { String::new() }
}

fn digest_of(header: &str) -> String {
    STANDARD.encode(digest(&SHA256, header.as_bytes()))
}
