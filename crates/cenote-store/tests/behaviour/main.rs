//! How the store behaves, written once and run on both engines.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod batches;
mod concurrency;
mod housekeeping;
mod migrations;
mod reads;

use cenote_store::{MIGRATIONS, Migration};

/// Runs each async function, which takes a `TestStore`, on both engines.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(cenote_store::testing::sqlite_with(crate::SCHEMA).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(cenote_store::testing::postgres_with(crate::SCHEMA).await).await;
                }
            )*
        }
    };
}
pub(crate) use on_both_engines;

/// Cenote's own tables and a few that stand for what its records do.
pub(crate) const SCHEMA: &[Migration] = {
    let [store, foundation, ..] = MIGRATIONS else { panic!("the schema has at least two steps") };
    &[*store, *foundation, Migration { number: 2, name: "behaviour", min_program: 0, sql: TABLES }]
};

const TABLES: &str = "
create table people (
  id text not null primary key,
  name text not null,
  version bigint not null,
  verified bigint not null,
  bio bytes
);
create unique index people_name on people (name);

create table nicknames (
  kind text not null,
  value text not null,
  person text not null,
  primary key (kind, value),
  foreign key (person) references people (id) on delete cascade
);
create index nicknames_person on nicknames (person);

create table tallies (
  id text not null primary key,
  n bigint not null check (n >= 0)
);

create table tickets (
  id text not null primary key,
  payload text not null
);
";
