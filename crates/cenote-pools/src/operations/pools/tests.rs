use std::collections::BTreeSet;
use std::time::Duration;

use cenote_store::{audit as entries, changes, params};
use serde_json::{Value, json};

use super::*;
use crate::testing::{self, House, pool, rows};

async fn describe(house: &House, id: &str) -> Value {
    house.json(Operation::DescribeUserPool, json!({"UserPoolId": id})).await.unwrap()["UserPool"].clone()
}

#[tokio::test]
async fn a_new_pool_is_shown_with_cognitos_defaults() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let mut answer = house.json(Operation::CreateUserPool, json!({"PoolName": "people"})).await.unwrap();
    let shown = answer["UserPool"].as_object_mut().unwrap();
    let id = shown["Id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("eu-west-1_") && id.len() == "eu-west-1_".len() + 9, "{id}");
    assert_eq!(shown["Arn"], json!(format!("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{id}")));
    assert_eq!(shown["Name"], json!("people"));
    assert_eq!(shown["CreationDate"], json!(1_767_225_600.0));
    assert_eq!(shown["CreationDate"], shown["LastModifiedDate"]);
    assert_eq!(shown["EstimatedNumberOfUsers"], json!(0));
    assert_eq!(shown["SchemaAttributes"].as_array().unwrap().len(), 20);
    let members: BTreeSet<&str> = shown.keys().map(String::as_str).collect();
    let expected = BTreeSet::from([
        "AcrConfiguration",
        "AdminCreateUserConfig",
        "Arn",
        "CreationDate",
        "DeletionProtection",
        "EmailConfiguration",
        "EstimatedNumberOfUsers",
        "Id",
        "LambdaConfig",
        "LastModifiedDate",
        "MfaConfiguration",
        "Name",
        "Policies",
        "SchemaAttributes",
        "UserPoolTags",
        "UserPoolTier",
        "VerificationMessageTemplate",
    ]);
    assert_eq!(members, expected);
    assert_eq!(describe(&house, &id).await, Value::Object(shown.clone()));
}

#[tokio::test]
async fn a_new_pool_has_keys_an_issuer_an_audit_row_and_is_counted() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({})).await;
    let parsed: PoolId = id.parse().unwrap();
    let jwks: Value = serde_json::from_str(&house.service.jwks(&parsed).await.unwrap().unwrap()).unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    let scope = Scope::Pool(parsed.clone());
    house.deps().keyring.mac(&scope, cenote_tokens::Purpose::Subject, &[b"x"]).await.unwrap();
    let known = house.deps().directory.pool(&parsed).await.unwrap().unwrap();
    assert_eq!(known.issuer, format!("http://localhost:9400/{id}"));
    let entries = entries::page(&store, None, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].actor, "arn:aws:iam::123456789012:root");
    assert_eq!(entries[0].action, "cognito-idp:CreateUserPool");
    assert_eq!(entries[0].resource, format!("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{id}"));
    assert_eq!(entries[0].source_address, "192.0.2.7");
    assert_eq!(counters::current(&store, testing::ACCOUNT, COUNTER).await.unwrap(), 1);
    assert_eq!(changes::numbers(&store).await.unwrap().values().sum::<i64>(), 1);
}

#[tokio::test]
async fn an_account_has_a_thousand_pools() {
    for store in testing::both_stores().await {
        let house = House::new(&store).await;
        let nearly_full = Batch::new().any(
            "insert into counters (owner, kind, n) values ($1, $2, $3)",
            params![testing::ACCOUNT, COUNTER, MOST_POOLS - 1],
        );
        store.apply(nearly_full).await.unwrap();
        let create = || house.json(Operation::CreateUserPool, json!({"PoolName": "one more"}));
        let (a, b) = tokio::join!(create(), create());
        let (made, refused) = if a.is_ok() { (a, b) } else { (b, a) };
        let refusal = refused.unwrap_err().to_string();
        assert!(refusal.starts_with("LimitExceededException: "), "{refusal}");
        let id = made.unwrap()["UserPool"]["Id"].clone();
        house.json(Operation::DeleteUserPool, json!({"UserPoolId": id})).await.unwrap();
        pool(&house, json!({})).await;
    }
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let both = json!({"PoolName": "p", "AliasAttributes": ["email"], "UsernameAttributes": ["email"]});
    assert_eq!(
        house.refusal(Operation::CreateUserPool, both).await,
        "InvalidParameterException: Only one of the aliasAttributes or usernameAttributes can be set in a User pool."
    );
    assert_eq!(rows(&store, "select count(*) from pools").await, 0);
    assert_eq!(rows(&store, "select count(*) from audit").await, 0);
}

