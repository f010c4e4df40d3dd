"""A real PostgreSQL server for the tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.program import free_port
from harness.wait import wait_until

STARTS_WITHIN = 30.0


def binaries() -> Path:
    """The folder of the newest server that Debian's packages installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    assert found, "PostgreSQL is not installed; run make setup"
    return found[-1].parent


def unprivileged() -> dict:
    """PostgreSQL refuses to run as root: then it runs as the account that its package made."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


class Postgres:
    """One server on a loopback port with trusting authentication and one database for each program."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cenote-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.port = free_port()
        self.databases = 0
        self._run("initdb", "--username=cenote", "--auth=trust", "--no-sync", "--encoding=UTF8", self._data)
        self.start()

    @property
    def _data(self) -> str:
        return f"--pgdata={self.folder / 'data'}"

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [binaries() / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
            **unprivileged(),
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
        return done.stdout

    def _control(self, action: str, *arguments: str) -> None:
        # pg_ctl hands its standard output to the server: it must be a file, or nobody would ever see it closed.
        with (self.folder / "control.log").open("ab") as log:
            subprocess.run(
                [binaries() / "pg_ctl", action, self._data, "--wait", *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=60,
                check=True,
                **unprivileged(),
            )

    def start(self) -> None:
        options = [
            f"-p {self.port}",
            "-c listen_addresses=127.0.0.1",
            f"-c unix_socket_directories={self.folder}",
            "-c max_connections=200",
            # Speed for the tests: nobody turns the machine off under this server.
            "-c fsync=off",
        ]
        self._control("start", f"--log={self.folder / 'server.log'}", f"--options={' '.join(options)}")
        wait_until(self._answers, STARTS_WITHIN, "PostgreSQL answers")

    def stop(self) -> None:
        """As an operator restarts it: open connections are cut."""
        self._control("stop", "--mode=fast")

    def close(self) -> None:
        self._control("stop", "--mode=immediate")
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        ask = [binaries() / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(ask, check=False).returncode == 0

    def query(self, sql: str, database: str = "postgres") -> str:
        """Runs SQL and gives its result as unaligned text."""
        place = ["--host=127.0.0.1", f"--port={self.port}", "--username=cenote", f"--dbname={database}"]
        return self._run(
            "psql", *place, "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", f"--command={sql}"
        ).strip()

    def new_database(self) -> str:
        """Makes an empty database and gives its URL."""
        self.databases += 1
        name = f"cenote_{self.databases}"
        self.query(f"create database {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgres://cenote@127.0.0.1:{self.port}/{database}"
