//! Every row of the reference's table of refusals (13 §8), with its exact text.

use super::*;

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check \
your AWS Secret \
                        Access Key and signing method. Consult the service documentation for details.";
const INVALID_SIGNATURE: &str = "InvalidSignatureException";
const INCOMPLETE: &str = "IncompleteSignatureException";

/// `GET /` with these parameters in the query.
fn query(parameters: &str) -> Request {
    Request::new("GET", &format!("/?{parameters}"), &[], b"")
}

#[track_caller]
fn refused(request: &Request, code: &'static str, message: &str) {
    assert_eq!(House::new().refusal(request), (code, message.to_owned()));
}

#[test]
fn row_1_both_forms() {
    let both = Request { query: Some("X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned()), ..Request::vanilla() };
    refused(
        &both,
        INVALID_SIGNATURE,
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    );
}

#[test]
fn row_2_no_signature() {
    for unsigned in [
        Request::vanilla().without("authorization"),
        Request::vanilla().set("authorization", "  "),
        query("X-Amz-Signature=0"),
    ] {
        refused(&unsigned, "MissingAuthenticationTokenException", "Missing Authentication Token");
        let headers = unsigned.headers();
        assert!(!unsigned.signed(&headers).is_signed());
    }
    let signed = Request::vanilla();
    let headers = signed.headers();
    assert!(signed.signed(&headers).is_signed());
    assert!(query("X-Amz-Algorithm=").signed(&headers[..1]).is_signed());
}

#[test]
fn row_3_parts_missing_in_the_header() {
    let every = "Authorization header requires 'Credential' parameter. Authorization header requires \
    'Signature' parameter. \
                 Authorization header requires 'SignedHeaders' parameter. Authorization header requires \
                 existence of either a \
                 'X-Amz-Date' or a 'Date' header. Authorization=";
    let bare = |authorization: &str| Request::new("GET", "/", &[("authorization", authorization)], b"");
    refused(&bare("AWS4-HMAC-SHA256"), INCOMPLETE, &format!("{every}AWS4-HMAC-SHA256"));
    refused(&bare("AWS AKID:c2ln="), INCOMPLETE, &format!("{every}AWS"));
    refused(
        &bare("AWS4-HMAC-SHA256 Credential=, Signature=, SignedHeaders="),
        INCOMPLETE,
        &format!("{every}AWS4-HMAC-SHA256"),
    );
    // A bare token is not repeated.
    refused(&bare("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"), INCOMPLETE, every);
    refused(
        &Request::vanilla().without("x-amz-date"),
        INCOMPLETE,
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
         Authorization=AWS4-HMAC-SHA256",
    );
    refused(
        &Request::vanilla().edit("Signature=", "Sig="),
        INCOMPLETE,
        "Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256",
    );
}

#[test]
fn row_3_what_is_no_pair_is_named_by_its_hash_alone() {
    let bearer = Request::new("GET", "/", &[("authorization", "Bearer secret")], b"");
    refused(
        &bearer,
        INCOMPLETE,
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded \
         with Base64): \
         'v/3iBBM0e3oA4TY94/l8pp5BncCupV9KSnUBj6s6Do4='.",
    );
}

#[test]
fn row_3_parts_missing_in_the_query() {
    refused(
        &query("X-Amz-Algorithm=AWS4-HMAC-SHA256"),
        INCOMPLETE,
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include \
         'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string \
         parameters must \
         include 'X-Amz-Date'. Re-examine the query-string parameters.",
    );
    refused(
        &query(
            "X-Amz-Algorithm=&X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=host\
             &X-Amz-Date=20150830T123600Z",
        ),
        INCOMPLETE,
        "AWS query-string parameters must include 'X-Amz-Algorithm'. Re-examine the query-string parameters.",
    );
}

const QUERY: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=host";

#[test]
fn row_4_the_dates_format() {
    let text = |got: &str| {
        format!("Date must be in ISO-8601 'basic format'. Got '{got}'. See http://en.wikipedia.org/wiki/ISO_8601")
    };
    for got in ["x", "2015-08-30T12:36:00Z", "Sun, 30 Aug 2015 12:36:00 GMT", "20150830T253600Z"] {
        refused(&Request::vanilla().set("x-amz-date", got), INCOMPLETE, &text(got));
    }
    let dated = Request::vanilla().without("x-amz-date").set("date", "yesterday");
    refused(&dated, INCOMPLETE, &text("yesterday"));
    refused(&query(&format!("{QUERY}&X-Amz-Date=tomorrow")), INCOMPLETE, &text("tomorrow"));
    refused(&Request::vanilla().set("x-amz-date", &"x".repeat(5000)), INCOMPLETE, &text(&"x".repeat(256)));
}

#[test]
fn row_4_the_life_of_a_presigned_request() {
    for expires in ["", "0", "-1", "+60", "1.5", "604801", "99999999999999999999", "x"] {
        refused(
            &query(&format!("{QUERY}&X-Amz-Date=20150830T123600Z&X-Amz-Expires={expires}")),
            INCOMPLETE,
            "X-Amz-Expires must be a number of seconds from 1 to 604800",
        );
    }
}

#[test]
fn row_5_the_time() {
    let house = House::new();
    let request = Request::vanilla();
    let at = |seconds: i64| house.clock.set(Timestamp::from_secs(NOW.secs() + seconds));
    for inside in [-300, -1, 0, 1, 300] {
        at(inside);
        assert!(house.verify(&request, SERVICE).is_ok(), "{inside}");
    }
    at(301);
    assert_eq!(
        house.refusal(&request),
        (
            INVALID_SIGNATURE,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
                .to_owned()
        )
    );
    at(-301);
    assert_eq!(
        house.refusal(&request),
        (
            INVALID_SIGNATURE,
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z \
             + 5 min.)"
                .to_owned()
        )
    );
}

