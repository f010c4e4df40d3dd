//! ListUsers' filters over random users, judged a second time by a judge who knows nothing of indexes.

use cenote_base::{PoolId, RandomExt, SeededRandom, Sub};
use cenote_store::testing::{self, TestStore};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::list_users::all_pages;
use super::world::{App, World, by_name};
use crate::domain::user::{Attributes, UserStatus};
use crate::flows::find::NewName;
use crate::flows::new_user::blank_user;
use crate::flows::write::insert_user;

/// A user as the second judge knows one.
#[derive(Clone, Debug)]
struct Person {
    username: String,
    status: UserStatus,
    enabled: bool,
    attributes: Attributes,
}

/// Few letters, so that filters find something; among them those that are hard to fold, to escape and to put in order.
const LETTERS: &str = "[aAbéÉΣσςİıß%_\"\\\\ \u{1}\u{7f}\u{80}\u{d7ff}\u{e000}\u{ffff}\u{10ffff}]";

fn letters(times: &str) -> impl Strategy<Value = String> + use<> {
    prop::string::string_regex(&format!("{LETTERS}{times}")).unwrap()
}

fn person() -> impl Strategy<Value = Person> {
    let status = prop::sample::select(vec![
        UserStatus::Unconfirmed,
        UserStatus::Confirmed,
        UserStatus::ForceChangePassword,
        UserStatus::ResetRequired,
        UserStatus::ExternalProvider,
    ]);
    let value = || prop::option::of(letters("{0,4}"));
    let long = prop::option::weighted(0.1, "[Σa]{255,258}|İ{126,130}a?");
    (letters("{1,4}"), status, any::<bool>(), value(), value(), long).prop_map(
        |(username, status, enabled, name, email, long)| {
            let values = [("name", name), ("email", email), ("given_name", long)];
            let attributes = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            Person { username, status, enabled, attributes }
        },
    )
}

/// Field, prefix or whole, value.
type Asked = (&'static str, bool, String);

fn asked(people: &[Person], subs: &[String]) -> impl Strategy<Value = Asked> + use<> {
    let mut values: Vec<String> = ["", "Enabled", "Disabled", "enabled", "conf", "RESET_REQUIRED", "un", "0", "f"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    for (person, sub) in people.iter().zip(subs) {
        values.extend([person.username.clone(), sub.clone(), person.status.to_string()]);
        values.extend(person.attributes.values().cloned());
    }
    let fields = ["username", "cognito:user_status", "status", "sub", "name", "email", "given_name"];
    let cut = (prop::sample::select(values), 0..300_usize).prop_map(|(value, cut)| value.chars().take(cut).collect());
    let value = prop_oneof![4 => cut, 1 => letters("{0,3}")];
    let value = (value, 0..3).prop_map(|(value, case): (String, _)| match case {
        0 => value,
        1 => value.to_uppercase(),
        _ => value.to_lowercase(),
    });
    (prop::sample::select(fields.to_vec()), any::<bool>(), value)
}

/// Case ignored letter by letter.
fn plain(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// What the field of the person is compared as, and the value with it; `None`: the person has no such field.
fn judged(person: &Person, sub: &str, (field, _, value): &Asked) -> Option<(String, String)> {
    Some(match *field {
        "username" => (person.username.clone(), value.clone()),
        "status" => (if person.enabled { "Enabled" } else { "Disabled" }.to_owned(), value.clone()),
        "cognito:user_status" => (person.status.as_str().to_ascii_lowercase(), value.to_ascii_lowercase()),
        "sub" => (sub.to_owned(), value.to_ascii_lowercase()),
        name => (plain(person.attributes.get(name).filter(|value| !value.is_empty())?), plain(value)),
    })
}

struct Crowd {
    people: Vec<Person>,
    subs: Vec<String>,
}

/// Writes random people into the pool; those whose name somebody has already are left out.
async fn crowd(world: &World, app: &App<'_>, seed: u64) -> Crowd {
    let mut runner = TestRunner::deterministic();
    let random = SeededRandom::new(seed);
    let pool_id: PoolId = app.pool.parse().unwrap();
    let pool = world.deps().directory.pool(&pool_id).await.unwrap().unwrap();
    let mut crowd = Crowd { people: Vec::new(), subs: Vec::new() };
    for _ in 0..120 {
        let mut person = person().new_tree(&mut runner).unwrap().current();
        if !pool.case_sensitive && random.below(2) == 0 {
            person.username = person.username.to_uppercase();
        }
        let sub = Sub::generate(&random);
        let name = NewName::Username(person.username.clone());
        let mut user =
            blank_user(&pool, &sub, &name, person.attributes.clone(), person.status, world.deps().now()).unwrap();
        user.stored_mut().enabled = person.enabled;
        if world.store.apply(insert_user(world.deps(), &pool, &user)).await.is_ok() {
            crowd.people.push(person);
            crowd.subs.push(sub.to_string());
        }
    }
    assert!(crowd.people.len() > 60, "{}", crowd.people.len());
    crowd
}

async fn both_judges_agree(app: &App<'_>, crowd: &Crowd, asked: &Asked, limit: usize) -> Result<(), TestCaseError> {
    let (field, is_prefix, value) = asked;
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    let filter = format!("{field} {} \"{escaped}\"", if *is_prefix { "^=" } else { "=" });
    if filter.chars().count() > 256 {
        return Ok(());
    }
    let mut expected: Vec<(String, &str)> = crowd
        .people
        .iter()
        .zip(&crowd.subs)
        .filter_map(|(person, sub)| {
            let (text, value) = judged(person, sub, asked)?;
            (if *is_prefix { text.starts_with(&value) } else { text == value }).then_some((text, sub.as_str()))
        })
        .collect();
    // Compared in the order of what is searched, which ends after 256 characters.
    expected.sort_by_key(|(text, sub)| (text.chars().take(256).collect::<String>(), *sub));
    let mut expected: Vec<&str> = expected.into_iter().map(|(_, sub)| sub).collect();
    let (users, _) = all_pages(app, &filter, limit).await;
    let subs: Vec<String> =
        users.iter().map(|user| by_name(&user["Attributes"])["sub"].as_str().unwrap().into()).collect();
    let mut found: Vec<&str> = subs.iter().map(String::as_str).collect();
    if *field == "username" {
        // In the order of the names as they are compared: another test's.
        expected.sort_unstable();
        found.sort_unstable();
    }
    prop_assert_eq!(found, expected, "{}", filter);
    Ok(())
}

fn filters_find_whom_they_name(open: impl Future<Output = TestStore>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(async { World::on(open.await).await });
    for case_sensitive in [true, false] {
        let app = runtime.block_on(world.app(json!({"UsernameConfiguration": {"CaseSensitive": case_sensitive}})));
        let crowd = runtime.block_on(crowd(&world, &app, u64::from(case_sensitive)));
        let mut runner = TestRunner::new(ProptestConfig { cases: 400, ..ProptestConfig::default() });
        let cases = (asked(&crowd.people, &crowd.subs), prop::sample::select(vec![1, 7, 60]));
        let judge = |(asked, limit)| runtime.block_on(both_judges_agree(&app, &crowd, &asked, limit));
        runner.run(&cases, judge).unwrap();
    }
}

#[test]
fn sqlite_filters_find_whom_they_name() {
    filters_find_whom_they_name(testing::sqlite());
}

#[test]
fn postgres_filters_find_whom_they_name() {
    filters_find_whom_they_name(testing::postgres());
}
