//! Sign-ins and refreshes, beside the cryptography in them and nothing else.

use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom as AwsRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use cenote_base::{Secret, SystemRandom};
use cenote_secrets::{HashingConfig, PasswordHasher};
use serde_json::json;

use crate::cpu::{self, Measured};
use crate::program::{PASSWORD, Pool, Program, text};
use crate::{EACH, Failed, USERS, client, report};

/// By password, beside Argon2id on as many threads as the server hashes with.
pub async fn by_password(server: &Program, pool: &Pool) -> Result<(), Failed> {
    let requests = (0..USERS).map(|user| sign_in(pool, user)).collect();
    let rate = client::rate(server.pid(), server.address, USERS, Arc::new(requests)).await?;
    let limit = argon2id().await?;
    report::per_core("sign-ins by password (16 users)", rate, "Argon2id (19 MiB, 2 passes)", limit, 85);
    Ok(())
}

/// By refresh token, beside the two signatures of the new tokens.
pub async fn by_refresh(server: &Program, pool: &Pool) -> Result<(), Failed> {
    let mut requests = Vec::new();
    for user in 0..USERS {
        let tokens = server.send(&sign_in(pool, user)).await?;
        requests.push(refresh_request(pool, &text(&tokens, "/AuthenticationResult/RefreshToken")?));
    }
    let rate = client::rate(server.pid(), server.address, USERS, Arc::new(requests)).await?;
    let limit = two_signatures()?;
    report::per_core("refreshes (16 users)", rate, "two RSA-2048 signatures", limit, 80);
    Ok(())
}

/// InitiateAuth by password.
pub fn sign_in(pool: &Pool, user: usize) -> Vec<u8> {
    let parameters = json!({ "USERNAME": format!("user{user}"), "PASSWORD": PASSWORD });
    initiate_auth(pool, "USER_PASSWORD_AUTH", &parameters)
}

/// InitiateAuth by refresh token.
pub fn refresh_request(pool: &Pool, token: &str) -> Vec<u8> {
    initiate_auth(pool, "REFRESH_TOKEN_AUTH", &json!({ "REFRESH_TOKEN": token }))
}

/// InitiateAuth.
pub fn initiate_auth(pool: &Pool, flow: &str, parameters: &serde_json::Value) -> Vec<u8> {
    let body = json!({ "AuthFlow": flow, "ClientId": pool.client, "AuthParameters": parameters });
    client::call("InitiateAuth", &body)
}

/// Hashes with the server's defaults, nothing else running.
async fn argon2id() -> Result<Measured, Failed> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
    let hasher = Arc::new(PasswordHasher::new(HashingConfig::for_threads(threads), Arc::new(SystemRandom))?);
    let begun = Instant::now();
    let hash = async || {
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
        Ok(hashed)
    };
    cpu::measure(std::process::id(), hash()).await
}

fn two_signatures() -> Result<Measured, Failed> {
    let signatures = Signatures::new()?;
    cpu::repeat(EACH, || signatures.two())
}

/// What signs tokens.
pub struct Signatures {
    id: RsaKeyPair,
    access: RsaKeyPair,
    /// As long as an access token's header and claims.
    text: Vec<u8>,
}

impl Signatures {
    /// New keys.
    pub fn new() -> Result<Self, Failed> {
        let pair = || RsaKeyPair::generate(KeySize::Rsa2048);
        Ok(Self { id: pair()?, access: pair()?, text: vec![b'x'; 700] })
    }

    /// The signatures of an ID token and an access token.
    pub fn two(&self) -> Result<(), Failed> {
        for pair in [&self.id, &self.access] {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &AwsRandom::new(), &self.text, &mut signature)?;
        }
        Ok(())
    }
}
