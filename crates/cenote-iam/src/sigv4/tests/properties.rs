//! What holds for every request.

use proptest::prelude::*;

use super::*;

/// A header's value, a path's segment or a query's part, ASCII and beyond.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", "[a-z0-9%/+&=.;,~ \t]{0,20}", "\\PC{0,10}"]
}

/// Texts that come near to being right.
fn near() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        "AWS4-HMAC-SHA256( Credential=[a-zA-Z0-9/_-]{0,40})?,? ?(SignedHeaders=[a-z;-]{0,20})?,? \
         ?(Signature=[0-9a-f]{0,64})?",
        Just(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
              SignedHeaders=host;x-amz-date, Signature=00"
                .to_owned()
        ),
        Just("20150830T123600Z".to_owned()),
        "[0-9]{8}T[0-9]{6}Z",
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let names = prop::sample::select(vec!["content-type", "x-amz-target", "my-header", "x-empty"]);
    let headers = prop::collection::vec((names, text()), 0..5);
    let query = prop::option::of("([a-zA-Z%0-9]{0,5}=?[ -%\\'-~]{0,8}&?){0,4}");
    ("[A-Z]{1,7}", "(/[ -\"$->@-~]{0,6}){0,4}", query, headers, any::<Vec<u8>>()).prop_map(
        |(method, path, query, headers, body)| {
            let mut request =
                Request::new(&method, &path, &headers.iter().map(|(n, v)| (*n, v.as_str())).collect::<Vec<_>>(), &body);
            request.query = query;
            request
        },
    )
}

proptest! {
    #[test]
    fn what_is_signed_verifies(request in request()) {
        let signed = request.sign();
        prop_assert_eq!(House::new().verify(&signed, SERVICE).map(|verified| verified.signed_at), Ok(NOW));
    }

    #[test]
    fn what_is_changed_after_signing_does_not(request in request(), byte: u8, more in "[a-z]{1,5}") {
        let signed = request.sign();
        let house = House::new();
        let mut body = signed.body.clone();
        body.push(byte);
        let changed = [
            Request { body, ..signed.clone() },
            Request { method: format!("{}X", signed.method), ..signed.clone() },
            Request { path: format!("{}/{more}", signed.path), ..signed.clone() },
            Request { query: Some(format!("{}&{more}", signed.query.as_deref().unwrap_or(""))), ..signed.clone() },
            signed.clone().set("host", &more),
        ];
        for changed in changed {
            prop_assert_eq!(house.verify(&changed, SERVICE), Err(Refusal::Mismatch.into()));
        }
        for (index, (name, value)) in signed.headers.iter().enumerate() {
            if ["content-type", "x-amz-target", "my-header", "x-empty"].contains(&name.as_str()) {
                let mut changed = signed.clone();
                changed.headers[index].1 = format!("{value}{more}");
                prop_assert_eq!(house.verify(&changed, SERVICE), Err(Refusal::Mismatch.into()));
            }
        }
    }

    #[test]
    fn nothing_panics_and_nothing_unsigned_gets_in(
        method in text(), path in text(), query in prop::option::of(text()), body: Vec<u8>, host in text(),
        headers in prop::collection::vec((prop::sample::select(vec![
            "authorization", "x-amz-date", "date", "host", "x-amz-security-token", "x-amz-content-sha256",
            "x-amz-target",
        ]), near()), 0..6),
    ) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut request = Request::new(&method, &path, &headers, &body);
        request.query = query;
        let house = House::with(VerifierConfig { public_hosts: vec![host], ..VerifierConfig::default() });
        let refusal = house.verify(&request, SERVICE).unwrap_err().to_string();
        prop_assert!(refusal.len() < 3000);
    }

    #[test]
    fn no_query_panics_or_gets_in(
        parameters in prop::collection::vec((prop::sample::select(vec![
            "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
            "X-Amz-Signature",
            "X-Amz-Security-Token", "X-Amz-Content-Sha256", "x",
        ]), near()), 0..9),
    ) {
        let mut query = String::from("X-Amz-Algorithm=AWS4-HMAC-SHA256");
        for (name, value) in parameters {
            query.push_str(&format!("&{name}={value}"));
        }
        let request = Request { query: Some(query), ..Request::new("GET", "/", &[], b"") };
        prop_assert!(House::new().verify(&request, SERVICE).is_err());
    }

    #[test]
    fn a_whole_header_of_anything_is_refused(authorization: String, date: String) {
        let request = Request::new("POST", "/", &[("authorization", &authorization), ("x-amz-date", &date)], b"{}");
        prop_assert!(House::new().verify(&request, SERVICE).is_err());
    }
}
