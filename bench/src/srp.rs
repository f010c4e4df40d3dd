//! Sign-ins by SRP, both steps, beside the arithmetic and the signatures in them and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cenote_base::{Random as _, Secret, SystemRandom};
use cenote_secrets::srp::ClientPublic;
use cenote_secrets::srp::client::{Answer, Client as Attempt, power};
use serde_json::{Value, json};

use crate::client::{Client, call};
use crate::program::{PASSWORD, Pool, Program, text};
use crate::sign_in::{Signatures, initiate_auth};
use crate::{EACH, Failed, USERS, cpu, report};

/// What the server's arithmetic comes to: g^b for B, and v^u and (A·v^u)^b for the key (RFC 5054 §2.6).
const POWERS: usize = 3;
/// Signed and compared, but never read.
const TIMESTAMP: &str = "Sat Nov 7 09:05:04 UTC 2026";

/// Both steps, one user for each connection. What the client computes is this process's, not the server's.
pub async fn by_srp(server: &Program, pool: &Pool) -> Result<(), Failed> {
    let begun = Instant::now();
    let sign_ins = async {
        let tasks: Vec<_> = (0..USERS)
            .map(|user| tokio::spawn(again_and_again(server.address, SrpUser::new(pool, user), begun)))
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await??;
        }
        Ok(done)
    };
    let rate = cpu::measure(server.pid(), sign_ins).await?;
    let limit = limit()?;
    report::per_core(
        "sign-ins by SRP (16 users)",
        rate,
        "three powers of 256 bits, two RSA-2048 signatures",
        limit,
        70,
    );
    Ok(())
}

/// The powers as the server takes them, and the signatures of the tokens.
fn limit() -> Result<cpu::Measured, Failed> {
    let (signatures, random) = (Signatures::new()?, SystemRandom);
    let mut base = [0; 384];
    random.fill(&mut base);
    let base = ClientPublic::from_bytes(&base)?;
    let mut exponent = [0; 32];
    random.fill(&mut exponent);
    cpu::repeat(EACH, || {
        for _ in 0..POWERS {
            std::hint::black_box(power(&base, &exponent));
        }
        signatures.two()
    })
}

async fn again_and_again(address: SocketAddr, user: Result<SrpUser, Failed>, begun: Instant) -> Result<u64, Failed> {
    let (user, mut client, mut done) = (user?, Client::connect(address).await?, 0);
    while begun.elapsed() < EACH {
        let challenge = answered(&mut client, &user.begin()).await?;
        let result = answered(&mut client, &user.respond(&challenge)?).await?;
        text(&result, "/AuthenticationResult/AccessToken")?;
        done += 1;
    }
    Ok(done)
}

async fn answered(client: &mut Client, request: &[u8]) -> Result<Value, Failed> {
    let answer = client.send(request).await?;
    if answer.status != 200 {
        return Err(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

/// A user with an A that is computed once.
struct SrpUser {
    name: String,
    pool: Arc<Pool>,
    attempt: Attempt,
}

impl SrpUser {
    fn new(pool: &Pool, user: usize) -> Result<Self, Failed> {
        let pool = Arc::new(Pool { id: pool.id.clone(), client: pool.client.clone() });
        Ok(Self { name: format!("user{user}"), pool, attempt: Attempt::new(&SystemRandom) })
    }

    fn begin(&self) -> Vec<u8> {
        first_step(&self.pool, &self.name, &self.attempt)
    }

    fn respond(&self, challenge: &Value) -> Result<Vec<u8>, Failed> {
        let parameter = |name: &str| text(challenge, &format!("/ChallengeParameters/{name}"));
        let (salt, public, block) = (parameter("SALT")?, parameter("SRP_B")?, parameter("SECRET_BLOCK")?);
        let answer = Answer { salt: &salt, public: &public, secret_block: &STANDARD.decode(&block)? };
        let group = self.pool.id.split_once('_').map_or("", |(_, group)| group);
        let user = parameter("USER_ID_FOR_SRP")?;
        let signature = self.attempt.sign(group, &user, &Secret::new(PASSWORD), &answer, TIMESTAMP)?;
        Ok(second_step(&self.pool, &self.name, &block, &signature))
    }
}

/// InitiateAuth by SRP.
pub fn first_step(pool: &Pool, name: &str, attempt: &Attempt) -> Vec<u8> {
    initiate_auth(pool, "USER_SRP_AUTH", &json!({ "USERNAME": name, "SRP_A": attempt.public_hex() }))
}

/// The answer to PASSWORD_VERIFIER.
pub fn second_step(pool: &Pool, name: &str, block: &str, signature: &[u8]) -> Vec<u8> {
    let responses = json!({
        "USERNAME": name,
        "PASSWORD_CLAIM_SECRET_BLOCK": block,
        "PASSWORD_CLAIM_SIGNATURE": STANDARD.encode(signature),
        "TIMESTAMP": TIMESTAMP,
    });
    let body =
        json!({ "ChallengeName": "PASSWORD_VERIFIER", "ClientId": pool.client, "ChallengeResponses": responses });
    call("RespondToAuthChallenge", &body)
}
