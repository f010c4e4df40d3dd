//! Many callers in the same moment: what may happen once happens once, limits hold, nobody is locked out for being
//! busy.

use std::collections::BTreeMap;
use std::sync::Barrier;

use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::world::{Answer, App, INCORRECT, LOCKED, PASSWORD, World, attributes, email};

on_both_engines! {
    a_user_who_signs_in_everywhere_at_once,
    guesses_get_no_more_than_the_free_ones,
    one_code,
    one_session,
    one_name,
    one_address_as_username,
    an_alias_that_everybody_claims,
    an_alias_that_everybody_takes,
    new_codes,
    sign_ins_while_the_password_changes,
    sign_ins_while_the_user_is_deleted,
    sign_ins_while_the_user_signs_out,
}

/// Runs so many calls on as many threads, all let go together.
pub(super) fn at_once<T: Send, F: Future<Output = T>>(count: usize, call: impl Fn(usize) -> F + Sync) -> Vec<T> {
    let (runtime, start, call) = (tokio::runtime::Handle::current(), Barrier::new(count), &call);
    let run = |n| {
        start.wait();
        runtime.block_on(call(n))
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = (0..count).map(|n| scope.spawn(move || run(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    })
}

/// How often which answer came; every success is `ok`.
pub(super) fn outcomes(answers: &[Answer]) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for answer in answers {
        *found.entry(answer.as_ref().err().map_or("ok", String::as_str)).or_default() += 1;
    }
    found
}

async fn a_user_who_signs_in_everywhere_at_once(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let answers = at_once(32, |n| {
        let app = &app;
        async move {
            match n % 2 {
                0 => app.sign_in("alice", PASSWORD).await,
                _ => app.admin_sign_in("alice", PASSWORD).await,
            }
        }
    });
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 32)]));
    assert_eq!(world.rows("select count(*) from token_families").await, 32);
    assert_eq!(world.rows("select count(*) from attempts").await, 0);
}

/// Over two nodes, for a user that exists and for one that does not.
async fn guesses_get_no_more_than_the_free_ones(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    let second = world.house.neighbour(&world.store).await;
    for name in ["alice", "nobody"] {
        let request = |password: String| {
            json!({"ClientId": app.client, "AuthFlow": "USER_PASSWORD_AUTH",
                "AuthParameters": {"USERNAME": name, "PASSWORD": password}})
        };
        let answers = at_once(64, |n| {
            let (house, request) =
                (if n % 2 == 0 { &world.house } else { &second }, request(format!("Wrong-Horse-{n}")));
            async move { house.json(Operation::InitiateAuth, request).await.map_err(|error| error.to_string()) }
        });
        assert_eq!(outcomes(&answers), BTreeMap::from([(INCORRECT, 5), (LOCKED, 59)]), "{name}");
        assert_eq!(app.sign_in(name, PASSWORD).await, Err(LOCKED.to_owned()));
    }
}

async fn one_code(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    let code = world.code(&email("alice")).await;
    let answers = at_once(32, |_| app.confirm("alice", &code));
    let found = outcomes(&answers);
    assert_eq!(found["ok"], 1, "{found:?}");
    let confirmed = "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED";
    let limit = "LimitExceededException: Attempt limit exceeded, please try after some time.";
    let used = "ExpiredCodeException: Invalid code provided, please request a code again.";
    let others: usize = [confirmed, limit, used].iter().filter_map(|text| found.get(text)).sum();
    assert_eq!(others, 31, "{found:?}");
    assert_eq!(app.attributes("alice").await["email_verified"], "true");
}

async fn one_session(world: World) {
    let app = world.app(json!({})).await;
    let session = app.challenged("alice").await;
    let password = |n: usize| format!("Battery-Staple-{n}");
    let answers = at_once(32, |n| {
        let (app, session) = (&app, &session);
        async move { app.answer(session, "alice", json!({"NEW_PASSWORD": password(n)})).await }
    });
    let found = outcomes(&answers);
    assert_eq!(found["ok"], 1, "{found:?}");
    let refused: usize =
        found.iter().filter(|(text, _)| text.contains("Invalid session for the user")).map(|(_, n)| n).sum();
    assert_eq!(refused, 31, "{found:?}");
    assert_eq!(world.rows("select count(*) from token_families").await, 1);
    let winner = answers.iter().position(Result::is_ok).unwrap();
    assert!(app.sign_in("alice", &password(winner)).await.is_ok(), "whose password counts");
}

