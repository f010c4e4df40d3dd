//! Users: names, versions, aliases, what is searched, what goes with a user.

use cenote_base::Timestamp;
use cenote_store::records::users::{
    AliasKind, NameKeys, UserRecord, delete, delete_alias, find_by_alias, find_by_name, find_by_sub, find_by_username,
    index_attributes, insert, insert_alias, invalidate_tokens, rehash, unchanged, update,
};
use cenote_store::records::{codes, families, pools};
use cenote_store::testing::{START, TestStore};
use cenote_store::{Batch, Store, StoreError, params};

use crate::sample::{MILLISECOND, SECOND, family, pool, pool_id, sub, user, with_users};
use crate::{done, number, on_both_engines, unmet, winners};

on_both_engines! {
    a_user_is_read_as_it_was_written,
    names_are_taken_once_in_a_pool,
    one_of_many_updates_at_a_version,
    a_sign_in_holds_on_to_what_it_read,
    a_stronger_hash_of_the_same_password,
    tokens_are_only_ever_ended_later,
    a_sign_in_ahead_of_time_is_ended_too,
    an_alias_has_one_owner,
    a_name_means_a_username_first,
    long_values_are_aliases_and_searched_too,
    what_is_searched_follows_the_user,
    everything_goes_with_a_user,
    a_damaged_row_is_named,
}

async fn by_sub(store: &Store, n: u32) -> UserRecord {
    find_by_sub(store, &pool_id(1), &sub(n)).await.unwrap().unwrap()
}

fn fields(user: &UserRecord) -> String {
    let UserRecord { username, username_key, attributes, mfa, password, srp, details, .. } = user;
    let times =
        (user.password_set_at, user.password_expires_at, user.tokens_valid_after, user.created_at, user.modified_at);
    format!("{user:?} {username} {username_key} {attributes} {mfa} {password:?} {srp:?} {details} {times:?}")
}

async fn a_user_is_read_as_it_was_written(store: TestStore) {
    let id = with_users(&store, 1).await;
    let mut read = by_sub(&store, 1).await;
    assert_eq!(fields(&read), fields(&user(&id, 1)));
    let by_name = find_by_username(&store, &id, "user1").await.unwrap().unwrap();
    assert_eq!(fields(&by_name), fields(&read));
    assert!(find_by_username(&store, &id, "User1").await.unwrap().is_none(), "only the folded name finds");
    read.status = "RESET_REQUIRED".to_owned();
    read.enabled = false;
    read.attributes = r#"{"name":"Ünïcödé 💧"}"#.to_owned();
    read.mfa = r#"{"totp":{}}"#.to_owned();
    (read.password, read.srp) = (None, Some(vec![0, 255]));
    (read.password_set_at, read.password_expires_at) = (None, Some(START + SECOND));
    read.tokens_valid_after = START + SECOND;
    read.details = r#"{"x":1}"#.to_owned();
    read.modified_at = START + 2 * SECOND;
    done(&store, update(&read)).await;
    read.version = 2;
    assert_eq!(fields(&by_sub(&store, 1).await), fields(&read));
    let printed = format!("{read:?}");
    assert!(!printed.contains("Ünïcödé") && !printed.contains("User1"), "{printed}");
}

async fn names_are_taken_once_in_a_pool(store: TestStore) {
    let id = with_users(&store, 1).await;
    let mut same_name = user(&id, 1);
    same_name.sub = sub(2);
    assert_eq!(unmet(&store, insert(&same_name)).await, "UsernameExists");
    let mut same_sub = user(&id, 1);
    same_sub.username_key = "other".to_owned();
    assert_eq!(unmet(&store, insert(&same_sub)).await, "UsernameExists");
    done(&store, pools::insert(&pool(2))).await;
    done(&store, insert(&user(&pool_id(2), 1))).await;
    assert_eq!(unmet(&store, insert(&user(&pool_id(3), 1))).await, "UsernameExists", "there is no such pool");
    let many = winners(&store, 16, "UsernameExists", |n| async move {
        let mut user = user(&pool_id(1), 100 + u32::try_from(n).unwrap());
        user.username_key = "same".to_owned();
        insert(&user)
    });
    assert_eq!(many.await, 1);
}

