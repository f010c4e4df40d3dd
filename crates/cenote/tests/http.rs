//! Every door of the front end through the real router: statuses, headers and bodies as they go out. A header that
//! nobody listed in a snapshot fails the test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use cenote::in_flight::InFlight;
use cenote_wire::{ErrorCode, Target, idp};
use futures_util::{FutureExt, StreamExt};
use house::*;
use http::Request;

mod house;

#[tokio::test]
async fn answers_of_the_api() {
    let harness = Harness::new();
    insta::assert_snapshot!("success", harness.call("SignUp", "{}").await);
    insta::assert_snapshot!("refusal", harness.call("InitiateAuth", "{}").await);
    insta::assert_snapshot!("fault", harness.call("GlobalSignOut", "{}").await);
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let harness = Harness::new();
    insta::assert_snapshot!("panic", harness.call("GetUser", "{}").await);
    assert!(harness.call("SignUp", "{}").await.starts_with("200"));
    let document = harness.get(&format!("/{FAULTY_POOL}/.well-known/jwks.json")).await;
    assert!(document.starts_with("500") && document.contains("InternalErrorException"), "{document}");
    assert!(document.contains("x-amzn-requestid") && document.contains("access-control-allow-origin: *"), "{document}");
    assert!(harness.in_flight.none().now_or_never().is_some());
}

#[tokio::test]
async fn refusals_of_the_front_end() {
    let harness = Harness::new();
    insta::assert_snapshot!("unknown_operation", harness.call("Guess", "{}").await);
    insta::assert_snapshot!("unsigned", harness.call("ListUserPools", "{}").await);
    insta::assert_snapshot!("too_large", harness.call("SignUp", &"x".repeat(MAX_BODY + 1)).await);
    let mut request = call("SignUp", "{}");
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    insta::assert_snapshot!("content_type", show(harness.send(request).await).await);
    let mut request = call("SignUp", "{}");
    request.headers_mut().remove("x-amz-target");
    assert!(show(harness.send(request).await).await.contains("UnknownOperationException"));
    assert!(harness.calls().is_empty());
}

#[tokio::test]
async fn large_bodies_are_for_signed_operations() {
    let harness = Harness::bounded(Rooms::default(), 1024 * 1024, InFlight::default());
    let body = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    let (small, large, huge) = (body(512 * 1024), body(512 * 1024 + 1), body(1024 * 1024 + 1));
    assert!(harness.call("SignUp", &small).await.starts_with("200"));
    assert!(harness.call("SignUp", &large).await.starts_with("413"));
    // A signature makes no difference where it is ignored.
    assert!(show(harness.send(harness.signed("SignUp", &large)).await).await.starts_with("413"));
    assert!(harness.call("Guess", &large).await.starts_with("413"));
    assert_eq!(harness.calls().len(), 1);

    assert!(show(harness.send(harness.signed("ListUserPools", &large)).await).await.starts_with("200"));
    assert!(show(harness.send(harness.signed("ListUserPools", &huge)).await).await.starts_with("413"));
    let unsigned = harness.call("ListUserPools", &large).await;
    assert!(unsigned.contains("MissingAuthenticationTokenException"), "{unsigned}");
    assert!(unsigned.contains("access-control-allow-origin: *") && unsigned.contains("x-amzn-requestid"));
    assert_eq!(harness.calls().len(), 1);
}

#[tokio::test]
async fn all_bodies_together_are_bounded() {
    // Four bodies of the largest size fit into what is kept at a time.
    let largest = 16 * 1024 * 1024;
    let harness = Harness::bounded(Rooms::default(), largest, InFlight::default());
    let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
    let body_that_stops = |pieces: usize| {
        let sent = futures_util::stream::iter(vec![Ok::<_, std::convert::Infallible>(piece.clone()); pieces]);
        let mut request = harness.signed("ListUserPools", "");
        *request.body_mut() = Body::from_stream(sent.chain(futures_util::stream::pending()));
        request
    };
    let mut stuck: Vec<_> = (0..4).map(|_| Box::pin(harness.send(body_that_stops(16)))).collect();
    for sending in &mut stuck {
        assert!(sending.as_mut().now_or_never().is_none());
    }
    let text = format!("\"{}\"", "x".repeat(2 * 1024 * 1024));
    insta::assert_snapshot!("no_room", show(harness.send(harness.signed("ListUserPools", &text)).await).await);
    // Small bodies need no room in it.
    assert!(harness.call("SignUp", &format!("\"{}\"", "x".repeat(60_000))).await.starts_with("200"));
    drop(stuck);
    assert!(show(harness.send(harness.signed("ListUserPools", &text)).await).await.starts_with("200"));
}

