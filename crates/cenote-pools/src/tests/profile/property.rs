//! Random sequences of changes, verifications and deletions by three users and an administrator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cenote_store::records::users::{AliasKind, find_by_sub};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::on_both_engines;
use crate::domain::pool::Pool;
use crate::domain::user::{User, aliases_of, verified_flag};
use crate::tests::sign_up::with_sms;
use crate::tests::world::{App, PASSWORD, World};

on_both_engines! { aliases_and_flags_follow_the_attributes }

const USERS: usize = 3;
const NAMES: [&str; 3] = ["email", "phone_number", "preferred_username"];

/// One call. Users, attributes and values are few, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Update(usize, Vec<(&'static str, String)>),
    AdminUpdate(usize, Vec<(&'static str, String)>),
    Delete(usize, &'static str),
    AdminDelete(usize, &'static str),
    SendCode(usize, &'static str),
    /// With the newest code that was sent to this address.
    Verify(usize, &'static str, String),
}

fn value(name: &'static str) -> BoxedStrategy<String> {
    match name {
        "email" => select(vec!["a@example.com", "B@example.com", "b@example.com", ""]).prop_map(str::to_owned).boxed(),
        "phone_number" => select(vec!["+12065550001", "+12065550002", ""]).prop_map(str::to_owned).boxed(),
        "preferred_username" => select(vec!["ace", "bee", ""]).prop_map(str::to_owned).boxed(),
        _ => select(vec!["true", "false", ""]).prop_map(str::to_owned).boxed(),
    }
}

fn values(names: Vec<&'static str>) -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let one = select(names).prop_flat_map(|name| (Just(name), value(name)));
    proptest::collection::vec(one, 1..3)
}

fn step() -> impl Strategy<Value = Step> {
    let user = 0..USERS;
    let all = vec!["email", "phone_number", "preferred_username", "email_verified", "phone_number_verified"];
    let address = select(vec!["email", "phone_number"]);
    prop_oneof![
        3 => (user.clone(), values(NAMES.to_vec())).prop_map(|(user, values)| Step::Update(user, values)),
        2 => (user.clone(), values(all)).prop_map(|(user, values)| Step::AdminUpdate(user, values)),
        1 => (user.clone(), select(NAMES.to_vec())).prop_map(|(user, name)| Step::Delete(user, name)),
        1 => (user.clone(), select(NAMES.to_vec())).prop_map(|(user, name)| Step::AdminDelete(user, name)),
        1 => (user.clone(), address.clone()).prop_map(|(user, name)| Step::SendCode(user, name)),
        4 => (user, address.prop_flat_map(|name| (Just(name), value(name))))
            .prop_map(|(user, (name, value))| Step::Verify(user, name, value)),
    ]
}

/// A pool, its client, and a number for names that nobody has yet.
struct Ground<'w> {
    app: App<'w>,
    folder: Value,
    round: std::sync::atomic::AtomicUsize,
}

/// The pools in which the steps are taken: each way to sign in, with and without proof first.
async fn grounds(world: &World) -> Vec<Ground<'_>> {
    let mut found = Vec::new();
    for aliases in [
        json!({}),
        json!({"AliasAttributes": ["email", "phone_number", "preferred_username"]}),
        json!({"UsernameAttributes": ["email", "phone_number"]}),
        json!({"AliasAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": false}}),
    ] {
        for first in [json!([]), json!(["email", "phone_number"])] {
            let mut settings = with_sms(json!({"AutoVerifiedAttributes": ["email", "phone_number"],
                "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": first}}));
            settings.as_object_mut().unwrap().extend(aliases.as_object().unwrap().clone());
            let pool = world.pool(settings.clone()).await;
            let lasting = json!({"AccessTokenValidity": 24, "TokenValidityUnits": {"AccessToken": "hours"}});
            let app = world.client(&pool, lasting).await;
            found.push(Ground { app, folder: settings, round: Default::default() });
        }
    }
    found
}

/// A user of one round.
struct Person {
    name: String,
    sub: String,
    tokens: Value,
}

impl Ground<'_> {
    async fn people(&self) -> Vec<Person> {
        let round = self.round.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut found = Vec::new();
        for n in 0..USERS {
            let given = format!("u{round}x{n}");
            let by_address = self.folder.get("UsernameAttributes").is_some();
            let name = if by_address { format!("{given}@example.com") } else { given };
            self.app.create(&name, &[]).await.unwrap();
            self.app.set_password(&name, PASSWORD, true).await.unwrap();
            let user = self.app.get(&name).await.unwrap();
            let sub = crate::tests::world::by_name(&user["UserAttributes"])["sub"].as_str().unwrap().to_owned();
            let tokens = self.app.tokens(&name).await;
            found.push(Person { name: user["Username"].as_str().unwrap().to_owned(), sub, tokens });
        }
        found
    }

    async fn take(&self, people: &[Person], step: &Step) -> super::Answer {
        let app = &self.app;
        let texts = |values: &Vec<(&'static str, String)>| values.clone();
        match step {
            Step::Update(n, values) => {
                let values = texts(values);
                app.update_own(&people[*n].tokens, &pairs(&values)).await
            }
            Step::AdminUpdate(n, values) => {
                let values = texts(values);
                app.admin_update(&people[*n].name, &pairs(&values)).await
            }
            Step::Delete(n, name) => app.delete_own(&people[*n].tokens, &[*name]).await,
            Step::AdminDelete(n, name) => app.admin_delete(&people[*n].name, &[*name]).await,
            Step::SendCode(n, name) => app.send_code(&people[*n].tokens, name).await,
            Step::Verify(n, name, address) => {
                let code = newest_code(app.world, address).await.unwrap_or_else(|| "000000".to_owned());
                app.verify(&people[*n].tokens, name, &code).await
            }
        }
    }

    async fn users(&self, people: &[Person]) -> Vec<User> {
        let store = &self.app.world.store;
        let mut found = Vec::new();
        for person in people {
            let pool = self.app.pool.parse().unwrap();
            let record = find_by_sub(store, &pool, &person.sub.parse().unwrap()).await.unwrap().unwrap();
            found.push(User::from_record(record).unwrap());
        }
        found
    }

    async fn pool(&self) -> Arc<Pool> {
        let id = self.app.pool.parse().unwrap();
        self.app.world.deps().directory.pool(&id).await.unwrap().unwrap()
    }

    /// What must hold after every step, whatever it answered.
    async fn check(&self, users: &[User]) -> Result<(), TestCaseError> {
        let world = self.app.world;
        let pool = self.pool().await;
        let rows = world.store.read("select sub, kind, value, pool_id from aliases", vec![]).await.unwrap();
        let mut owned: BTreeMap<String, BTreeSet<(AliasKind, String)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.text(3).unwrap() == self.app.pool) {
            let alias = (row.text(1).unwrap().parse().unwrap(), row.text(2).unwrap().to_owned());
            owned.entry(row.text(0).unwrap().to_owned()).or_default().insert(alias);
        }
        let mut all = BTreeSet::new();
        for user in users {
            let expected = aliases_of(&pool, user);
            let found = owned.remove(user.stored().sub.as_str()).unwrap_or_default();
            prop_assert_eq!(&found, &expected, "the table follows the attributes");
            for alias in found {
                prop_assert!(all.insert(alias), "nothing is owned twice");
            }
            for kind in [AliasKind::Email, AliasKind::PhoneNumber] {
                let flag = user.attributes.get(verified_flag(kind).unwrap());
                prop_assert_eq!(flag.is_some(), user.attributes.contains_key(kind.as_str()), "a flag has its address");
            }
            if !pool.username_attributes.is_empty() {
                prop_assert!(!aliases_of(&pool, user).is_empty(), "everybody has a name");
            }
        }
        Ok(())
    }

    /// What a user's own call may do to addresses and their flags.
    async fn judge(&self, step: &Step, before: &[User], all: &[User]) -> Result<(), TestCaseError> {
        let pool = self.pool().await;
        let proved_first = self.folder["UserAttributeUpdateSettings"].to_string().contains("email");
        for (n, (before, after)) in before.iter().zip(all).enumerate() {
            for kind in [AliasKind::Email, AliasKind::PhoneNumber] {
                let (old, new) = (before.attributes.get(kind.as_str()), after.attributes.get(kind.as_str()));
                match step {
                    Step::Update(who, _) | Step::Delete(who, _) if *who == n => {
                        prop_assert!(!after.is_verified(kind) || (before.is_verified(kind) && old == new));
                        prop_assert!(!proved_first || old.is_none() || new.is_none() || old == new);
                    }
                    Step::Verify(who, name, address) if *who == n && *name == kind.as_str() => {
                        let same = old == new && before.is_verified(kind) == after.is_verified(kind);
                        let proved = new == Some(address) && after.is_verified(kind);
                        prop_assert!(same || proved, "only what the code was sent to");
                    }
                    Step::AdminUpdate(who, _) | Step::AdminDelete(who, _) if *who == n => {}
                    // An alias goes to who proved it last.
                    Step::Verify(who, name, address)
                        if *name == kind.as_str() && before.is_verified(kind) && !after.is_verified(kind) =>
                    {
                        prop_assert_eq!(old, new);
                        let (mine, theirs) = (pool.alias_key(kind, address), old.map(|old| pool.alias_key(kind, old)));
                        prop_assert!(pool.alias_attributes.contains(&kind) && Some(mine) == theirs);
                        prop_assert!(all[*who].is_verified(kind), "somebody has it");
                    }
                    _ => prop_assert_eq!((old, before.is_verified(kind)), (new, after.is_verified(kind))),
                }
            }
        }
        Ok(())
    }

    async fn sequence(&self, steps: &[Step]) -> Result<(), TestCaseError> {
        let people = self.people().await;
        let mut before = self.users(&people).await;
        for step in steps {
            // Never more than the tries of an hour.
            self.app.world.pass(Duration::from_secs(20 * 60));
            let answer = self.take(&people, step).await;
            if let Err(refusal) = &answer {
                prop_assert!(EXPECTED.iter().any(|known| refusal.starts_with(known)), "{}", refusal);
            }
            let after = self.users(&people).await;
            self.check(&after).await?;
            self.judge(step, &before, &after).await?;
            prop_assert!(answer.is_ok() || unchanged(&before, &after), "a refusal changes nothing");
            before = after;
        }
        // The next round finds the addresses free.
        for person in &people {
            let gone = cenote_wire::idp::Operation::AdminDeleteUser;
            self.app.admin(gone, &person.name, json!({})).await.unwrap();
        }
        Ok(())
    }
}