async fn one_of_many_updates_at_a_version(store: TestStore) {
    let id = with_users(&store, 1).await;
    assert_eq!(winners(&store, 16, "UserChanged", |_| async { update(&user(&pool_id(1), 1)) }).await, 1);
    assert_eq!(by_sub(&store, 1).await.version, 2);
    done(&store, delete(&id, &sub(1))).await;
    assert_eq!(unmet(&store, update(&user(&id, 1))).await, "UserChanged");
}

async fn a_sign_in_holds_on_to_what_it_read(store: TestStore) {
    let id = with_users(&store, 1).await;
    for _ in 0..3 {
        done(&store, unchanged(&id, &sub(1), 1)).await;
    }
    assert_eq!(by_sub(&store, 1).await.version, 1, "asking changes nothing");
    assert_eq!(unmet(&store, unchanged(&id, &sub(1), 2)).await, "UserChanged");
    done(&store, update(&user(&id, 1))).await;
    assert_eq!(unmet(&store, unchanged(&id, &sub(1), 1)).await, "UserChanged");
    let mut disabled = by_sub(&store, 1).await;
    disabled.enabled = false;
    done(&store, update(&disabled)).await;
    assert_eq!(unmet(&store, unchanged(&id, &sub(1), 3)).await, "UserChanged", "nor for a disabled user");
    // Against a change in the same moment: one of both comes first, and the change always takes effect.
    for round in 0..10 {
        let version = by_sub(&store, 1).await.version;
        let mut change = by_sub(&store, 1).await;
        change.enabled = round % 2 == 0;
        let sign_in = unchanged(&id, &sub(1), version).extend(families::insert(&family(&id, 1, &round.to_string())));
        let (changed, signed_in) = tokio::join!(store.apply(update(&change)), store.apply(sign_in));
        changed.unwrap();
        assert!(signed_in.as_ref().err().is_none_or(|error| error.tag() == Some("UserChanged")), "{signed_in:?}");
    }
}

async fn a_stronger_hash_of_the_same_password(store: TestStore) {
    let id = with_users(&store, 1).await;
    done(&store, rehash(&id, &sub(1), &[1, 2, 3], &[4], Some(&[7]))).await;
    let read = by_sub(&store, 1).await;
    assert_eq!((read.password, read.srp, read.version), (Some(vec![4]), Some(vec![7]), 1));
    done(&store, rehash(&id, &sub(1), &[1, 2, 3], &[5], None)).await;
    let read = by_sub(&store, 1).await;
    assert_eq!((read.password, read.srp), (Some(vec![4]), Some(vec![7])), "it is another password by now");
    done(&store, rehash(&id, &sub(1), &[4], &[4], None)).await;
    let read = by_sub(&store, 1).await;
    assert_eq!((read.password, read.srp), (Some(vec![4]), None), "a verifier is dropped");
}

async fn tokens_are_only_ever_ended_later(store: TestStore) {
    let id = with_users(&store, 1).await;
    for (at, expected) in
        [(START + SECOND, START + SECOND), (START, START + SECOND), (START + 2 * SECOND, START + 2 * SECOND)]
    {
        done(&store, invalidate_tokens(&id, &sub(1), at)).await;
        assert_eq!(by_sub(&store, 1).await.tokens_valid_after, expected);
    }
    assert_eq!(by_sub(&store, 1).await.version, 1);
    // Who read the user before that, and writes it now, revives nothing.
    let stale = UserRecord { tokens_valid_after: START, ..by_sub(&store, 1).await };
    done(&store, update(&stale)).await;
    assert_eq!(by_sub(&store, 1).await.tokens_valid_after, START + 2 * SECOND);
    done(&store, invalidate_tokens(&id, &sub(9), Timestamp::from_secs(1))).await;
}

