//! PreventUserExistenceErrors at every door (reference 02 §8): where a client hides who exists, an unknown user is
//! answered as a known one could be, after as many reads and writes.

use std::collections::BTreeSet;

use cenote_store::cost::{Cost, measured};
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::recovery::{EXPIRED, HOUR, MISMATCH, NOBODY, TOO_MANY, other};
use super::sign_up::with_sms;
use super::world::{Answer, App, INCORRECT, NEW_PASSWORD, NO_USER, PASSWORD, World, attributes, email};
use crate::flows::simulated;

on_both_engines! {
    where_it_is_no_secret,
    what_is_said_to_everybody_alike,
    signing_in,
    forgetting_a_password,
    forgetting_a_password_without_a_verified_address,
    many_who_forgot_their_password,
    confirming_a_sign_up,
    where_a_simulated_code_goes,
    what_is_kept_of_nobody,
}

const WRONG: &str = "Wrong-Horse-9";

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

async fn hiding(world: &World, pool: Value) -> App<'_> {
    let pool = world.pool(pool).await;
    world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await
}

/// An answer without what differs from user to user: each destination is as long as it is.
fn shape(answer: &Answer) -> Answer {
    let mut answer = answer.clone()?;
    if let Some(destination) = answer.pointer_mut("/CodeDeliveryDetails/Destination") {
        *destination = json!(destination.as_str().unwrap().len());
    }
    Ok(answer)
}

/// Reads what is read once for all: pool, client and keys.
async fn warm(app: &App<'_>) {
    let deps = app.world.deps();
    deps.directory.refresh().await.unwrap();
    let pool = deps.directory.pool(&app.pool.parse().unwrap()).await.unwrap().unwrap();
    deps.directory.client(&app.client.parse().unwrap()).await.unwrap().unwrap();
    simulated::subject(deps, &pool, "x").await.unwrap();
}

