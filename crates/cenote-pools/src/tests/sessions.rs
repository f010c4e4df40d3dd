//! Sessions in the wrong hands: swapped between users, clients, pools and steps, changed, used again, too late.
//! Whatever is tried, only the one right answer is taken, and only once.

use std::time::Duration;

use cenote_store::testing::{self, TestStore};
use cenote_tokens::{Purpose, Scope};
use cenote_wire::idp::Operation;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::world::{App, INVALID_SESSION, NEW_PASSWORD, World};
use crate::flows::session::{Session, Step};

const USERS: [&str; 2] = ["alice", "bob"];

/// What is done to a session's text.
#[derive(Clone, Debug)]
enum Change {
    Nothing,
    /// Another character at this place.
    Letter(prop::sample::Index, char),
    Cut(prop::sample::Index),
    Longer(String),
    Empty,
}

impl Change {
    fn apply(&self, session: &str) -> String {
        match self {
            Self::Nothing => session.to_owned(),
            Self::Letter(at, letter) => {
                let at = at.index(session.len());
                format!("{}{letter}{}", &session[..at], &session[at + 1..])
            }
            Self::Cut(at) => session[..at.index(session.len())].to_owned(),
            Self::Longer(more) => format!("{session}{more}"),
            Self::Empty => String::new(),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let letter = prop::sample::select("ABCZabcz0189-_=+/. é".chars().collect::<Vec<_>>());
    prop_oneof![
        4 => Just(Change::Nothing),
        4 => (any::<prop::sample::Index>(), letter).prop_map(|(at, letter)| Change::Letter(at, letter)),
        1 => any::<prop::sample::Index>().prop_map(Change::Cut),
        1 => "[A-Za-z0-9_=-]{1,8}".prop_map(Change::Longer),
        1 => Just(Change::Empty),
    ]
}

/// One try: whose session, shown through which client, by whom, changed how, for which challenge, at which door.
type Try = ((usize, usize), usize, usize, Change, bool, Operation);

fn tries() -> impl Strategy<Value = Try> {
    let doors = vec![Operation::RespondToAuthChallenge, Operation::AdminRespondToAuthChallenge];
    let (session, door) = ((0..3_usize, 0..2_usize), prop::sample::select(doors));
    (session, 0..3_usize, 0..2_usize, change(), prop::bool::weighted(0.9), door)
}

async fn attempt(apps: &[App<'_>], sessions: &[Vec<String>], one: &Try) -> Result<(), TestCaseError> {
    let ((from, owner), through, by, change, right_step, door) = one;
    let session = change.apply(&sessions[*from][*owner]);
    let is_right = from == through && owner == by && session == sessions[*from][*owner] && *right_step;
    if is_right {
        return Ok(());
    }
    let app = &apps[*through];
    let challenge = if *right_step { "NEW_PASSWORD_REQUIRED" } else { "SMS_MFA" };
    let mut request = json!({"ClientId": app.client, "ChallengeName": challenge, "Session": session,
        "ChallengeResponses": {"USERNAME": USERS[*by], "NEW_PASSWORD": NEW_PASSWORD, "SMS_MFA_CODE": "123456"}});
    if *door == Operation::AdminRespondToAuthChallenge {
        request["UserPoolId"] = json!(app.pool);
    }
    let refusal = app.world.call(*door, request).await;
    let short = refusal.as_ref().is_err_and(|text| text.contains("at 'session' failed to satisfy constraint"));
    prop_assert!(short || refusal == Err(INVALID_SESSION.to_owned()), "{:?}", refusal);
    Ok(())
}

/// Two clients of one pool and one of another, with users of the same names.
async fn apps(world: &World) -> Vec<App<'_>> {
    let first = world.app(json!({})).await;
    let sibling = world.client(&first.pool, json!({})).await;
    let elsewhere = world.app(json!({})).await;
    for app in [&first, &elsewhere] {
        for user in USERS {
            app.create(user, &[]).await.unwrap();
        }
    }
    vec![first, sibling, elsewhere]
}

async fn sessions(apps: &[App<'_>]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for app in apps {
        let mut own = Vec::new();
        for user in USERS {
            own.push(app.session(user).await.as_str().unwrap().to_owned());
        }
        all.push(own);
    }
    all
}

fn only_the_right_answer_is_taken(open: impl Future<Output = TestStore>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(async { World::on(open.await).await });
    let apps = runtime.block_on(apps(&world));
    let sessions = runtime.block_on(sessions(&apps));
    let mut runner = TestRunner::new(ProptestConfig { cases: 256, ..ProptestConfig::default() });
    runner.run(&tries(), |one| runtime.block_on(attempt(&apps, &sessions, &one))).unwrap();
    // Nothing of it used a session up; the first answer to each does, for good.
    runtime.block_on(async {
        for (at, app) in apps.iter().enumerate() {
            // A user of the first pool is done after the first client's session.
            let is_first = at != 1;
            for (owner, user) in USERS.into_iter().enumerate() {
                let session = json!(sessions[at][owner]);
                assert_eq!(app.answer(&session, user, json!({})).await.is_ok(), is_first, "{at} {user}");
                let again = app.answer(&session, user, json!({})).await.unwrap_err();
                assert!(again.starts_with("NotAuthorizedException: Invalid session for the user"), "{again}");
            }
        }
    });
}

#[test]
fn sqlite() {
    only_the_right_answer_is_taken(testing::sqlite());
}

#[test]
fn postgres() {
    only_the_right_answer_is_taken(testing::postgres());
}

/// What is sealed for another purpose, in another pool or by another server opens no session, and vice versa.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_sealed_values_are_no_sessions() {
    let world = World::on(testing::sqlite().await).await;
    let app = world.app(json!({})).await;
    let session = app.challenged("alice").await;
    let deps = world.deps();
    let pool: cenote_base::PoolId = app.pool.parse().unwrap();
    let inside = {
        let client = app.client.parse().unwrap();
        let text = session.as_str().unwrap();
        let opened = Session::open(deps, &pool, &client, Step::NewPassword, text).await.unwrap();
        serde_json::to_vec(&opened).unwrap()
    };
    for purpose in [Purpose::Refresh, Purpose::Cursor, Purpose::Password, Purpose::Cookie] {
        let sealed = deps.keyring.seal(&Scope::Pool(pool.clone()), purpose, &[&app.client], &inside).await.unwrap();
        refused(&app, &sealed).await;
    }
    let server = deps.keyring.seal(&Scope::Server, Purpose::Session, &[&app.client], &inside).await.unwrap();
    refused(&app, &server).await;
    let no_client = deps.keyring.seal(&Scope::Pool(pool.clone()), Purpose::Session, &[], &inside).await.unwrap();
    refused(&app, &no_client).await;
    let no_json = deps.keyring.seal(&Scope::Pool(pool), Purpose::Session, &[&app.client], b"{}").await.unwrap();
    refused(&app, &no_json).await;
    let refresh = app.refresh(&session, "alice").await.unwrap_err();
    assert!(refresh.ends_with("Invalid Refresh Token") || refresh.contains("failed to satisfy"), "{refresh}");
    assert!(app.answer(&session, "alice", json!({})).await.is_ok());
}

async fn refused(app: &App<'_>, sealed: &[u8]) {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sealed);
    assert_eq!(app.answer(&json!(text), "alice", json!({})).await, Err(INVALID_SESSION.to_owned()));
}

/// The mark of a used session outlives the session: sweeping it brings nothing back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_session_stays_used_until_it_ends() {
    for store in crate::testing::both_stores().await {
        let world = World::on(store).await;
        let app = world.app(json!({})).await;
        let session: Value = app.challenged("alice").await;
        app.answer(&session, "alice", json!({})).await.unwrap();
        world.pass(Duration::from_secs(179));
        let sweep = cenote_store::records::sessions::sweep(world.deps().now(), 100);
        world.store.apply(sweep).await.unwrap();
        let again = app.answer(&session, "alice", json!({})).await.unwrap_err();
        assert!(again.ends_with("session can only be used once."), "{again}");
        world.pass(Duration::from_secs(2));
        let sweep = cenote_store::records::sessions::sweep(world.deps().now(), 100);
        world.store.apply(sweep).await.unwrap();
        assert_eq!(world.rows("select count(*) from used_sessions").await, 0);
        let late = app.answer(&session, "alice", json!({})).await.unwrap_err();
        assert!(late.ends_with("session is expired."), "{late}");
    }
}
