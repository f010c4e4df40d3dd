//! Opening the house, on both engines: what is made once, what is refused, and that a refusal changes nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use cenote::config::{Layers, Settings};
use cenote::first_start::{House, StartError, open};
use cenote_base::{Clock, ManualClock, Random, SystemRandom, Timestamp};
use cenote_store::{Location, testing};

fn settings(data_dir: &Path, variables: &[(&str, &str)]) -> Settings {
    let flags = BTreeMap::from([("data_dir", data_dir.to_str().unwrap().to_owned()), ("outbox", "true".to_owned())]);
    let variables = variables.iter().map(|(name, text)| ((*name).into(), (*text).into()));
    Settings::parse(&Layers::collect(flags, variables, None, data_dir).unwrap()).unwrap()
}

async fn try_open(data_dir: &Path, variables: &[(&str, &str)]) -> Result<House, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000)));
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    open(&settings(data_dir, variables), &clock, &random).await
}

/// Opens the house, closes it again, and gives what stays: the account, the root key and whether it was the first time.
async fn visit(data_dir: &Path, variables: &[(&str, &str)]) -> (String, String, bool) {
    let house = try_open(data_dir, variables).await.unwrap();
    house.store.close().await;
    let root = house.root.principal();
    (root.account.to_string(), root.access_key_id.clone(), house.is_first)
}

async fn refusal(data_dir: &Path, variables: &[(&str, &str)]) -> String {
    match try_open(data_dir, variables).await {
        Err(error) => error.to_string(),
        Ok(_) => panic!("the house opened"),
    }
}

/// Names and contents of the files that hold secrets, and their modes.
fn files(data_dir: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(data_dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with("cenote.db") {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            files.insert(name, (fs::read(entry.path()).unwrap(), mode));
        }
    }
    files
}

#[tokio::test]
async fn the_first_start_makes_everything_once() {
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path().join("data");
    let (account, key, is_first) = visit(&data_dir, &[]).await;
    assert!(is_first);
    let made = files(&data_dir);
    assert_eq!(made.keys().collect::<Vec<_>>(), ["credentials", "master.key"]);
    assert!(made.values().all(|(_, mode)| *mode == 0o600), "{made:?}");
    assert_eq!(visit(&data_dir, &[]).await, (account, key, false));
    assert_eq!(files(&data_dir), made);
}

