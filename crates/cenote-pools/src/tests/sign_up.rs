//! SignUp (reference 03 §2): what is sent where, and every refusal.

use cenote_store::testing::TestStore;
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::world::{App, PASSWORD, World, attributes, email};
use crate::testing::{Furniture, House};

on_both_engines! {
    the_code_goes_to_the_phone_before_the_mailbox,
    without_anything_to_verify_no_code_is_sent,
    names_that_are_taken,
    addresses_that_are_taken_as_usernames,
    forms_of_usernames,
    passwords_against_the_policy,
    attributes_that_do_not_fit,
    clients_and_their_secrets,
    checks_come_in_cognitos_order,
    a_deleted_name_is_free_and_its_new_owner_somebody_else,
    what_is_refused_leaves_nothing,
}

/// A pool that may send SMS.
pub(super) fn with_sms(mut pool: Value) -> Value {
    pool["SmsConfiguration"] = json!({"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"});
    pool
}

fn schema(text: &str) -> Result<Value, String> {
    Err(format!("InvalidParameterException: Attributes did not conform to the schema: {text}"))
}

fn invalid(text: &str) -> Result<Value, String> {
    Err(format!("InvalidParameterException: {text}"))
}

async fn the_code_goes_to_the_phone_before_the_mailbox(world: World) {
    let app = world.app(with_sms(json!({"AutoVerifiedAttributes": ["email", "phone_number"]}))).await;
    let both = [("email", "alice@example.com"), ("phone_number", "+12065559934")];
    let answer = app.sign_up_with("alice", &both).await.unwrap();
    let by_sms = json!({"AttributeName": "phone_number", "DeliveryMedium": "SMS", "Destination": "+*******9934"});
    assert_eq!(answer["CodeDeliveryDetails"], by_sms);
    assert_eq!(world.messages("alice@example.com").await, Vec::<String>::new());
    let code = world.code("+12065559934").await;
    assert_eq!(app.confirm("alice", &code).await, Ok(json!({})));
    let shown = app.attributes("alice").await;
    assert_eq!((&shown["phone_number_verified"], &shown["email_verified"]), (&json!("true"), &json!("false")));
    let answer = app.sign_up("bob").await.unwrap();
    assert_eq!(answer["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL", "no number, so the mailbox");
    assert_eq!(std::fs::read_dir(world.house.outbox()).unwrap().count(), 2, "both were delivered");
}

async fn without_anything_to_verify_no_code_is_sent(world: World) {
    let app = world.app(json!({})).await;
    let answer = app.sign_up("alice").await.unwrap();
    assert_eq!(answer, json!({"UserConfirmed": false, "UserSub": answer["UserSub"]}));
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let answer = app.sign_up_with("alice", &[("email", "")]).await.unwrap();
    assert_eq!(answer, json!({"UserConfirmed": false, "UserSub": answer["UserSub"]}), "a blank address is none");
    assert_eq!(world.rows("select count(*) from messages").await, 0);
    assert!(!app.attributes("alice").await.contains_key("email_verified"));
}

async fn names_that_are_taken(world: World) {
    let taken = Err("UsernameExistsException: User already exists".to_owned());
    for mode in ["LEGACY", "ENABLED"] {
        let pool = world.pool(json!({"UsernameConfiguration": {"CaseSensitive": false}})).await;
        let app = world.client(&pool, json!({"PreventUserExistenceErrors": mode})).await;
        app.sign_up("Alice").await.unwrap();
        for name in ["Alice", "alice", "ALICE"] {
            assert_eq!(app.sign_up(name).await, taken);
        }
        assert_eq!(app.get("aLiCe").await.unwrap()["Username"], "alice");
    }
    let app = world.app(json!({"UsernameConfiguration": {"CaseSensitive": true}})).await;
    app.sign_up("Alice").await.unwrap();
    app.sign_up("alice").await.unwrap();
    assert_eq!(app.sign_up("alice").await, taken);
    // A name that somebody signs in with is taken too, or it would sign in no more.
    let app = world.app(json!({"AliasAttributes": ["preferred_username"]})).await;
    app.create("u1", &[("preferred_username", "ace")]).await.unwrap();
    assert_eq!(app.sign_up("ace").await, taken);
}

async fn addresses_that_are_taken_as_usernames(world: World) {
    let app = world.app(with_sms(json!({"UsernameAttributes": ["email", "phone_number"]}))).await;
    app.sign_up_with("alice@example.com", &[("phone_number", "+12065559934")]).await.unwrap();
    let by_email = Err("UsernameExistsException: An account with the given email already exists.".to_owned());
    let by_phone = Err("UsernameExistsException: An account with the given phone_number already exists.".to_owned());
    assert_eq!(app.sign_up_with("alice@example.com", &[]).await, by_email);
    assert_eq!(app.sign_up_with("+12065559934", &[]).await, by_phone);
    // Not only the one that is typed as the name: each address signs in.
    assert_eq!(app.sign_up_with("bob@example.com", &[("phone_number", "+12065559934")]).await, by_phone);
    assert_eq!(app.sign_up_with("+1206555", &[("email", "alice@example.com")]).await, by_email);
    app.sign_up_with("bob@example.com", &[("phone_number", "+1206555")]).await.unwrap();
}

async fn forms_of_usernames(world: World) {
    for (pool, name, text) in [
        (json!({"UsernameAttributes": ["email"]}), "alice", "Username should be an email."),
        (json!({"UsernameAttributes": ["email"]}), "+12065559934", "Username should be an email."),
        (json!({"UsernameAttributes": ["phone_number"]}), "a@example.com", "Username should be a phone number."),
        (
            json!({"UsernameAttributes": ["phone_number", "email"]}),
            "alice",
            "Username should be either an email or a phone number.",
        ),
        (
            json!({"AliasAttributes": ["email"]}),
            "a@example.com",
            "Username cannot be of email format, since user pool is configured for email alias.",
        ),
        (
            json!({"AliasAttributes": ["phone_number"]}),
            "+12065559934",
            "Username cannot be of phone number format, since user pool is configured for phone number alias.",
        ),
    ] {
        let app = world.app(with_sms(pool)).await;
        assert_eq!(app.sign_up_with(name, &[]).await, invalid(text));
    }
    let app = world.app(json!({"UsernameAttributes": ["email"]})).await;
    assert_eq!(app.sign_up_with("a@-example.com", &[]).await, invalid("Invalid email address format."));
    let app = world.app(json!({"AliasAttributes": ["preferred_username"]})).await;
    let early = "Preferred username cannot be provided for unconfirmed account, since user pool is configured for \
                 preferred username alias.";
    assert_eq!(app.sign_up_with("alice", &[("preferred_username", "ace")]).await, invalid(early));
    app.sign_up_with("a@example.com", &[]).await.unwrap();
}

async fn passwords_against_the_policy(world: World) {
    let app = world.app(json!({})).await;
    for (password, reason) in [
        ("Short-1", "Password not long enough"),
        ("correct-horse-9", "Password must have uppercase characters"),
        ("CORRECT-HORSE-9", "Password must have lowercase characters"),
        ("Correct-Horse", "Password must have numeric characters"),
        ("CorrectHorse9", "Password must have symbol characters"),
    ] {
        let answer = app.public(Operation::SignUp, "alice", json!({"Password": password})).await;
        let text = format!("InvalidPasswordException: Password did not conform with policy: {reason}");
        assert_eq!(answer, Err(text));
    }
    let without = app.public(Operation::SignUp, "alice", json!({})).await.unwrap_err();
    assert!(without.starts_with("InvalidPasswordException: "), "{without}");
    let passwordless = json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}});
    let app = world.app(passwordless).await;
    let mailbox = json!({"UserAttributes": attributes(&[("email", "alice@example.com")])});
    app.public(Operation::SignUp, "alice", mailbox).await.unwrap();
    app.admin(Operation::AdminConfirmSignUp, "alice", json!({})).await.unwrap();
    let guessed = app.sign_in("alice", PASSWORD).await;
    assert_eq!(guessed, Err(super::world::INCORRECT.to_owned()), "no password is not any password");
}