#[tokio::test]
async fn a_pool_that_does_not_exist() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    for id in ["us-east-1_ZZZZZZZZZ", "eu-west-1_a", "Not-A-Region_x"] {
        for operation in [Operation::DescribeUserPool, Operation::UpdateUserPool, Operation::DeleteUserPool] {
            assert_eq!(
                house.refusal(operation, json!({"UserPoolId": id})).await,
                format!("ResourceNotFoundException: User pool {id} does not exist.")
            );
        }
    }
}

#[tokio::test]
async fn an_update_changes_name_settings_and_date() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({"AutoVerifiedAttributes": ["email"]})).await;
    house.clock.advance(Duration::from_millis(1500));
    let update =
        json!({"UserPoolId": id, "PoolName": "folk", "DeletionProtection": "ACTIVE", "UserPoolTags": {"a": "b"}});
    assert_eq!(house.json(Operation::UpdateUserPool, update).await.unwrap(), json!({}));
    let shown = describe(&house, &id).await;
    assert_eq!((&shown["Name"], &shown["DeletionProtection"]), (&json!("folk"), &json!("ACTIVE")));
    assert_eq!(shown["UserPoolTags"], json!({"a": "b"}));
    assert!(shown.get("AutoVerifiedAttributes").is_none(), "reset");
    assert_eq!(shown["LastModifiedDate"], json!(1_767_225_601.5));
    assert_eq!(shown["CreationDate"], json!(1_767_225_600.0));
    let nothing = json!({"UserPoolId": id});
    house.json(Operation::UpdateUserPool, nothing).await.unwrap();
    let shown = describe(&house, &id).await;
    assert_eq!((&shown["Name"], &shown["UserPoolTags"]), (&json!("folk"), &json!({})));
    assert_eq!(rows(&store, "select count(*) from audit where action = 'cognito-idp:UpdateUserPool'").await, 2);
}

#[tokio::test]
async fn a_refused_update_changes_nothing() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({})).await;
    let before = describe(&house, &id).await;
    let bad = json!({"UserPoolId": id, "PoolName": "folk", "AutoVerifiedAttributes": ["phone_number"]});
    house.refusal(Operation::UpdateUserPool, bad).await;
    assert_eq!(describe(&house, &id).await, before);
}

#[tokio::test]
async fn updates_at_the_same_time_all_count() {
    for store in testing::both_stores().await {
        let house = House::new(&store).await;
        let id = pool(&house, json!({})).await;
        let update = |name: &'static str| {
            let (house, id) = (&house, &id);
            async move { house.json(Operation::UpdateUserPool, json!({"UserPoolId": id, "PoolName": name})).await }
        };
        let (a, b, c, d) = tokio::join!(update("a"), update("b"), update("c"), update("d"));
        for answer in [a, b, c, d] {
            assert_eq!(answer.unwrap(), json!({}));
        }
        assert_eq!(rows(&store, "select version from pools").await, 5);
    }
}

#[tokio::test]
async fn a_pool_that_always_changes_meanwhile_is_given_up() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({})).await;
    // Every write of the row finds another version than was read.
    let elsewhere = "create trigger busy before update on pools begin select raise(ignore); end";
    store.apply(Batch::new().any(elsewhere, Vec::new())).await.unwrap();
    for operation in [Operation::UpdateUserPool, Operation::DeleteUserPool] {
        let refusal = house.refusal(operation, json!({"UserPoolId": id})).await;
        assert!(refusal.starts_with("ConcurrentModificationException: "), "{refusal}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_answered_as_unavailable() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({})).await;
    store.close().await;
    let refusal = house.refusal(Operation::DescribeUserPool, json!({"UserPoolId": id})).await;
    assert!(refusal.starts_with("ServiceUnavailableException: "), "{refusal}");
    let refusal = house.refusal(Operation::CreateUserPool, json!({"PoolName": "p"})).await;
    assert!(refusal.starts_with("ServiceUnavailableException: "), "{refusal}");
}

#[tokio::test]
async fn pages_show_each_pool_once() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let mut created = BTreeSet::new();
    for n in 0..5 {
        created.insert(pool(&house, json!({"PoolName": format!("p{n}")})).await);
    }
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let mut request = json!({"MaxResults": 2});
        if let Some(token) = &token {
            request["NextToken"] = json!(token);
        }
        let page = house.json(Operation::ListUserPools, request).await.unwrap();
        let pools = page["UserPools"].as_array().unwrap();
        assert!(pools.len() <= 2);
        seen.extend(pools.iter().map(|pool| pool["Id"].as_str().unwrap().to_owned()));
        match page.get("NextToken") {
            Some(next) => token = next.as_str().map(str::to_owned),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), created);
    let all = house.json(Operation::ListUserPools, json!({"MaxResults": 5})).await.unwrap();
    assert!(all.get("NextToken").is_none(), "the page is full, and the last");
    let first = all["UserPools"][0].as_object().unwrap();
    let members: BTreeSet<&str> = first.keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["CreationDate", "Id", "LambdaConfig", "LastModifiedDate", "Name"]));
}