const EXPECTED: [&str; 7] = [
    "AliasExistsException: An account with the given ",
    super::MISMATCH,
    super::EXPIRED,
    "InvalidParameterException: Cannot send a verification code as the user has no ",
    "InvalidParameterException: Required attribute can not be deleted",
    "InvalidParameterException: Email is required to verify/un-verify an email",
    "InvalidParameterException: Phone Number is required to verify/un-verify a phone number",
];

fn pairs(values: &[(&'static str, String)]) -> Vec<(&'static str, &'static str)> {
    values.iter().map(|(name, value)| (*name, &*value.clone().leak())).collect()
}

fn unchanged(before: &[User], after: &[User]) -> bool {
    before.iter().zip(after).all(|(before, after)| before.attributes == after.attributes)
}

/// The code in the newest message to this address, if one of the last few went there.
async fn newest_code(world: &World, address: &str) -> Option<String> {
    let stored = world.deps().queue.newest(None, 12).await.unwrap();
    let found = stored.into_iter().find(|message| message.destination.as_ref().unwrap().expose() == address)?;
    let body = found.content.unwrap().1.expose().to_owned();
    Some(body.strip_prefix("Your confirmation code is ").unwrap().to_owned())
}

async fn aliases_and_flags_follow_the_attributes(world: World) {
    let grounds = grounds(&world).await;
    let steps = (0..grounds.len(), proptest::collection::vec(step(), 1..16));
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let runtime = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&steps, |(ground, steps)| runtime.block_on(grounds[ground].sequence(&steps)))
    });
    outcome.unwrap();
}