#[tokio::test]
async fn a_master_key_is_never_made_up_for_a_database_that_has_one() {
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path();
    visit(data_dir, &[]).await;
    let path = data_dir.join("master.key");
    let kept = fs::read(&path).unwrap();
    let before = files(data_dir);

    fs::remove_file(&path).unwrap();
    let error = refusal(data_dir, &[]).await;
    assert!(error.contains("master key is missing") && error.contains(path.to_str().unwrap()), "{error}");
    assert!(!path.exists());

    fs::write(&path, "garbage\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = refusal(data_dir, &[]).await;
    assert!(error.starts_with(path.to_str().unwrap()) && error.contains("32 bytes in base64"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"garbage\n");

    fs::write(&path, format!("{}=\n", "A".repeat(43))).unwrap();
    let error = refusal(data_dir, &[]).await;
    assert!(error.starts_with(&format!("the master key from {} is not the one", path.display())), "{error}");

    fs::write(&path, kept).unwrap();
    visit(data_dir, &[]).await;
    assert_eq!(files(data_dir), before);
}

#[tokio::test]
async fn keys_from_the_environment_are_not_stored() {
    let place = tempfile::tempdir().unwrap();
    let master = format!("{}=", "A".repeat(43));
    let variables = [
        ("CENOTE_MASTER_KEY", master.as_str()),
        ("CENOTE_ROOT_ACCESS_KEY_ID", "AKIDROOT"),
        ("CENOTE_ROOT_SECRET_ACCESS_KEY", "0123456789abcdef"),
    ];
    assert_eq!(visit(place.path(), &variables).await.1, "AKIDROOT");
    assert_eq!(files(place.path()), BTreeMap::new());
    let wrong = format!("{}=", "B".repeat(42) + "A");
    let error = refusal(place.path(), &[("CENOTE_MASTER_KEY", &wrong), variables[1], variables[2]]).await;
    assert!(error.starts_with("the master key from CENOTE_MASTER_KEY is not the one"), "{error}");
    assert!(!error.contains(&wrong));
}

#[tokio::test]
async fn lost_root_credentials_are_made_anew_on_one_node() {
    let place = tempfile::tempdir().unwrap();
    let (account, key, _) = visit(place.path(), &[]).await;
    fs::remove_file(place.path().join("credentials")).unwrap();
    let (same_account, other_key, is_first) = visit(place.path(), &[]).await;
    assert_eq!((same_account, is_first), (account, false));
    assert_ne!(other_key, key);
}

#[tokio::test]
async fn corrupt_credentials_are_named_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("credentials");
    fs::write(&path, "mine").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = refusal(place.path(), &[]).await;
    assert!(error.contains("chmod 600") && error.contains(path.to_str().unwrap()), "{error}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = refusal(place.path(), &[]).await;
    assert!(error.starts_with(path.to_str().unwrap()), "{error}");
    // The master key that was made for this start went with it.
    assert_eq!(files(place.path()).keys().collect::<Vec<_>>(), ["credentials"]);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

#[tokio::test]
async fn a_second_server_on_the_directory_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let house = try_open(place.path(), &[]).await.unwrap();
    let before = files(place.path());
    let error = refusal(place.path(), &[]).await;
    assert!(error.contains("another server") && error.contains(place.path().to_str().unwrap()), "{error}");
    assert_eq!(files(place.path()), before);
    house.store.close().await;
}

#[tokio::test]
async fn nodes_on_postgresql_share_what_the_first_made() {
    let store = testing::postgres().await;
    let Location::Postgres { url } = &store.config().location else { panic!("not PostgreSQL") };
    let database = ("CENOTE_DATABASE", url.expose());
    let place = tempfile::tempdir().unwrap();
    let (first, second) = (place.path().join("first"), place.path().join("second"));
    let (account, key, is_first) = visit(&first, &[database]).await;
    assert!(is_first);
    // The same directory may serve several nodes at a time.
    let house = try_open(&first, &[database]).await.unwrap();
    assert_eq!(visit(&first, &[database]).await, (account.clone(), key.clone(), false));
    house.store.close().await;

    assert!(refusal(&second, &[database]).await.contains("master key is missing"));
    assert_eq!(files(&second), BTreeMap::new());
    fs::copy(first.join("master.key"), second.join("master.key")).unwrap();
    assert!(refusal(&second, &[database]).await.contains("root credentials are missing"));
    fs::copy(first.join("credentials"), second.join("credentials")).unwrap();
    assert_eq!(visit(&second, &[database]).await, (account, key, false));
}

#[tokio::test]
async fn of_two_first_starts_on_one_database_one_wins() {
    let store = testing::postgres().await;
    let Location::Postgres { url } = &store.config().location else { panic!("not PostgreSQL") };
    let database = [("CENOTE_DATABASE", url.expose())];
    let place = tempfile::tempdir().unwrap();
    let dirs: Vec<_> = ["a", "b", "c"].iter().map(|name| place.path().join(name)).collect();
    let starts = dirs.iter().map(|dir| try_open(dir, &database));
    let opened = futures_util::future::join_all(starts).await;
    let first = opened.iter().filter(|house| house.as_ref().is_ok_and(|house| house.is_first)).count();
    assert_eq!((first, opened.iter().filter(|house| house.is_ok()).count()), (1, 1));
    for (dir, house) in dirs.iter().zip(&opened) {
        assert_eq!(files(dir).len(), if house.is_ok() { 2 } else { 0 }, "{house:?}");
    }
}

#[tokio::test]
async fn of_two_first_starts_with_one_master_key_one_makes_root() {
    let store = testing::postgres().await;
    let Location::Postgres { url } = &store.config().location else { panic!("not PostgreSQL") };
    let master = format!("{}=", "A".repeat(43));
    let variables = [("CENOTE_DATABASE", url.expose()), ("CENOTE_MASTER_KEY", master.as_str())];
    let place = tempfile::tempdir().unwrap();
    let dirs: Vec<_> = ["a", "b", "c"].iter().map(|name| place.path().join(name)).collect();
    let opened = futures_util::future::join_all(dirs.iter().map(|dir| try_open(dir, &variables))).await;
    for (dir, house) in dirs.iter().zip(&opened) {
        match house {
            Ok(house) => assert!(house.is_first && files(dir).len() == 1),
            Err(error) => {
                assert!(error.to_string().contains("root credentials are missing"), "{error}");
                assert_eq!(files(dir).len(), 0);
            }
        }
    }
    assert_eq!(opened.iter().filter(|house| house.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named_without_its_password() {
    let place = tempfile::tempdir().unwrap();
    for (url, server) in [
        ("postgres://me:hunter2@127.0.0.1:1/x", "(postgres://127.0.0.1:1/x)"),
        ("postgres://127.0.0.1:1/x?user=me&password=hunter2", "(postgres://127.0.0.1:1/x)"),
        ("postgres://127.0.0.1:1/x?user=me&password=a&hunter2=b", "(postgres://127.0.0.1:1/x)"),
        ("postgres://me:hunter2/b", "(its URL is not shown)"),
    ] {
        let error = refusal(place.path(), &[("CENOTE_DATABASE", url)]).await;
        assert!(error.ends_with(server) && !error.contains("hunter2"), "{error}");
    }
}
