//! The room from outside: every operation on users as JSON in and out, on both engines, with a clock that is moved.

mod world;

mod admin;
mod at_once;
mod confirmation;
mod cost;
mod existence;
mod failures;
mod lifecycle;
mod links;
mod list_users;
mod lock_out;
mod main_job;
mod new_password;
mod nodes;
mod profile;
mod recovery;
mod refresh;
mod sessions;
mod sign_in;
mod sign_up;
mod srp;
mod supported;
mod tokens;
mod user_filters;

/// Runs each async function, which takes a [`world::World`], on both engines.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let store = cenote_store::testing::sqlite().await;
                    super::$name($crate::tests::world::World::on(store).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let store = cenote_store::testing::postgres().await;
                    super::$name($crate::tests::world::World::on(store).await).await;
                }
            )*
        }
    };
}
use on_both_engines;
