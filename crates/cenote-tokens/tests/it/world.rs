//! What the tests share: a store of their own, a clock that they move, pools with keys, users who sign in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cenote_base::{ClientId, Clock, ManualClock, PoolId, Random, RandomExt, Sub, SystemRandom, Timestamp};
use cenote_store::records::families::{self, FamilyRecord};
use cenote_store::records::pools::{self, PoolRecord};
use cenote_store::records::users::{self, UserRecord};
use cenote_store::testing::{self, TestStore};
use cenote_store::{Batch, Store};
use cenote_tokens::{
    AccessCheck, AccessClaims, IdClaims, Issue, Keyring, MasterKey, Readable, RefreshTokens, Scope, SignIn,
    SigningKeys, TokenUse, USER_ADMIN_SCOPE,
};
use serde_json::{Map, Value};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

pub struct World {
    pub store: TestStore,
    pub clock: Arc<ManualClock>,
    pub random: Arc<dyn Random>,
    pub master: MasterKey,
    pub keyring: Keyring,
    pub signing: SigningKeys,
    pub access: AccessCheck,
    pub refresh: RefreshTokens,
}

/// What a sign-in gives, and what it leaves behind.
pub struct SignedIn {
    pub access: String,
    pub id: String,
    pub refresh: String,
    pub family: FamilyRecord,
}

pub async fn world() -> World {
    World::over(testing::sqlite().await).await
}

impl World {
    pub async fn over(store: TestStore) -> Self {
        let clock = Arc::clone(store.clock());
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let master = MasterKey::generate(&*random);
        let keyring = node(store.store(), &master, &clock).await;
        let signing = SigningKeys::new(store.store().clone(), keyring.clone(), as_clock(&clock), Arc::clone(&random));
        let access = AccessCheck::new(store.store().clone(), signing.clone());
        let refresh = RefreshTokens::new(store.store().clone(), keyring.clone(), as_clock(&clock));
        Self { store, clock, random, master, keyring, signing, access, refresh }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn apply(&self, batch: Batch) {
        self.store.apply(batch).await.unwrap();
    }

    /// A pool with its keys, in one batch.
    pub async fn pool(&self) -> PoolId {
        let pool = PoolId::generate(&"us-east-1".parse().unwrap(), &*self.random);
        let record = PoolRecord {
            account: "123456789012".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            name: "pool".into(),
            issuer: issuer(&pool),
            settings: "{}".into(),
            version: 1,
            created_at: self.now(),
            modified_at: self.now(),
            pool_id: pool.clone(),
        };
        let keys = self.keyring.new_scope(&Scope::Pool(pool.clone())).unwrap();
        let signing = self.signing.new_pool(&pool).await.unwrap();
        self.apply(pools::insert(&record).extend(keys).extend(signing)).await;
        pool
    }

    /// A user of the pool, as it was stored.
    pub async fn user(&self, pool: &PoolId) -> UserRecord {
        let sub = Sub::generate(&*self.random);
        let user = UserRecord {
            username: sub.to_string(),
            username_key: sub.to_string(),
            sub,
            pool_id: pool.clone(),
            status: "CONFIRMED".into(),
            enabled: true,
            attributes: "{}".into(),
            mfa: "{}".into(),
            password: None,
            password_set_at: None,
            password_expires_at: None,
            srp: None,
            tokens_valid_after: self.now(),
            details: "{}".into(),
            version: 1,
            created_at: self.now(),
            modified_at: self.now(),
        };
        self.apply(users::insert(&user)).await;
        user
    }

    /// The user as it is now.
    pub async fn reread(&self, user: &UserRecord) -> UserRecord {
        users::find_by_sub(&self.store, &user.pool_id, &user.sub).await.unwrap().unwrap()
    }

    /// Signs the user in: the family's row and all three tokens. `revocation`: the client's EnableTokenRevocation.
    pub async fn sign_in(&self, user: &UserRecord, client: &ClientId, revocation: bool) -> SignedIn {
        let user = self.reread(user).await;
        let sign_in = SignIn {
            user: &user,
            client,
            scopes: USER_ADMIN_SCOPE,
            methods: &["pwd"],
            device_key: None,
            sso_id: None,
            session_id: None,
            refresh_validity: MONTH,
        };
        let family = cenote_tokens::families::begin(&sign_in, self.now(), &*self.random);
        self.apply(families::insert(&family)).await;
        let (access, id) = self.tokens(&family, revocation).await;
        SignedIn { access, id, refresh: self.refresh.seal(&family).await.unwrap().into_exposed(), family }
    }

    /// An access token and an ID token of the family.
    pub async fn tokens(&self, family: &FamilyRecord, revocation: bool) -> (String, String) {
        let (pool, issuer) = (&family.pool_id, issuer(&family.pool_id));
        let issue = Issue {
            issuer: &issuer,
            client: &family.client_id,
            auth_time: family.auth_time,
            issued_at: self.now(),
            event_id: None,
            origin_jti: revocation.then_some(&family.origin_jti),
            groups: &[],
        };
        let jti = self.random.uuid_v4().to_string();
        let access = AccessClaims {
            issue,
            validity: HOUR,
            jti: &jti,
            sub: family.sub.as_str(),
            username: Some("alice"),
            scope: &family.scopes,
            device_key: None,
            oauth: false,
        };
        let attributes = BTreeMap::from([("email".to_owned(), "alice@example.com".to_owned())]);
        let id = IdClaims {
            issue,
            validity: HOUR,
            jti: &jti,
            sub: &family.sub,
            username: "alice",
            attributes: &attributes,
            readable: Readable::All,
            identities: &[],
            nonce: None,
            at_hash: None,
            acr: None,
            amr: &[],
        };
        let access = self.sign(pool, TokenUse::Access, &access.build()).await;
        (access, self.sign(pool, TokenUse::Id, &id.build()).await)
    }

    pub async fn sign(&self, pool: &PoolId, token_use: TokenUse, claims: &Map<String, Value>) -> String {
        self.signing.sign(pool, token_use, claims).await.unwrap().into_exposed()
    }

    pub fn client(&self) -> ClientId {
        ClientId::generate(&*self.random)
    }
}

/// A keyring as another node would open it.
pub async fn node(store: &Store, master: &MasterKey, clock: &Arc<ManualClock>) -> Keyring {
    Keyring::open(store.clone(), master.clone(), as_clock(clock), Arc::new(SystemRandom)).await.unwrap()
}

pub fn as_clock(clock: &Arc<ManualClock>) -> Arc<dyn Clock> {
    Arc::<ManualClock>::clone(clock)
}

pub fn issuer(pool: &PoolId) -> String {
    format!("http://localhost:9400/{pool}")
}

/// A part of a token, decoded.
pub fn part(token: &str, index: usize) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Map<String, Value> {
    serde_json::from_str(&part(token, 1)).unwrap()
}

/// The `kid` that a token names.
pub fn kid(token: &str) -> String {
    serde_json::from_str::<Value>(&part(token, 0)).unwrap()["kid"].as_str().unwrap().to_owned()
}