#[tokio::test]
async fn a_token_that_is_not_of_the_list_is_refused() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({})).await;
    for _ in 0..2 {
        testing::client(&house, &id, json!({})).await;
    }
    let clients = json!({"UserPoolId": id, "MaxResults": 1});
    let page = house.json(Operation::ListUserPoolClients, clients).await.unwrap();
    for token in [page["NextToken"].as_str().unwrap(), "x", "AAAA", "!"] {
        assert_eq!(
            house.refusal(Operation::ListUserPools, json!({"MaxResults": 1, "NextToken": token})).await,
            "InvalidParameterException: Invalid pagination token.",
            "{token}"
        );
    }
}

#[tokio::test]
async fn a_protected_pool_is_not_deleted() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({"DeletionProtection": "ACTIVE"})).await;
    let delete = json!({"UserPoolId": id});
    assert_eq!(
        house.refusal(Operation::DeleteUserPool, delete.clone()).await,
        "InvalidParameterException: The user pool cannot be deleted because deletion protection is activated. Deletion \
         protection must be inactivated first."
    );
    let update = json!({"UserPoolId": id, "DeletionProtection": "INACTIVE"});
    house.json(Operation::UpdateUserPool, update).await.unwrap();
    assert_eq!(house.json(Operation::DeleteUserPool, delete).await.unwrap(), Value::Null);
}

#[tokio::test]
async fn a_deleted_pool_is_gone_at_once() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({})).await;
    let client = testing::client(&house, &id, json!({})).await;
    house.deps().directory.refresh().await.unwrap();
    let parsed: PoolId = id.parse().unwrap();
    assert!(house.deps().directory.client(&client.parse().unwrap()).await.unwrap().is_some());
    house.json(Operation::DeleteUserPool, json!({"UserPoolId": id})).await.unwrap();
    assert!(house.deps().directory.pool(&parsed).await.unwrap().is_none());
    assert!(house.deps().directory.client(&client.parse().unwrap()).await.unwrap().is_none());
    let missing = format!("ResourceNotFoundException: User pool {id} does not exist.");
    for operation in [Operation::DescribeUserPool, Operation::DeleteUserPool, Operation::ListUserPoolClients] {
        assert_eq!(house.refusal(operation, json!({"UserPoolId": id})).await, missing);
    }
    let request = json!({"UserPoolId": id, "ClientName": "late"});
    assert_eq!(house.refusal(Operation::CreateUserPoolClient, request).await, missing);
    let list = house.json(Operation::ListUserPools, json!({"MaxResults": 60})).await.unwrap();
    assert_eq!(list["UserPools"], json!([]));
    assert_eq!(counters::current(&store, testing::ACCOUNT, COUNTER).await.unwrap(), 0);
    assert_eq!(rows(&store, "select count(*) from jobs where kind = 'reap_pool'").await, 1);
    assert_eq!(rows(&store, "select count(*) from audit where action = 'cognito-idp:DeleteUserPool'").await, 1);
}

#[tokio::test]
async fn constraints_are_checked_before_the_pool_is_looked_for() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    assert_eq!(
        house.refusal(Operation::ListUserPools, json!({"MaxResults": 0})).await,
        "InvalidParameterException: 1 validation error detected: Value '0' at 'maxResults' failed to satisfy \
         constraint: Member must have value greater than or equal to 1"
    );
}
