//! The program itself: what it prints, its exit codes, its signals, and the pages of the documentation that it writes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn cenote(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cenote"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CENOTE_")) {
        command.env_remove(name);
    }
    command.current_dir(directory).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    cenote(directory.path()).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn assert_page(file: &str, arguments: &[&str]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
    let written = text(&output(arguments).stdout);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == written, "docs/{file} is old: cenote {} > docs/{file}", arguments.join(" "));
}

#[test]
fn the_pages_of_the_documentation_are_what_the_program_writes() {
    assert_page("compatibility.md", &["operations", "--format", "markdown"]);
    assert_page("configuration.md", &["config", "reference"]);
}

#[test]
fn a_wrong_configuration_is_one_line_and_exit_code_2() {
    for arguments in
        [&["serve", "--no-such-flag"][..], &["serve", "--listen", "here"], &["config", "check", "--region="]]
    {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let line = text(&output.stderr);
        assert!(line.starts_with("cenote: ") && line.lines().count() == 1, "{line}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_start_that_fails_is_one_line_and_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("data"), "mine").unwrap();
    let output = cenote(directory.path()).args(["serve", "--data-dir=data", "--listen=127.0.0.1:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line = text(&output.stderr);
    assert!(line.contains("data is not a directory") && line.lines().count() == 1, "{line}");
}

#[test]
fn config_check_shows_where_each_value_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("cenote.toml"), "region = 'eu-west-1'\n").unwrap();
    let mut check = cenote(directory.path());
    check.args(["config", "check", "--max-connections=7"]).env("CENOTE_SMTP_URL", "smtps://me:hunter2@mail");
    let output = check.output().unwrap();
    assert!(output.status.success());
    let shown = text(&output.stdout);
    let words: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        &["region", "eu-west-1", "./cenote.toml:", "region"][..],
        &["max_connections", "7", "--max-connections"],
        &["smtp_url", "(set)", "CENOTE_SMTP_URL"],
        &["listen", "127.0.0.1:9400", "default"],
    ] {
        assert!(words.iter().any(|words| words == row), "{row:?} in\n{shown}");
    }
    assert!(!shown.contains("hunter2"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "a check creates nothing");
}

#[test]
fn a_server_says_where_it_listens_and_stops_in_order() {
    let directory = tempfile::tempdir().unwrap();
    for is_first in [true, false] {
        let mut server = cenote(directory.path());
        server.args(["serve", "--listen=127.0.0.1:0", "--log-format=json"]);
        let mut server = server.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap());
        let mut banner = String::new();
        lines.read_line(&mut banner).unwrap();
        assert!(banner.starts_with("Cenote ") && banner.contains("http://localhost:"), "{banner}");
        let killed = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
        assert!(killed.success() && server.wait().unwrap().success());
        lines.read_to_string(&mut banner).unwrap();
        assert_eq!(banner.contains("AWS_SHARED_CREDENTIALS_FILE="), is_first, "{banner}");
        let mut log = String::new();
        server.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.last().unwrap()["message"], "stopped", "{log}");
    }
    assert!(directory.path().join("cenote-data/master.key").exists());
}

#[test]
fn a_start_that_waits_says_so_and_stops_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    std::fs::create_dir(&data_dir).unwrap();
    // What another start on the directory does.
    let other = std::fs::File::open(&data_dir).unwrap();
    other.lock().unwrap();
    let mut server = cenote(directory.path());
    server.args(["serve", "--listen=127.0.0.1:0", "--data-dir=data"]);
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("waiting for another start on this data directory")));
    let killed = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(killed.success() && server.wait().unwrap().success());
    assert!(log.any(|line| line.contains("stopped before it was started")));
    let mut banner = String::new();
    server.stdout.take().unwrap().read_to_string(&mut banner).unwrap();
    assert_eq!(banner, "");
}

#[test]
fn the_welcome_of_a_first_start_that_failed_is_printed_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("cenote-data");
    std::fs::create_dir(&data_dir).unwrap();
    // The house opens, and then the outbox cannot be made.
    std::fs::write(data_dir.join("outbox"), "in the way").unwrap();
    let serve = || {
        let mut server = cenote(directory.path());
        server.args(["serve", "--listen=127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        server
    };
    let failed = serve().output().unwrap();
    assert_eq!((failed.status.code(), text(&failed.stdout).as_str()), (Some(1), ""));
    assert!(data_dir.join("master.key").exists(), "the installation is made");
    std::fs::remove_file(data_dir.join("outbox")).unwrap();
    let mut server = serve().spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("AWS_SHARED_CREDENTIALS_FILE=")));
    let killed = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(killed.success() && server.wait().unwrap().success());
}
