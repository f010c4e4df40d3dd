//! What cannot be opened is refused with one clear line, and nothing is changed by the attempt.
#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cenote_base::{ManualClock, SeededRandom};
use cenote_store::testing::{PostgresServer, START, new_schema, sqlite};
use cenote_store::{Batch, BatchError, OpenError, Store, StoreConfig, params};

async fn open(config: &StoreConfig) -> Result<Store, OpenError> {
    Store::open(config, Arc::new(ManualClock::new(START)), Arc::new(SeededRandom::new(1))).await
}

async fn refusal(config: &StoreConfig) -> String {
    let line = open(config).await.map(|_| ()).expect_err("it was opened").to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[tokio::test]
async fn a_second_server_on_the_database_is_refused() {
    let store = sqlite().await;
    let refused = open(store.config()).await.unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    assert!(refused.to_string().starts_with("another server is running on the database /"));
    store.close().await;
    open(store.config()).await.expect("the first is closed").close().await;
}

#[tokio::test]
async fn a_store_that_is_dropped_gives_its_database_free() {
    let directory = tempfile::tempdir().unwrap();
    let config = StoreConfig::sqlite(directory.path().join("cenote.db"));
    let store = open(&config).await.unwrap();
    store.apply(Batch::new().any("delete from jobs", params![])).await.unwrap();
    drop(store);
    // The writer's thread ends when it has done what it was given.
    let mut tries = 0;
    loop {
        match open(&config).await {
            Ok(_) => break,
            Err(OpenError::InUse { .. }) => tries += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(tries < 100_000, "the lock was never given free");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cenote.db");
    let text = "this is not a database, it is a letter. ".repeat(100);
    fs::write(&path, &text).unwrap();
    let line = refusal(&StoreConfig::sqlite(&path)).await;
    assert!(line.contains("is not an SQLite database, or it is damaged"), "{line}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cenote.db");
    open(&StoreConfig::sqlite(&path)).await.unwrap().close().await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4096].fill(0xaa);
    fs::write(&path, bytes).unwrap();
    let line = refusal(&StoreConfig::sqlite(&path)).await;
    assert!(line.contains("it is damaged"), "{line}");
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cenote.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("create table theirs (x)").unwrap();
    let line = refusal(&StoreConfig::sqlite(&path)).await;
    assert!(line.ends_with("is an SQLite database that belongs to another program"), "{line}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("nowhere").join("cenote.db");
    let line = refusal(&StoreConfig::sqlite(&missing)).await;
    assert!(line.starts_with("cannot use the data directory /") && line.contains("No such file"), "{line}");
    fs::write(directory.path().join("file"), "").unwrap();
    let below_a_file = directory.path().join("file").join("cenote.db");
    let line = refusal(&StoreConfig::sqlite(&below_a_file)).await;
    assert!(line.starts_with("cannot use the data directory /") && line.contains("Not a directory"), "{line}");
    fs::create_dir(directory.path().join("cenote.db")).unwrap();
    let line = refusal(&StoreConfig::sqlite(directory.path().join("cenote.db"))).await;
    assert!(line.contains("cannot be written"), "{line}");
}

/// Root may read and write everything, so these are tried by a program that runs as somebody else.
#[test]
fn what_the_user_may_not_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("program");
    fs::copy(env!("CARGO_BIN_EXE_store-stream"), &program).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    let is_root = fs::metadata(directory.path()).unwrap().uid() == 0;
    const NOBODY: u32 = 65534;
    let run = |database: &Path| {
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        let output = command.arg("sqlite").arg(database).args(["1", "1", "x"]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let own = |path: &Path| {
        if is_root {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    };
    own(&data);
    let database = data.join("stream.db");
    let (worked, said) = run(&database);
    assert!(worked, "{said}");
    assert_eq!(fs::metadata(&database).unwrap().mode() & 0o777, 0o600, "nobody else may read it");

    fs::set_permissions(&database, fs::Permissions::from_mode(0o400)).unwrap();
    let (worked, said) = run(&database);
    assert!(!worked && said.contains("cannot be written: Permission denied"), "{said}");
    assert_eq!(said.lines().count(), 1);

    fs::set_permissions(&data, fs::Permissions::from_mode(0o000)).unwrap();
    let (worked, said) = run(&database);
    assert!(!worked && said.starts_with("cannot use the data directory /"), "{said}");
    assert!(said.contains("Permission denied") && said.lines().count() == 1, "{said}");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = StoreConfig::sqlite(directory.path().join("cenote.db"));
    config.page_limit = Some(400);
    let store = open(&config).await.unwrap();
    let insert = |id: String, size: usize| {
        let sql = "insert into instance (name, value) values ($1, $2)";
        Batch::new().one(sql, params![id, vec![0_u8; size]], "Exists")
    };
    let mut kept = 0;
    while store.apply(insert(format!("row {kept}"), 3000)).await.is_ok() {
        kept += 1;
    }
    assert!(kept > 100, "{kept}");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..60 {
        let store = store.clone();
        // Each deletion stands between insertions that are much too big for the space it makes.
        let batch = match n % 3 {
            0 => Batch::new().one("delete from instance where name = $1", params![format!("row {n}")], "Gone"),
            _ => insert(format!("big {n}"), 1_000_000),
        };
        tasks.spawn(async move { (n, store.apply(batch).await) });
    }
    for (n, result) in tasks.join_all().await {
        match n % 3 {
            0 => assert!(result.is_ok(), "a deletion on a full disk: {result:?}"),
            _ => assert!(matches!(result, Err(BatchError::Unavailable(_))), "{result:?}"),
        }
    }
    let sql = "select count(*), sum(length(value)) from instance";
    let row = store.read_one(sql, params![]).await.unwrap().unwrap();
    assert_eq!((row.int(0).unwrap(), row.int(1).unwrap()), (kept - 20, (kept - 20) * 3000), "all or nothing of each");
    store.apply(insert("it fits again".to_owned(), 3000)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_writes_makes_writes_wait_not_reads() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = StoreConfig::sqlite(directory.path().join("cenote.db"));
    config.wait_timeout = std::time::Duration::from_millis(20);
    let store = open(&config).await.unwrap();
    let write = || Batch::new().any("delete from jobs", params![]);
    let other = rusqlite::Connection::open(directory.path().join("cenote.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let mut writes = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (store, write) = (store.clone(), write());
        writes.spawn(async move { store.apply(write).await });
    }
    for refused in writes.join_all().await {
        assert_eq!(refused, Err(BatchError::Unavailable("database is locked".to_owned())));
    }
    store.ping().await.unwrap();
    other.execute_batch("rollback").unwrap();
    store.apply(write()).await.unwrap();
}

#[tokio::test]
async fn urls_that_are_no_urls_are_refused_without_their_password() {
    for url in ["postgresql://u:hunter2@h:port/d", "postgresql://u:hunter2@h/d?nonsense=1", "hunter2"] {
        let line = refusal(&StoreConfig::postgres(url)).await;
        assert!(line.starts_with("the database URL is not usable: "), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
    assert!(!format!("{:?}", StoreConfig::postgres("postgresql://u:hunter2@h/d")).contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_as_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().to_str().unwrap().replace('/', "%2F");
    let line = refusal(&StoreConfig::postgres(format!("postgresql://u:hunter2@{host}/d"))).await;
    assert!(line.starts_with("cannot connect to PostgreSQL: ") && line.contains("No such file"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_suit_is_refused() {
    let server = PostgresServer::start();
    let url = server.url();
    let line = refusal(&StoreConfig::postgres(format!("{url}nothing"))).await;
    assert!(line.contains("database \"postgresnothing\" does not exist"), "{line}");
    let line = refusal(&StoreConfig::postgres(format!("{url}?options=-csearch_path%3Dnowhere"))).await;
    assert!(line.contains("the search path names no schema that exists"), "{line}");
    let latin = "create database latin encoding 'LATIN1' template template0 locale_provider libc locale 'C'";
    cenote_store::testing::execute(&url, latin).await;
    let line = refusal(&StoreConfig::postgres(url.replace("/postgres", "/latin"))).await;
    assert!(line.contains("encoded in LATIN1, UTF8 is needed"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_wait_for_the_disk_is_made_to() {
    let server = PostgresServer::start_with("-c synchronous_commit=off");
    let (url, _guard) = new_schema(&server.url()).await;
    let store = open(&StoreConfig::postgres(url)).await.unwrap();
    let setting = "select current_setting('synchronous_commit'), current_setting('transaction_isolation')";
    let row = store.read_one(setting, params![]).await.unwrap().unwrap();
    assert_eq!((row.text(0).unwrap(), row.text(1).unwrap()), ("on", "read committed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_must_be_encrypted_is_or_is_refused() {
    let mut server = PostgresServer::start();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let authority = server.write_file("server.crt", &certified.cert.pem());
    let key = server.write_file("server.key", &certified.signing_key.serialize_pem());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listening = format!("-c listen_addresses=127.0.0.1 -c port={port}");
    let tls = format!("-c ssl=on -c ssl_cert_file={} -c ssl_key_file={}", authority.display(), key.display());
    let url =
        |host: &str, query: &str| StoreConfig::postgres(format!("postgresql://cenote@{host}:{port}/postgres?{query}"));
    let trusted = format!("sslmode=require&sslrootcert={}", authority.display());

    server.restart_with(&listening);
    let line = refusal(&url("localhost", &trusted)).await;
    assert!(line.contains("server does not support TLS"), "{line}");

    server.restart_with(&format!("{listening} {tls}"));
    let line = refusal(&url("localhost", "sslmode=require")).await;
    assert!(line.contains("invalid peer certificate: UnknownIssuer"), "{line}");
    let line = refusal(&url("127.0.0.1", &trusted)).await;
    assert!(line.contains("invalid peer certificate"), "the certificate is for another name: {line}");
    let line = refusal(&url("localhost", &format!("sslrootcert={}", authority.display()))).await;
    assert!(line.contains("sslrootcert needs sslmode=require"), "{line}");
    let line = refusal(&url("localhost", "sslmode=require&sslrootcert=/nowhere.pem")).await;
    assert!(line.contains("sslrootcert /nowhere.pem cannot be read"), "{line}");

    let store = open(&url("localhost", &trusted)).await.unwrap();
    let sql = "select version from pg_stat_ssl where pid = pg_backend_pid()";
    let row = store.read_one(sql, params![]).await.unwrap().unwrap();
    assert!(row.text(0).unwrap().starts_with("TLSv1."));
    store.apply(Batch::new().any("delete from jobs", params![])).await.unwrap();
}