#[test]
fn row_5_sts_allows_fifteen_minutes() {
    let house = House::new();
    let service = Service { window_minutes: Service::STS.window_minutes, ..SERVICE };
    house.clock.set(Timestamp::from_secs(NOW.secs() + 900));
    assert!(house.verify(&Request::vanilla(), service).is_ok());
    house.clock.set(Timestamp::from_secs(NOW.secs() + 901));
    let refusal = house.verify(&Request::vanilla(), service).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"
    );
}

#[test]
fn row_5_an_odd_life_is_named_in_seconds() {
    let presigned = query(&format!("{QUERY}&X-Amz-Date=20150830T123000Z&X-Amz-Expires=90"));
    refused(
        &presigned,
        INVALID_SIGNATURE,
        "Signature expired: 20150830T123000Z is now earlier than 20150830T123430Z (20150830T123600Z - 90 sec.)",
    );
}

#[test]
fn row_6_what_must_be_signed() {
    let text = |header: &str| format!("'{header}' must be a 'SignedHeader' in the AWS Authorization.");
    let signed =
        |headers: &str| Request::vanilla().edit("SignedHeaders=host;x-amz-date", &format!("SignedHeaders={headers}"));
    refused(&signed("x-amz-date"), INVALID_SIGNATURE, &text("Host"));
    refused(&signed(";"), INVALID_SIGNATURE, &text("Host"));
    refused(&signed("host"), INVALID_SIGNATURE, &text("X-Amz-Date"));
    let dated = signed("host").without("x-amz-date").set("date", "20150830T123600Z");
    refused(&dated, INVALID_SIGNATURE, &text("Date"));
    refused(&Request::vanilla().set("x-amz-target", "A.B"), INVALID_SIGNATURE, &text("X-Amz-Target"));
    refused(&Request::vanilla().set("x-amz-security-token", TOKEN), INVALID_SIGNATURE, &text("X-Amz-Security-Token"));
    let presigned = query(&format!("{QUERY}&X-Amz-Date=20150830T123600Z")).set("x-amz-target", "A.B");
    refused(&presigned, INVALID_SIGNATURE, &text("X-Amz-Target"));
}

#[test]
fn row_7_the_algorithm() {
    let text = |got: &str| format!("Unsupported AWS 'algorithm': '{got}' (only AWS4-HMAC-SHA256 for now). ");
    for got in ["AWS4-HMAC-SHA512", "aws4-hmac-sha256", "AWS4-ECDSA-P256-SHA256"] {
        refused(&Request::vanilla().edit("AWS4-HMAC-SHA256 ", &format!("{got} ")), INCOMPLETE, &text(got));
    }
    let presigned = query(&format!("{QUERY}&X-Amz-Date=20150830T123600Z").replace("SHA256", "MD5"));
    refused(&presigned, INCOMPLETE, &text("AWS4-HMAC-MD5"));
}

#[test]
fn row_8_the_scopes_shape() {
    let credential = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
    for got in ["a/b", "AKIDEXAMPLE", "a/b/c/d/e/f"] {
        refused(
            &Request::vanilla().edit(credential, got),
            INCOMPLETE,
            &format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
                 got '{got}'"
            ),
        );
    }
}

