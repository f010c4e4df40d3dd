//! ListUsers: filters judged by a second judge, pages, tokens, refusals.

use std::collections::BTreeSet;
use std::time::Duration;

use cenote_store::cost::measured;
use cenote_store::{Batch, params};
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::world::{Answer, App, World, by_name, email};

on_both_engines! {
    items_show_what_an_administrator_sees,
    each_field_is_searched,
    only_requested_attributes,
    a_changed_user_is_found_by_what_it_is,
    pages_follow_each_other_by_tokens,
    tokens_are_good_for_an_hour_and_one_list,
    those_who_stay_are_listed_once,
    a_page_is_never_much_work,
    refusals,
}

const BAD_TOKEN: &str = "InvalidParameterException: Invalid pagination token.";

async fn list(app: &App<'_>, more: Value) -> Answer {
    let mut request = json!({"UserPoolId": app.pool});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.world.call(Operation::ListUsers, request).await
}

fn usernames(answer: &Value) -> Vec<String> {
    answer["Users"].as_array().unwrap().iter().map(|user| user["Username"].as_str().unwrap().to_owned()).collect()
}

async fn names(app: &App<'_>, filter: &str) -> Vec<String> {
    let answer = list(app, json!({"Filter": filter})).await.unwrap();
    assert!(answer.get("PaginationToken").is_none(), "{answer}");
    usernames(&answer)
}

/// The users of every page, and how many pages there were.
pub(super) async fn all_pages(app: &App<'_>, filter: &str, limit: usize) -> (Vec<Value>, usize) {
    let mut seen = Vec::new();
    let mut request = json!({"Filter": filter, "Limit": limit});
    for pages in 1.. {
        let answer = list(app, request.clone()).await.unwrap();
        let users = answer["Users"].as_array().unwrap();
        assert!(users.len() <= limit);
        seen.extend(users.iter().cloned());
        match answer.get("PaginationToken") {
            Some(token) => request["PaginationToken"] = token.clone(),
            None => return (seen, pages),
        }
    }
    unreachable!()
}

async fn items_show_what_an_administrator_sees(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    app.create("bob", &[("email", "bob@example.com"), ("custom:x", "y")]).await.unwrap_err();
    app.create("bob", &[("phone_number", "+12065559934")]).await.unwrap();
    app.disable("bob").await;
    app.sign_up("carol").await.unwrap();
    let elsewhere = world.app(json!({})).await;
    elsewhere.confirmed("dave").await;

    let answer = list(&app, json!({})).await.unwrap();
    let users = answer["Users"].as_array().unwrap();
    assert_eq!(users.len(), 3);
    for user in users {
        let mut shown = app.get(user["Username"].as_str().unwrap()).await.unwrap();
        shown["Attributes"] = shown.as_object_mut().unwrap().remove("UserAttributes").unwrap();
        assert_eq!(*user, shown);
        assert!(by_name(&user["Attributes"]).contains_key("sub"));
    }
    let states: BTreeSet<_> =
        users.iter().map(|user| (user["UserStatus"].as_str(), user["Enabled"].as_bool())).collect();
    let expected = [
        (Some("CONFIRMED"), Some(true)),
        (Some("FORCE_CHANGE_PASSWORD"), Some(false)),
        (Some("UNCONFIRMED"), Some(true)),
    ];
    assert_eq!(states, BTreeSet::from(expected));
    assert_eq!(list(&elsewhere, json!({"Limit": 0})).await.unwrap()["Users"].as_array().unwrap().len(), 1);
    let empty = world.app(json!({})).await;
    assert_eq!(list(&empty, json!({})).await.unwrap(), json!({"Users": []}));
}

