"""The life of the process: full load, crashes, full disks, a database that goes away."""

import errno
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from harness.app import App, fresh_name, new_app
from harness.expect import refused
from harness.postgres import Postgres
from harness.program import STOPS_WITHIN, Program, connection_refused
from harness.wait import wait_until
from harness.wire import CONTENT_TYPE, IDP, Wire

THREADS = 4
RECOVERS_WITHIN = 20.0
# These tests send as fast as they can, all from one address.
NO_RATE = ["--address-rate=0"]
SERVER_FAULTS = {"InternalErrorException", "ServiceUnavailableException"}


class Stream:
    """Threads that sign up one user after the other and keep book of what was acknowledged."""

    def __init__(self, app: App):
        self.app = app
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.lost_connections = 0
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(THREADS)
        self._running = [self._threads.submit(self._run) for _ in range(THREADS)]

    def _run(self) -> None:
        while not self._stop.is_set():
            name = fresh_name()
            try:
                self.app.sign_up(name)
            except ClientError as error:
                self.refused.append(error.response["Error"]["Code"])
                # A server that is in trouble is not asked as fast as it can say so.
                self._stop.wait(0.05)
            except (EndpointConnectionError, HTTPClientError):
                self.lost_connections += 1
                self._stop.wait(0.05)
            else:
                self.acknowledged.append(name)

    def wait_for(self, more: int) -> None:
        """Waits until so many more users are acknowledged."""
        wanted = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= wanted, RECOVERS_WITHIN, f"{more} more sign-ups")

    def finish(self) -> None:
        self._stop.set()
        self._threads.shutdown()
        for running in self._running:
            running.result()

    def assert_nothing_lost(self) -> None:
        for name in self.acknowledged:
            assert self.app.get_user(name)["UserStatus"] == "UNCONFIRMED"


@pytest.fixture
def stream() -> Iterator[Callable[[App], Stream]]:
    """Starts streams that end with the test."""
    started: list[Stream] = []

    def start(app: App) -> Stream:
        started.append(Stream(app))
        return started[-1]

    yield start
    for one in started:
        one.finish()


def test_kill_in_a_stream_of_sign_ups(launch, stream):
    program = launch(arguments=NO_RATE)
    app = new_app(program)
    sign_ups = stream(app)
    for _ in range(3):
        sign_ups.wait_for(20)
        program.kill()
        program.start()
    sign_ups.wait_for(5)
    sign_ups.finish()
    assert sign_ups.lost_connections
    assert not sign_ups.refused
    sign_ups.assert_nothing_lost()


def test_stop_finishes_what_is_in_flight(launch):
    program = launch()
    wire = program.wire
    body = b'{"PoolName":"in flight"}'
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"{IDP}.CreateUserPool"}
    signed = wire.sign(body, headers, program.credentials)

    wire.connection.putrequest("POST", "/", skip_host=True)
    for name, value in (signed | {"Host": wire.host, "Content-Length": str(len(body))}).items():
        wire.connection.putheader(name, value)
    wire.connection.endheaders(body[:10])
    # The server has begun with the request once it asks for nothing more: another answer shows that it reads on.
    assert program.wire.get("/health/live").status == 200

    process = program.process
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: connection_refused(program.port), STOPS_WITHIN, "no new connections are taken")
    wire.connection.send(body[10:])
    answer = wire.answer()
    wire.close()
    assert answer.status == 200
    assert answer.json["UserPool"]["Name"] == "in flight"
    assert process.wait(STOPS_WITHIN) == 0

    program.process = None
    program.start()
    names = [pool["Name"] for pool in program.admin.list_user_pools(MaxResults=60)["UserPools"]]
    assert names == ["in flight"]


def test_stop_does_not_wait_for_idle_connections(launch_once):
    program = launch_once()
    idle = Wire(program.port, keep=True)
    assert idle.request("GET", "/health/live").status == 200
    begun = time.monotonic()
    program.stop()
    assert time.monotonic() - begun < STOPS_WITHIN / 2
    idle.close()


def test_stop_does_not_wait_for_ever(launch_once):
    program = launch_once()
    slow = program.wire
    slow.connection.putrequest("POST", "/")
    slow.connection.putheader("Content-Length", "100")
    slow.connection.endheaders(b"{")
    program.stop()
    slow.close()