async fn a_sign_in_ahead_of_time_is_ended_too(store: TestStore) {
    let id = with_users(&store, 2).await;
    for (n, name, ahead) in [(1, "a", SECOND), (1, "b", 2 * SECOND), (2, "c", 5 * SECOND)] {
        let begun = families::FamilyRecord { auth_time: START + ahead, ..family(&id, n, name) };
        done(&store, families::insert(&begun)).await;
    }
    done(&store, invalidate_tokens(&id, &sub(1), START + SECOND).extend(families::delete_of_user(&id, &sub(1)))).await;
    assert_eq!(by_sub(&store, 1).await.tokens_valid_after, START + 2 * SECOND + MILLISECOND);
    // Others' sign-ins do not count, nor do those that were ended before.
    done(&store, invalidate_tokens(&id, &sub(1), START + 3 * SECOND)).await;
    assert_eq!(by_sub(&store, 1).await.tokens_valid_after, START + 3 * SECOND);
    done(&store, invalidate_tokens(&id, &sub(2), START + 6 * SECOND)).await;
    assert_eq!(by_sub(&store, 2).await.tokens_valid_after, START + 6 * SECOND);
}

async fn an_alias_has_one_owner(store: TestStore) {
    let id = with_users(&store, 3).await;
    let take = |n| insert_alias(&pool_id(1), AliasKind::Email, "a@example.com", &sub(n));
    let owner = async || {
        let owner = find_by_alias(&store, &pool_id(1), AliasKind::Email, "a@example.com").await.unwrap();
        owner.map(|owner| owner.sub)
    };
    assert_eq!(owner().await, None);
    done(&store, take(1)).await;
    assert_eq!(unmet(&store, take(1)).await, "AliasExists");
    assert_eq!(unmet(&store, take(2)).await, "AliasExists");
    assert_eq!(owner().await, Some(sub(1)));
    assert_eq!(find_by_alias(&store, &id, AliasKind::PhoneNumber, "a@example.com").await.unwrap().map(|u| u.sub), None);
    let give = |n| delete_alias(&pool_id(1), AliasKind::Email, "a@example.com", &sub(n));
    assert_eq!(unmet(&store, give(2)).await, "AliasChanged", "not one's own");
    done(&store, give(1).extend(take(2))).await;
    assert_eq!(owner().await, Some(sub(2)));
    assert_eq!(unmet(&store, give(1).extend(take(3))).await, "AliasChanged");
    assert_eq!(unmet(&store, insert_alias(&id, AliasKind::Email, "b@example.com", &sub(99))).await, "AliasExists");
    done(&store, give(2)).await;
    let many = winners(&store, 16, "AliasExists", |n| {
        let n = u32::try_from(n % 3).unwrap() + 1;
        async move { insert_alias(&pool_id(1), AliasKind::Email, "a@example.com", &sub(n)) }
    });
    assert_eq!(many.await, 1);
    for kind in [AliasKind::Email, AliasKind::PhoneNumber, AliasKind::PreferredUsername] {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert!("name".parse::<AliasKind>().is_err());
}

/// As long as an attribute's value may be, and longer in bytes.
async fn long_values_are_aliases_and_searched_too(store: TestStore) {
    let id = with_users(&store, 2).await;
    let (long, longer) = ("💧".repeat(2047), "💧".repeat(2048));
    done(&store, insert_alias(&id, AliasKind::PreferredUsername, &long, &sub(1))).await;
    done(&store, insert_alias(&id, AliasKind::PreferredUsername, &longer, &sub(2))).await;
    for (value, n) in [(&long, 1), (&longer, 2)] {
        let owner = find_by_alias(&store, &id, AliasKind::PreferredUsername, value).await.unwrap().unwrap();
        assert_eq!(owner.sub, sub(n));
    }
    done(&store, delete_alias(&id, AliasKind::PreferredUsername, &long, &sub(1))).await;
    assert!(find_by_alias(&store, &id, AliasKind::PreferredUsername, &long).await.unwrap().is_none());
    // The beginnings are the same: the one that stays is still found.
    let (before, after) = ([("name", long.clone())], [("name", longer)]);
    done(&store, index_attributes(&id, &sub(1), &[], &before)).await;
    done(&store, index_attributes(&id, &sub(1), &before, &after)).await;
    assert_eq!(number(&store, "select count(*) from user_attributes").await, 1);
    done(&store, index_attributes(&id, &sub(1), &after, &[])).await;
    assert_eq!(number(&store, "select count(*) from user_attributes").await, 0);
}

async fn what_is_searched_follows_the_user(store: TestStore) {
    let id = with_users(&store, 2).await;
    let pairs = |list: &[(&'static str, &str)]| {
        list.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<_>>()
    };
    let before = pairs(&[("email", "a@example.com"), ("name", "alice")]);
    let after = pairs(&[("email", "b@example.com"), ("name", "alice"), ("given_name", "al")]);
    done(&store, index_attributes(&id, &sub(1), &[], &before)).await;
    done(&store, index_attributes(&id, &sub(2), &[], &before)).await;
    done(&store, index_attributes(&id, &sub(1), &before, &after)).await;
    let sql = "select name, value from user_attributes where sub = $1 order by name limit 10";
    let found = async |n| {
        let rows = store.read(sql, params![&sub(n)]).await.unwrap();
        rows.iter().map(|row| format!("{}={}", row.text(0).unwrap(), row.text(1).unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(found(1).await, ["email=b@example.com", "given_name=al", "name=alice"]);
    assert_eq!(found(2).await, ["email=a@example.com", "name=alice"]);
    assert!(index_attributes(&id, &sub(1), &after, &after).is_empty(), "nothing changed, nothing is written");
}

async fn everything_goes_with_a_user(store: TestStore) {
    let id = with_users(&store, 2).await;
    for n in [1, 2] {
        let code = codes::CodeRecord {
            digest: vec![1],
            replaced: Vec::new(),
            attribute: "email".to_owned(),
            pending: None,
            created_at: START,
            expires_at: START + SECOND,
        };
        let batch = families::insert(&family(&id, n, &n.to_string()))
            .extend(insert_alias(&id, AliasKind::Email, &n.to_string(), &sub(n)))
            .extend(index_attributes(&id, &sub(n), &[], &[("name", "x".to_owned())]))
            .extend(codes::replace(&id, &sub(n), "sign_up", &code));
        done(&store, batch).await;
    }
    done(&store, delete(&id, &sub(1))).await;
    assert_eq!(unmet(&store, delete(&id, &sub(1))).await, "NoUser");
    for sql in [
        "select count(*) from users",
        "select count(*) from token_families",
        "select count(*) from aliases",
        "select count(*) from user_attributes",
        "select count(*) from codes",
    ] {
        assert_eq!(number(&store, sql).await, 1, "{sql}: the other user's stay");
    }
}

async fn a_damaged_row_is_named(store: TestStore) {
    let id = with_users(&store, 1).await;
    let damage = Batch::new().any("update users set pool_id = 'x', sub = 'y' where sub = $1", params![&sub(1)]);
    done(&store, damage).await;
    let sql = Batch::new().any("update users set pool_id = $1", params![&id]);
    done(&store, sql).await;
    let error = find_by_username(&store, &id, "user1").await.unwrap_err();
    assert_eq!(error, StoreError::corrupt("users", "sub", "y"));
}

async fn a_name_means_a_username_first(store: TestStore) {
    let id = with_users(&store, 4).await;
    let long = "x".repeat(2000);
    for (kind, value, n) in [
        (AliasKind::Email, "same", 2),
        (AliasKind::PhoneNumber, "same", 3),
        (AliasKind::PreferredUsername, "same", 4),
        (AliasKind::Email, long.as_str(), 2),
        (AliasKind::Email, "user1", 2),
    ] {
        done(&store, insert_alias(&id, kind, value, &sub(n))).await;
    }
    let found = async |username, email, phone_number, preferred_username| {
        let keys = NameKeys { username, email, phone_number, preferred_username };
        find_by_name(&store, &id, &keys).await.unwrap().map(|user| user.sub)
    };
    let same = Some("same");
    assert_eq!(found("user1", Some("user1"), None, None).await, Some(sub(1)));
    assert_eq!(found("nobody", same, same, same).await, Some(sub(2)));
    assert_eq!(found("nobody", None, same, same).await, Some(sub(3)));
    assert_eq!(found("nobody", None, None, same).await, Some(sub(4)));
    assert_eq!(found("nobody", Some(&long), None, None).await, Some(sub(2)));
    assert_eq!(found("nobody", None, None, None).await, None);
    assert_eq!(found("same", None, Some("other"), None).await, None, "an alias only where it is asked for");
    let elsewhere = NameKeys { username: "user1", email: same, ..NameKeys::default() };
    assert!(find_by_name(&store, &pool_id(2), &elsewhere).await.unwrap().is_none());
}
