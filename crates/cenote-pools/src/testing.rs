//! The whole room on an empty store, for unit tests: real keys, a clock that stands still, seeded randomness, an
//! outbox.

use std::sync::Arc;

use cenote_base::{Clock, ManualClock, Random, SeededRandom};
use cenote_iam::{Principal, PrincipalKind};
use cenote_messages::{DeliverySettings, MessagesConfig, Worker};
use cenote_secrets::HeavyLane;
use cenote_secrets::hashing::{HashingConfig, HashingParams, PasswordHasher};
use cenote_store::testing::{self, TestStore};
use cenote_tokens::{AccessCheck, Keyring, MasterKey, RefreshTokens, SigningKeys};
use cenote_wire::ApiError;
use cenote_wire::idp::Operation;

use crate::directory::Directory;
use crate::{AttemptGate, Context, Deps, HashingLimits, Service, ServiceSettings};

/// The account of every test.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The region of every test.
pub(crate) const REGION: &str = "eu-west-1";

/// One server's room. Several on one store are several nodes.
pub(crate) struct House {
    pub(crate) service: Service,
    pub(crate) clock: Arc<ManualClock>,
    /// Until messages are [delivered](House::deliver_messages).
    worker: Option<Worker>,
    outbox: tempfile::TempDir,
    master: String,
}

impl House {
    /// The first node on this store.
    pub(crate) async fn new(store: &TestStore) -> Self {
        Self::furnished(store, Furniture::default()).await
    }

    /// Another node on the same store.
    pub(crate) async fn neighbour(&self, store: &TestStore) -> Self {
        self.furnished_neighbour(store, Furniture::default()).await
    }

    /// Another node on the same store, furnished otherwise.
    pub(crate) async fn furnished_neighbour(&self, store: &TestStore, furniture: Furniture) -> Self {
        Self::furnish(store, MasterKey::from_base64(&self.master).unwrap(), 2, furniture).await
    }

    /// The first node, furnished otherwise.
    pub(crate) async fn furnished(store: &TestStore, furniture: Furniture) -> Self {
        Self::furnish(store, MasterKey::generate(&SeededRandom::new(7)), 1, furniture).await
    }

    async fn furnish(test: &TestStore, master: MasterKey, seed: u64, furniture: Furniture) -> Self {
        let Furniture { limits, hashing, heavy, has_outbox, srp } = furniture;
        let clock = Arc::clone(test.clock());
        let shared_clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(seed));
        let store = test.store().clone();
        let kept = master.to_base64();
        let keyring = Keyring::open(store.clone(), master, Arc::clone(&shared_clock), Arc::clone(&random)).await;
        let keyring = keyring.unwrap();
        let signing = SigningKeys::new(store.clone(), keyring.clone(), Arc::clone(&shared_clock), Arc::clone(&random));
        let outbox = tempfile::tempdir().unwrap();
        let messages = MessagesConfig {
            outbox: has_outbox.then(|| outbox.path().join("outbox")),
            smtp: None,
            from: "no-reply@example.com".parse().unwrap(),
            delivery: DeliverySettings::default(),
        };
        let (queue, worker) = cenote_messages::open(
            &messages,
            store.clone(),
            keyring.clone(),
            Arc::clone(&shared_clock),
            Arc::clone(&random),
        )
        .unwrap();
        let deps = Deps {
            access: AccessCheck::new(store.clone(), signing.clone()),
            refresh: RefreshTokens::new(store.clone(), keyring.clone(), Arc::clone(&shared_clock)),
            hasher: Arc::new(PasswordHasher::new(hashing, Arc::clone(&random)).unwrap()),
            heavy,
            queue,
            directory: Directory::new(store.clone(), keyring.clone(), Arc::clone(&shared_clock)),
            gate: AttemptGate::default(),
            limits,
            settings: ServiceSettings {
                account: ACCOUNT.parse().unwrap(),
                region: REGION.parse().unwrap(),
                issuer_base: "http://localhost:9400".into(),
                srp,
                public_url: "https://id.example.com".into(),
            },
            store,
            keyring,
            signing,
            clock: shared_clock,
            random,
        };
        Self { service: Service::new(deps), clock, worker: Some(worker), outbox, master: kept.expose().to_owned() }
    }

    /// What the operations work with.
    pub(crate) fn deps(&self) -> &Deps {
        self.service.deps()
    }

    /// From now on messages are delivered into the outbox.
    pub(crate) fn deliver_messages(&mut self) {
        if let Some(worker) = self.worker.take() {
            tokio::spawn(worker.run(std::future::pending::<()>()));
        }
    }

    /// Where messages are written to.
    pub(crate) fn outbox(&self) -> std::path::PathBuf {
        self.outbox.path().join("outbox")
    }

    /// What an operation answers the account's root, as JSON; null where it answers with no body at all.
    pub(crate) async fn json(
        &self,
        operation: Operation,
        input: serde_json::Value,
    ) -> Result<serde_json::Value, ApiError> {
        let body = self.service.call(operation, input.to_string().as_bytes(), &signed()).await?;
        Ok(if body.is_empty() { serde_json::Value::Null } else { serde_json::from_slice(&body).unwrap() })
    }

    /// The refusal of an operation: `Name: text`.
    pub(crate) async fn refusal(&self, operation: Operation, input: serde_json::Value) -> String {
        match self.json(operation, input).await {
            Ok(answer) => panic!("{operation} answered {answer}"),
            Err(error) => error.to_string(),
        }
    }
}

