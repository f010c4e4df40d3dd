"""Starts that must be refused: one clear line, nothing lost, nothing made up."""

import os
import shutil
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from harness.app import new_app
from harness.postgres import Postgres
from harness.program import BINARY, Program, base_environment, free_port

REFUSED_WITHIN = 30
# As root, file permissions hold only without these capabilities.
OBEY_PERMISSIONS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def refusal(*arguments: str, cwd: Path, before: list[str] = (), **env: str) -> str:
    """The one line of a start that ends with an error."""
    done = subprocess.run(
        [*before, BINARY, "serve", *arguments],
        cwd=cwd,
        env=base_environment() | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=REFUSED_WITHIN,
        check=False,
    )
    assert done.returncode > 0, done.stdout
    assert "panicked" not in done.stdout
    errors = [line for line in done.stdout.splitlines() if not is_log_of_the_start(line)]
    assert len(errors) == 1, done.stdout
    return errors[0]


def is_log_of_the_start(line: str) -> bool:
    """Log lines below ERROR may stand before the refusal."""
    return any(f" {level} " in line for level in ("DEBUG", "INFO", "WARN"))


def refused_program(program: Program, before: list[str] = ()) -> str:
    """The refusal of a program that was set up by a fixture."""
    arguments = program.command_line[1:]
    return refusal(*arguments, cwd=program.data_dir.parent, before=before)


# --- Configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-such-flag"], ["--no-such-flag"]),
        (["--listen", "nonsense"], ["--listen", "nonsense"]),
        (["--listen", "127.0.0.1:99999"], ["--listen", "99999"]),
        (["--public-url", "http://example.com/path"], ["--public-url"]),
        (["--public-url", "ftp://example.com"], ["--public-url", "ftp"]),
        (["--region", "Mars!"], ["--region", "Mars!"]),
        (["--database", "mysql://localhost/x"], ["--database", "mysql"]),
        (["--max-body-bytes", "many"], ["--max-body-bytes", "many"]),
        (["--trusted-proxies", "10.0.0.0/99"], ["--trusted-proxies", "10.0.0.0/99"]),
    ],
)
def test_bad_flags(tmp_path: Path, arguments: list[str], words: list[str]):
    line = refusal("--data-dir", str(tmp_path / "data"), *arguments, cwd=tmp_path)
    for word in words:
        assert word in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("variable", "value"), [("CENOTE_LISTEN", "nonsense"), ("CENOTE_NO_SUCH_THING", "x"), ("CENOTE_LOG_LEVEL", "loud")]
)
def test_bad_variables(tmp_path: Path, variable: str, value: str):
    assert variable in refusal(cwd=tmp_path, **{variable: value})
    assert not (tmp_path / "cenote-data").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("listem = '127.0.0.1:1'", ["listem"]),
        ("listen = 'nonsense'", ["listen", "nonsense"]),
        ("listen = '127.0.0.1:1", ["line 1"]),
        ("region = 'us-east-1'\n[[[", ["line 2"]),
    ],
)
def test_bad_file(tmp_path: Path, text: str, words: list[str]):
    (tmp_path / "cenote.toml").write_text(text)
    line = refusal(cwd=tmp_path)
    for word in ["cenote.toml", *words]:
        assert word in line
    assert not (tmp_path / "cenote-data").exists()


def test_missing_file(tmp_path: Path):
    assert "elsewhere.toml" in refusal("--config", "elsewhere.toml", cwd=tmp_path)


def test_secrets_are_not_repeated(tmp_path: Path):
    (tmp_path / "cenote.toml").write_text("master_key = 'hunter2'")
    assert "hunter2" not in refusal(cwd=tmp_path)
    (tmp_path / "cenote.toml").unlink()
    unreachable = "postgres://cenote:hunter2@127.0.0.1:1/cenote"
    line = refusal("--data-dir", str(tmp_path / "data"), "--outbox", cwd=tmp_path, CENOTE_DATABASE=unreachable)
    assert "hunter2" not in line
    assert "127.0.0.1" in line


# --- The data directory ----------------------------------------------------------------------------------------------


