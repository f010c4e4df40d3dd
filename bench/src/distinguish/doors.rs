//! The doors at which nobody is to learn who exists.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::Failed;
use crate::client::{Answer, Client};
use crate::program::{Pool, Program};
use crate::sign_in::initiate_auth;

/// Users of a pool: each is asked about a few times, never as often as makes a lock or a limit the answer.
const USERS: usize = 500;

/// A request for the user or the name of this pair. It may take answers to earlier requests, on the same connection.
type Request = for<'a> fn(&'a mut Scene, &'a mut Client, bool, usize) -> BoxFuture<'a, Result<Vec<u8>, Failed>>;

/// Where a name is given.
pub struct Door {
    /// How it is shown.
    pub name: &'static str,
    /// The request whose answer is looked at.
    pub request: Request,
    /// Whether the answer is of the kind that the door gives; else something else is measured than is meant.
    pub expect: fn(&Answer) -> Result<(), &'static str>,
}

/// The doors that are built.
pub const ALL: &[Door] = &[Door {
    name: "USER_PASSWORD_AUTH, wrong password",
    request: |scene, _, exists, pair| {
        let parameters = json!({ "USERNAME": scene.name(exists, pair), "PASSWORD": "wrong-password-1" });
        let request = initiate_auth(&scene.pool, "USER_PASSWORD_AUTH", &parameters);
        async move { Ok(request) }.boxed()
    },
    expect: |answer| refused(answer, "NotAuthorizedException"),
}];

/// A pool with users, for one door.
pub struct Scene {
    /// The pool.
    pub pool: Pool,
}

impl Scene {
    /// A new one.
    pub async fn new(server: &Program) -> Result<Self, Failed> {
        let pool = server.create_pool().await?;
        server.create_users(&pool, USERS).await?;
        Ok(Self { pool })
    }

    /// The name of a user, or one that nobody has: equally long, and asked about equally often.
    pub fn name(&self, exists: bool, pair: usize) -> String {
        let number = pair % USERS;
        if exists { format!("user{number}") } else { format!("none{number}") }
    }
}

fn refused(answer: &Answer, with: &str) -> Result<(), &'static str> {
    let kind = answer.headers.iter().find(|(name, _)| name == "x-amzn-errortype").map(|(_, value)| value.as_str());
    if kind.is_some_and(|kind| kind.trim_end_matches(':') == with) {
        Ok(())
    } else {
        Err("another answer than is meant")
    }
}
