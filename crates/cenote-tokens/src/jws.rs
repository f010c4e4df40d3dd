//! JSON Web Signatures in compact form (RFC 7515 §3.1), as strict as one may be who only ever reads tokens of one's own
//! making: three parts, base64url without padding, a small header of exactly `kid` and `alg`.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cenote_base::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::crypto::CryptoFailed;

/// The one algorithm that Cognito signs with: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
pub const RS256: &str = "RS256";

/// The longest token that is looked at, in bytes. A token with a hundred groups and fifty attributes of 2,048
/// characters stays below it.
const TOKEN_BYTES: usize = 256 * 1024;

/// The longest header that is looked at, in encoded bytes; ours have 90.
const HEADER_BYTES: usize = 1024;

/// What is wrong with a token: for the log and for tests, a caller is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// Not three parts of base64url, or far too long.
    #[error("it is no compact JWS")]
    Form,
    /// The header is not JSON of exactly `kid` and `alg` (so neither `crit` nor `jku` nor `jwk` are ever looked at).
    #[error("the header is not that of a token of ours")]
    Header,
    /// The header names another algorithm than the key's.
    #[error("the algorithm is not the key's")]
    Algorithm,
    /// No key of the pool for this kind of token has this `kid`.
    #[error("the key is none of the pool's for this kind of token")]
    Key,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// The claims are not a JSON object, or one that must be there is missing or of the wrong type.
    #[error("a claim is missing or malformed")]
    Claims,
    /// `iss` names no pool, or not the expected one.
    #[error("the issuer is not the pool's")]
    Issuer,
    /// `token_use` is not the expected one.
    #[error("it is another kind of token")]
    TokenUse,
    /// `aud` or `client_id` is not the expected app client.
    #[error("it is another client's token")]
    Client,
    /// `iat` or `nbf` lies in the future.
    #[error("it is not valid yet")]
    NotYet,
}

#[derive(Serialize)]
struct NewHeader<'a> {
    kid: &'a str,
    alg: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kid: String,
    alg: String,
}

/// A token that was taken apart. Nothing in it is to be believed before [`Token::verify`].
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kid: String,
    pub(crate) alg: String,
    signed: &'a [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Flaw> {
        if text.len() > TOKEN_BYTES {
            return Err(Flaw::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Flaw::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(Flaw::Form)?;
        if payload.contains('.') {
            return Err(Flaw::Form);
        }
        if header.len() > HEADER_BYTES {
            return Err(Flaw::Header);
        }
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Flaw::Form);
        let header: Header = serde_json::from_slice(&part(header)?).map_err(|_| Flaw::Header)?;
        Ok(Self {
            kid: header.kid,
            alg: header.alg,
            signed: signed.as_bytes(),
            payload: part(payload)?,
            signature: part(signature)?,
        })
    }

    /// The claim `iss` of a token that is not verified yet: good for finding the pool whose keys will decide, and for
    /// nothing else.
    pub(crate) fn claimed_issuer(&self) -> Result<String, Flaw> {
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        serde_json::from_slice::<Issuer>(&self.payload).map(|claims| claims.iss).map_err(|_| Flaw::Claims)
    }

    /// Checks the signature.
    pub(crate) fn verify(&self, key: &ParsedPublicKey) -> Result<(), Flaw> {
        key.verify_sig(self.signed, &self.signature).map_err(|_| Flaw::Signature)
    }

    /// The claims, JSON.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Signs claims. The header is exactly `{"kid":"…","alg":"RS256"}`, without `typ`, as Cognito's.
pub(crate) fn sign(pair: &RsaKeyPair, kid: &str, claims: &Map<String, Value>) -> Result<Secret, CryptoFailed> {
    let json = |_| CryptoFailed("JSON");
    let header = serde_json::to_vec(&NewHeader { kid, alg: RS256 }).map_err(json)?;
    let payload = serde_json::to_vec(claims).map_err(json)?;
    let mut signature = vec![0; pair.public_modulus_len()];
    let mut token = String::with_capacity((header.len() + payload.len() + signature.len()) * 4 / 3 + 16);
    URL_SAFE_NO_PAD.encode_string(header, &mut token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    // PKCS #1 v1.5 is deterministic: the library ignores the random source, and blinds with its own.
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
        .map_err(|_| CryptoFailed("RSA signature"))?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(Secret::new(token))
}

/// The public key of a pair: RSAPublicKey, DER (RFC 8017 appendix A.1.1).
pub(crate) fn public_der(pair: &RsaKeyPair) -> Vec<u8> {
    pair.public_key().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flaw(text: &str) -> Flaw {
        Token::parse(text).unwrap_err()
    }

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_token_has_three_parts_of_base64url_without_padding() {
        let good = token(r#"{"kid":"k","alg":"RS256"}"#, "{}");
        assert!(Token::parse(&good).is_ok());
        for bad in [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c.d",
            &format!("{good}.x"),
            &format!("{good}="),
            &format!(" {good}"),
            &format!("{good}\n"),
        ] {
            assert_eq!(
                Token::parse(bad).map(|_| ()).map_err(|flaw| flaw == Flaw::Form || flaw == Flaw::Header),
                Err(true),
                "{bad}"
            );
        }
        // The same signature bytes, but with bits set that no byte holds.
        assert_eq!(flaw(&good.replace(".c2ln", ".c2h")), Flaw::Form);
        assert_eq!(flaw(&"a".repeat(TOKEN_BYTES + 1)), Flaw::Form);
    }

    #[test]
    fn the_header_is_small_and_has_kid_and_alg_and_nothing_else() {
        for bad in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"alg":"RS256"}"#,
            r#"{"kid":"k"}"#,
            r#"{"kid":1,"alg":"RS256"}"#,
            r#"{"kid":"k","alg":"RS256","crit":["exp"]}"#,
            r#"{"kid":"k","alg":"RS256","jku":"http://x"}"#,
            r#"{"kid":"k","alg":"RS256","typ":"JWT"}"#,
            r#"{"kid":"k","kid":"l","alg":"RS256"}"#,
        ] {
            assert_eq!(flaw(&token(bad, "{}")), Flaw::Header, "{bad}");
        }
        let long = format!(r#"{{"kid":"{}","alg":"RS256"}}"#, "k".repeat(HEADER_BYTES));
        assert_eq!(flaw(&token(&long, "{}")), Flaw::Header);
    }

    #[test]
    fn the_claimed_issuer_is_a_text() {
        let issuer = |payload| {
            let text = token(r#"{"kid":"k","alg":"RS256"}"#, payload);
            Token::parse(&text).unwrap().claimed_issuer()
        };
        assert_eq!(issuer(r#"{"iss":"http://x/p","sub":1}"#).unwrap(), "http://x/p");
        for bad in ["", "[]", "{}", r#"{"iss":1}"#, r#"{"iss":"a","iss":"b"}"#] {
            assert_eq!(issuer(bad), Err(Flaw::Claims), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,200}", a in "[A-Za-z0-9_-]{0,60}", b in "[A-Za-z0-9_-]{0,60}", c in "[A-Za-z0-9_-]{0,60}") {
            for text in [text, format!("{a}.{b}.{c}")] {
                if let Ok(token) = Token::parse(&text) {
                    let _ = token.claimed_issuer();
                }
            }
        }

        #[test]
        fn any_payload_is_answered(payload: Vec<u8>) {
            let text = format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"kid":"k","alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(payload));
            let _ = Token::parse(&text).unwrap().claimed_issuer();
        }
    }
}
