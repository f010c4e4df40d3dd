//! Data keys: first start, sealing, rotation, and what must not open.

use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Fault, ManualClock, PoolId, Random, SystemRandom};
use cenote_store::records::keys;
use cenote_store::testing::{self, TestStore};
use cenote_store::{Batch, Store, StoreError, params};
use cenote_tokens::{KeyFamily, Keyring, KeyringError, MasterKey, Purpose, Scope};

use crate::world::{as_clock, node, world};

const MINUTE: Duration = Duration::from_secs(60);

fn generate() -> MasterKey {
    MasterKey::generate(&SystemRandom)
}

async fn open(store: &TestStore, master: &MasterKey) -> Result<Keyring, KeyringError> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    Keyring::open(store.store().clone(), master.clone(), as_clock(store.clock()), random).await
}

async fn new_scope(store: &Store, keyring: &Keyring, pool: &str) -> Scope {
    let scope = Scope::Pool(pool.parse().unwrap());
    store.apply(keyring.new_scope(&scope).unwrap()).await.unwrap();
    scope
}

/// The version that a sealed value names.
fn version(sealed: &[u8]) -> u8 {
    sealed[4]
}

#[tokio::test]
async fn the_first_start_initialises_and_a_restart_goes_on() {
    let mut store = testing::sqlite().await;
    let master = generate();
    assert!(!Keyring::is_initialised(&store).await.unwrap());
    let first = open(&store, &master).await.unwrap();
    assert!(Keyring::is_initialised(&store).await.unwrap());
    let sealed = first.seal(&Scope::Server, Purpose::AccessKey, &["key"], b"secret").await.unwrap();
    store.restart().await;
    let again = open(&store, &master).await.unwrap();
    let opened = again.open_sealed(&Scope::Server, Purpose::AccessKey, &["key"], &sealed).await.unwrap();
    assert_eq!(opened.expose(), b"secret");
}

#[tokio::test]
async fn another_master_key_is_refused_in_one_line() {
    let store = testing::sqlite().await;
    open(&store, &generate()).await.unwrap();
    let error = open(&store, &generate()).await.unwrap_err();
    assert_eq!(error, KeyringError::WrongMasterKey);
    assert_eq!(error.to_string(), "the master key is not the one that this database was initialised with");
}