async fn one_name(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let answers = at_once(16, |_| app.sign_up("alice"));
    let taken = "UsernameExistsException: User already exists";
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 1), (taken, 15)]));
    assert_eq!(world.messages(&email("alice")).await.len(), 1, "one code is sent");
    let answers = at_once(16, |_| app.create("bob", &[]));
    let taken = "UsernameExistsException: User account already exists";
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 1), (taken, 15)]));
}

async fn one_address_as_username(world: World) {
    let app = world.app(json!({"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"]})).await;
    let answers = at_once(16, |_| app.sign_up_with("alice@example.com", &[]));
    let taken = "UsernameExistsException: An account with the given email already exists.";
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 1), (taken, 15)]));
    assert_eq!(world.rows("select count(*) from users").await, 1);
    assert_eq!(world.rows("select count(*) from aliases").await, 1);
}

const SHARED: &str = "shared@example.com";

/// Users who all signed up with one address, and the codes that were sent to it.
async fn claimants<'w>(world: &'w World, count: usize) -> (App<'w>, Vec<String>) {
    let app = world.app(json!({"AliasAttributes": ["email"], "AutoVerifiedAttributes": ["email"]})).await;
    let mut codes = Vec::new();
    for n in 0..count {
        app.sign_up_with(&format!("user{n}"), &[("email", SHARED)]).await.unwrap();
        codes.push(world.code(SHARED).await);
    }
    (app, codes)
}

/// The one who owns the address; nobody else's is verified.
async fn the_owner(app: &App<'_>, count: usize) -> String {
    assert_eq!(app.world.rows("select count(*) from aliases").await, 1);
    let owner = app.get(SHARED).await.unwrap()["Username"].as_str().unwrap().to_owned();
    for n in 0..count {
        let name = format!("user{n}");
        let expected = if name == owner { "true" } else { "false" };
        assert_eq!(app.attributes(&name).await["email_verified"], expected, "{name}");
    }
    owner
}

async fn an_alias_that_everybody_claims(world: World) {
    let (app, codes) = claimants(&world, 8).await;
    let answers = at_once(8, |n| {
        let (app, code) = (&app, &codes[n]);
        async move { app.confirm(&format!("user{n}"), code).await }
    });
    let taken = "AliasExistsException: An account with the email already exists.";
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 1), (taken, 7)]));
    let owner = the_owner(&app, 8).await;
    let winner = answers.iter().position(Result::is_ok).unwrap();
    assert_eq!(owner, format!("user{winner}"));
    for n in (0..8).filter(|n| *n != winner) {
        assert_eq!(app.status(&format!("user{n}")).await, "UNCONFIRMED", "and may use the code yet");
    }
    let loser = (winner + 1) % 8;
    let force = json!({"ConfirmationCode": codes[loser], "ForceAliasCreation": true});
    app.public(Operation::ConfirmSignUp, &format!("user{loser}"), force).await.unwrap();
    assert_eq!(the_owner(&app, 8).await, format!("user{loser}"));
}

async fn an_alias_that_everybody_takes(world: World) {
    let (app, codes) = claimants(&world, 8).await;
    let answers = at_once(16, |n| {
        let (app, codes) = (&app, &codes);
        async move {
            if n < 8 {
                let force = json!({"ConfirmationCode": codes[n], "ForceAliasCreation": true});
                return app.public(Operation::ConfirmSignUp, &format!("user{n}"), force).await;
            }
            let values = attributes(&[("email", SHARED), ("email_verified", "true")]);
            let more = json!({"ForceAliasCreation": true, "MessageAction": "SUPPRESS", "UserAttributes": values});
            app.admin(Operation::AdminCreateUser, &format!("made{n}"), more).await
        }
    });
    let found = outcomes(&answers);
    // Who came between others again and again is told to try again.
    let busy = found.get("TooManyRequestsException: Too many requests").copied().unwrap_or_default();
    assert_eq!(found["ok"] + busy, 16, "{found:?}");
    assert!(found["ok"] >= 2, "{found:?}");
    assert_eq!(world.rows("select count(*) from aliases").await, 1);
    let verified = "select count(*) from users where attributes like '%\"email_verified\":\"true\"%'";
    assert_eq!(world.rows(verified).await, 1);
    let owner = app.get(SHARED).await.unwrap();
    assert_eq!(super::world::by_name(&owner["UserAttributes"])["email_verified"], "true");
}