def test_data_directory_that_is_a_file(tmp_path: Path):
    file = tmp_path / "data"
    file.write_text("mine")
    assert str(file) in refusal("--data-dir", str(file), cwd=tmp_path)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_data_directory_without_permission(tmp_path: Path, mode: int):
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    assert str(folder) in refusal("--data-dir", str(folder), cwd=tmp_path, before=OBEY_PERMISSIONS)
    folder.chmod(0o700)
    assert list(folder.iterdir()) == []


def test_files_of_the_first_start(launch_once):
    program = launch_once()
    app = new_app(program)
    app.sign_up("alice")
    program.outbox.wait("alice@example.com")
    for name in ("master.key", "credentials"):
        assert (program.data_dir / name).stat().st_mode & 0o777 == 0o600
    for folder in (program.data_dir, program.outbox.folder):
        assert folder.stat().st_mode & 0o777 == 0o700
    for file in program.outbox.folder.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_port_in_use(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal("--data-dir", str(tmp_path / "data"), "--listen", f"127.0.0.1:{port}", cwd=tmp_path)
    assert f"127.0.0.1:{port}" in line


def test_second_server_on_a_directory(launch_once):
    first = launch_once()
    second = Program(first.data_dir, arguments=first.arguments)
    assert str(first.data_dir) in refused_program(second)
    assert first.readiness() == 200
    first.restart()


# --- The master key --------------------------------------------------------------------------------------------------


def stopped(launch) -> Program:
    program = launch()
    new_app(program)
    program.stop()
    return program


def test_missing_master_key(launch):
    program = stopped(launch)
    key = program.data_dir / "master.key"
    kept = key.read_bytes()
    key.unlink()
    assert "master" in refused_program(program)
    assert not key.exists()

    key.write_bytes(kept)
    key.chmod(0o600)
    program.start()
    assert program.admin.list_user_pools(MaxResults=1)["UserPools"]


def test_wrong_master_key(launch):
    program = stopped(launch)
    other = stopped(launch)
    key = program.data_dir / "master.key"
    kept = key.read_bytes()
    shutil.copy(other.data_dir / "master.key", key)
    assert "master key" in refused_program(program)

    key.write_bytes(b"garbage\n")
    assert str(key) in refused_program(program)
    assert key.read_bytes() == b"garbage\n"

    key.write_bytes(kept)
    program.start()
    assert program.admin.list_user_pools(MaxResults=1)["UserPools"]


def test_another_node_without_the_key(launch_once, postgres: Postgres, tmp_path: Path):
    url = postgres.new_database()
    launch_once(engine_arguments=["--database", url])
    arguments = ["--data-dir", str(tmp_path / "node"), "--listen", f"127.0.0.1:{free_port()}", "--database", url]
    assert "master" in refusal(*arguments, "--outbox", cwd=tmp_path)
    assert not (tmp_path / "node" / "master.key").exists()


# --- The database ----------------------------------------------------------------------------------------------------


def sqlite_file(program: Program) -> Path:
    files = [file for file in program.data_dir.iterdir() if file.is_file()]
    found = [file for file in files if file.read_bytes()[:15] == b"SQLite format 3"]
    assert len(found) == 1, files
    return found[0]


def test_database_of_a_newer_program(launch, request: pytest.FixtureRequest):
    program = stopped(launch)
    newer = "update schema_migrations set min_program = 999 where number = 0"
    older = newer.replace("999", "0")
    if program.engine_arguments:
        server: Postgres = request.getfixturevalue("postgres")
        database = program.engine_arguments[1].rsplit("/", 1)[1]
        server.query(newer, database)
        line = refused_program(program)
        server.query(older, database)
    else:
        with sqlite3.connect(sqlite_file(program)) as connection:
            connection.execute(newer)
        line = refused_program(program)
        with sqlite3.connect(sqlite_file(program)) as connection:
            connection.execute(older)
    assert "newer" in line
    assert "999" in line
    program.start()
    assert program.admin.list_user_pools(MaxResults=1)["UserPools"]


def test_database_that_is_none(launch_once):
    program = stopped(launch_once)
    file = sqlite_file(program)
    garbage = b"this is no database " * 1000
    file.write_bytes(garbage)
    assert str(file) in refused_program(program)
    assert file.read_bytes() == garbage