/// What may differ between houses.
pub(crate) struct Furniture {
    pub(crate) limits: HashingLimits,
    pub(crate) hashing: HashingConfig,
    pub(crate) heavy: HeavyLane,
    /// Without one no message can be sent.
    pub(crate) has_outbox: bool,
    pub(crate) srp: bool,
}

/// No limits, hashing that costs next to nothing, an outbox, SRP.
impl Default for Furniture {
    fn default() -> Self {
        let params = HashingParams { memory_kib: 8, passes: 1, lanes: 1 };
        let hashing = HashingConfig { params, ..HashingConfig::for_threads(1) };
        Self {
            limits: HashingLimits::new(None, None),
            hashing,
            heavy: HeavyLane::default(),
            has_outbox: true,
            srp: true,
        }
    }
}

/// An empty SQLite store.
pub(crate) async fn store() -> TestStore {
    testing::sqlite().await
}

/// An empty store of each engine: for what depends on how writes meet.
pub(crate) async fn both_stores() -> [TestStore; 2] {
    [testing::sqlite().await, testing::postgres().await]
}

/// A request with the root's signature.
pub(crate) fn signed() -> Context {
    Context {
        principal: Some(Principal {
            account: ACCOUNT.parse().unwrap(),
            arn: format!("arn:aws:iam::{ACCOUNT}:root").parse().unwrap(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            kind: PrincipalKind::Root,
        }),
        ..public()
    }
}

/// A request without a signature.
pub(crate) fn public() -> Context {
    Context {
        request_id: "3a4b9a1e-5a0e-4bb7-9a3e-0c1de24f6a9f".into(),
        source: "192.0.2.7".parse().unwrap(),
        user_agent: Some("tests".into()),
        principal: None,
    }
}

/// A new pool; its id.
pub(crate) async fn pool(house: &House, mut request: serde_json::Value) -> String {
    if request.get("PoolName").is_none() {
        request["PoolName"] = serde_json::json!("people");
    }
    let answer = house.json(Operation::CreateUserPool, request).await.unwrap();
    answer["UserPool"]["Id"].as_str().unwrap().to_owned()
}

/// A new app client; its id.
pub(crate) async fn client(house: &House, pool: &str, mut request: serde_json::Value) -> String {
    request["UserPoolId"] = serde_json::json!(pool);
    if request.get("ClientName").is_none() {
        request["ClientName"] = serde_json::json!("app");
    }
    let answer = house.json(Operation::CreateUserPoolClient, request).await.unwrap();
    answer["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}

/// How many rows a table has.
pub(crate) async fn rows(store: &TestStore, sql: &'static str) -> i64 {
    store.read_one(sql, Vec::new()).await.unwrap().unwrap().int(0).unwrap()
}
