"""Programs for the tests, on both engines.

`program` is shared by all tests of an engine and keeps real time; `clocked` is one for each module, with a clock that
the test moves; `launch` and `launch_once` start as many as a test about the process itself needs.
"""

import itertools
from collections.abc import Callable, Iterator

import pytest

from harness.clock import Clock
from harness.postgres import Postgres
from harness.program import BINARY, Program

ENGINES = ["sqlite", "postgres"]


def pytest_configure() -> None:
    if not BINARY.exists():
        raise pytest.UsageError(f"{BINARY} does not exist: build it, or name another in CENOTE_TEST_BIN")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session", params=ENGINES)
def engine_arguments(request: pytest.FixtureRequest) -> Callable[[], list[str]]:
    """Makes the arguments that give a new program its own place on the engine."""
    if request.param == "sqlite":
        return list
    server = request.getfixturevalue("postgres")
    return lambda: ["--database", server.new_database()]


@pytest.fixture(scope="session")
def unstarted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Program]:
    """Makes programs that are not started yet, on SQLite unless told otherwise."""
    folder = tmp_path_factory.mktemp("programs")
    numbers = itertools.count(1)

    def make(**settings) -> Program:
        settings.setdefault("data_dir", folder / f"data-{next(numbers)}")
        # PostgreSQL may be shared by several nodes, so there the folder for messages has to be asked for.
        settings["arguments"] = ["--outbox", *settings.get("arguments", [])]
        return Program(**settings)

    return make


@pytest.fixture(scope="session")
def new_program(unstarted: Callable[..., Program], engine_arguments: Callable[[], list[str]]) -> Callable[..., Program]:
    """Makes programs of the engine that are not started yet."""
    return lambda **settings: unstarted(engine_arguments=engine_arguments(), **settings)


def closed(program: Program) -> Iterator[Program]:
    yield program
    if program.process is not None:
        program.stop()


@pytest.fixture(scope="session")
def program(new_program: Callable[..., Program]) -> Iterator[Program]:
    yield from closed(new_program().start())


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory, engine_arguments: object) -> Iterator[Clock]:
    clock = Clock(tmp_path_factory.mktemp("clock") / "offset")
    with pytest.MonkeyPatch.context() as patch:
        clock.move_botocore(patch)
        yield clock


@pytest.fixture(scope="module")
def clocked(new_program: Callable[..., Program], clock: Clock) -> Iterator[Program]:
    """A program whose time is that of `clock`."""
    yield from closed(new_program(env=clock.environment).start())


def launching(make: Callable[..., Program]) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(**settings) -> Program:
        started.append(make(**settings))
        return started[-1].start()

    yield start
    for program in started:
        if program.process is not None:
            program.stop()


@pytest.fixture
def launch(new_program: Callable[..., Program]) -> Iterator[Callable[..., Program]]:
    """Starts programs that are stopped when the test ends; the test runs on each engine."""
    yield from launching(new_program)


@pytest.fixture
def launch_once(unstarted: Callable[..., Program]) -> Iterator[Callable[..., Program]]:
    """The same for a test that is about one engine, or none."""
    yield from launching(unstarted)
