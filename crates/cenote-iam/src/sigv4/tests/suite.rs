//! AWS's published test suite for Signature Version 4 (2015), and signatures made by other implementations.

use super::*;

const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Signs the request, compares the signature with the published one, and verifies it.
fn check(name: &str, request: Request, signed_headers: &str, signature: &str) {
    let request = request.sign();
    let expected = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders={signed_headers}, Signature={signature}"
    );
    assert_eq!(request.get("authorization"), expected, "{name}");
    let verified = House::new().verify(&request, SERVICE).unwrap();
    assert_eq!(verified.principal.arn.as_str(), "arn:aws:iam::123456789012:root", "{name}");
    assert_eq!((verified.region, verified.signed_at), (region(), NOW), "{name}");
}

#[test]
fn requests_without_a_body() {
    let unreserved = format!("/{UNRESERVED}");
    let unreserved_query = format!("/?{UNRESERVED}={UNRESERVED}");
    for (name, target, signature) in [
        ("get-vanilla", "/", GET_VANILLA),
        (
            "get-vanilla-empty-query-key",
            "/?Param1=value1",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            "get-vanilla-query-order-key-case",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-vanilla-query-order-key",
            "/?Param1=value2&Param1=Value1",
            "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
        ),
        (
            "get-vanilla-query-order-value",
            "/?Param1=value2&Param1=value1",
            "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
        ),
        (
            "get-vanilla-query-order-encoded",
            "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        (
            "get-vanilla-query-unreserved",
            &unreserved_query,
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        ("get-vanilla-utf8-query", "/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        ("get-unreserved", &unreserved, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        ("get-utf8", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("normalize-path/get-relative", "/example/..", GET_VANILLA),
        ("normalize-path/get-relative-relative", "/example1/example2/../..", GET_VANILLA),
        ("normalize-path/get-slash", "//", GET_VANILLA),
        ("normalize-path/get-slash-dot-slash", "/./", GET_VANILLA),
        (
            "normalize-path/get-slashes",
            "//example//",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        (
            "normalize-path/get-slash-pointless-dot",
            "/./example",
            "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
        ),
        (
            "normalize-path/get-space",
            "/example space/",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
    ] {
        check(name, Request::new("GET", target, &[], b""), "host;x-amz-date", signature);
    }
}

const GET_VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

#[test]
fn headers_are_trimmed_collapsed_and_joined() {
    for (name, headers, signed, signature) in [
        (
            "get-header-value-trim",
            vec![("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "get-header-key-duplicate",
            vec![("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
            "host;my-header1;x-amz-date",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            "get-header-value-order",
            vec![
                ("my-header1", "value4"),
                ("my-header1", "value1"),
                ("my-header1", "value3"),
                ("my-header1", "value2"),
            ],
            "host;my-header1;x-amz-date",
            "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        ),
    ] {
        check(name, Request::new("GET", "/", &headers, b""), signed, signature);
    }
}

#[test]
fn posts() {
    let form = "application/x-www-form-urlencoded";
    let form_utf8 = "application/x-www-form-urlencoded; charset=utf8";
    let my = "host;my-header1;x-amz-date";
    let content = "content-type;host;x-amz-date";
    let plain = "host;x-amz-date";
    for (name, target, headers, body, signed, signature) in [
        ("post-vanilla", "/", vec![], "", plain, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "post-vanilla-query",
            "/?Param1=value1",
            vec![],
            "",
            plain,
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
        (
            "post-header-key-sort",
            "/",
            vec![("my-header1", "value1")],
            "",
            my,
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "post-header-value-case",
            "/",
            vec![("my-header1", "VALUE1")],
            "",
            my,
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        (
            "post-x-www-form-urlencoded",
            "/",
            vec![("content-type", form)],
            "Param1=value1",
            content,
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "post-x-www-form-urlencoded-parameters",
            "/",
            vec![("content-type", form_utf8)],
            "Param1=value1",
            content,
            "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
        ),
    ] {
        check(name, Request::new("POST", target, &headers, body.as_bytes()), signed, signature);
    }
}

#[test]
fn a_session_token_is_signed() {
    let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIe\
                 oIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq\
                 5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC\
                 9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
    let request = Request::new("POST", "/", &[], b"").sign_with(&key(), Some(&token.into()));
    assert!(
        request.get("authorization").ends_with(
            "SignedHeaders=host;x-amz-date;x-amz-security-token, \
             Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
        ),
        "post-sts-header-before"
    );
    let temporary = AccessKey::new("AKIDTEMPORARY", SECRET.into()).unwrap();
    let request = Request::new("POST", "/", &[], b"").sign_with(&temporary, Some(&TOKEN.into()));
    assert_eq!(House::new().refusal(&request).0, "UnrecognizedClientException");
}

/// Signed by botocore: a call of the AWS CLI.
#[test]
fn a_call_of_the_cli_verifies() {
    let request = Request::new(
        "POST",
        "/",
        &[
            ("x-amz-target", "AWSCognitoIdentityProviderService.ListUserPools"),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-date", "20150830T123600Z"),
            ("user-agent", "aws-cli/2"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/cognito-idp/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
                 Signature=6598f1ff094bac3b3721a05c480264891efb3b935f03cc16440da0de5e62c32d",
            ),
        ],
        br#"{"MaxResults": 1}"#,
    );
    let house = House::new();
    assert!(house.verify(&request, Service::COGNITO_IDP).is_ok());
    for changed in [
        Request { body: br#"{"MaxResults": 2}"#.to_vec(), ..request.clone() },
        Request { path: "/x".to_owned(), ..request.clone() },
        Request { query: Some("x=1".to_owned()), ..request.clone() },
        Request { method: "PUT".to_owned(), ..request.clone() },
        request.clone().set("x-amz-target", "AWSCognitoIdentityProviderService.DeleteUserPool"),
        request.clone().set("content-type", "application/x-amz-json-1.0"),
        request.clone().set("host", "example.org"),
        request.clone().set("x-amz-date", "20150830T123601Z"),
        request.clone().edit("6598f1ff", "6598f1fe"),
        request.clone().edit("Signature=6598", "Signature=zzzz"),
        request.clone().edit("2c32d", "2c32"),
    ] {
        assert_eq!(house.verify(&changed, Service::COGNITO_IDP), Err(Refusal::Mismatch.into()), "{changed:?}");
    }
}

/// The query form, signed by botocore.
#[test]
fn presigned_requests_verify_until_they_expire() {
    let presigned = Request::new(
        "GET",
        "/?Param1=value1&Param2=a%20b&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request\
         &X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=25826cf6cf7d9c56999e400ec36e4a84e335ebe1e51f5971b728f3ddb06cb0e8",
        &[],
        b"",
    );
    let house = House::new();
    assert!(house.verify(&presigned, SERVICE).is_ok());
    assert_eq!(house.refusal(&Request { body: b"x".to_vec(), ..presigned.clone() }).1, Refusal::Mismatch.to_string());
    house.clock.set(Timestamp::from_secs(NOW.secs() + 60));
    assert!(house.verify(&presigned, SERVICE).is_ok());
    house.clock.set(Timestamp::from_secs(NOW.secs() + 61));
    assert_eq!(
        house.refusal(&presigned).1,
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123701Z - 1 min.)"
    );
    house.clock.set(Timestamp::from_secs(NOW.secs() - 300));
    assert!(house.verify(&presigned, SERVICE).is_ok());
}

#[test]
fn both_forms_of_a_date_header_do() {
    // Signed with `Date` in place of `X-Amz-Date`; the string to sign has the basic form all the same.
    for date in ["20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT"] {
        let request = Request::new("GET", "/", &[("date", date)], b"");
        let headers = request.headers();
        let names = ["date".to_owned(), "host".to_owned()];
        let canonical = canonical::Canonical::new(request.signed(&headers), &[], &names);
        let [access_key_id, date, region, service] =
            ["AKIDEXAMPLE", "20150830", "us-east-1", "service"].map(str::to_owned);
        let scope = derive::Scope { access_key_id, date, region, service };
        let to_sign = scope.string_to_sign("20150830T123600Z", &canonical.text(None));
        let signature = derive::SigningKey::derive(&SECRET.into(), &scope).sign(&to_sign);
        let credential = scope.credential();
        let request = request.clone().set(
            "authorization",
            &format!("AWS4-HMAC-SHA256 Credential={credential},SignedHeaders=date;host,Signature={signature}"),
        );
        assert!(House::new().verify(&request, SERVICE).is_ok());
    }
}
