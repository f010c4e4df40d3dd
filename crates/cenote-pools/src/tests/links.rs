//! Confirmation by a link: what the e-mail holds, and what following it does, for whom and how often.

use std::time::Duration;

use cenote_base::Secret;
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::sign_up::with_sms;
use super::world::{App, World, email};
use crate::testing;
use crate::{ConfirmationLink, LinkOutcome};

on_both_engines! {
    an_email_holds_a_link_that_confirms_once,
    the_pools_own_words_around_the_link,
    only_emails_of_sign_ups_hold_links,
    the_code_of_a_link_may_be_typed,
    a_link_is_for_one_user_one_client_and_one_pool,
    a_client_with_a_secret_needs_none_for_a_link,
    a_link_ends_with_its_code,
    a_new_link_replaces_the_old,
    tries_are_counted,
    nobody_learns_who_exists,
    who_may_be_known_is_told_more,
    two_at_once_are_both_well,
    a_taken_address,
    odd_names_survive_their_link,
    what_no_link_holds,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
const BASE: &str = "https://id.example.com";

fn by_link(mut more: Value) -> Value {
    let texts = json!({"DefaultEmailOption": "CONFIRM_WITH_LINK"});
    let settings = more.as_object_mut().unwrap();
    settings.entry("AutoVerifiedAttributes").or_insert(json!(["email"]));
    let template = settings.entry("VerificationMessageTemplate").or_insert(json!({}));
    template.as_object_mut().unwrap().extend(texts.as_object().unwrap().clone());
    more
}

async fn linking(world: &World) -> App<'_> {
    world.app(by_link(json!({}))).await
}

async fn hiding(world: &World) -> App<'_> {
    let pool = world.pool(by_link(json!({}))).await;
    world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await
}

/// The address in the newest message, as a mail program follows it.
async fn address(world: &World, to: &str) -> String {
    let body = world.messages(to).await.into_iter().next().expect("a message");
    let (_, rest) = body.split_once("<a href=\"").expect("a link");
    rest.split_once('"').unwrap().0.replace("&amp;", "&")
}

/// Pool, client, user name and code of an address, still encoded.
fn parts(address: &str) -> [String; 4] {
    let rest = address.strip_prefix(BASE).unwrap().strip_prefix('/').unwrap();
    let (pool, query) = rest.split_once("/confirmUser?").unwrap();
    let values: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let [("client_id", client), ("user_name", name), ("confirmation_code", code)] = values[..] else {
        panic!("{values:?}")
    };
    [pool, client, name, code].map(str::to_owned)
}

async fn follow(world: &World, [pool, client, name, code]: &[String; 4]) -> LinkOutcome {
    let link = ConfirmationLink {
        pool: pool.parse().unwrap(),
        client: client.parse().unwrap(),
        username: Secret::new(name.as_str()),
        code: Secret::new(code.as_str()),
    };
    world.house.service.confirm_user(&testing::public(), &link).await.unwrap()
}

fn with(parts: &[String; 4], index: usize, value: &str) -> [String; 4] {
    let mut other = parts.clone();
    other[index] = value.to_owned();
    other
}

fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn an_email_holds_a_link_that_confirms_once(world: World) {
    let app = linking(&world).await;
    let answer = app.sign_up("alice").await.unwrap();
    let sent = json!({"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "a***@e***"});
    assert_eq!(answer["CodeDeliveryDetails"], sent);
    let stored = world.deps().queue.newest(None, 1).await.unwrap();
    let (subject, body) = stored[0].content.as_ref().unwrap();
    assert_eq!(subject.as_deref(), Some("Your verification link"));
    let link = address(&world, &email("alice")).await;
    let [pool, client, name, code] = parts(&link);
    assert_eq!((&pool, &client, name.as_str(), code.len()), (&app.pool, &app.client, "alice", 6));
    let escaped = link.replace('&', "&amp;");
    assert_eq!(
        body.expose(),
        format!("Please click the link below to verify your email address. <a href=\"{escaped}\">Verify Email</a> ")
    );
    assert_eq!(app.status("alice").await, "UNCONFIRMED");
    assert_eq!(follow(&world, &parts(&link)).await, LinkOutcome::Confirmed);
    assert_eq!(app.status("alice").await, "CONFIRMED");
    assert_eq!(app.attributes("alice").await["email_verified"], "true");
    assert_eq!(follow(&world, &parts(&link)).await, LinkOutcome::AlreadyConfirmed);
    assert_eq!(world.rows("select count(*) from token_families").await, 0, "it never signs in");
}

async fn the_pools_own_words_around_the_link(world: World) {
    let template = json!({"EmailMessageByLink": "<p>Hi {username}, {##press &amp; go##}</p>",
        "EmailSubjectByLink": "Welcome", "EmailSubject": "no", "EmailMessage": "no {####}"});
    let app = world.app(by_link(json!({"VerificationMessageTemplate": template}))).await;
    app.sign_up("alice").await.unwrap();
    let stored = world.deps().queue.newest(None, 1).await.unwrap();
    let (subject, body) = stored[0].content.as_ref().unwrap();
    let link = address(&world, &email("alice")).await.replace('&', "&amp;");
    assert_eq!(subject.as_deref(), Some("Welcome"));
    assert_eq!(body.expose(), format!("<p>Hi alice, <a href=\"{link}\">press &amp; go</a></p>"));
}

async fn only_emails_of_sign_ups_hold_links(world: World) {
    let app = world.app(with_sms(by_link(json!({"AutoVerifiedAttributes": ["email", "phone_number"]})))).await;
    app.sign_up_with("phone", &[("phone_number", "+12065559934"), ("email", &email("phone"))]).await.unwrap();
    assert!(world.code("+12065559934").await.parse::<u32>().is_ok(), "a text message has a code");
    let invitation = json!({"UserAttributes": [{"Name": "email", "Value": email("bob")}],
        "DesiredDeliveryMediums": ["EMAIL"]});
    app.admin(Operation::AdminCreateUser, "bob", invitation).await.unwrap();
    let body = world.messages(&email("bob")).await.remove(0);
    assert!(body.starts_with("Your username is bob and temporary password is "), "{body}");
    app.sign_up("carol").await.unwrap();
    app.resend("carol").await.unwrap();
    let bodies = world.messages(&email("carol")).await;
    assert!(bodies.len() == 2 && bodies.iter().all(|body| body.contains("/confirmUser?")), "{bodies:?}");
}

async fn the_code_of_a_link_may_be_typed(world: World) {
    let app = linking(&world).await;
    app.sign_up("alice").await.unwrap();
    let link = parts(&address(&world, &email("alice")).await);
    assert_eq!(app.confirm("alice", &link[3]).await, Ok(json!({})));
    assert_eq!(follow(&world, &link).await, LinkOutcome::AlreadyConfirmed);
}

async fn a_link_is_for_one_user_one_client_and_one_pool(world: World) {
    let app = linking(&world).await;
    let (other_app, neighbour) = (linking(&world).await, world.client(&app.pool, json!({})).await);
    for (app, name) in [(&app, "alice"), (&app, "bob"), (&other_app, "alice")] {
        app.sign_up(name).await.unwrap();
    }
    let bob = parts(&address(&world, &email("bob")).await);
    for wrong in [
        with(&bob, 2, "alice"),
        with(&bob, 2, "nobody"),
        with(&bob, 3, &other(&bob[3])),
        with(&bob, 0, &other_app.pool),
        with(&bob, 1, &other_app.client),
        with(&bob, 0, "us-east-1_Nothing00"),
        with(&bob, 1, "26cb2c60kq7nbmas7rbme9b6pp"),
    ] {
        assert_eq!(follow(&world, &wrong).await, LinkOutcome::Invalid, "{wrong:?}");
    }
    assert_eq!(app.status("bob").await, "UNCONFIRMED");
    // Any client of the pool may confirm, as by ConfirmSignUp.
    assert_eq!(follow(&world, &with(&bob, 1, &neighbour.client)).await, LinkOutcome::Confirmed);
    assert_eq!(app.status("alice").await, "UNCONFIRMED");
}

async fn a_client_with_a_secret_needs_none_for_a_link(world: World) {
    let pool = world.pool(by_link(json!({}))).await;
    let app = world.client(&pool, json!({"GenerateSecret": true})).await;
    app.sign_up("alice").await.unwrap();
    let link = parts(&address(&world, &email("alice")).await);
    assert_eq!(follow(&world, &link).await, LinkOutcome::Confirmed);
}

async fn a_link_ends_with_its_code(world: World) {
    let app = linking(&world).await;
    for (name, late, outcome) in [("alice", 1, LinkOutcome::Confirmed), ("bob", 0, LinkOutcome::Invalid)] {
        app.sign_up(name).await.unwrap();
        let link = parts(&address(&world, &email(name)).await);
        world.pass(DAY - Duration::from_millis(late));
        assert_eq!(follow(&world, &link).await, outcome, "{name}");
    }
    // A used one is remembered as long.
    let app = hiding(&world).await;
    app.sign_up("carol").await.unwrap();
    let link = parts(&address(&world, &email("carol")).await);
    assert_eq!(follow(&world, &link).await, LinkOutcome::Confirmed);
    world.pass(DAY - Duration::from_millis(1));
    assert_eq!(follow(&world, &link).await, LinkOutcome::AlreadyConfirmed);
    world.pass(Duration::from_millis(1));
    assert_eq!(follow(&world, &link).await, LinkOutcome::Invalid);
}

async fn a_new_link_replaces_the_old(world: World) {
    let app = linking(&world).await;
    app.sign_up("alice").await.unwrap();
    let old = parts(&address(&world, &email("alice")).await);
    app.resend("alice").await.unwrap();
    let new = parts(&address(&world, &email("alice")).await);
    assert_ne!(old, new);
    assert_eq!(follow(&world, &old).await, LinkOutcome::Invalid);
    assert_eq!(follow(&world, &new).await, LinkOutcome::Confirmed);
}

async fn tries_are_counted(world: World) {
    let app = linking(&world).await;
    app.sign_up("alice").await.unwrap();
    let link = parts(&address(&world, &email("alice")).await);
    let wrong = with(&link, 3, &other(&link[3]));
    for _ in 0..10 {
        assert_eq!(follow(&world, &wrong).await, LinkOutcome::Invalid);
    }
    for _ in 0..5 {
        app.confirm("alice", &wrong[3]).await.unwrap_err();
    }
    assert_eq!(follow(&world, &link).await, LinkOutcome::TooManyTries, "both doors count together");
    let limited = "LimitExceededException: Attempt limit exceeded, please try after some time.";
    assert_eq!(app.confirm("alice", &link[3]).await, Err(limited.to_owned()));
    world.pass(HOUR);
    assert_eq!(follow(&world, &link).await, LinkOutcome::Confirmed);
}

/// Unknown, unconfirmed and confirmed users look alike to who has not their code, in answers and in how many there are.
async fn nobody_learns_who_exists(world: World) {
    let app = hiding(&world).await;
    for name in ["alice", "bob", "carol"] {
        app.sign_up(name).await.unwrap();
    }
    let link = parts(&address(&world, &email("alice")).await);
    assert_eq!(follow(&world, &link).await, LinkOutcome::Confirmed);
    app.admin(Operation::AdminConfirmSignUp, "carol", json!({})).await.unwrap();
    app.create("invited", &[("email", &email("invited"))]).await.unwrap();
    world.pass(HOUR);
    let guess = other(&link[3]);
    for name in ["alice", "bob", "carol", "invited", "nobody"] {
        let guessed = with(&with(&link, 2, name), 3, &guess);
        for _ in 0..15 {
            assert_eq!(follow(&world, &guessed).await, LinkOutcome::Invalid, "{name}");
        }
        assert_eq!(follow(&world, &guessed).await, LinkOutcome::TooManyTries, "{name}");
    }
    world.pass(HOUR);
    assert_eq!(follow(&world, &link).await, LinkOutcome::AlreadyConfirmed, "who has the link is told");
}

async fn who_may_be_known_is_told_more(world: World) {
    let app = linking(&world).await;
    app.sign_up("alice").await.unwrap();
    let link = parts(&address(&world, &email("alice")).await);
    app.admin(Operation::AdminConfirmSignUp, "alice", json!({})).await.unwrap();
    assert_eq!(follow(&world, &link).await, LinkOutcome::AlreadyConfirmed);
    app.create("invited", &[("email", &email("invited"))]).await.unwrap();
    assert_eq!(follow(&world, &with(&link, 2, "invited")).await, LinkOutcome::Invalid, "was never asked to confirm");
}

async fn two_at_once_are_both_well(world: World) {
    let app = hiding(&world).await;
    app.sign_up("alice").await.unwrap();
    let link = parts(&address(&world, &email("alice")).await);
    // A mail scanner, its twin, and the person.
    let (first, second, third) = tokio::join!(follow(&world, &link), follow(&world, &link), follow(&world, &link));
    let mut outcomes = [first, second, third];
    outcomes.sort_by_key(|outcome| *outcome != LinkOutcome::Confirmed);
    assert_eq!(outcomes[0], LinkOutcome::Confirmed);
    assert!(outcomes[1..].iter().all(|outcome| *outcome == LinkOutcome::AlreadyConfirmed), "{outcomes:?}");
    assert_eq!(app.status("alice").await, "CONFIRMED");
}

async fn a_taken_address(world: World) {
    let app = world.app(by_link(json!({"AliasAttributes": ["email"]}))).await;
    for name in ["alice", "bob"] {
        app.sign_up_with(name, &[("email", "both@example.com")]).await.unwrap();
        let link = parts(&address(&world, "both@example.com").await);
        let outcome = if name == "alice" { LinkOutcome::Confirmed } else { LinkOutcome::AddressTaken };
        assert_eq!(follow(&world, &link).await, outcome, "an alias never moves by a link");
    }
    assert_eq!(app.status("bob").await, "UNCONFIRMED");
}

async fn odd_names_survive_their_link(world: World) {
    let app = linking(&world).await;
    for name in ["a+b&c=d#e%20f", "zoë/👋?", "<script>\"'"] {
        app.sign_up_with(name, &[("email", "odd@example.com")]).await.unwrap();
        let link = address(&world, "odd@example.com").await;
        let [pool, client, encoded, code] = parts(&link);
        assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{encoded}");
        assert_eq!(follow(&world, &[pool, client, name.to_owned(), code]).await, LinkOutcome::Confirmed);
    }
    let addressed = world.app(by_link(json!({"UsernameAttributes": ["email"]}))).await;
    let sub = addressed.sign_up_with("dora@example.com", &[]).await.unwrap()["UserSub"].clone();
    let link = parts(&address(&world, "dora@example.com").await);
    assert_eq!(json!(link[2]), sub, "the username, not the address");
    assert_eq!(follow(&world, &link).await, LinkOutcome::Confirmed);
}

async fn what_no_link_holds(world: World) {
    let app = linking(&world).await;
    app.sign_up("alice").await.unwrap();
    let link = parts(&address(&world, &email("alice")).await);
    let (long_name, long_code) = ("a".repeat(129), "1".repeat(2_049));
    for wrong in [
        with(&link, 2, ""),
        with(&link, 2, "al\0ice"),
        with(&link, 2, &long_name),
        with(&link, 3, ""),
        with(&link, 3, "\0"),
        with(&link, 3, &long_code),
    ] {
        assert_eq!(follow(&world, &wrong).await, LinkOutcome::Invalid);
    }
    assert_eq!(follow(&world, &link).await, LinkOutcome::Confirmed);
}
