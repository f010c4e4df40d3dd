//! Codes that anybody may ask for who knows a name: counted by the hour, and sent to the user; or, where there is no such
//! user and the client hides it, only said to be sent, with the same work and remembered as long.

use std::time::Duration;

use cenote_base::RandomExt as _;
use cenote_messages::{MessageId, MessageKind};
use cenote_secrets::codes::six_digits;
use cenote_store::Batch;
use cenote_store::records::decoys;
use cenote_store::records::users::AliasKind;

use super::codes::{self, CodeDelivery, CodePurpose};
use super::hourly::{Hourly, limited};
use super::{Refusal, find, messages, simulated};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::User;

/// What a code's digests and the name of its attribute take, in bytes.
const CODE: usize = 48;

/// How long the row in the place of a message is kept.
const DECOY_KEPT: Duration = Duration::from_secs(10 * 60);

/// How long a delivery waits at least where its work would tell something, and over how many milliseconds more it is
/// spread.
const HELD_BACK: Duration = Duration::from_millis(20);
const SPREAD_MS: u32 = 480;

/// A kind of request for a code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeRequest {
    /// What the code is good for.
    pub purpose: CodePurpose,
    /// The message that carries it.
    pub kind: MessageKind,
    /// How often it may be asked for.
    pub limit: Hourly,
}

impl CodeRequest {
    /// Sends the user a code, which replaces an earlier one. Where the client hides who exists, the answer does not wait
    /// for the delivery.
    pub(crate) async fn send(
        &self,
        deps: &Deps,
        pool: &Pool,
        client: &Client,
        user: &User,
        to: AliasKind,
    ) -> Result<CodeDelivery, Refusal> {
        let code = codes::prepare_through(deps, pool, client, user, self.purpose, self.kind, to).await?;
        // One commit, as for an unknown user.
        let batch = self.limit.claim(deps, pool, user.stored().sub.as_str()).extend(code.batch);
        if client.prevent_user_existence_errors {
            // Waiting for the delivery would tell a known user from an unknown one.
            send_later(deps, batch, &code.message).await?;
        } else {
            limited(deps, batch).await?;
            messages::deliver(deps, &[code.message]).await?;
        }
        Ok(code.delivery)
    }

    /// What [`Self::send`] answers where nobody is meant by the name: counted and remembered, a message made and thrown
    /// away, as many reads and writes. `kinds`: the attributes to which the pool sends such codes.
    pub(crate) async fn simulate(
        &self,
        deps: &Deps,
        pool: &Pool,
        name: &str,
        kinds: &[AliasKind],
    ) -> Result<CodeDelivery, Refusal> {
        let subject = simulated::subject(deps, pool, name).await?;
        let delivery = simulated_delivery(pool, name, &subject, kinds);
        let subject = hex::encode(subject);
        // A code that was sent before is looked for, too.
        decoys::is_kept(&deps.store, &pool.id, &self.memory(&subject), deps.now()).await?;
        let medium = messages::medium(delivery.attribute);
        let (address, code) = (somebody(delivery.attribute), six_digits(&*deps.random));
        let message =
            messages::prepare_decoy(deps, pool, self.kind, medium, (address, name), &code, DECOY_KEPT).await?;
        let batch = self.limit.claim(deps, pool, &subject).extend(self.remember(deps, pool, &subject));
        send_later(deps, batch.extend(message.batch), &message.id).await?;
        Ok(delivery)
    }

    /// Remembers that a code was "sent": once for a name, in a row like that of a code.
    fn remember(&self, deps: &Deps, pool: &Pool, subject: &str) -> Batch {
        let now = deps.now();
        let mut noise = vec![0; CODE];
        deps.random.fill(&mut noise);
        decoys::keep(&pool.id, &self.memory(subject), noise, now, now + self.purpose.lifetime())
    }

    fn memory(&self, subject: &str) -> String {
        memory(self.purpose, subject)
    }
}

/// What is remembered of a code that was "sent" to nobody.
fn memory(purpose: CodePurpose, subject: &str) -> String {
    format!("{}/{subject}", purpose.as_str())
}

/// Commits, and lets the delivery begin after a while, and not the same while each time: its work must fall neither on
/// the answer nor on the next one of whoever asks again and again, so a worker that is busy may not take the message
/// either.
async fn send_later(deps: &Deps, batch: Batch, message: &MessageId) -> Result<(), Refusal> {
    let after = HELD_BACK + Duration::from_millis(deps.random.below(SPREAD_MS).into());
    limited(deps, batch.extend(deps.queue.hold_back(message, after))).await?;
    let queue = deps.queue.clone();
    tokio::spawn(async move {
        // What is forgotten here, at a stop, is found by the next poll.
        tokio::time::sleep(after + Duration::from_millis(1)).await;
        queue.wake();
    });
    Ok(())
}

/// The refusal of every code that comes in nobody's name: that of a wrong one while one was "sent", else that of none.
/// Counted by `limit`; the same work as [`codes::check`].
pub(crate) async fn refuse_nobody(
    deps: &Deps,
    pool: &Pool,
    name: &str,
    purpose: CodePurpose,
    limit: Hourly,
) -> Refusal {
    let refused = async {
        let subject = hex::encode(simulated::subject(deps, pool, name).await?);
        limited(deps, limit.claim(deps, pool, &subject)).await?;
        let sent = decoys::is_kept(&deps.store, &pool.id, &memory(purpose, &subject), deps.now()).await?;
        Ok(if sent { Refusal::CodeMismatch } else { Refusal::CodeExpired })
    };
    refused.await.unwrap_or_else(|refusal| refusal)
}

/// An address that is as much work to seal as a user's.
fn somebody(kind: AliasKind) -> &'static str {
    match kind {
        AliasKind::PhoneNumber => "+12065550100",
        AliasKind::Email | AliasKind::PreferredUsername => "somebody@example.com",
    }
}

/// What an unknown user's code "was sent to": the typed address where it may be one, else an address that is always the
/// same for the same name. `subject` is the keyed MAC of the name, so nobody can predict it.
fn simulated_delivery(pool: &Pool, name: &str, subject: &[u8; 32], kinds: &[AliasKind]) -> CodeDelivery {
    let name = pool.username_key(name);
    let typed = [(AliasKind::PhoneNumber, find::is_phone(&name)), (AliasKind::Email, find::is_email(&name))];
    if let Some((attribute, _)) = typed.into_iter().find(|(kind, is_one)| *is_one && kinds.contains(kind)) {
        return CodeDelivery { attribute, destination: codes::masked(attribute, &name) };
    }
    let attribute = if kinds.contains(&AliasKind::Email) { AliasKind::Email } else { AliasKind::PhoneNumber };
    let mut letters = subject.iter().map(|byte| char::from(b'a' + byte % 26));
    let made_up = match attribute {
        AliasKind::PhoneNumber => {
            let digits: String = subject.iter().map(|byte| char::from(b'0' + byte % 10)).take(11).collect();
            format!("+{digits}")
        }
        _ => format!("{}@{}", letters.next().unwrap_or('a'), letters.next().unwrap_or('e')),
    };
    CodeDelivery { attribute, destination: codes::masked(attribute, &made_up) }
}