/// Asks in each of these names the same, by turns; all are answered alike and cost the same. The answer.
async fn alike<'n, F: Future<Output = Answer>>(
    app: &App<'_>,
    names: [&'n str; 2],
    ask: impl Fn(&'n str) -> F,
) -> Answer {
    let mut seen: Vec<(Answer, Cost)> = Vec::new();
    for name in names {
        warm(app).await;
        let (answer, cost) = measured(ask(name)).await;
        seen.push((shape(&answer), cost));
    }
    assert_eq!(seen[0], seen[1], "{names:?}");
    seen.remove(0).0
}

async fn where_it_is_no_secret(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    assert_eq!(app.sign_in("nobody", PASSWORD).await, refused(NO_USER));
    assert_eq!(app.admin_sign_in("nobody", PASSWORD).await, refused(NO_USER));
    assert_eq!(app.forgot_password("nobody").await, refused(NOBODY));
    assert_eq!(app.confirm_forgot_password("nobody", "123456", NEW_PASSWORD).await, refused(NOBODY));
    assert_eq!(app.confirm("nobody", "123456").await, refused(NOBODY));
    assert_eq!(app.resend("nobody").await, refused(NOBODY));
    for table in ["select count(*) from attempts", "select count(*) from flow_states"] {
        assert_eq!(world.rows(table).await, 0, "nothing is counted or kept for nobody");
    }
}

/// Rows of the table that have no secret: the same at every client.
async fn what_is_said_to_everybody_alike(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    app.confirmed("disabled").await;
    app.disable("disabled").await;
    for client in [&app, &hiding] {
        assert_eq!(client.sign_up("alice").await, refused("UsernameExistsException: User already exists"));
        assert_eq!(client.sign_in("disabled", WRONG).await, refused("NotAuthorizedException: User is disabled."));
        for (operation, more) in [
            (Operation::AdminGetUser, json!({})),
            (Operation::AdminConfirmSignUp, json!({})),
            (Operation::AdminSetUserPassword, json!({"Password": PASSWORD})),
            (Operation::AdminResetUserPassword, json!({})),
            (Operation::AdminEnableUser, json!({})),
            (Operation::AdminDisableUser, json!({})),
            (Operation::AdminDeleteUser, json!({})),
        ] {
            assert_eq!(client.admin(operation, "nobody", more).await, refused(NO_USER), "{operation}");
        }
    }
}

async fn signing_in(world: World) {
    let app = hiding(&world, json!({})).await;
    app.confirmed("alice").await;
    app.sign_in("alice", PASSWORD).await.unwrap();
    app.confirmed("reset").await;
    app.admin(Operation::AdminResetUserPassword, "reset", json!({})).await.unwrap();
    for names in [["alice", "nobody"], ["reset", "nobody2"]] {
        assert_eq!(alike(&app, names, |name| app.sign_in(name, WRONG)).await, refused(INCORRECT));
        assert_eq!(alike(&app, names, |name| app.admin_sign_in(name, WRONG)).await, refused(INCORRECT));
    }
}

/// All that an app, or a guesser, can do with a forgotten password, but give the right code back.
async fn forgets(world: &World, app: &App<'_>, names: [&str; 2]) {
    let confirm = |name, code| app.confirm_forgot_password(name, code, NEW_PASSWORD);
    assert_eq!(alike(app, names, |name| confirm(name, "123456")).await, refused(EXPIRED), "none was asked for");
    for _ in 0..5 {
        let answer = alike(app, names, |name| app.forgot_password(name)).await.unwrap();
        let expected = json!({"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": 9});
        assert_eq!(answer, json!({"CodeDeliveryDetails": expected}));
    }
    assert_eq!(alike(app, names, |name| app.forgot_password(name)).await, refused(TOO_MANY));
    let sent = world.messages(&email("alice")).await.first().map(|text| text[text.len() - 6..].to_owned());
    let wrong = other(&sent.unwrap_or_else(|| "123456".to_owned()));
    for _ in 0..14 {
        assert_eq!(alike(app, names, |name| confirm(name, &wrong)).await, refused(MISMATCH));
    }
    assert_eq!(alike(app, names, |name| confirm(name, &wrong)).await, refused(TOO_MANY));
    let weak = alike(app, names, |name| app.confirm_forgot_password(name, &wrong, "Short-1")).await;
    let text = "InvalidPasswordException: Password does not conform to policy: Password not long enough";
    assert_eq!(weak, refused(text));
    world.pass(HOUR);
    assert_eq!(alike(app, names, |name| confirm(name, &wrong)).await, refused(EXPIRED), "an hour later");
}

async fn forgetting_a_password(world: World) {
    let app = hiding(&world, json!({})).await;
    app.confirmed("alice").await;
    app.sign_in("alice", PASSWORD).await.unwrap();
    forgets(&world, &app, ["alice", "nobody"]).await;
    assert_eq!(world.messages(&email("alice")).await.len(), 5);
    assert_eq!(world.rows("select count(*) from messages where state <> 'decoy'").await, 5);
    assert_eq!(world.rows("select count(*) from messages where state = 'decoy'").await, 5, "as many rows for nobody");
}

async fn forgetting_a_password_without_a_verified_address(world: World) {
    let app = hiding(&world, json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.confirmed("alice").await;
    app.sign_in("alice", PASSWORD).await.unwrap();
    app.sign_up("unconfirmed").await.unwrap();
    let asked = app.forgot_password("unconfirmed").await;
    assert_eq!(shape(&asked), shape(&app.forgot_password("alice").await));
    assert_eq!(asked, app.forgot_password("unconfirmed").await, "always the same");
    app.create("unreachable", &[]).await.unwrap();
    app.set_password("unreachable", PASSWORD, true).await.unwrap();
    forgets(&world, &app, ["unreachable", "nobody"]).await;
    let sent = "select count(*) from messages where kind = 'ForgotPassword' and state <> 'decoy'";
    assert_eq!(world.rows(sent).await, 1, "alice's");
}

/// The costs are those of the first request as well as of later ones, in pools with each kind of name.
async fn many_who_forgot_their_password(world: World) {
    for settings in [
        json!({"UsernameAttributes": ["email"]}),
        json!({"AliasAttributes": ["email", "phone_number", "preferred_username"]}),
        json!({"UsernameConfiguration": {"CaseSensitive": false}}),
    ] {
        let app = hiding(&world, settings.clone()).await;
        let named = settings.get("UsernameConfiguration").is_some();
        for n in 0..3 {
            let (known, unknown) = (format!("known{n}"), format!("nobody{n}"));
            let address = email(&known);
            let name = if settings.get("UsernameAttributes").is_some() { &address } else { &known };
            app.create(name, &[("email", &address), ("email_verified", "true")]).await.unwrap();
            app.set_password(name, PASSWORD, true).await.unwrap();
            let unknown = email(&unknown);
            let names = if named { [known.as_str(), "nobody"] } else { [address.as_str(), unknown.as_str()] };
            assert!(alike(&app, names, |name| app.forgot_password(name)).await.is_ok(), "{settings}");
            let confirm = |name| app.confirm_forgot_password(name, "x", NEW_PASSWORD);
            assert_eq!(alike(&app, names, confirm).await, refused(MISMATCH), "{settings}");
        }
    }
}

async fn confirming_a_sign_up(world: World) {
    let app = hiding(&world, json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    assert_eq!(app.confirm("nobody", "x").await, refused(EXPIRED), "nobody asked for a code");
    let names = ["alice", "nobody"];
    for _ in 0..5 {
        assert!(alike(&app, names, |name| app.resend(name)).await.is_ok());
    }
    assert_eq!(alike(&app, names, |name| app.resend(name)).await, refused(TOO_MANY));
    for _ in 0..14 {
        assert_eq!(alike(&app, names, |name| app.confirm(name, "x")).await, refused(MISMATCH));
    }
    let last = [app.confirm("alice", "x").await, app.confirm("nobody", "x").await];
    assert_eq!(last, [refused(MISMATCH), refused(TOO_MANY)], "nobody has tried once more");
    assert_eq!(alike(&app, names, |name| app.confirm(name, "x")).await, refused(TOO_MANY));
    world.pass(24 * HOUR);
    assert_eq!(alike(&app, names, |name| app.confirm(name, "x")).await, refused(EXPIRED));
    let none = hiding(&world, json!({})).await;
    none.sign_up("alice").await.unwrap();
    let nothing = "NotAuthorizedException: Cannot resend codes. Auto verification not turned on.";
    assert_eq!(alike(&none, names, |name| none.resend(name)).await, refused(nothing));
}

fn destination(answer: &Answer) -> String {
    answer.as_ref().unwrap()["CodeDeliveryDetails"]["Destination"].as_str().unwrap().to_owned()
}

async fn where_a_simulated_code_goes(world: World) {
    let insensitive = json!({"UsernameConfiguration": {"CaseSensitive": false}});
    let app = hiding(&world, insensitive).await;
    let first = app.forgot_password("NoBody").await;
    assert_eq!(app.forgot_password("nobody").await, first, "one name, however it is written");
    assert_eq!(destination(&app.forgot_password("Zoe@Shop.example").await), "z***@s***");
    assert_eq!(destination(&app.forgot_password("zoe@shop.example").await), "z***@s***");
    let by_phone = app.forgot_password("+12065559934").await.unwrap();
    let expected = json!({"AttributeName": "phone_number", "DeliveryMedium": "SMS", "Destination": "+*******9934"});
    assert_eq!(by_phone["CodeDeliveryDetails"], expected);
    let mut letters = BTreeSet::new();
    for n in 0..300 {
        letters.insert(destination(&app.forgot_password(&format!("nobody{n}")).await)[..1].to_owned());
    }
    assert_eq!(letters.len(), 26, "a letter that is never made up would tell a real user: {letters:?}");
    let elsewhere = hiding(&world, json!({})).await;
    let mut same = 0;
    for n in 0..20 {
        let name = format!("nobody{n}");
        same += u32::from(app.forgot_password(&name).await == elsewhere.forgot_password(&name).await);
    }
    assert!(same < 5, "another pool, other addresses");
    // What the pool verifies, and then what it sends codes to.
    let phones = hiding(&world, with_sms(json!({"AutoVerifiedAttributes": ["phone_number"]}))).await;
    let answer = phones.forgot_password("nobody").await;
    assert_eq!(answer.as_ref().unwrap()["CodeDeliveryDetails"]["DeliveryMedium"], "SMS");
    assert!(destination(&answer).starts_with("+*******") && destination(&answer).len() == 12);
    let values = attributes(&[("phone_number", "+12065559934"), ("phone_number_verified", "true")]);
    let known = json!({"MessageAction": "SUPPRESS", "TemporaryPassword": PASSWORD, "UserAttributes": values});
    phones.admin(Operation::AdminCreateUser, "known", known).await.unwrap();
    phones.set_password("known", PASSWORD, true).await.unwrap();
    assert_eq!(shape(&phones.forgot_password("known").await), shape(&answer));
    let only = |name: &str| json!({"RecoveryMechanisms": [{"Name": name, "Priority": 1}]});
    let mails = hiding(&world, json!({"AccountRecoverySetting": only("verified_email")})).await;
    let answer = mails.forgot_password("+12065559934").await.unwrap();
    assert_eq!(answer["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL", "this pool sends no SMS");
    let closed = hiding(&world, json!({"AccountRecoverySetting": only("admin_only")})).await;
    closed.confirmed("alice").await;
    let administrator = refused("NotAuthorizedException: Contact administrator to reset password.");
    assert_eq!(alike(&closed, ["alice", "nobody"], |name| closed.forgot_password(name)).await, administrator);
}

async fn what_is_kept_of_nobody(world: World) {
    let app = hiding(&world, json!({"AutoVerifiedAttributes": ["email"]})).await;
    for _ in 0..5 {
        app.forgot_password("nobody").await.unwrap();
        app.resend("nobody").await.unwrap();
        app.confirm_forgot_password("nobody", "x", NEW_PASSWORD).await.unwrap_err();
        app.confirm("nobody", "x").await.unwrap_err();
    }
    // Four counts, two memories, and in the place of each message a row.
    assert_eq!(world.rows("select count(*) from attempts").await, 4);
    assert_eq!(world.rows("select count(*) from flow_states").await, 2);
    assert_eq!(world.rows("select count(*) from messages where state = 'decoy'").await, 10);
    for sql in ["select subject from attempts", "select id from flow_states"] {
        for row in world.store.read(sql, vec![]).await.unwrap() {
            assert!(!row.text(0).unwrap().contains("nobody"), "the name is not kept");
        }
    }
    world.pass(25 * HOUR);
    for swept in cenote_store::records::swept::SWEPT {
        let due = swept.is_due(&world.store, world.deps().now()).await.unwrap();
        if due {
            world.store.apply(swept.delete(world.deps().now(), 100)).await.unwrap();
        }
    }
    assert_eq!(world.rows("select count(*) from attempts").await, 0);
    assert_eq!(world.rows("select count(*) from flow_states").await, 0);
    world.deps().queue.sweep().await.unwrap();
    assert_eq!(world.rows("select count(*) from messages").await, 0);
}
