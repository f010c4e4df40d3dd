use std::collections::BTreeSet;
use std::time::Duration;

use cenote_store::params;
use serde_json::{Value, json};

use super::*;
use crate::testing::{self, House, client, pool, rows};

async fn create(house: &House, pool: &str, mut request: Value) -> Value {
    request["UserPoolId"] = json!(pool);
    request["ClientName"] = json!("app");
    house.json(Operation::CreateUserPoolClient, request).await.unwrap()["UserPoolClient"].clone()
}

async fn describe(house: &House, pool: &str, client: &Value) -> Value {
    let request = json!({"UserPoolId": pool, "ClientId": client});
    house.json(Operation::DescribeUserPoolClient, request).await.unwrap()["UserPoolClient"].clone()
}

#[tokio::test]
async fn a_new_client_is_shown_with_cognitos_defaults() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let pool = pool(&house, json!({})).await;
    let shown = create(&house, &pool, json!({})).await;
    let id = shown["ClientId"].as_str().unwrap();
    assert_eq!(id.len(), 26);
    assert_eq!(
        shown,
        json!({"UserPoolId": pool, "ClientName": "app", "ClientId": id, "LastModifiedDate": 1_767_225_600.0,
            "CreationDate": 1_767_225_600.0, "RefreshTokenValidity": 30, "AllowedOAuthFlowsUserPoolClient": false,
            "EnableTokenRevocation": true, "EnablePropagateAdditionalUserContextData": false,
            "AuthSessionValidity": 3, "ClientType": "REGULAR"})
    );
    assert_eq!(describe(&house, &pool, &shown["ClientId"]).await, shown);
    let entries = cenote_store::audit::page(&store, None, 1).await.unwrap();
    assert_eq!(entries[0].action, "cognito-idp:CreateUserPoolClient");
    assert!(entries[0].resource.ends_with(&format!("userpool/{pool}/client/{id}")), "{}", entries[0].resource);
}

#[tokio::test]
async fn a_generated_secret_is_shown_and_stays() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let pool = pool(&house, json!({})).await;
    let shown = create(&house, &pool, json!({"GenerateSecret": true})).await;
    let secret = shown["ClientSecret"].as_str().unwrap();
    assert_eq!(secret.len(), 52);
    assert!(secret.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b)), "{secret}");
    assert_eq!(describe(&house, &pool, &shown["ClientId"]).await, shown);
    let update = json!({"UserPoolId": pool, "ClientId": shown["ClientId"], "EnableTokenRevocation": false});
    let updated = house.json(Operation::UpdateUserPoolClient, update).await.unwrap();
    assert_eq!(updated["UserPoolClient"]["ClientSecret"], json!(secret));
    let known = house.deps().directory.client(&shown["ClientId"].as_str().unwrap().parse().unwrap()).await;
    let known = known.unwrap().unwrap();
    assert_eq!(known.secrets.iter().map(Secret::expose).collect::<Vec<_>>(), [secret]);
    assert!(!known.token_revocation);
}

#[tokio::test]
async fn a_secret_may_be_supplied_and_is_kept_sealed() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let pool = pool(&house, json!({})).await;
    let secret = "my_own_secret_of_24_chars";
    let shown = create(&house, &pool, json!({"ClientSecret": secret})).await;
    assert_eq!(shown["ClientSecret"], json!(secret));
    let sealed = store.read("select sealed, secret_id from client_secrets limit 2", Vec::new()).await.unwrap();
    let bytes = sealed[0].bytes(0).unwrap();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    assert_eq!(sealed[0].text(1).unwrap(), format!("{}--1767225600000", shown["ClientId"].as_str().unwrap()));
    let both = json!({"UserPoolId": pool, "ClientName": "x", "GenerateSecret": true, "ClientSecret": secret});
    let refusal = house.refusal(Operation::CreateUserPoolClient, both).await;
    assert!(refusal.starts_with("InvalidParameterException: ClientSecret cannot be set"), "{refusal}");
}

#[tokio::test]
async fn a_secret_of_another_client_does_not_open() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let pool = pool(&house, json!({})).await;
    let (a, b) = (
        client(&house, &pool, json!({"GenerateSecret": true})).await,
        client(&house, &pool, json!({"GenerateSecret": true})).await,
    );
    let swap = Batch::new()
        .any("delete from client_secrets where client_id = $1", params![b.as_str()])
        .any("update client_secrets set client_id = $1 where client_id = $2", params![b.as_str(), a.as_str()]);
    store.apply(swap).await.unwrap();
    let request = json!({"UserPoolId": pool, "ClientId": b});
    let refusal = house.refusal(Operation::DescribeUserPoolClient, request).await;
    assert!(refusal.starts_with("InternalErrorException"), "{refusal}");
}

