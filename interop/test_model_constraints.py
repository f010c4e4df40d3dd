"""For each of the 164 operations each constraint of its model is violated once and the answer compared."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest
from botocore.credentials import Credentials

from harness.constraints import Case, load
from harness.program import Program
from harness.wire import Wire

# What each service calls a broken constraint.
SERVICES = {"cognito-idp": "InvalidParameterException", "cognito-identity": "ValidationException"}
OPERATIONS = [(service, operation) for service in SERVICES for operation in load(service).operations]
THREADS = 4
PARTS = 25


@pytest.fixture(scope="module")
def program(unstarted: Callable[..., Program]) -> Iterator[Program]:
    """Constraints are judged before anything is stored: one engine is enough."""
    program = unstarted().start()
    yield program
    program.stop()


@pytest.fixture(scope="module")
def root(program: Program) -> Credentials:
    return program.credentials


def test_every_operation_is_here():
    assert [len(load(service).operations) for service in SERVICES] == [141, 23]


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_constraints(program: Program, root: Credentials, service: str, operation: str):
    model = load(service)
    credentials = None if model.is_public(operation) else root
    wires: SimpleQueue[Wire] = SimpleQueue()
    for _ in range(THREADS):
        wires.put(Wire(program.port, keep=True))

    def problem(case: Case) -> str | None:
        """What is wrong with the answer to a case."""
        wire = wires.get()
        try:
            answer = wire.call(operation, case.body, service=model.target, credentials=credentials)
        finally:
            wires.put(wire)
        if answer.status != 400:
            return f"{case.name}: HTTP {answer.status}: {answer.body[:PARTS]!r}"
        code, message = answer.error
        if code != SERVICES[service]:
            return f"{case.name}: {code}: {message}"
        if not case.explains(message or ""):
            expected = "\n    ".join(str(part)[:600] for part in case.violations)
            return f"{case.name}: {message[:600]!r}\n  expected:\n    {expected}"
        return None

    with ThreadPoolExecutor(THREADS) as threads:
        problems = [found for found in threads.map(problem, model.cases(operation)) if found]
    while not wires.empty():
        wires.get().close()
    assert not problems, f"{len(problems)} cases\n" + "\n".join(problems[:PARTS])


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_least_input_is_no_fault_of_the_server(program: Program, root: Credentials, service: str, operation: str):
    """What breaks no constraint is done, refused or not built; it is never a 5xx."""
    model = load(service)
    name = model.input_shape(operation)
    body = model.valid(name, model.shape(name))
    credentials = None if model.is_public(operation) else root
    answer = program.wire.call(operation, body, service=model.target, credentials=credentials)
    assert answer.status in (200, 400)
    if answer.status == 400:
        assert not answer.error[1].startswith("1 validation error detected"), answer.error