async fn attributes_that_do_not_fit(world: World) {
    let required = json!({"Schema": [
        {"Name": "family_name", "Required": true}, {"Name": "given_name", "Required": true},
        {"Name": "team", "AttributeDataType": "String"}, {"Name": "level", "AttributeDataType": "String",
        "DeveloperOnlyAttribute": true}]});
    let app = world.app(required).await;
    let missing = "family_name: The attribute is required\ngiven_name: The attribute is required\n";
    assert_eq!(app.sign_up_with("alice", &[]).await, schema(missing));
    let one = app.sign_up_with("alice", &[("family_name", "Liddell"), ("given_name", "")]).await;
    assert_eq!(one, schema("given_name: The attribute is required"));
    let with = async |name: &str, value: &str| {
        app.sign_up_with("alice", &[("family_name", "Liddell"), ("given_name", "Alice"), (name, value)]).await
    };
    let unknown = schema("Type for attribute {custom:x} could not be determined");
    assert_eq!(with("custom:x", "1").await, unknown);
    let unauthorized = Err("NotAuthorizedException: A client attempted to write unauthorized attribute".to_owned());
    assert_eq!(with("dev:custom:level", "9").await, unauthorized);
    assert_eq!(with("sub", "me").await, invalid("Cannot modify the non-mutable attribute sub"));
    let flag = invalid("Cannot modify the non-mutable attribute email_verified");
    assert_eq!(with("email_verified", "true").await, flag);
    assert_eq!(with("email", "alice").await, invalid("Invalid email address format."));
    assert_eq!(with("phone_number", "555").await, invalid("Invalid phone number format."));
    assert_eq!(with("birthdate", "1852").await, schema("birthdate: String length must be greater than or equal to 10"));
    assert!(with("name", "a\0b").await.unwrap_err().starts_with("InvalidParameterException: "));
    assert_eq!(app.get("alice").await, Err("UserNotFoundException: User does not exist.".to_owned()));
    with("custom:team", "blue").await.unwrap();

    let narrow = world.client(&app.pool, json!({"WriteAttributes": ["family_name", "given_name"]})).await;
    let values = [("family_name", "L"), ("given_name", "A"), ("custom:team", "red")];
    assert_eq!(narrow.sign_up_with("bob", &values).await, unauthorized);
    assert!(narrow.sign_up_with("bob", &values[..2]).await.is_ok());

    // The schema lets it pass, but no mail can be sent there.
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let long = format!("{}@example.com", "a".repeat(70));
    let refused = app.sign_up_with("alice", &[("email", &long)]).await;
    assert_eq!(refused, invalid("Invalid email address format."));
}