#[tokio::test]
async fn an_update_resets_what_it_leaves_out_and_keeps_the_name() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let pool = pool(&house, json!({})).await;
    let given = json!({"AccessTokenValidity": 2, "ReadAttributes": ["email"], "PreventUserExistenceErrors": "ENABLED",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"], "AuthSessionValidity": 10});
    let shown = create(&house, &pool, given).await;
    assert_eq!(shown["AccessTokenValidity"], json!(2));
    house.clock.advance(Duration::from_secs(5));
    let update = json!({"UserPoolId": pool, "ClientId": shown["ClientId"], "RefreshTokenValidity": 7});
    let answer = house.json(Operation::UpdateUserPoolClient, update).await.unwrap();
    let expected = json!({"UserPoolId": pool, "ClientName": "app", "ClientId": shown["ClientId"],
        "LastModifiedDate": 1_767_225_605.0, "CreationDate": 1_767_225_600.0, "RefreshTokenValidity": 7,
        "AllowedOAuthFlowsUserPoolClient": false, "EnableTokenRevocation": true,
        "EnablePropagateAdditionalUserContextData": false, "AuthSessionValidity": 3, "ClientType": "REGULAR"});
    assert_eq!(answer["UserPoolClient"], expected);
    assert_eq!(describe(&house, &pool, &shown["ClientId"]).await, expected);
    let rename = json!({"UserPoolId": pool, "ClientId": shown["ClientId"], "ClientName": "renamed"});
    let answer = house.json(Operation::UpdateUserPoolClient, rename).await.unwrap();
    assert_eq!(answer["UserPoolClient"]["ClientName"], json!("renamed"));
}

#[tokio::test]
async fn a_client_of_another_pool_does_not_exist_here() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let (here, there) = (pool(&house, json!({})).await, pool(&house, json!({})).await);
    let theirs = client(&house, &there, json!({})).await;
    for id in [theirs.as_str(), "26cb2c60kq7nbmas7rbme9b6pp"] {
        for operation in
            [Operation::DescribeUserPoolClient, Operation::UpdateUserPoolClient, Operation::DeleteUserPoolClient]
        {
            assert_eq!(
                house.refusal(operation, json!({"UserPoolId": here, "ClientId": id})).await,
                format!("ResourceNotFoundException: User pool client {id} does not exist.")
            );
        }
    }
    let missing = json!({"UserPoolId": "eu-west-1_ZZZZZZZZZ", "ClientId": theirs});
    assert_eq!(
        house.refusal(Operation::DescribeUserPoolClient, missing).await,
        "ResourceNotFoundException: User pool eu-west-1_ZZZZZZZZZ does not exist."
    );
}

#[tokio::test]
async fn pages_show_each_client_once_with_three_members() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let here = pool(&house, json!({})).await;
    let elsewhere = pool(&house, json!({})).await;
    client(&house, &elsewhere, json!({})).await;
    let mut created = BTreeSet::new();
    for _ in 0..5 {
        created.insert(client(&house, &here, json!({"GenerateSecret": true})).await);
    }
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let mut request = json!({"UserPoolId": here, "MaxResults": 2});
        if let Some(token) = &token {
            request["NextToken"] = json!(token);
        }
        let page = house.json(Operation::ListUserPoolClients, request).await.unwrap();
        for item in page["UserPoolClients"].as_array().unwrap() {
            let members: BTreeSet<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, BTreeSet::from(["ClientId", "ClientName", "UserPoolId"]));
            seen.push(item["ClientId"].as_str().unwrap().to_owned());
        }
        match page.get("NextToken") {
            Some(next) => token = next.as_str().map(str::to_owned),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), created);
    let foreign =
        house.json(Operation::ListUserPoolClients, json!({"UserPoolId": here, "MaxResults": 1})).await.unwrap();
    let request = json!({"UserPoolId": elsewhere, "NextToken": foreign["NextToken"]});
    assert_eq!(
        house.refusal(Operation::ListUserPoolClients, request).await,
        "InvalidParameterException: Invalid pagination token."
    );
}

#[tokio::test]
async fn the_list_can_be_filtered_by_kind() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let pool = pool(&house, json!({})).await;
    let (regular, dynamic) = (client(&house, &pool, json!({})).await, client(&house, &pool, json!({})).await);
    let registered =
        Batch::new().any("update clients set client_type = 'DCR' where client_id = $1", params![dynamic.as_str()]);
    store.apply(registered).await.unwrap();
    for (kind, id) in [("REGULAR", &regular), ("DCR", &dynamic)] {
        let request = json!({"UserPoolId": pool, "ClientType": kind});
        let page = house.json(Operation::ListUserPoolClients, request).await.unwrap();
        let ids: Vec<_> =
            page["UserPoolClients"].as_array().unwrap().iter().map(|item| item["ClientId"].clone()).collect();
        assert_eq!(ids, [json!(id)]);
    }
}

#[tokio::test]
async fn a_pool_has_a_thousand_clients() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let pool = pool(&house, json!({})).await;
    let full = Batch::new().any(
        "insert into counters (owner, kind, n) values ($1, $2, $3)",
        params![pool.as_str(), COUNTER, MOST_CLIENTS - 1],
    );
    store.apply(full).await.unwrap();
    let last = client(&house, &pool, json!({})).await;
    let refusal =
        house.refusal(Operation::CreateUserPoolClient, json!({"UserPoolId": pool, "ClientName": "one more"})).await;
    assert!(refusal.starts_with("LimitExceededException: "), "{refusal}");
    house.json(Operation::DeleteUserPoolClient, json!({"UserPoolId": pool, "ClientId": last})).await.unwrap();
    client(&house, &pool, json!({})).await;
}

#[tokio::test]
async fn a_deleted_client_is_gone_at_once() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let pool = pool(&house, json!({})).await;
    let id = client(&house, &pool, json!({"GenerateSecret": true})).await;
    house.deps().directory.refresh().await.unwrap();
    assert!(house.deps().directory.client(&id.parse().unwrap()).await.unwrap().is_some());
    let request = json!({"UserPoolId": pool, "ClientId": id});
    assert_eq!(house.json(Operation::DeleteUserPoolClient, request.clone()).await.unwrap(), Value::Null);
    assert!(house.deps().directory.client(&id.parse().unwrap()).await.unwrap().is_none());
    for operation in [Operation::DescribeUserPoolClient, Operation::DeleteUserPoolClient] {
        assert_eq!(
            house.refusal(operation, request.clone()).await,
            format!("ResourceNotFoundException: User pool client {id} does not exist.")
        );
    }
    assert_eq!(rows(&store, "select count(*) from jobs where kind = 'reap_client'").await, 1);
}