def test_stop_under_load_loses_nothing(launch, stream):
    program = launch(arguments=NO_RATE)
    sign_ups = stream(new_app(program))
    sign_ups.wait_for(20)
    program.restart()
    sign_ups.wait_for(5)
    sign_ups.finish()
    assert not sign_ups.refused
    sign_ups.assert_nothing_lost()


def test_database_restarted_under_load(launch_once, stream):
    server = Postgres()
    try:
        program = launch_once(engine_arguments=["--database", server.new_database()], arguments=NO_RATE)
        sign_ups = stream(new_app(program))
        sign_ups.wait_for(20)
        server.stop()
        wait_until(lambda: program.readiness() == 503, RECOVERS_WITHIN, "readiness shows that the database is away")
        assert program.wire.get("/health/live").status == 200
        server.start()
        program.wait_ready(RECOVERS_WITHIN)
        sign_ups.wait_for(20)
        sign_ups.finish()
        assert set(sign_ups.refused) <= SERVER_FAULTS
        assert sign_ups.refused
        assert not sign_ups.lost_connections
        sign_ups.assert_nothing_lost()
        program.stop()
    finally:
        server.close()


class FullDisk:
    """A data directory whose disk can be filled: a small file system where this may be mounted, else a limit on sizes.

    Without the right to mount, no file of the program may grow any more, which the system reports as another error.
    """

    SIZE = 48 * 1024 * 1024

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.SIZE},mode=0700", "none", str(folder)]
        self.mounted = os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, program: Program) -> None:
        if not self.mounted:
            assert program.process is not None
            resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            return
        with self._filler.open("wb", buffering=0) as filler:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        filler.write(b"\0" * size)
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def free(self, program: Program) -> None:
        if self.mounted:
            self._filler.unlink()
            return
        assert program.process is not None
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FullDisk]:
    disk = FullDisk(tmp_path / "disk")
    yield disk
    disk.close()


def test_full_disk(disk: FullDisk, launch_once):
    program = launch_once(data_dir=disk.folder, arguments=NO_RATE)
    app = new_app(program)
    acknowledged = [fresh_name() for _ in range(5)]
    for name in acknowledged:
        app.sign_up(name)

    disk.fill(program)
    refusals = 0
    while refusals < 3:
        name = fresh_name()
        assert len(acknowledged) < 2000, "the disk never seems to be full"
        try:
            app.sign_up(name)
        except ClientError as error:
            assert error.response["Error"]["Code"] in SERVER_FAULTS
            refusals += 1
        else:
            acknowledged.append(name)
    wait_until(lambda: program.readiness() == 503, RECOVERS_WITHIN, "readiness shows that nothing can be written")
    # What was written can still be read.
    for name in acknowledged:
        assert app.get_user(name)["Username"] == name

    disk.free(program)
    program.wait_ready(RECOVERS_WITHIN)
    acknowledged.append(fresh_name())
    app.sign_up(acknowledged[-1])
    program.restart()
    for name in acknowledged:
        assert app.get_user(name)["Username"] == name


def test_each_answer_is_on_the_disk(launch_once, tmp_path: Path):
    """A system-call trace shows at least one sync for each of a row of writes."""
    program = launch_once()
    app = new_app(program)
    trace = tmp_path / "trace"
    assert program.process is not None
    arguments = ["--follow-forks", "--trace=fsync,fdatasync", f"--output={trace}", f"--attach={program.process.pid}"]
    tracer = subprocess.Popen(["strace", *arguments], stderr=subprocess.PIPE, text=True)
    assert "attached" in tracer.stderr.readline()

    def synced() -> int:
        return trace.read_text().count("sync(") if trace.exists() else 0

    try:
        for _ in range(10):
            before = synced()
            app.create_user()
            assert synced() > before
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(STOPS_WITHIN)
        tracer.stderr.close()


def test_one_address_cannot_hash_without_end(launch_once):
    program = launch_once(arguments=["--address-rate=1", "--address-burst=3"])
    app = new_app(program)
    name = app.confirmed_user()
    with refused("TooManyRequestsException"):
        for _ in range(20):
            app.sign_in(name)
    # What costs no hash goes on.
    assert app.get_user(name)["Username"] == name