async fn new_codes(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    let answers = at_once(16, |_| app.resend("alice"));
    let limit = "LimitExceededException: Attempt limit exceeded, please try after some time.";
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 5), (limit, 11)]));
    assert_eq!(world.messages(&email("alice")).await.len(), 6);
    assert_eq!(world.rows("select count(*) from codes").await, 1);
}

/// However they meet: who is let in proved the password that is the user's when it is let in.
async fn sign_ins_while_the_password_changes(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    for round in 0..4 {
        let (old, new) = (password(round), password(round + 1));
        app.set_password("alice", &old, true).await.unwrap();
        let answers = at_once(9, |n| {
            let (app, old, new) = (&app, &old, &new);
            async move {
                match n {
                    0 => app.set_password("alice", new, true).await,
                    _ => app.sign_in("alice", old).await,
                }
            }
        });
        assert!(answers[0].is_ok());
        for answer in &answers[1..] {
            let error = answer.as_ref().err().map(String::as_str);
            assert!(matches!(error, None | Some(INCORRECT | LOCKED)), "{answer:?}");
        }
        world.pass(std::time::Duration::from_secs(3600));
        assert_eq!(app.sign_in("alice", &old).await, Err(INCORRECT.to_owned()));
        assert!(app.sign_in("alice", &new).await.is_ok());
    }
}

fn password(n: usize) -> String {
    format!("Correct-Horse-{n}")
}

async fn sign_ins_while_the_user_is_deleted(world: World) {
    let app = world.app(json!({})).await;
    for _ in 0..4 {
        app.confirmed("alice").await;
        let answers = at_once(9, |n| {
            let app = &app;
            async move {
                match n {
                    0 => app.admin(Operation::AdminDeleteUser, "alice", json!({})).await,
                    _ => app.sign_in("alice", PASSWORD).await,
                }
            }
        });
        assert_eq!(answers[0], Ok(Value::Null));
        for answer in &answers[1..] {
            let error = answer.as_ref().err().map(String::as_str);
            let gone = "UserNotFoundException: User does not exist.";
            assert!(error.is_none_or(|text| [INCORRECT, LOCKED, gone].contains(&text)), "{answer:?}");
            if let Ok(answer) = answer {
                assert_eq!(app.get_user(&answer["AuthenticationResult"]).await, Err(gone.to_owned()));
            }
        }
        assert_eq!(world.rows("select count(*) from token_families").await, 0);
        assert_eq!(world.rows("select count(*) from users").await, 0);
    }
}

async fn sign_ins_while_the_user_signs_out(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let answers = at_once(9, |n| {
        let (app, tokens) = (&app, &tokens);
        async move {
            match n {
                0 => app.global_sign_out(tokens).await,
                _ => app.sign_in("alice", PASSWORD).await,
            }
        }
    });
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 9)]));
    let revoked = "NotAuthorizedException: Access Token has been revoked";
    assert_eq!(app.get_user(&tokens).await, Err(revoked.to_owned()));
    // A later one ends them all, whenever they were.
    let last = app.tokens("alice").await;
    app.global_sign_out(&last).await.unwrap();
    for answer in &answers[1..] {
        let tokens = &answer.as_ref().unwrap()["AuthenticationResult"];
        assert_eq!(app.get_user(tokens).await, Err(revoked.to_owned()));
    }
    assert_eq!(world.rows("select count(*) from token_families").await, 0);
}