#[test]
fn row_9_the_scopes_values() {
    let scope = "20150830/us-east-1/service/aws4_request";
    for (wrong, text) in [
        ("20150830//service/aws4_request", "Credential should be scoped to a valid region. "),
        ("20150830/US_EAST/service/aws4_request", "Credential should be scoped to a valid region. "),
        ("20150830/us-east-1/s3/aws4_request", "Credential should be scoped to correct service: 'service'. "),
        (
            "20150830/us-east-1/service/aws5",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'. ",
        ),
        (
            "20150829/us-east-1/service/aws4_request",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '20150829' != '20150830', from '20150830T123600Z'. ",
        ),
        (
            "b//d/e",
            "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'service'. \
             Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. Date in Credential \
             scope does not \
             match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20150830', from '20150830T123600Z'. ",
        ),
    ] {
        refused(&Request::vanilla().edit(scope, wrong), INVALID_SIGNATURE, text);
    }
}

#[test]
fn row_9_a_strict_region() {
    let strict = |region: &str| {
        House::with(VerifierConfig { strict_region: Some(region.parse().unwrap()), ..VerifierConfig::default() })
    };
    assert!(strict("us-east-1").verify(&Request::vanilla(), SERVICE).is_ok());
    assert_eq!(
        strict("eu-west-1").refusal(&Request::vanilla()),
        (INVALID_SIGNATURE, "Credential should be scoped to a valid region. ".to_owned())
    );
}

#[test]
fn row_10_the_key() {
    let unknown = |request: &Request| {
        refused(request, "UnrecognizedClientException", "The security token included in the request is invalid.");
    };
    // Wins over the signature, which is wrong as well.
    unknown(&Request::vanilla().edit("AKIDEXAMPLE", "AKIDOTHER"));
    unknown(&Request::vanilla().edit("AKIDEXAMPLE", ""));
    // A temporary key without its token, with another's, and a long-term key with a token.
    unknown(&Request::vanilla().edit("AKIDEXAMPLE", TEMPORARY));
    unknown(&session("foreign", 0));
    unknown(&Request::new("GET", "/", &[], b"").sign_with(&key(), Some(&TOKEN.into())));
}

/// A request signed with the temporary key and this token.
fn session(token: &str, offset: i64) -> Request {
    let mut request = Request::new("GET", "/", &[("x-amz-security-token", token)], b"");
    let stamp = time::basic(Timestamp::from_secs(NOW.secs() + offset));
    request = request.set("x-amz-date", &stamp);
    let names = ["host", "x-amz-date", "x-amz-security-token"].map(str::to_owned);
    let headers = request.headers();
    let canonical = canonical::Canonical::new(request.signed(&headers), &[], &names);
    let [access_key_id, date, region, service] = [TEMPORARY, &stamp[..8], "us-east-1", "service"].map(str::to_owned);
    let scope = derive::Scope { access_key_id, date, region, service };
    let signature =
        derive::SigningKey::derive(&SECRET.into(), &scope).sign(&scope.string_to_sign(&stamp, &canonical.text(None)));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature={signature}",
        scope.credential(),
        canonical.signed_headers()
    );
    request.clone().set("authorization", &authorization)
}

#[test]
fn row_11_temporary_credentials_end() {
    let house = House::new();
    let verified = house.verify(&session(TOKEN, 0), SERVICE).unwrap();
    assert_eq!(verified.principal.arn.as_str(), "arn:aws:sts::123456789012:assumed-role/Reader/alice");
    house.clock.set(Timestamp::from_secs(NOW.secs() + 3599));
    assert!(house.verify(&session(TOKEN, 3599), SERVICE).is_ok());
    house.clock.set(Timestamp::from_secs(NOW.secs() + 3600));
    let expired = ("ExpiredTokenException", "The security token included in the request is expired".to_owned());
    assert_eq!(house.refusal(&session(TOKEN, 3600)), expired);
    // Wins over a wrong signature.
    assert_eq!(house.refusal(&session(TOKEN, 3600).edit("Signature=", "Signature=00")), expired);
}

#[test]
fn row_12_the_signature() {
    refused(&Request::vanilla().edit("5fa00fa3", "00000000"), INVALID_SIGNATURE, MISMATCH);
    refused(&Request::vanilla().edit(GET_VANILLA_END, ""), INVALID_SIGNATURE, MISMATCH);
    let wrong_secret = AccessKey::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYWRONGKEY".into()).unwrap();
    refused(&Request::new("GET", "/", &[], b"").sign_with(&wrong_secret, None), INVALID_SIGNATURE, MISMATCH);
    refused(&Request { body: b"x".to_vec(), ..Request::vanilla() }, INVALID_SIGNATURE, MISMATCH);
}