async fn each_field_is_searched(world: World) {
    let app = world.app(json!({"UsernameConfiguration": {"CaseSensitive": true}})).await;
    let people = [
        ("Alice", "Anna \"the first\"", "+12065550001"),
        ("alice", "anna", "+12065550002"),
        ("Bob", "ÉMILE", "+442071838750"),
        ("al%", "a_b", "+12065550003"),
    ];
    for (n, (username, name, phone)) in people.into_iter().enumerate() {
        let address = email(&format!("{}{n}", &username[..1]));
        let values =
            [("email", address.as_str()), ("name", name), ("phone_number", phone), ("family_name", "Οδυσσεύς")];
        app.create(username, &values).await.unwrap();
    }
    app.set_password("Bob", "Correct-Horse-9", true).await.unwrap();
    app.disable("alice").await;
    let sub = app.attributes("Bob").await["sub"].as_str().unwrap().to_owned();

    for (filter, found) in [
        (r#"username = "Alice""#.to_owned(), &["Alice"][..]),
        (r#"username = "ALICE""#.to_owned(), &[]),
        (r#"username ^= "al""#.to_owned(), &["al%", "alice"]),
        (r#"username ^= "al%""#.to_owned(), &["al%"]),
        (r#"username ^= "a_""#.to_owned(), &[]),
        (r#"username^="""#.to_owned(), &["Alice", "Bob", "al%", "alice"]),
        (r#"name = "ANNA""#.to_owned(), &["alice"]),
        (r#"name ^= "anna""#.to_owned(), &["alice", "Alice"]),
        (r#"name ^= "Anna \"THE""#.to_owned(), &["Alice"]),
        (r#"name = "émile""#.to_owned(), &["Bob"]),
        (r#"name ^= "a_""#.to_owned(), &["al%"]),
        (r#"family_name = "ΟΔΥΣΣΕΎΣ" "#.to_owned(), &["", "", "", ""]),
        (r#"family_name ^= "ΟΔΥΣ" "#.to_owned(), &["", "", "", ""]),
        (r#"email = "b2@EXAMPLE.com""#.to_owned(), &["Bob"]),
        (r#"email ^= "a""#.to_owned(), &["Alice", "alice", "al%"]),
        (r#"email ^= "A1@""#.to_owned(), &["alice"]),
        (r#"phone_number ^= "+1206""#.to_owned(), &["Alice", "alice", "al%"]),
        (r#"given_name ^= """#.to_owned(), &[]),
        (r#"preferred_username = """#.to_owned(), &[]),
        (r#"status = "Disabled""#.to_owned(), &["alice"]),
        (r#"status = "disabled""#.to_owned(), &[]),
        (r#"status ^= "En""#.to_owned(), &["", "", ""]),
        (r#"cognito:user_status = "confirmed""#.to_owned(), &["Bob"]),
        (r#"cognito:user_status = "CONF""#.to_owned(), &[]),
        (r#"cognito:user_status ^= "Force""#.to_owned(), &["", "", ""]),
        (format!("sub = \"{sub}\""), &["Bob"]),
        (format!("sub = \"{}\"", sub.to_uppercase()), &["Bob"]),
        (format!("sub ^= \"{}\"", &sub[..20]), &["Bob"]),
        (r#"sub ^= "x""#.to_owned(), &[]),
        ("name = \"a\0\"".to_owned(), &[]),
    ] {
        let mut names = names(&app, &filter).await;
        if found.first() == Some(&"") {
            names.iter_mut().for_each(String::clear);
        }
        assert_eq!(names, found, "{filter}");
    }
    let first = list(&app, json!({"Filter": "status ^= \"\""})).await.unwrap();
    assert_eq!((usernames(&first).len(), &usernames(&first)[0]), (4, &"alice".to_owned()), "the disabled one first");
}

async fn only_requested_attributes(world: World) {
    let schema = json!([{"Name": "plan", "AttributeDataType": "String", "Mutable": true}]);
    let app = world.app(json!({"Schema": schema})).await;
    app.create("alice", &[("email", "a@example.com"), ("custom:plan", "gold"), ("name", "Alice")]).await.unwrap();
    for (wanted, found) in [
        (json!(["email"]), json!([{"Name": "email", "Value": "a@example.com"}])),
        (json!(["custom:plan", "address"]), json!([{"Name": "custom:plan", "Value": "gold"}])),
        (json!(["address"]), json!([])),
        (json!([]), json!([])),
    ] {
        let answer = list(&app, json!({"AttributesToGet": wanted})).await.unwrap();
        assert_eq!(answer["Users"][0]["Attributes"], found, "{wanted}");
        assert_eq!(answer["Users"][0]["Username"], "alice");
    }
    let with_sub = list(&app, json!({"AttributesToGet": ["sub"]})).await.unwrap();
    assert_eq!(by_name(&with_sub["Users"][0]["Attributes"])["sub"], app.attributes("alice").await["sub"]);
    for unknown in [json!(["plan"]), json!(["email", "custom:other"]), json!(["username"])] {
        assert_eq!(
            list(&app, json!({"AttributesToGet": unknown})).await,
            Err("InvalidParameterException: One or more requested attributes do not exist.".to_owned())
        );
    }
}

async fn a_changed_user_is_found_by_what_it_is(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    assert_eq!(names(&app, r#"cognito:user_status = "UNCONFIRMED""#).await, ["alice"]);
    app.confirm("alice", &world.code(&email("alice")).await).await.unwrap();
    assert!(names(&app, r#"cognito:user_status = "UNCONFIRMED""#).await.is_empty());
    assert_eq!(names(&app, r#"cognito:user_status = "CONFIRMED""#).await, ["alice"]);
    app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
    for filter in ["", r#"email ^= "a""#, r#"username = "alice""#, r#"cognito:user_status ^= """#] {
        assert!(names(&app, filter).await.is_empty(), "{filter}");
    }
}

async fn pages_follow_each_other_by_tokens(world: World) {
    let app = world.app(json!({})).await;
    for n in 0..7 {
        app.create(&format!("user{n}"), &[("name", "Same Name")]).await.unwrap();
    }
    for (limit, pages) in [(1, 7), (3, 3), (7, 1), (60, 1)] {
        for filter in ["", "name = \"same name\"", "username ^= \"user\"", "status = \"Enabled\""] {
            let (users, count) = all_pages(&app, filter, limit).await;
            let distinct: BTreeSet<_> = users.iter().map(|user| user["Username"].as_str().unwrap()).collect();
            assert_eq!((users.len(), distinct.len(), count), (7, 7, pages), "{filter} {limit}");
        }
    }
}

async fn tokens_are_good_for_an_hour_and_one_list(world: World) {
    let app = world.app(json!({})).await;
    let elsewhere = world.app(json!({})).await;
    for n in 0..3 {
        app.create(&format!("user{n}"), &[("name", "N")]).await.unwrap();
        elsewhere.create(&format!("user{n}"), &[("name", "N")]).await.unwrap();
    }
    let token_of = async |app: &App<'_>, filter: &str| {
        list(app, json!({"Filter": filter, "Limit": 1})).await.unwrap()["PaginationToken"].clone()
    };
    let token = token_of(&app, "name = \"n\"").await;
    assert!(token.as_str().unwrap().chars().all(|c| !c.is_whitespace()));
    // The same filter in another dress, another limit, other attributes: the same list.
    let again = json!({"Filter": " name=\"n\"", "PaginationToken": token, "AttributesToGet": ["name"], "Limit": 2});
    assert_eq!(list(&app, again).await.unwrap()["Users"].as_array().unwrap().len(), 2);

    let foreign = [
        (token_of(&elsewhere, "name = \"n\"").await, "name = \"n\""),
        (token_of(&app, "").await, "name = \"n\""),
        (token.clone(), ""),
        (token.clone(), "name = \"N\""),
        (token.clone(), "name ^= \"n\""),
        (json!("garbage"), ""),
        (json!("AAAA".repeat(20)), ""),
    ];
    for (token, filter) in foreign {
        let refusal = list(&app, json!({"Filter": filter, "PaginationToken": token})).await;
        assert_eq!(refusal, Err(BAD_TOKEN.to_owned()), "{filter}");
    }
    let clients = json!({"UserPoolId": app.pool, "NextToken": token});
    assert_eq!(world.call(Operation::ListUserPoolClients, clients).await, Err(BAD_TOKEN.to_owned()));

    let go_on = json!({"Filter": "name = \"n\"", "PaginationToken": token});
    world.pass(Duration::from_secs(3599));
    assert!(list(&app, go_on.clone()).await.is_ok());
    world.pass(Duration::from_secs(1));
    assert_eq!(list(&app, go_on).await, Err(BAD_TOKEN.to_owned()));
}

async fn those_who_stay_are_listed_once(world: World) {
    let app = world.app(json!({})).await;
    for n in 0..24 {
        app.create(&format!("user{n:02}"), &[("name", &format!("name {}", n % 3))]).await.unwrap();
    }
    let change = async {
        for n in 0..24 {
            match n % 3 {
                0 => app.admin(Operation::AdminDeleteUser, &format!("user{n:02}"), json!({})).await.unwrap(),
                _ => app.create(&format!("user{n:02}a"), &[("name", &format!("name {}", n % 3))]).await.unwrap(),
            };
        }
    };
    let read = async {
        for filter in ["", "name ^= \"n\"", "username ^= \"user\"", "cognito:user_status ^= \"f\""] {
            let (users, _) = all_pages(&app, filter, 2).await;
            let seen: Vec<_> = users.iter().map(|user| user["Username"].as_str().unwrap()).collect();
            let distinct: BTreeSet<_> = seen.iter().copied().collect();
            assert_eq!(distinct.len(), seen.len(), "{filter}: somebody was seen twice");
            for n in (0..24).filter(|n| n % 3 != 0) {
                assert!(distinct.contains(&*format!("user{n:02}")), "{filter}: user{n:02} was not seen");
            }
        }
    };
    tokio::join!(change, read);
}

/// Where hardly anybody passes, pages are short and few users are read for each.
async fn a_page_is_never_much_work(world: World) {
    let app = world.app(json!({"UsernameConfiguration": {"CaseSensitive": false}})).await;
    app.confirmed("alice").await;
    let copies = Batch::new().any(
        "insert into users (sub, pool_id, username, username_key, status, enabled, attributes, mfa, tokens_valid_after, \
         details, version, created_at, modified_at) \
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000) \
         select substr(u.sub, 1, 24) || cast(100000000000 + i as text), u.pool_id, 'B' || cast(i as text), \
         'b' || cast(i as text), 'CONFIRMED', 0, u.attributes, u.mfa, u.tokens_valid_after, u.details, 1, u.created_at, \
         u.modified_at from n cross join users u where u.username = 'alice'",
        params![],
    );
    world.store.apply(copies).await.unwrap();
    world.deps().directory.refresh().await.unwrap();
    // Whatever is read once and then kept.
    list(&app, json!({"Limit": 1})).await.unwrap();
    for (filter, found) in [("status = \"Enabled\"", 1), ("username ^= \"b\"", 0), ("username ^= \"a\"", 1)] {
        let mut request = json!({"Filter": filter});
        let mut seen = 0;
        let mut pages = 0;
        loop {
            let (answer, cost) = measured(list(&app, request.clone())).await;
            let answer = answer.unwrap();
            assert!(cost.reads <= 8 && cost.batches == 0, "{filter}: {cost:?}");
            seen += answer["Users"].as_array().unwrap().len();
            pages += 1;
            let Some(token) = answer.get("PaginationToken") else { break };
            request["PaginationToken"] = token.clone();
        }
        assert_eq!(seen, found, "{filter}");
        assert!(pages <= 2000 / 400 + 1, "{filter}: {pages}");
    }
    let (answer, cost) = measured(list(&app, json!({"Filter": "username ^= \"B1\"", "Limit": 60}))).await;
    assert_eq!((answer.unwrap()["Users"].as_array().unwrap().len(), cost.reads), (60, 1));
}

async fn refusals(world: World) {
    let app = world.app(json!({})).await;
    for (filter, told) in [
        ("email", "Error while parsing filter"),
        ("email = alice", "Error while parsing filter"),
        ("email > \"a\"", "Error while parsing filter"),
        ("custom:foo = \"a\"", "Invalid search attribute: custom:foo"),
        ("address ^= \"a\"", "Invalid search attribute: address"),
    ] {
        let refusal = list(&app, json!({"Filter": filter})).await;
        assert_eq!(refusal, Err(format!("InvalidParameterException: {told}")), "{filter}");
    }
    let too_long = format!("name = \"{}\"", "a".repeat(248));
    assert_eq!(
        list(&app, json!({"Filter": too_long})).await,
        Err(format!(
            "InvalidParameterException: 1 validation error detected: Value '{too_long}' at 'filter' failed to satisfy \
             constraint: Member must have length less than or equal to 256"
        ))
    );
    assert!(list(&app, json!({"Filter": format!("name = \"{}\"", "a".repeat(247))})).await.is_ok());
    assert_eq!(
        list(&app, json!({"Limit": 61})).await,
        Err("InvalidParameterException: 1 validation error detected: Value '61' at 'limit' failed to satisfy \
             constraint: Member must have value less than or equal to 60"
            .to_owned())
    );
    let nowhere = json!({"UserPoolId": "eu-west-1_ZZZZZZZZZ", "Filter": "nonsense"});
    assert_eq!(
        world.call(Operation::ListUsers, nowhere).await,
        Err("ResourceNotFoundException: User pool eu-west-1_ZZZZZZZZZ does not exist.".to_owned())
    );
}
