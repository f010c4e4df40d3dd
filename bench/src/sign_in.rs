//! Sign-ins by password a second, beside Argon2id alone on as many threads as the server hashes with.

use std::sync::Arc;
use std::time::Instant;

use cenote_base::{Secret, SystemRandom};
use cenote_secrets::{HashingConfig, PasswordHasher};
use serde_json::json;

use crate::program::Program;
use crate::{EACH, Failed, client, report};

const USERS: usize = 16;
const PASSWORD: &str = "correct-horse-9";

/// Measures both.
pub async fn by_password(server: &Program) -> Result<(), Failed> {
    let pool = server.create_pool()?;
    for user in 0..USERS {
        server.create_user(&pool, &format!("user{user}"), PASSWORD)?;
    }
    let requests: Vec<Vec<u8>> = (0..USERS)
        .map(|user| {
            let parameters = json!({ "USERNAME": format!("user{user}"), "PASSWORD": PASSWORD });
            let body =
                json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": pool.client, "AuthParameters": parameters });
            client::call("InitiateAuth", &body)
        })
        .collect();
    let rate = client::rate(server.address, USERS, Arc::new(requests)).await?;
    let limit = argon2id().await?;
    report::ratio("sign-ins by password (16 users, tokens issued)", rate, "Argon2id alone (19 MiB, 2 passes)", limit);
    Ok(())
}

/// Hashes a second with the server's defaults, nothing else running.
async fn argon2id() -> Result<f64, Failed> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
    let hasher = Arc::new(PasswordHasher::new(HashingConfig::for_threads(threads), Arc::new(SystemRandom))?);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..2 * threads)
        .map(|_| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move {
                let mut hashed = 0_u64;
                while begun.elapsed() < EACH {
                    hasher.hash("bench", &Secret::new(PASSWORD)).await?;
                    hashed += 1;
                }
                Ok::<_, Failed>(hashed)
            })
        })
        .collect();
    let mut hashed = 0;
    for task in tasks {
        hashed += task.await??;
    }
    Ok(hashed as f64 / begun.elapsed().as_secs_f64())
}
