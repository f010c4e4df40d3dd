"""Many callers at once: what may happen once happens once, and limits hold."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from harness.app import NEW_PASSWORD, App, address, fresh_name, new_app
from harness.program import Program

CALLERS = 8
DONE = "done"


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    return new_app(program)


def outcomes(call: Callable[[int], object], times: int) -> Counter[str]:
    """What became of so many calls at once: `DONE` or the type of the error."""

    def attempt(number: int) -> str:
        try:
            call(number)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return DONE

    with ThreadPoolExecutor(CALLERS) as callers:
        return Counter(callers.map(attempt, range(times)))


def test_one_name(app: App):
    name = fresh_name()
    found = outcomes(lambda _: app.sign_up(name), 24)
    assert found == {DONE: 1, "UsernameExistsException": 23}


def test_one_email_as_username(program: Program):
    app = new_app(program, UsernameAttributes=["email"])
    mail = address(fresh_name())
    found = outcomes(lambda _: app.sign_up(mail), 24)
    assert found == {DONE: 1, "UsernameExistsException": 23}


def test_one_code(program: Program, app: App):
    name = fresh_name()
    app.sign_up(name)
    code = program.outbox.code(address(name))
    found = outcomes(lambda _: app.confirm(name, code), CALLERS)
    assert found[DONE] == 1
    assert app.get_user(name)["UserStatus"] == "CONFIRMED"


def test_one_session(app: App):
    name, session = app.new_password_session()
    passwords = [f"{NEW_PASSWORD}-{number}" for number in range(CALLERS)]
    found = outcomes(lambda number: app.answer_new_password(session, name, passwords[number]), CALLERS)
    assert found == {DONE: 1, "NotAuthorizedException": CALLERS - 1}
    # Only the winner's password counts.
    assert outcomes(lambda number: app.sign_in(name, passwords[number]), CALLERS)[DONE] <= 1


def test_one_alias(program: Program):
    app = new_app(program, AliasAttributes=["email"])
    mail = address(fresh_name())
    names = [fresh_name() for _ in range(CALLERS)]
    codes = []
    for number, name in enumerate(names, start=1):
        app.sign_up(name, email=mail)
        codes.append(program.outbox.code(mail, number))
    found = outcomes(lambda number: app.confirm(names[number], codes[number]), CALLERS)
    assert found == {DONE: 1, "AliasExistsException": CALLERS - 1}
    verified = [
        name for name in names if {"Name": "email_verified", "Value": "true"} in app.get_user(name)["UserAttributes"]
    ]
    assert len(verified) == 1


def test_guessing_in_parallel(app: App):
    """The lock-out counts before the password is looked at: guessing at once gets nobody more guesses."""
    name = app.confirmed_user()
    found = []

    def guess(number: int) -> None:
        try:
            app.sign_in(name, f"Wrong-Horse-{number}")
        except ClientError as error:
            found.append(error.response["Error"]["Message"])

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(guess, range(24)))
    assert len(found) == 24
    # Five are free, and each second or two of real time allows one more.
    assert found.count("Incorrect username or password.") <= 8
    assert "Password attempts exceeded" in found


def test_a_user_who_signs_in_everywhere_is_not_locked_out(app: App):
    name = app.confirmed_user()
    assert outcomes(lambda _: app.sign_in(name), 24) == {DONE: 24}


def test_sign_in_against_sign_out(program: Program, app: App):
    """After a global sign-out no token from before it is good, however close they were."""
    name = app.confirmed_user()
    first = app.sign_in(name)["AuthenticationResult"]
    earlier: list[dict] = []

    def act(number: int) -> None:
        if number == 0:
            program.public.global_sign_out(AccessToken=first["AccessToken"])
        else:
            earlier.append(app.sign_in(name)["AuthenticationResult"])

    assert outcomes(act, CALLERS) == {DONE: CALLERS}
    last = app.sign_in(name)["AuthenticationResult"]
    program.public.global_sign_out(AccessToken=last["AccessToken"])
    found = outcomes(lambda number: program.public.get_user(AccessToken=earlier[number]["AccessToken"]), len(earlier))
    assert found == {"NotAuthorizedException": len(earlier)}
