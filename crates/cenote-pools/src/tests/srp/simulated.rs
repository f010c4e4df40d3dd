//! Users who do not exist, where the app client hides it: asked like others, refused like others.

use cenote_base::Sub;
use serde_json::json;

use super::{DOORS, Srp, refused, respond, srp};
use crate::tests::on_both_engines;
use crate::tests::recovery::{EXPIRED, MISMATCH, TOO_MANY};
use crate::tests::world::{App, INCORRECT, LOCKED, NEW_PASSWORD, NO_USER, PASSWORD, World, email};

on_both_engines! {
    nobody_is_asked_like_somebody,
    the_same_name_is_the_same_nobody,
    the_name_that_is_shown_means_the_same_user,
    what_nobody_is_called_follows_the_pool,
    nobody_is_locked_out_like_somebody,
    where_existence_is_no_secret,
}

async fn hiding(world: &World, pool: serde_json::Value) -> App<'_> {
    let pool = world.pool(pool).await;
    world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await
}

/// A salt is 16 bytes as a number: in one of sixteen cases a digit shorter, in one of 256 two.
fn is_salt(text: &str) -> bool {
    (28..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

async fn nobody_is_asked_like_somebody(world: World) {
    let app = hiding(&world, json!({})).await;
    app.confirmed("alice").await;
    for name in ["alice", "nobody"] {
        for (first, second) in DOORS {
            let srp = Srp::begin_by(&app, first, name).await.unwrap();
            assert_eq!(srp.username(), name);
            assert!(is_salt(srp.text("SALT")), "{}", srp.text("SALT"));
            assert_eq!(srp.block().len(), 1600, "{name}");
            assert!((760..=768).contains(&srp.text("SRP_B").len()), "{name}");
            assert_eq!(respond(&app, second, srp.responses(&app, "Wrong-Horse-9")).await, refused(INCORRECT));
        }
    }
}

async fn the_same_name_is_the_same_nobody(world: World) {
    let folding = json!({"UsernameAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": false}});
    let app = hiding(&world, folding.clone()).await;
    let second = world.house.neighbour(&world.store).await;
    let first = Srp::begin(&app, &email("nobody")).await;
    for name in [email("nobody"), "NoBody@Example.com".to_owned()] {
        let again = Srp::begin_at(&second, &app, DOORS[1].0, &name).await.unwrap();
        assert_eq!((again.text("SALT"), again.username()), (first.text("SALT"), first.username()));
        assert_ne!(again.text("SRP_B"), first.text("SRP_B"));
        assert_ne!(again.block(), first.block());
        // Whatever of these names answers.
        let mut responses = again.responses(&app, PASSWORD);
        responses["USERNAME"] = json!(name);
        assert_eq!(respond(&app, DOORS[0].1, responses).await, refused(INCORRECT));
    }
    let other = hiding(&world, folding).await;
    for (app, name) in [(&app, email("nobody2")), (&other, email("nobody"))] {
        let else_where = Srp::begin(app, &name).await;
        assert_ne!(else_where.text("SALT"), first.text("SALT"));
        assert_ne!(else_where.username(), first.username());
    }
}

/// Whoever is given another name than the typed one can go on with that: asked, counted and remembered as the same.
async fn the_name_that_is_shown_means_the_same_user(world: World) {
    let address = email("alice");
    for (settings, username) in
        [(json!({"UsernameAttributes": ["email"]}), &*address), (json!({"AliasAttributes": ["email"]}), "alice")]
    {
        let app = hiding(&world, settings).await;
        app.create(username, &[("email", &email("alice")), ("email_verified", "true")]).await.unwrap();
        app.set_password(username, PASSWORD, true).await.unwrap();
        for name in ["alice", "nobody"] {
            let typed = email(name);
            let first = Srp::begin(&app, &typed).await;
            let shown = first.username().to_owned();
            assert_ne!(shown, typed, "{name}");
            let again = Srp::begin(&app, &shown).await;
            assert_eq!((again.username(), again.text("SALT")), (&*shown, first.text("SALT")), "{name}");
            for _ in 0..3 {
                assert_eq!(app.sign_in(&typed, "Wrong-Horse-9").await, refused(INCORRECT));
            }
            for _ in 0..2 {
                assert_eq!(app.sign_in(&shown, "Wrong-Horse-9").await, refused(INCORRECT));
            }
            for name in [&typed, &shown] {
                assert_eq!(app.sign_in(name, "Wrong-Horse-9").await, refused(LOCKED), "{name}");
                assert_eq!(srp(&app, name, "Wrong-Horse-9").await, refused(LOCKED), "{name}");
            }
            let confirm = |name| app.confirm_forgot_password(name, "x", NEW_PASSWORD);
            assert_eq!(confirm(&shown).await, refused(EXPIRED), "{name}");
            for _ in 0..5 {
                app.forgot_password(&typed).await.unwrap();
            }
            assert_eq!(app.forgot_password(&shown).await, refused(TOO_MANY), "{name}");
            assert_eq!(confirm(&shown).await, refused(MISMATCH), "{name}");
        }
    }
}

async fn what_nobody_is_called_follows_the_pool(world: World) {
    let uuid = "3F2A1B4C-5d6e-4f70-8a9b-0c1d2e3f4a5b";
    let folded = &uuid.to_lowercase();
    let insensitive = json!({"CaseSensitive": false});
    let plain = hiding(&world, json!({"UsernameConfiguration": insensitive})).await;
    let sensitive = hiding(&world, json!({"UsernameConfiguration": {"CaseSensitive": true}})).await;
    let aliases = hiding(&world, json!({"AliasAttributes": ["email", "phone_number"]})).await;
    let preferred = hiding(&world, json!({"AliasAttributes": ["preferred_username"]})).await;
    let by_email = hiding(&world, json!({"UsernameAttributes": ["email"], "UsernameConfiguration": insensitive})).await;
    // `None`: an identifier.
    for (app, name, shown) in [
        (&plain, "NoBody", Some("nobody")),
        (&plain, "NoBody@example.com", Some("nobody@example.com")),
        (&sensitive, "NoBody", Some("NoBody")),
        (&aliases, "nobody", Some("nobody")),
        (&aliases, "nobody@example.com", None),
        (&aliases, "+12065550100", None),
        (&preferred, "nobody@example.com", Some("nobody@example.com")),
        (&by_email, "nobody@example.com", None),
        (&by_email, "nobody", None),
        (&by_email, uuid, Some(folded.as_str())),
    ] {
        let srp = Srp::begin(app, name).await;
        match shown {
            Some(shown) => assert_eq!(srp.username(), shown),
            None => {
                let sub = srp.username().parse::<Sub>().unwrap();
                // Of the form of those that are given out: version 4, the usual variant.
                assert_eq!(&sub.as_str()[14..15], "4", "{sub}");
                assert!(matches!(&sub.as_str()[19..20], "8" | "9" | "a" | "b"), "{sub}");
            }
        }
        assert_eq!(srp.answer(app, PASSWORD).await, refused(INCORRECT), "{name}");
    }
}

async fn nobody_is_locked_out_like_somebody(world: World) {
    let app = hiding(&world, json!({})).await;
    app.confirmed("alice").await;
    for name in ["alice", "nobody"] {
        let waiting = Srp::begin(&app, name).await;
        for _ in 0..3 {
            assert_eq!(srp(&app, name, "Wrong-Horse-9").await, refused(INCORRECT));
        }
        // One count with the other flows.
        for _ in 0..2 {
            assert_eq!(app.sign_in(name, "Wrong-Horse-9").await, refused(INCORRECT));
        }
        assert_eq!(srp(&app, name, PASSWORD).await, refused(LOCKED));
        assert_eq!(app.sign_in(name, PASSWORD).await, refused(LOCKED));
        assert_eq!(waiting.answer(&app, PASSWORD).await, refused(LOCKED));
        world.pass(std::time::Duration::from_secs(1));
        let answer = waiting.answer(&app, PASSWORD).await;
        assert_eq!(answer.is_ok(), name == "alice", "{answer:?}");
    }
}

async fn where_existence_is_no_secret(world: World) {
    let app = world.app(json!({})).await;
    for (first, second) in DOORS {
        assert_eq!(Srp::begin_by(&app, first, "nobody").await.err().as_deref(), Some(NO_USER));
        // Gone between the steps.
        app.confirmed("alice").await;
        let srp = Srp::begin_by(&app, first, "alice").await.unwrap();
        app.admin(cenote_wire::idp::Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
        assert_eq!(respond(&app, second, srp.responses(&app, PASSWORD)).await, refused(NO_USER));
    }
    assert_eq!(world.rows("select count(*) from attempts").await, 0, "nothing is counted for nobody");
}
