//! What an operation has at hand: a store, a keyring, a pool, and one or more nodes' queues.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, ManualClock, PoolId, Random, SeededRandom};
use cenote_messages::{
    DeliverySettings, MessageId, MessageKind, MessagesConfig, OutgoingMessage, Queue, SmtpConfig, Worker, open,
};
use cenote_store::records::messages::{self, MessageRecord};
use cenote_store::testing::{self, TestStore};
use cenote_store::{Batch, Store, Value};
use cenote_tokens::{Keyring, MasterKey, Scope};

/// Nothing that is waited for in these tests takes this long unless it never comes.
pub const NEVER: Duration = Duration::from_secs(60);

pub struct House {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub random: Arc<SeededRandom>,
    pub keyring: Keyring,
    pub pool: PoolId,
    _guard: Option<TestStore>,
}

impl House {
    pub async fn on_sqlite() -> Self {
        Self::in_test_store(testing::sqlite().await).await
    }

    pub async fn in_test_store(store: TestStore) -> Self {
        let (inner, clock) = (store.store().clone(), Arc::clone(store.clock()));
        Self { _guard: Some(store), ..Self::in_store(inner, clock).await }
    }

    pub async fn in_store(store: Store, clock: Arc<ManualClock>) -> Self {
        let random = Arc::new(SeededRandom::new(11));
        let pool: PoolId = "us-east-1_AbCdEfGhI".parse().unwrap();
        let keyring = Self::keyring(&store, &clock, &random).await;
        store.apply(keyring.new_scope(&Scope::Pool(pool.clone())).unwrap()).await.unwrap();
        Self { store, clock, random, keyring, pool, _guard: None }
    }

    /// The keyring as a second node opens it.
    pub async fn keyring(store: &Store, clock: &Arc<ManualClock>, random: &Arc<SeededRandom>) -> Keyring {
        let master = MasterKey::generate(&SeededRandom::new(3));
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), random.clone());
        Keyring::open(store.clone(), master, clock, random).await.unwrap()
    }

    /// A node of its own on the house's store.
    pub fn node(&self, config: &MessagesConfig) -> (Queue, Worker) {
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (self.clock.clone(), self.random.clone());
        open(config, self.store.clone(), self.keyring.clone(), clock, random).unwrap()
    }

    pub fn email(&self, to: &str) -> OutgoingMessage {
        let (subject, body) = ("Your verification code", "Your confirmation code is 123456");
        OutgoingMessage::email(self.pool.clone(), MessageKind::SignUp, to.into(), subject, body.into())
    }

    pub fn sms(&self, to: &str) -> OutgoingMessage {
        let body = "Your confirmation code is 123456";
        OutgoingMessage::sms(self.pool.clone(), MessageKind::SignUp, to.into(), body.into())
    }

    /// Prepares and commits, without waking anybody.
    pub async fn queue(&self, queue: &Queue, message: &OutgoingMessage) -> MessageId {
        let prepared = queue.prepare(message).await.unwrap();
        self.store.apply(prepared.batch).await.unwrap();
        prepared.id
    }

    pub async fn row(&self, id: &MessageId) -> MessageRecord {
        messages::find(&self.store, id.as_str()).await.unwrap().unwrap()
    }

    pub async fn execute(&self, sql: &'static str, params: Vec<Value>) {
        self.store.apply(Batch::new().any(sql, params)).await.unwrap();
    }
}

/// Settings under which nothing happens by itself within a test.
pub fn quiet() -> DeliverySettings {
    DeliverySettings { poll_interval: Duration::from_secs(3600), ..DeliverySettings::default() }
}

pub fn to_server(port: u16) -> MessagesConfig {
    let mut smtp = SmtpConfig::from_url(&format!("smtp://127.0.0.1:{port}")).unwrap();
    smtp.timeout = NEVER;
    MessagesConfig {
        outbox: None,
        smtp: Some(smtp),
        from: "Cenote <no-reply@id.example.com>".parse().unwrap(),
        delivery: quiet(),
    }
}

pub fn to_folder(folder: &Path) -> MessagesConfig {
    let from = "no-reply@localhost".parse().unwrap();
    MessagesConfig { outbox: Some(folder.to_owned()), smtp: None, from, delivery: quiet() }
}

/// Fails a test that would else hang.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(NEVER, work).await {
        Ok(value) => value,
        Err(_) => panic!("what the test waits for does not come"),
    }
}

pub fn reason(record: &MessageRecord) -> &str {
    record.last_error.as_deref().unwrap_or_default()
}
