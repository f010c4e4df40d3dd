//! A PostgreSQL server of the tests' own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// How a server is stopped.
#[derive(Clone, Copy, Debug)]
pub enum StopMode {
    /// Ends connections and writes a checkpoint.
    Fast,
    /// As if the power failed.
    Immediate,
}

/// A PostgreSQL server with data of its own, on a Unix socket, `fsync` on. It ends with the process, even when that is
/// killed: a watcher waits for the end of a pipe that this process holds.
#[derive(Debug)]
pub struct PostgresServer {
    binaries: PathBuf,
    directory: PathBuf,
    user: Option<ServerUser>,
    settings: String,
    watcher: Child,
}

/// Whom the server runs as when the tests run as root, which PostgreSQL refuses.
#[derive(Clone, Debug)]
struct ServerUser {
    uid: u32,
    gid: u32,
}

/// The default collation sorts as a dictionary does, so that a key without `collate "C"` fails a test.
const INITDB: &[&str] = &[
    "--username=cenote",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=icu",
    "--icu-locale=en-US",
    "--no-sync",
    "--no-instructions",
];

const SETTINGS: &str = "-c listen_addresses= -c max_connections=200 -c shared_buffers=64MB -c fsync=on \
                        -c synchronous_commit=on -c log_min_messages=warning";

impl PostgresServer {
    /// The server of this process, started at the first call.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of the caller's own, stopped when it is dropped: for tests that stop it.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// As [`PostgresServer::start`], with further `-c name=value` settings.
    pub fn start_with(settings: &str) -> Self {
        let binaries = binaries();
        let directory = tempfile::Builder::new().prefix("cenote-pg-").tempdir().expect("a directory").keep();
        let user = server_user();
        if let Some(user) = &user {
            chown(&directory, Some(user.uid), Some(user.gid)).expect("the server's directory changes its owner");
        }
        let mut stop = as_user(user.as_ref(), &binaries.join("pg_ctl"));
        stop.arg("-D").arg(directory.join("data")).args(["-m", "immediate", "-w", "stop"]);
        let watcher = watch(&directory, &stop);
        let settings = settings.to_owned();
        let server = Self { binaries, directory, user, settings, watcher };
        server.run("initdb", |command| command.args(INITDB));
        server.start_again();
        server
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        let host: String = self.directory.to_string_lossy().replace('/', "%2F");
        format!("postgresql://cenote@{host}/postgres")
    }

    /// The folder that holds its data and its socket.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Puts a file beside its data that the server can read and nobody else.
    pub fn write_file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.directory.join(name);
        fs::write(&file, content).expect("the server's directory can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("the file changes its mode");
        if let Some(user) = &self.user {
            chown(&file, Some(user.uid), Some(user.gid)).expect("the file changes its owner");
        }
        file
    }

    /// Stops the server and waits for its end.
    pub fn stop(&self, mode: StopMode) {
        let mode = match mode {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        self.run("pg_ctl", |command| command.args(["-m", mode, "-w", "stop"]));
    }

    /// Stops the server and starts it with these settings in place of those that it was started with.
    pub fn restart_with(&mut self, settings: &str) {
        self.stop(StopMode::Fast);
        settings.clone_into(&mut self.settings);
        self.start_again();
    }

    /// Starts the server after a [`stop`](Self::stop) and waits until it answers.
    pub fn start_again(&self) {
        let settings = format!("{SETTINGS} {} -c unix_socket_directories={}", self.settings, self.directory.display());
        let log = self.directory.join("log");
        self.run("pg_ctl", |command| command.args(["-w", "-t", "120", "-o", &settings, "-l"]).arg(&log).arg("start"));
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) {
        let mut command = as_user(self.user.as_ref(), &self.binaries.join(program));
        command.arg("-D").arg(self.directory.join("data"));
        arguments(&mut command);
        // Through a file: the server inherits pipes and would keep them open.
        let said = self.directory.join("said");
        let file = fs::File::create(&said).expect("a file for what the command says");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("the same file")).stderr(file);
        let status = command.status().unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
        assert!(
            status.success(),
            "{program} failed ({status}):\n{}\n{}",
            fs::read_to_string(said).unwrap_or_default(),
            fs::read_to_string(self.directory.join("log")).unwrap_or_default()
        );
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // The end of its input is the watcher's signal to stop the server and to remove the directory.
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// Starts a process that outlives this one until the server is stopped and its directory gone.
fn watch(directory: &Path, stop: &Command) -> Child {
    let script = "trap '' INT TERM HUP; cd /; cat > /dev/null; gone=$1; shift; \"$@\"; rm -rf \"$gone\"";
    let mut watcher = Command::new("/bin/sh");
    watcher.args(["-c", script, "cenote-test-postgres"]).arg(directory).arg(stop.get_program()).args(stop.get_args());
    watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    watcher.spawn().expect("/bin/sh runs")
}

fn as_user(user: Option<&ServerUser>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
    command.arg("--clear-groups").arg(program).current_dir("/");
    command
}

fn server_user() -> Option<ServerUser> {
    let own = fs::metadata("/proc/self").expect("/proc is mounted").uid();
    if own != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
    let find = |wanted: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            (name == wanted).then_some(ServerUser { uid, gid })
        })
    };
    let user = find("postgres").or_else(|| find("nobody"));
    assert!(user.is_some(), "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as");
    user
}

/// Where the server's programs are: the newest of Debian's places, or the path.
fn binaries() -> PathBuf {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<_> = debian.chain(std::env::split_paths(&path).map(|place| (0, place))).collect();
    places.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let complete = |place: &Path| ["initdb", "pg_ctl", "postgres"].iter().all(|name| place.join(name).is_file());
    match places.into_iter().find(|(_, place)| complete(place)) {
        Some((_, place)) => place,
        None => panic!(
            "the tests need a PostgreSQL server: install the package postgresql-15 (apt-get install postgresql-15), \
             or name a running server in {}",
            super::URL_VARIABLE
        ),
    }
}