async fn clients_and_their_secrets(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"GenerateSecret": true})).await;
    every_public_operation_asks_for_the_hash(&app).await;
    let request = json!({"ClientId": "26cb2c60kq7nbmas7rbme9b6pp", "Username": "alice", "Password": PASSWORD});
    let unknown = "ResourceNotFoundException: User pool client 26cb2c60kq7nbmas7rbme9b6pp does not exist.";
    assert_eq!(world.call(Operation::SignUp, request).await, Err(unknown.to_owned()));
    // A client without a secret ignores a hash.
    let public = world.client(&pool, json!({})).await;
    let with_hash = json!({"Password": PASSWORD, "SecretHash": "abc="});
    assert!(public.public(Operation::SignUp, "alice", with_hash).await.is_ok());
}

async fn every_public_operation_asks_for_the_hash(app: &App<'_>) {
    let missing = format!(
        "NotAuthorizedException: Client {} is configured with secret but SECRET_HASH was not received",
        app.client
    );
    let wrong = format!("NotAuthorizedException: Unable to verify secret hash for client {}", app.client);
    let hash_of_another = app.hash("bob").unwrap();
    for (operation, more) in [
        (Operation::SignUp, json!({"Password": PASSWORD})),
        (Operation::ConfirmSignUp, json!({"ConfirmationCode": "123456"})),
        (Operation::ResendConfirmationCode, json!({})),
    ] {
        let mut request = json!({"ClientId": app.client, "Username": "alice"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(app.world.call(operation, request.clone()).await, Err(missing.clone()), "{operation}");
        for hash in ["AAAA", hash_of_another.as_str()] {
            request["SecretHash"] = json!(hash);
            assert_eq!(app.world.call(operation, request.clone()).await, Err(wrong.clone()), "{operation}");
        }
    }
    let credentials = |hash: Option<&str>| match hash {
        Some(hash) => json!({"USERNAME": "alice", "PASSWORD": PASSWORD, "SECRET_HASH": hash}),
        None => json!({"USERNAME": "alice", "PASSWORD": PASSWORD}),
    };
    for (hash, refusal) in [(None, &missing), (Some("AAAA"), &wrong), (Some(hash_of_another.as_str()), &wrong)] {
        let parameters = credentials(hash);
        assert_eq!(app.initiate("USER_PASSWORD_AUTH", parameters.clone()).await, Err(refusal.clone()));
        assert_eq!(app.admin_initiate("ADMIN_USER_PASSWORD_AUTH", parameters).await, Err(refusal.clone()));
    }
    let no_hash = app.initiate("REFRESH_TOKEN_AUTH", json!({"REFRESH_TOKEN": "eyJ.a.b.c.d"})).await;
    assert_eq!(no_hash, Err(missing));
}

/// Each request breaks what it is named for and all that is checked later.
async fn checks_come_in_cognitos_order(world: World) {
    let pool = json!({"UsernameAttributes": ["email"], "Schema": [{"Name": "name", "Required": true}],
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true}});
    let pool = world.pool(pool).await;
    let app = world.client(&pool, json!({"GenerateSecret": true})).await;
    let request = |client: &str, name: &str| {
        json!({"ClientId": client, "Username": name, "Password": "shorty",
        "UserAttributes": [{"Name": "email", "Value": "x"}]})
    };
    let sign_up = async |request: Value| world.call(Operation::SignUp, request).await.unwrap_err();
    let refusal = sign_up(request("unknown", "a b")).await;
    assert!(refusal.contains("'username' failed to satisfy constraint"), "{refusal}");
    let refusal = sign_up(request("unknown", "alice")).await;
    assert!(refusal.starts_with("ResourceNotFoundException"), "{refusal}");
    let refusal = sign_up(request(&app.client, "alice")).await;
    assert!(refusal.contains("SECRET_HASH was not received"), "{refusal}");
    let signed = async |name: &str, password: &str, value: &str| {
        let values = json!([{"Name": "email", "Value": value}]);
        app.public(Operation::SignUp, name, json!({"Password": password, "UserAttributes": values})).await.unwrap_err()
    };
    let not_permitted = "NotAuthorizedException: SignUp is not permitted for this user pool";
    assert_eq!(signed("alice", "shorty", "x").await, not_permitted);
    let open = json!({"UserPoolId": pool, "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": false}});
    world.call(Operation::UpdateUserPool, open).await.unwrap();
    app.create("taken@example.com", &[("name", "T")]).await.unwrap();
    let form = "InvalidParameterException: Username should be an email.";
    assert_eq!(signed("alice", "shorty", "x").await, form);
    let refusal = signed("taken@example.com", "shorty", "taken@example.com").await;
    assert!(refusal.starts_with("InvalidPasswordException"), "{refusal}");
    let refusal = signed("taken@example.com", PASSWORD, "taken@example.com").await;
    assert!(refusal.contains("name: The attribute is required"), "{refusal}");
}

