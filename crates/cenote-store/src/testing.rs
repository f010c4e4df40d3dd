//! Stores for tests: of this crate and, through the feature `testing`, of every other.
//!
//! Each store is empty and belongs to one test. PostgreSQL is a real server: the one that `CENOTE_TEST_POSTGRES_URL`
//! names, one schema per test; without the variable one server per test process, started here and gone with it.
#![expect(clippy::panic, clippy::expect_used, reason = "a test whose database cannot be made fails, and says why")]

mod server;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, ManualClock, Random, RandomExt, SeededRandom, SystemRandom, Timestamp};

use crate::{Location, MIGRATIONS, Migration, Store, StoreConfig};

pub use server::{PostgresServer, StopMode};

/// Names the PostgreSQL server of the tests.
pub const URL_VARIABLE: &str = "CENOTE_TEST_POSTGRES_URL";

/// The time on the stores' clock: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A store of one test; it dereferences to [`Store`]. What it made is removed when it is dropped.
#[derive(Debug)]
pub struct TestStore {
    store: Store,
    config: StoreConfig,
    migrations: &'static [Migration],
    clock: Arc<ManualClock>,
    #[expect(dead_code, reason = "held, not read")]
    guard: Guard,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
enum Guard {
    Directory(tempfile::TempDir),
    Schema(SchemaGuard),
}

/// An empty SQLite store with Cenote's schema, in a directory of its own.
pub async fn sqlite() -> TestStore {
    sqlite_with(MIGRATIONS).await
}

/// An empty PostgreSQL store with Cenote's schema, in a schema of its own.
pub async fn postgres() -> TestStore {
    postgres_with(MIGRATIONS).await
}

/// As [`sqlite`], with another schema.
pub async fn sqlite_with(migrations: &'static [Migration]) -> TestStore {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let config = StoreConfig::sqlite(directory.path().join("cenote.db"));
    TestStore::open(config, migrations, Guard::Directory(directory)).await
}

/// As [`postgres`], with another schema.
pub async fn postgres_with(migrations: &'static [Migration]) -> TestStore {
    let (url, is_ours) = match std::env::var(URL_VARIABLE) {
        Ok(url) => (url, false),
        Err(_) => (PostgresServer::shared().url(), true),
    };
    let (url, mut guard) = new_schema(&url).await;
    // Our own server goes with the process, another's must be left as it was.
    guard.is_kept = is_ours;
    TestStore::open(StoreConfig::postgres(url), migrations, Guard::Schema(guard)).await
}

impl TestStore {
    async fn open(mut config: StoreConfig, migrations: &'static [Migration], guard: Guard) -> Self {
        config.connections = 8;
        // Two shared cores may be busy with a dozen other tests.
        config.statement_timeout = Duration::from_secs(60);
        config.wait_timeout = Duration::from_secs(60);
        let clock = Arc::new(ManualClock::new(START));
        let store = reopen(&config, migrations, &clock).await;
        Self { store, config, migrations, clock, guard }
    }

    /// The store, to be handed on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How it was opened: what another program needs to open it too.
    pub fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// The clock that the store was opened with.
    pub fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.config.location, Location::Postgres { .. })
    }

    /// Ends the store and opens the database again, as a restart of the program would.
    pub async fn restart(&mut self) {
        self.store.close().await;
        self.store = reopen(&self.config, self.migrations, &self.clock).await;
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

async fn reopen(config: &StoreConfig, migrations: &[Migration], clock: &Arc<ManualClock>) -> Store {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(1));
    match Store::open_with(config, migrations, clock, random).await {
        Ok(store) => store,
        Err(error) => panic!("the store of the test: {error}"),
    }
}

/// Makes a schema; gives the URL that leads into it.
pub async fn new_schema(url: &str) -> (String, SchemaGuard) {
    let name = format!("test_{}", SystemRandom.uuid_v4().simple());
    execute(url, &format!("create schema {name}")).await;
    let separator = if url.contains('?') { '&' } else { '?' };
    (
        format!("{url}{separator}options=-csearch_path%3D{name}"),
        SchemaGuard { url: url.to_owned(), name, is_kept: false },
    )
}

/// Drops a test's schema with all that is in it.
#[derive(Debug)]
pub struct SchemaGuard {
    url: String,
    name: String,
    is_kept: bool,
}

impl Drop for SchemaGuard {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let (url, sql) = (self.url.clone(), format!("drop schema {} cascade", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&url, &sql));
        });
        // A second panic would hide the first.
        let _ = dropping.join();
    }
}

/// Runs SQL on a connection of its own, outside any store.
pub async fn execute(url: &str, sql: &str) {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = match connected {
        Ok(connected) => connected,
        Err(error) => panic!("cannot connect to the PostgreSQL server of the tests ({URL_VARIABLE}): {error:?}"),
    };
    let connection = tokio::spawn(connection);
    if let Err(error) = client.batch_execute(sql).await {
        panic!("{sql}: {error:?}");
    }
    drop(client);
    let _ = connection.await;
}