/// Sixteen nodes start at once on an empty database; the first eight have one master key, the others each their own.
async fn start_at_once(store: TestStore) {
    let shared = generate();
    let masters: Vec<MasterKey> = (0..16).map(|n| if n < 8 { shared.clone() } else { generate() }).collect();
    let starts = masters.iter().map(|master| {
        let (store, clock, master) = (store.store().clone(), as_clock(store.clock()), master.clone());
        tokio::spawn(Keyring::open(store, master, clock, Arc::new(SystemRandom)))
    });
    let mut opened = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        opened.push(start.await.unwrap());
    }
    let winner = opened.iter().position(Result::is_ok).unwrap();
    for (n, result) in opened.iter().enumerate() {
        let has_the_winners_key = n == winner || (n < 8 && winner < 8);
        match result {
            Ok(_) => assert!(has_the_winners_key, "node {n} works with another key than the winner, {winner}"),
            Err(error) => {
                assert!(!has_the_winners_key, "node {n} has the winner's key, {winner}");
                assert_eq!(*error, KeyringError::WrongMasterKey);
            }
        }
    }
    let good: Vec<&Keyring> = opened.iter().flatten().collect();
    let sealed = good[0].seal(&Scope::Server, Purpose::Cursor, &[], b"x").await.unwrap();
    for keyring in &good {
        assert_eq!(keyring.open_sealed(&Scope::Server, Purpose::Cursor, &[], &sealed).await.unwrap().expose(), b"x");
    }
    assert_eq!(keys::data_keys(&store, "server").await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_first_starts_one_wins_on_sqlite() {
    start_at_once(testing::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_first_starts_one_wins_on_postgres() {
    start_at_once(testing::postgres().await).await;
}

#[tokio::test]
async fn a_value_opens_only_where_it_belongs() {
    let world = world().await;
    let keyring = &world.keyring;
    let one = new_scope(&world.store, keyring, "us-east-1_aaaaaaaaa").await;
    let two = new_scope(&world.store, keyring, "us-east-1_bbbbbbbbb").await;
    let sealed = keyring.seal(&one, Purpose::Password, &["alice", "password"], b"hash").await.unwrap();
    let open = async |scope: &Scope, purpose, context: &[&str]| {
        keyring.open_sealed(scope, purpose, context, &sealed).await.map(|plain| plain.expose().to_vec())
    };
    assert_eq!(open(&one, Purpose::Password, &["alice", "password"]).await.unwrap(), b"hash");
    assert_eq!(open(&one, Purpose::Password, &["bob", "password"]).await, Err(KeyringError::NotOurs));
    assert_eq!(open(&one, Purpose::Password, &["alice", "srp"]).await, Err(KeyringError::NotOurs));
    assert_eq!(open(&one, Purpose::Password, &["alicep", "assword"]).await, Err(KeyringError::NotOurs));
    assert_eq!(open(&one, Purpose::Session, &["alice", "password"]).await, Err(KeyringError::NotOurs));
    assert_eq!(open(&one, Purpose::Verifier, &["alice", "password"]).await, Err(KeyringError::NotOurs));
    assert_eq!(open(&two, Purpose::Password, &["alice", "password"]).await, Err(KeyringError::NotOurs));
    assert_eq!(open(&Scope::Server, Purpose::Password, &["alice", "password"]).await, Err(KeyringError::NotOurs));
    assert_eq!(KeyringError::NotOurs.fault(), Fault::Caller);
}

#[tokio::test]
async fn no_tampered_cut_or_made_up_value_opens() {
    let world = world().await;
    let sealed = world.keyring.seal(&Scope::Server, Purpose::Sts, &["a"], b"plain").await.unwrap();
    let open = async |bytes: &[u8]| world.keyring.open_sealed(&Scope::Server, Purpose::Sts, &["a"], bytes).await;
    assert!(open(&sealed).await.is_ok());
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(open(&changed).await.unwrap_err(), KeyringError::NotOurs, "byte {at}");
        assert_eq!(open(&sealed[..at]).await.unwrap_err(), KeyringError::NotOurs, "cut at {at}");
    }
    assert_eq!(open(&[]).await.unwrap_err(), KeyringError::NotOurs);
    assert_eq!(open(&[1; 200]).await.unwrap_err(), KeyringError::NotOurs);
}

#[tokio::test]
async fn a_scope_without_keys_is_named() {
    let world = world().await;
    let scope = Scope::Pool("us-east-1_nobody".parse::<PoolId>().unwrap());
    let nobody = KeyringError::NoSuchScope("us-east-1_nobody".into());
    assert_eq!(world.keyring.seal(&scope, Purpose::Session, &[], b"x").await, Err(nobody.clone()));
    assert_eq!(world.keyring.mac(&scope, Purpose::Code, &[b"x"]).await, Err(nobody.clone()));
    assert_eq!(world.keyring.rotate(&scope, KeyFamily::General).await, Err(nobody.clone()));
    // Once the pool's batch is committed it works: that there was nothing is not remembered.
    world.store.apply(world.keyring.new_scope(&scope).unwrap()).await.unwrap();
    assert!(world.keyring.seal(&scope, Purpose::Session, &[], b"x").await.is_ok());
    let again = world.store.apply(world.keyring.new_scope(&scope).unwrap()).await.unwrap_err();
    assert_eq!(again.tag(), Some("DataKeyExists"));
}

#[tokio::test]
async fn data_keys_cannot_be_moved_between_scopes_or_versions() {
    let mut world = world().await;
    let moved: &[(&'static str, &'static str, i64)] = &[
        ("update data_keys set scope = 'us-east-1_bbbbbbbbb' where scope = 'us-east-1_aaaaaaaaa'", "general", 1),
        ("update data_keys set version = 2 where scope = 'us-east-1_bbbbbbbbb' and purpose = 'general'", "general", 2),
    ];
    new_scope(&world.store, &world.keyring, "us-east-1_aaaaaaaaa").await;
    let scope = Scope::Pool("us-east-1_bbbbbbbbb".parse().unwrap());
    for (sql, family, version) in moved {
        world.store.apply(Batch::new().any(sql, params![])).await.unwrap();
        let error = world.keyring.seal(&scope, Purpose::Session, &[], b"x").await.unwrap_err();
        let damaged =
            KeyringError::Damaged { scope: "us-east-1_bbbbbbbbb".into(), family: (*family).into(), version: *version };
        assert_eq!((error.clone(), error.fault()), (damaged, Fault::Cenote));
    }
    // Damage of the server's own keys stops the start.
    let swap = "update data_keys set wrapped = (select wrapped from data_keys where scope = 'server' and \
                purpose = 'verifier') where scope = 'server' and purpose = 'general'";
    world.store.apply(Batch::new().any(swap, params![])).await.unwrap();
    world.store.restart().await;
    let error = open(&world.store, &world.master).await.unwrap_err();
    assert!(matches!(error, KeyringError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn rotation_seals_with_the_new_version_and_opens_the_old() {
    let world = world().await;
    let scope = new_scope(&world.store, &world.keyring, "us-east-1_aaaaaaaaa").await;
    let other_node = node(world.store.store(), &world.master, &world.clock).await;
    let seal = async |keyring: &Keyring, purpose| keyring.seal(&scope, purpose, &[], b"plain").await.unwrap();
    let opens = async |keyring: &Keyring, purpose, sealed: &[u8]| {
        keyring.open_sealed(&scope, purpose, &[], sealed).await.is_ok_and(|plain| plain.expose() == b"plain")
    };
    let old = seal(&world.keyring, Purpose::Session).await;
    let mac = other_node.mac(&scope, Purpose::Subject, &[b"alice"]).await.unwrap();
    assert_eq!(version(&old), 1);

    assert_eq!(world.keyring.rotate(&scope, KeyFamily::General).await, Ok(2));
    assert_eq!(version(&seal(&world.keyring, Purpose::Session).await), 1, "others do not know it yet");
    world.clock.advance(MINUTE);
    let new = seal(&world.keyring, Purpose::Session).await;
    assert_eq!(version(&new), 2);
    assert!(opens(&world.keyring, Purpose::Session, &old).await);
    assert_eq!(version(&seal(&world.keyring, Purpose::Verifier).await), 1, "the other family keeps its version");
    assert_eq!(world.keyring.mac(&scope, Purpose::Subject, &[b"alice"]).await.unwrap(), mac);
    assert!(opens(&other_node, Purpose::Session, &new).await);
    assert!(opens(&other_node, Purpose::Session, &old).await);
    assert_eq!(version(&seal(&other_node, Purpose::Session).await), 2);
}

#[tokio::test]
async fn no_node_seals_with_a_version_that_another_may_not_know() {
    let world = world().await;
    let other_node = node(world.store.store(), &world.master, &world.clock).await;
    let seal = async |keyring: &Keyring| keyring.seal(&Scope::Server, Purpose::Cursor, &[], b"x").await.unwrap();
    // The other node reads the keys in the last millisecond before there is a new version.
    world.clock.advance(MINUTE);
    seal(&other_node).await;
    world.clock.advance(Duration::from_millis(1));
    world.keyring.rotate(&Scope::Server, KeyFamily::General).await.unwrap();
    world.clock.advance(MINUTE - Duration::from_millis(1));
    for keyring in [&world.keyring, &other_node] {
        assert_eq!(version(&seal(keyring).await), 1);
    }
    world.clock.advance(Duration::from_millis(1));
    for keyring in [&world.keyring, &other_node] {
        let sealed = seal(keyring).await;
        assert_eq!(version(&sealed), 2);
        assert!(other_node.open_sealed(&Scope::Server, Purpose::Cursor, &[], &sealed).await.is_ok());
    }
}

#[tokio::test]
async fn an_unknown_newer_version_is_looked_for_ten_times_a_second_at_most() {
    let world = world().await;
    let behind = node(world.store.store(), &world.master, &world.clock).await;
    world.keyring.rotate(&Scope::Server, KeyFamily::General).await.unwrap();
    // The clock of the node that seals is a minute ahead.
    let ahead = Arc::new(ManualClock::new(world.now() + MINUTE));
    let ahead = node(world.store.store(), &world.master, &ahead).await;
    let sealed = ahead.seal(&Scope::Server, Purpose::Cursor, &[], b"x").await.unwrap();
    assert_eq!(version(&sealed), 2);
    let open = async || behind.open_sealed(&Scope::Server, Purpose::Cursor, &[], &sealed).await;
    world.clock.advance(Duration::from_millis(99));
    assert_eq!(open().await.unwrap_err(), KeyringError::NotOurs);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(open().await.unwrap().expose(), b"x");

    // Made-up versions: one reading, then none until the tenth of a second is over.
    world.clock.advance(Duration::from_millis(100));
    let mut made_up = sealed.clone();
    made_up[4] = 9;
    assert_eq!(made_up_is_not_ours(&behind, &made_up).await, Ok(()));
    world.store.close().await;
    world.clock.advance(Duration::from_millis(99));
    assert_eq!(made_up_is_not_ours(&behind, &made_up).await, Ok(()));
    world.clock.advance(Duration::from_millis(1));
    let error = made_up_is_not_ours(&behind, &made_up).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Dependency, "it was looked for again");
    assert_eq!(open().await.unwrap().expose(), b"x", "what is known opens without the store");
}

async fn made_up_is_not_ours(keyring: &Keyring, made_up: &[u8]) -> Result<(), KeyringError> {
    match keyring.open_sealed(&Scope::Server, Purpose::Cursor, &[], made_up).await {
        Err(KeyringError::NotOurs) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => panic!("a made-up version opens"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotations_at_the_same_time_do_not_share_a_version() {
    let world = world().await;
    let rotations: Vec<_> = (0..8)
        .map(|_| {
            let keyring = world.keyring.clone();
            tokio::spawn(async move { keyring.rotate(&Scope::Server, KeyFamily::General).await })
        })
        .collect();
    let mut versions = Vec::new();
    for rotation in rotations {
        match rotation.await.unwrap() {
            Ok(version) => versions.push(version),
            Err(error) => assert_eq!(error, KeyringError::RotatedMeanwhile),
        }
    }
    versions.sort_unstable();
    let expected: Vec<u32> = (2..).take(versions.len()).collect();
    assert_eq!(versions, expected);
    assert_eq!(keys::data_keys(&world.store, "server").await.unwrap().len(), 2 + versions.len());
}

#[tokio::test]
async fn a_retired_version_opens_and_does_not_seal() {
    let world = world().await;
    world.keyring.rotate(&Scope::Server, KeyFamily::General).await.unwrap();
    world.clock.advance(MINUTE);
    let sealed = world.keyring.seal(&Scope::Server, Purpose::Cursor, &[], b"x").await.unwrap();
    assert_eq!(version(&sealed), 2);
    let retire = "update data_keys set state = 'retired' where scope = 'server' and version = 2";
    world.store.apply(Batch::new().one(retire, params![], "NoKey")).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    assert!(world.keyring.open_sealed(&Scope::Server, Purpose::Cursor, &[], &sealed).await.is_ok());
    let sealed = world.keyring.seal(&Scope::Server, Purpose::Cursor, &[], b"x").await.unwrap();
    assert_eq!(version(&sealed), 1);
}

#[tokio::test]
async fn macs_differ_by_scope_purpose_and_parts() {
    let world = world().await;
    let one = new_scope(&world.store, &world.keyring, "us-east-1_aaaaaaaaa").await;
    let two = new_scope(&world.store, &world.keyring, "us-east-1_bbbbbbbbb").await;
    let mac = async |scope: &Scope, purpose, parts: &[&[u8]]| world.keyring.mac(scope, purpose, parts).await.unwrap();
    let base = mac(&one, Purpose::Subject, &[b"alice", b"x"]).await;
    assert_eq!(base, mac(&one, Purpose::Subject, &[b"alice", b"x"]).await);
    let again = node(world.store.store(), &world.master, &world.clock).await;
    assert_eq!(base, again.mac(&one, Purpose::Subject, &[b"alice", b"x"]).await.unwrap());
    for other in [
        mac(&two, Purpose::Subject, &[b"alice", b"x"]).await,
        mac(&one, Purpose::Pepper, &[b"alice", b"x"]).await,
        mac(&one, Purpose::Code, &[b"alice", b"x"]).await,
        mac(&one, Purpose::Subject, &[b"alicex"]).await,
        mac(&one, Purpose::Subject, &[b"alic", b"ex"]).await,
        mac(&one, Purpose::Subject, &[b"alice", b"x", b""]).await,
    ] {
        assert_ne!(base, other);
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_said_so() {
    let world = world().await;
    world.store.close().await;
    let error = world.keyring.seal(&Scope::Pool("us-east-1_a".parse().unwrap()), Purpose::Code, &[], b"x").await;
    let error = error.unwrap_err();
    assert!(matches!(error, KeyringError::Read(StoreError::Unavailable(_))), "{error:?}");
    assert_eq!(error.fault(), Fault::Dependency);
}