const GET_VANILLA_END: &str = "e8372ff2a2260956d9b8aae1d763fbf31";

#[test]
fn row_12_the_bodys_hash() {
    let stating = |hash: &str, body: &[u8]| Request::new("POST", "/", &[("x-amz-content-sha256", hash)], body).sign();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let house = House::new();
    assert!(house.verify(&stating(empty, b""), SERVICE).is_ok());
    refused(&stating(empty, b"{}"), INVALID_SIGNATURE, MISMATCH);
    // A hash that is not signed must be right all the same.
    refused(&Request::vanilla().set("x-amz-content-sha256", &empty.replace('e', "f")), INVALID_SIGNATURE, MISMATCH);
    for unsigned in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"] {
        refused(
            &stating(unsigned, b"{}"),
            INVALID_SIGNATURE,
            &format!("'X-Amz-Content-SHA256' must be the hash of the body, '{unsigned}' is not accepted."),
        );
    }
    let presigned = format!(
        "{}&X-Amz-Date=20150830T123600Z&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD",
        QUERY.replace("Credential=a", "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request")
    );
    refused(
        &query(&presigned),
        INVALID_SIGNATURE,
        "'X-Amz-Content-SHA256' must be the hash of the body, 'UNSIGNED-PAYLOAD' is not accepted.",
    );
}

#[test]
fn a_key_source_that_fails_is_no_refusal() {
    let broken = Request::vanilla().edit("AKIDEXAMPLE", "BROKEN");
    let error = House::new().verify(&broken, SERVICE).unwrap_err();
    assert_eq!(error, VerifyError::Keys(KeySourceError::Unavailable("the database is away".to_owned())));
}

#[test]
fn a_public_host_counts_where_a_proxy_rewrote_the_header() {
    let rewritten = Request::vanilla().set("host", "10.0.0.7:9400");
    refused(&rewritten, INVALID_SIGNATURE, MISMATCH);
    let public_hosts = vec!["auth.example.org".to_owned(), "example.amazonaws.com".to_owned()];
    let house = House::with(VerifierConfig { public_hosts, ..VerifierConfig::default() });
    assert!(house.verify(&rewritten, SERVICE).is_ok());
    assert_eq!(house.refusal(&Request { body: b"x".to_vec(), ..rewritten }).1, MISMATCH);
}

#[test]
fn a_replaced_secret_does_not_live_on_in_the_cache() {
    #[derive(Debug)]
    struct Changing(std::sync::Mutex<AccessKey>);
    impl KeySource for Changing {
        fn find<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> Finding<'a> {
            let root = RootCredentials::new(self.0.lock().unwrap().clone(), "123456789012".parse().unwrap()).unwrap();
            Box::pin(async move { root.find("AKIDEXAMPLE", None).await })
        }
    }
    let changing = Arc::new(Changing(std::sync::Mutex::new(key())));
    let clock = Arc::new(ManualClock::new(NOW));
    let verifier = Verifier::new(VerifierConfig::default(), Arc::clone(&changing) as _, Arc::clone(&clock) as _);
    let house = House { verifier, clock };
    let new = AccessKey::new("AKIDEXAMPLE", "another-secret-of-the-same-key".into()).unwrap();
    let (old_request, new_request) = (Request::vanilla(), Request::new("GET", "/", &[], b"").sign_with(&new, None));
    for _ in 0..2 {
        assert!(house.verify(&old_request, SERVICE).is_ok());
        assert!(house.verify(&new_request, SERVICE).is_err());
    }
    *changing.0.lock().unwrap() = new;
    for _ in 0..2 {
        assert!(house.verify(&new_request, SERVICE).is_ok());
        assert!(house.verify(&old_request, SERVICE).is_err());
    }
}

#[test]
fn verifying_may_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let (house, request) = (House::new(), Request::vanilla());
    let headers = request.headers();
    let signed = request.signed(&headers);
    assert_send(&house.verifier.verify(&signed, SERVICE));
}

#[test]
fn nothing_secret_is_printed() {
    let request = Request { body: b"hunter2".to_vec(), ..Request::vanilla() };
    let headers = request.headers();
    assert_eq!(format!("{:?}", request.signed(&headers)), r#"SignedRequest { method: "GET", path: "/", .. }"#);
    assert!(!format!("{:?}", House::new().verifier).contains("wJalr"));
}