#[tokio::test]
async fn requests_in_flight_are_bounded_whether_or_not_their_clients_wait() {
    let harness = Harness::bounded(Rooms::default(), MAX_BODY, InFlight::at_most(1));
    let mut waiting = Box::pin(harness.call("ChangePassword", "{}"));
    assert!(waiting.as_mut().now_or_never().is_none());
    // The client goes away, the operation does not.
    drop(waiting);
    insta::assert_snapshot!("too_many", harness.call("SignUp", "{}").await);
    assert!(harness.get(&format!("/{POOL}/.well-known/jwks.json")).await.starts_with("503"));
    for probe in ["/health/live", "/health/ready"] {
        assert!(harness.get(probe).await.starts_with("200"));
    }
    harness.rooms.leave.notify_one();
    harness.in_flight.none().await;
    assert!(harness.call("SignUp", "{}").await.starts_with("200"));
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_sends_costs_nothing() {
    let harness = Harness::bounded(Rooms::default(), MAX_BODY, InFlight::at_most(1));
    let mut request = call("SignUp", "");
    *request.body_mut() = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let mut sending = Box::pin(harness.send(request));
    assert!(sending.as_mut().now_or_never().is_none());
    // Not even while it is there.
    assert!(harness.call("SignUp", "{}").await.starts_with("200"));
    drop(sending);
    assert!(harness.in_flight.none().now_or_never().is_some());
    assert_eq!(harness.calls().len(), 1);
}

#[tokio::test]
async fn preflights() {
    let harness = Harness::new();
    let preflight = |path: &str| {
        Request::options(path)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-amz-target,x-new")
            .body(Body::empty())
            .unwrap()
    };
    insta::assert_snapshot!("preflight", show(harness.send(preflight("/")).await).await);
    let jwks = format!("/{POOL}/.well-known/jwks.json");
    insta::assert_snapshot!("preflight_jwks", show(harness.send(preflight(&jwks)).await).await);
    let bare = Request::options("/").body(Body::empty()).unwrap();
    assert!(show(harness.send(bare).await).await.contains("x-amz-user-agent"));
}

#[tokio::test]
async fn documents_of_issuers() {
    let harness = Harness::new();
    insta::assert_snapshot!("jwks", harness.get(&format!("/{POOL}/.well-known/jwks.json")).await);
    let path = format!("/{POOL}/.well-known/openid-configuration");
    insta::assert_snapshot!("configuration", harness.get(&path).await);
    insta::assert_snapshot!("unknown_pool", harness.get("/us-east-1_Nothing/.well-known/jwks.json").await);
    insta::assert_snapshot!("no_pool", harness.get("/a%22b%0A/.well-known/openid-configuration").await);
    insta::assert_snapshot!("no_text", harness.get("/%ff%fe/.well-known/jwks.json").await);
    let no_text = harness.get("/%ff%fe/.well-known/openid-configuration").await;
    assert!(no_text.starts_with("404") && no_text.contains("access-control-allow-origin: *"), "{no_text}");
}

const LINK: &str = "client_id=26cb2c60kq7nbmas7rbme9b6pp&user_name=%3Cb%3Ealice%2B1";

#[tokio::test]
async fn pages_of_confirmation_links() {
    let harness = Harness::new();
    let page = |code: &str| format!("/{POOL}/confirmUser?{LINK}&confirmation_code={code}");
    insta::assert_snapshot!("link_confirmed", harness.get(&page("111111")).await);
    insta::assert_snapshot!("link_again", harness.get(&page("222222")).await);
    insta::assert_snapshot!("link_address_taken", harness.get(&page("333333")).await);
    insta::assert_snapshot!("link_too_many", harness.get(&page("444444")).await);
    insta::assert_snapshot!("link_away", harness.get(&page("555555")).await);
    insta::assert_snapshot!("link_fault", harness.get(&page("666666")).await);
    assert!(harness.get(&page("777777")).await.starts_with("500"));
    insta::assert_snapshot!("link_invalid", harness.get(&page("000000")).await);
    assert!(harness.get(&page("111111").replace("User?", "User/?")).await.starts_with("200"));
    let mut request = Request::get(page("000000")).header("host", "evil.example").body(Body::empty()).unwrap();
    request.headers_mut().insert("user-agent", "a browser".parse().unwrap());
    let shown = show(harness.send(request).await).await;
    assert!(!shown.contains("evil") && !shown.contains("alice") && !shown.contains("000000"), "{shown}");
    let links = std::mem::take(&mut *harness.rooms.links.lock().unwrap());
    let (link, context) = links.last().unwrap();
    assert_eq!((link.pool.as_str(), link.client.as_str()), (POOL, "26cb2c60kq7nbmas7rbme9b6pp"));
    assert_eq!((link.username.expose(), link.code.expose()), ("<b>alice+1", "000000"));
    assert_eq!((context.user_agent.as_deref(), context.principal.is_none()), (Some("a browser"), true));
    assert!(!format!("{link:?}").contains("alice") && !format!("{link:?}").contains("000000"));
}

#[tokio::test]
async fn what_is_no_confirmation_link() {
    let harness = Harness::new();
    for path in [
        format!("/{POOL}/confirmUser"),
        format!("/{POOL}/confirmUser?{LINK}"),
        format!("/{POOL}/confirmUser?{LINK}&confirmation_code=%ff"),
        format!("/{POOL}/confirmUser?{LINK}&confirmation_code=111111&confirmation_code=111111"),
        format!("/{POOL}/confirmUser?{LINK}&confirmation_code=111111&user_name=bob"),
        format!("/{POOL}/confirmUser?{}&confirmation_code=111111", LINK.replace("26cb", "%22%0a")),
        format!("/nothing/confirmUser?{LINK}&confirmation_code=111111"),
        format!("/%ff%fe/confirmUser?{LINK}&confirmation_code=111111"),
    ] {
        let shown = harness.get(&path).await;
        assert!(shown.starts_with("400") && shown.contains("This link is invalid or has expired"), "{path}: {shown}");
    }
    let path = format!("/{POOL}/confirmUser?{LINK}&confirmation_code=111111");
    let head = Request::head(&path).body(Body::empty()).unwrap();
    insta::assert_snapshot!("link_head", show(harness.send(head).await).await);
    let post = Request::post(&path).body(Body::empty()).unwrap();
    assert!(show(harness.send(post).await).await.starts_with("405"));
    assert!(harness.rooms.links.lock().unwrap().is_empty(), "nothing of these asks for a confirmation");
}

#[tokio::test]
async fn key_sets_however_they_are_asked_for() {
    let harness = Harness::new();
    let key_set = harness.get(&format!("/{POOL}/.well-known/jwks.json")).await;
    let without_id = |text: &str| text.lines().filter(|line| !line.starts_with("x-amzn-requestid")).collect::<String>();
    for path in
        [format!("/{COLD_POOL}/.well-known/jwks.json"), format!("/{}/.well-known/jwks.json", POOL.replace('-', "%2D"))]
    {
        assert_eq!(without_id(&harness.get(&path).await), without_id(&key_set), "{path}");
    }
    let head = Request::head(format!("/{POOL}/.well-known/jwks.json")).body(Body::empty()).unwrap();
    let head = show(harness.send(head).await).await;
    assert_eq!(without_id(&head), without_id(&key_set).replace("{\"keys\":[]}", ""));
    assert!(harness.in_flight.none().now_or_never().is_some());
}

#[tokio::test]
async fn health() {
    let harness = Harness::new();
    insta::assert_snapshot!("live", harness.get("/health/live").await);
    insta::assert_snapshot!("ready", harness.get("/health/ready").await);
    let away = Harness::with(Rooms { not_ready: true, ..Rooms::default() });
    insta::assert_snapshot!("not_ready", away.get("/health/ready").await);
    assert!(away.get("/health/live").await.starts_with("200"));
}

#[tokio::test]
async fn what_is_not_there() {
    let harness = Harness::new();
    insta::assert_snapshot!("not_found", harness.get("/nothing/here").await);
    insta::assert_snapshot!("wrong_method", harness.get("/").await);
    let post = Request::post("/health/live").body(Body::empty()).unwrap();
    insta::assert_snapshot!("wrong_method_health", show(harness.send(post).await).await);
    let head = Request::head("/health/live").body(Body::empty()).unwrap();
    insta::assert_snapshot!("head", show(harness.send(head).await).await);
    assert!(harness.get("/?a=b").await.starts_with("405"));
}

#[tokio::test]
async fn a_signed_call_brings_its_caller() {
    let harness = Harness::new();
    let body = r#"{"MaxResults":1}"#;
    assert!(show(harness.send(harness.signed("ListUserPools", body)).await).await.starts_with("200"));
    let calls = harness.calls();
    let [(target, passed_on, context)] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(*target, Target::Idp(idp::Operation::ListUserPools));
    assert_eq!(passed_on, body);
    assert_eq!(context.principal.as_ref().unwrap().arn.as_str(), "arn:aws:iam::123456789012:root");

    let mut changed = harness.signed("ListUserPools", body);
    *changed.body_mut() = Body::from(r#"{"MaxResults":2}"#);
    assert!(show(harness.send(changed).await).await.contains(ErrorCode::InvalidSignature.wire_name()));
    assert!(harness.calls().is_empty());
}

#[tokio::test]
async fn a_signature_on_a_public_operation_is_ignored() {
    let harness = Harness::new();
    for body in ["{}", r#"{"changed":true}"#] {
        let mut request = harness.signed("SignUp", "{}");
        *request.body_mut() = Body::from(body);
        assert!(show(harness.send(request).await).await.starts_with("200"));
    }
    assert!(harness.calls().iter().all(|(_, _, context)| context.principal.is_none()));
}

#[tokio::test]
async fn a_client_secret_or_a_signature_but_a_wrong_signature_is_never_ignored() {
    let harness = Harness::new();
    let operation = idp::Operation::ALL.iter().find(|operation| operation.auth() == cenote_wire::Auth::SignedOrClient);
    let operation = operation.unwrap().name();
    assert!(harness.call(operation, "{}").await.starts_with("200"));
    assert!(show(harness.send(harness.signed(operation, "{}")).await).await.starts_with("200"));
    let mut wrong = harness.signed(operation, "{}");
    *wrong.body_mut() = Body::from(r#"{"changed":true}"#);
    assert!(show(harness.send(wrong).await).await.contains("InvalidSignatureException"));
    let callers: Vec<_> = harness.calls().iter().map(|(_, _, context)| context.principal.is_some()).collect();
    assert_eq!(callers, [false, true]);
}

#[tokio::test]
async fn the_context_says_where_a_request_comes_from() {
    let harness = Harness::new();
    let mut request = call("SignUp", "{}");
    request.headers_mut().insert("user-agent", "aws-cli/2".parse().unwrap());
    request.headers_mut().insert("x-forwarded-for", "198.51.100.1, 192.0.2.9".parse().unwrap());
    let response = harness.send(request).await;
    let calls = harness.calls();
    let context = &calls[0].2;
    assert_eq!(context.source.to_string(), "192.0.2.9");
    assert_eq!(context.user_agent.as_deref(), Some("aws-cli/2"));
    assert_eq!(response.headers()["x-amzn-requestid"], *context.request_id);
}

#[tokio::test]
async fn request_ids_are_never_the_same() {
    let harness = Harness::new();
    let mut ids = Vec::new();
    for path in ["/health/live", "/", "/nothing"] {
        let response = harness.send(Request::get(path).body(Body::empty()).unwrap()).await;
        ids.push(response.headers()["x-amzn-requestid"].to_str().unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| uuid::Uuid::try_parse(id).is_ok_and(|id| id.get_version_num() == 4)));
}

/// A writer that keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn each_request_leaves_one_line_without_secrets() {
    let kept = Kept::default();
    let writer = kept.clone();
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    // Requests run on this thread, so they all see this log.
    let _guard = tracing::subscriber::set_default(log);
    let harness = Harness::new();

    let body = format!(r#"{{"UserPoolId":"{POOL}","MaxResults":1}}"#);
    harness.send(harness.signed("ListUserPools", &body)).await;
    let lines = kept.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    for (field, value) in [
        ("level", "INFO"),
        ("target", "cenote::request"),
        ("service", "cognito-idp"),
        ("operation", "ListUserPools"),
        ("pool", POOL),
        ("caller", "arn:aws:iam::123456789012:root"),
        ("address", "0.0.0.0"),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(line["status"], 200);
    assert!(line["ms"].as_f64().unwrap() >= 0.0);
    assert_eq!(line["request_id"], *harness.calls()[0].2.request_id);

    let mut forged = harness.signed("ListUserPools", "{}");
    *forged.body_mut() = Body::from(body);
    harness.send(forged).await;
    let lines = kept.lines();
    assert_eq!(lines[0]["error"], "InvalidSignatureException");
    assert!(lines[0].get("pool").is_none(), "what nobody has signed is not looked at");

    let secret =
        r#"{"ClientId":"26cb2c60kq7nbmas7rbme9b6pp","UserPoolId":"hunter2!","AuthParameters":{"PASSWORD":"hunter2"}}"#;
    harness.call("InitiateAuth", secret).await;
    harness.call("GlobalSignOut", secret).await;
    harness.call("GetUser", secret).await;
    let lines = kept.lines();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| (&line["level"], &line["error"], &line["detail"]))
        .map(|line| serde_json::to_string(&line).unwrap())
        .collect();
    assert_eq!(
        shown,
        [
            r#"["INFO","NotAuthorizedException",null]"#,
            r#"["ERROR","InternalErrorException","a secret of the house"]"#,
            r#"["ERROR","InternalErrorException","panic: a fault in a room"]"#,
        ]
    );
    assert_eq!(lines[0]["client"], "26cb2c60kq7nbmas7rbme9b6pp");
    assert!(!serde_json::to_string(&lines).unwrap().contains("hunter2"));

    for (sent, shown) in [(199, 199), (200, 199)] {
        harness.get(&format!("/{}", "x".repeat(sent))).await;
        let whole = if sent == shown { "" } else { "…" };
        assert_eq!(kept.lines()[0]["path"], format!("/{}{whole}", "x".repeat(shown)));
    }

    for pool in [POOL, COLD_POOL] {
        let path = format!("/{pool}/.well-known/jwks.json");
        let answer = harness.send(Request::get(&path).body(Body::empty()).unwrap()).await;
        let lines = kept.lines();
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        let shown = ["level", "method", "path", "pool", "address"].map(|field| line[field].as_str().unwrap());
        assert_eq!(shown, ["INFO", "GET", &path, pool, "0.0.0.0"]);
        assert_eq!((line["status"].as_u64(), line["statements"].as_u64()), (Some(200), Some(0)));
        assert_eq!(line["request_id"], answer.headers()["x-amzn-requestid"].to_str().unwrap());
    }

    harness.get("/health/live").await;
    assert_eq!(kept.lines().len(), 0, "probes are shown when debugging only");
}

#[test]
fn no_request_is_the_fault_of_the_front_end() {
    use proptest::prelude::*;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let harness = Harness::new();
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "OPTIONS", "HEAD", "DELETE"]);
    let target = prop_oneof!["[ -~]{0,30}", Just(format!("{IDP}.SignUp")), Just(format!("{IDP}.ListUserPools"))];
    let authorization = prop_oneof!["[ -~]{0,40}", "AWS4-HMAC-SHA256 Credential=[a-z/,= ]{0,30}"];
    proptest!(|(
        method in method,
        path in prop_oneof![Just("/".to_owned()), "/([a-zA-Z0-9_./-]|%[0-9A-F]{2}){0,20}(\\?[a-zA-Z0-9=&%]{0,10})?"],
        target in target,
        authorization in authorization,
        body: Vec<u8>,
    )| {
        let Ok(request) = Request::builder()
            .method(method)
            .uri(path)
            .header("host", HOST)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .header("authorization", authorization)
            .body(Body::from(body)) else { return Ok(()) };
        let response = runtime.block_on(harness.send(request));
        prop_assert!(response.status().as_u16() < 500, "{}", response.status());
    });
}