async fn a_deleted_name_is_free_and_its_new_owner_somebody_else(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let first = app.sign_up("alice").await.unwrap()["UserSub"].clone();
    let code = world.code(&email("alice")).await;
    app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
    let second = app.sign_up("alice").await.unwrap()["UserSub"].clone();
    assert_ne!(first, second);
    let mismatch = "CodeMismatchException: Invalid verification code provided, please try again.";
    assert_eq!(app.confirm("alice", &code).await, Err(mismatch.to_owned()), "the code was another user's");
}

async fn what_is_refused_leaves_nothing(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"], "UsernameAttributes": ["email"]})).await;
    app.sign_up_with("alice@example.com", &[]).await.unwrap();
    app.sign_up_with("alice@example.com", &[]).await.unwrap_err();
    app.sign_up_with("bob@example.com", &[("custom:x", "1")]).await.unwrap_err();
    for (table, sql) in [
        ("users", "select count(*) from users"),
        ("aliases", "select count(*) from aliases"),
        ("codes", "select count(*) from codes"),
        ("messages", "select count(*) from messages"),
        ("searchable attributes", "select count(*) from user_attributes"),
        ("counted users", "select cast(sum(n) as bigint) from pool_user_counts"),
    ] {
        assert_eq!(world.rows(sql).await, 1, "{table}");
    }
}

async fn cannot_deliver(store: TestStore) {
    let furniture = Furniture { has_outbox: false, ..Furniture::default() };
    let house = House::furnished(&store, furniture).await;
    let world = World::in_house(store, house);
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let refusal = app.sign_up("alice").await.unwrap_err();
    assert!(refusal.starts_with("CodeDeliveryFailureException: "), "{refusal}");
    assert_eq!(app.status("alice").await, "UNCONFIRMED", "the user is there all the same");
    assert!(app.resend("alice").await.unwrap_err().starts_with("CodeDeliveryFailureException: "));
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    assert!(hiding.resend("alice").await.is_ok(), "a failure would tell that the user exists");
    let more = json!({"DesiredDeliveryMediums": ["EMAIL"], "UserAttributes": attributes(&[("email", &email("bob"))])});
    let refusal = app.admin(Operation::AdminCreateUser, "bob", more).await.unwrap_err();
    assert!(refusal.starts_with("CodeDeliveryFailureException: "), "{refusal}");
    assert_eq!(app.status("bob").await, "FORCE_CHANGE_PASSWORD");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_fails_is_reported_and_undoes_nothing() {
    for store in crate::testing::both_stores().await {
        cannot_deliver(store).await;
    }
}
