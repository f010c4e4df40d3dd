"""Starts, watches and stops the real program, and makes clients for it."""

import configparser
import http.client
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

import boto3
import botocore.client
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import Credentials

from harness.mail import Outbox
from harness.wait import wait_until
from harness.wire import Wire

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CENOTE_TEST_BIN", ROOT / "target/debug/cenote"))
REGION = "us-east-1"
READY_WITHIN = 30.0
STOPS_WITHIN = 10.0

# A closed file size limit must reach the program as a failed write, not as a signal: Python ignores SIGXFSZ, and
# this keeps it ignored in the child.
_KEEP_SIGNALS = {"restore_signals": False}


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def base_environment() -> dict[str, str]:
    """The caller's environment without anything that would configure the program."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CENOTE_", "AWS_"))}
    return kept | {"RUST_BACKTRACE": "1"}


def cenote(*arguments: str, cwd: Path, env: dict[str, str] | None = None, **options) -> subprocess.CompletedProcess:
    """Runs a command of the program that is expected to end by itself."""
    return subprocess.run(
        [BINARY, *arguments],
        cwd=cwd,
        env=base_environment() | (env or {}),
        capture_output=True,
        text=True,
        timeout=READY_WITHIN,
        stdin=subprocess.DEVNULL,
        check=False,
        **options,
    )


@cache
def session() -> botocore.session.Session:
    """One botocore session for all clients: it keeps the parsed service models."""
    return botocore.session.Session()


@dataclass
class Program:
    """One `cenote serve` process, on a data directory and, for PostgreSQL, a database of its own."""

    data_dir: Path
    engine_arguments: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None

    # --- Life ------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def log_path(self) -> Path:
        return self.data_dir.with_name(self.data_dir.name + ".log")

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def command_line(self) -> list[str]:
        own = ["--data-dir", str(self.data_dir), "--listen", f"127.0.0.1:{self.port}", "--public-url", self.url]
        return ["serve", *own, "--region", REGION, *self.engine_arguments, *self.arguments]

    def start(self) -> "Program":
        """Starts the process and waits until it is ready."""
        self.spawn()
        self.wait_ready()
        return self

    def spawn(self) -> None:
        """Starts the process only."""
        assert self.process is None, "is running already"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, *self.command_line],
                cwd=self.data_dir.parent,
                env=base_environment() | self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_KEEP_SIGNALS,
            )

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log}"
            return self.readiness() == 200

        wait_until(ready, within, f"GET /health/ready answers 200\n{self.log}")

    def readiness(self) -> int | None:
        """The status of `GET /health/ready`, or None where nobody answers."""
        try:
            return self.wire.get("/health/ready").status
        except OSError:
            return None

    def neighbour(self) -> "Program":
        """Another node of the same installation, not started yet: the same database, master key and credentials."""
        assert self.engine_arguments, "only PostgreSQL is shared by nodes"
        folder = self.data_dir.with_name(self.data_dir.name + "-neighbour")
        folder.mkdir(mode=0o700)
        for name in ("master.key", "credentials"):
            shutil.copy2(self.data_dir / name, folder / name)
        return replace(self, data_dir=folder, port=free_port(), process=None)

    def stop(self) -> None:
        """SIGTERM: it must end with 0 within ten seconds, and must not have panicked in its life."""
        process, self.process = self.process, None
        assert process is not None, "is not running"
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        assert code == 0, f"ended with {code}:\n{self.log}"
        assert "panicked at" not in self.log, self.log

    def kill(self) -> None:
        """SIGKILL, as a crash of the machine would."""
        process, self.process = self.process, None
        assert process is not None, "is not running"
        process.kill()
        process.wait()

    def restart(self) -> "Program":
        self.stop()
        return self.start()

    # --- Clients ---------------------------------------------------------------------------------------------------

    @property
    def credentials_path(self) -> Path:
        return self.data_dir / "credentials"

    @property
    def credentials(self) -> Credentials:
        """The root credentials that the first start wrote."""
        profile = configparser.ConfigParser()
        profile.read_string(self.credentials_path.read_text())
        return Credentials(profile["default"]["aws_access_key_id"], profile["default"]["aws_secret_access_key"])

    @cached_property
    def admin(self) -> botocore.client.BaseClient:
        """cognito-idp, signed as the administrator."""
        return self.client("cognito-idp")

    @cached_property
    def public(self) -> botocore.client.BaseClient:
        """cognito-idp as an application without credentials uses it."""
        return self.client("cognito-idp", signature_version=UNSIGNED)

    def client(self, service: str, credentials: Credentials | None = None, **config) -> botocore.client.BaseClient:
        """A boto3 client that shows each first answer: no retries, no checks on this side."""
        keys = credentials or self.credentials
        return boto3.Session(botocore_session=session()).client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, **config),
        )

    @property
    def wire(self) -> Wire:
        """Plain HTTP, for what no SDK would send."""
        return Wire(self.port)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.data_dir / "outbox")

    def aws(self, *arguments: str, credentials_path: Path | None = None) -> subprocess.CompletedProcess:
        """Runs the AWS CLI against this program."""
        home = self.data_dir.parent
        return subprocess.run(
            [ROOT / ".venv/bin/aws", *arguments],
            cwd=home,
            env=base_environment()
            | {
                "AWS_ENDPOINT_URL": self.url,
                "AWS_SHARED_CREDENTIALS_FILE": str(credentials_path or self.credentials_path),
                "AWS_CONFIG_FILE": str(home / "no-aws-config"),
                "AWS_DEFAULT_REGION": REGION,
                "AWS_DEFAULT_OUTPUT": "json",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_MAX_ATTEMPTS": "1",
                "AWS_PAGER": "",
            },
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )


def connection_refused(port: int) -> bool:
    """Whether nobody takes connections on the port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.connect()
    except (ConnectionRefusedError, ConnectionResetError):
        # Reset: it was queued while the listener was being closed.
        return True
    finally:
        connection.close()
    return False
