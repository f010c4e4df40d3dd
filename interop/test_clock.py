"""What time does: codes, sessions, tokens and passwords that expire, and the lock-out."""

import pytest

from harness.app import NEW_PASSWORD, PASSWORD, App, address, fresh_name, new_app, rotation
from harness.clock import Clock
from harness.expect import NOT_AUTHORIZED, refused
from harness.program import Program

INCORRECT = "Incorrect username or password."
LOCKED = "Password attempts exceeded"
TOO_MANY = "Attempt limit exceeded, please try after some time."
WRONG = "Wrong-Horse-9"


@pytest.fixture(scope="module")
def app(clocked: Program) -> App:
    return new_app(clocked)


def fail(app: App, name: str, times: int = 1) -> None:
    for _ in range(times):
        with refused(NOT_AUTHORIZED, INCORRECT):
            app.sign_in(name, WRONG)


def assert_locked(app: App, name: str) -> None:
    """Not even the right password helps, and trying doesn't make it longer."""
    for password in (PASSWORD, WRONG):
        with refused(NOT_AUTHORIZED, LOCKED):
            app.sign_in(name, password)


def test_confirmation_code_lives_a_day(app: App, clock: Clock):
    name = fresh_name()
    app.sign_up(name)
    code = app.program.outbox.code(address(name))
    clock.advance(hours=24, seconds=1)
    with refused("ExpiredCodeException", "Invalid code provided, please request a code again."):
        app.confirm(name, code)

    app.resend(name)
    renewed = app.program.outbox.code(address(name), number=2)
    clock.advance(hours=23, minutes=59)
    app.confirm(name, renewed)


def test_session_lives_three_minutes(app: App, clock: Clock):
    name = app.create_user()["Username"]
    session = app.sign_in(name)["Session"]
    clock.advance(minutes=3, seconds=1)
    with refused(NOT_AUTHORIZED, "Invalid session for the user, session is expired."):
        app.answer_new_password(session, name)

    patient = app.add_client(AuthSessionValidity=15)
    session = patient.sign_in(name)["Session"]
    clock.advance(minutes=14)
    assert patient.answer_new_password(session, name)["AuthenticationResult"]


def test_tokens_expire(app: App, clock: Clock):
    name = app.confirmed_user()
    result = app.sign_in(name)["AuthenticationResult"]
    clock.advance(minutes=59)
    assert app.program.public.get_user(AccessToken=result["AccessToken"])
    clock.advance(minutes=1, seconds=1)
    with refused(NOT_AUTHORIZED, "Access Token has expired"):
        app.program.public.get_user(AccessToken=result["AccessToken"])
    refreshed = app.refresh(result["RefreshToken"], name)["AuthenticationResult"]
    assert app.program.public.get_user(AccessToken=refreshed["AccessToken"])

    # The life of a refresh token counts from its own issue.
    clock.advance(days=30)
    with refused(NOT_AUTHORIZED, "Refresh Token has expired"):
        app.refresh(result["RefreshToken"], name)


def test_temporary_password_lives_seven_days(app: App, clock: Clock):
    name = app.create_user()["Username"]
    clock.advance(days=6, hours=23)
    assert app.sign_in(name)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    clock.advance(hours=1, seconds=1)
    with refused(NOT_AUTHORIZED, "Temporary password has expired and must be reset by an administrator."):
        app.sign_in(name)
    with refused(NOT_AUTHORIZED, INCORRECT):
        app.sign_in(name, WRONG)

    # Both ways to revive it.
    app.create_user(name, MessageAction="RESEND", TemporaryPassword=NEW_PASSWORD)
    assert app.sign_in(name, NEW_PASSWORD)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    clock.advance(days=7, seconds=1)
    app.program.admin.admin_set_user_password(UserPoolId=app.pool_id, Username=name, Password=PASSWORD, Permanent=False)
    assert app.sign_in(name)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_lock_out(app: App, clock: Clock):
    name = app.confirmed_user()
    # Four failures are free; from the fifth on each doubles the lock: 1, 2, 4, 8, 16 seconds.
    fail(app, name, times=5)
    clock.advance(seconds=2)
    fail(app, name)
    clock.advance(seconds=3)
    fail(app, name)
    clock.advance(seconds=5)
    fail(app, name)
    assert_locked(app, name)
    clock.advance(seconds=9)
    fail(app, name)
    assert_locked(app, name)
    clock.advance(seconds=8)
    assert_locked(app, name)
    clock.advance(seconds=9)
    # The end of the lock gives one chance; success forgets everything.
    assert app.sign_in(name)["AuthenticationResult"]
    fail(app, name, times=4)
    assert app.sign_in(name)["AuthenticationResult"]


def test_lock_out_ends_at_fifteen_minutes(app: App, clock: Clock):
    name = app.confirmed_user()
    fail(app, name, times=5)
    for failures in range(6, 17):
        clock.advance(seconds=min(2 ** (failures - 6), 900) + 1)
        fail(app, name)
    assert_locked(app, name)
    clock.advance(minutes=15, seconds=1)
    assert app.sign_in(name)["AuthenticationResult"]


def test_lock_out_is_forgotten(app: App, clock: Clock):
    name = app.confirmed_user()
    fail(app, name, times=5)
    clock.advance(minutes=15, seconds=2)
    # As good as new: four more are free again.
    fail(app, name, times=4)
    assert app.sign_in(name)["AuthenticationResult"]


def test_lock_out_holds_at_every_door(app: App, clock: Clock):
    name = app.confirmed_user()
    other = app.add_client()
    fail(app, name, times=5)
    for wait in (2, 3, 5, 9):
        clock.advance(seconds=wait)
        fail(other, name)
    with refused(NOT_AUTHORIZED, LOCKED):
        app.program.admin.admin_initiate_auth(
            UserPoolId=app.pool_id,
            ClientId=app.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
    assert_locked(other, name)


def test_unknown_users_are_locked_out_too(app: App, clock: Clock):
    """Or the lock would tell who exists."""
    hiding = app.add_client(PreventUserExistenceErrors="ENABLED")
    name = fresh_name("nobody")
    fail(hiding, name, times=5)
    for wait in (2, 3, 5, 9):
        clock.advance(seconds=wait)
        fail(hiding, name)
    assert_locked(hiding, name)


def test_guessing_codes(app: App, clock: Clock):
    name = fresh_name()
    app.sign_up(name)
    code = app.program.outbox.code(address(name))
    guesses = (f"{number:06}" for number in range(1_000_000) if f"{number:06}" != code)

    def guess() -> str:
        try:
            app.confirm(name, next(guesses))
        except app.program.public.exceptions.ClientError as refusal:
            return refusal.response["Error"]["Code"]
        raise AssertionError("a wrong code was taken")

    outcomes = [guess() for _ in range(17)]
    assert set(outcomes[:5]) == {"CodeMismatchException"}
    assert outcomes[-1] in ("LimitExceededException", "TooManyFailedAttemptsException")
    with refused(outcomes[-1], TOO_MANY):
        app.confirm(name, code)
    clock.advance(hours=1, seconds=1)
    app.confirm(name, code)


def test_asking_for_codes(app: App, clock: Clock):
    name = fresh_name()
    app.sign_up(name)
    for _ in range(5):
        app.resend(name)
    with refused("LimitExceededException", TOO_MANY):
        app.resend(name)
    clock.advance(hours=1, seconds=1)
    assert app.resend(name)["CodeDeliveryDetails"]


def test_the_end_of_the_grace_period_and_of_the_token(clocked: Program, clock: Clock):
    units = {"RefreshToken": "hours"}
    app = new_app(clocked, client=rotation(60, RefreshTokenValidity=2, TokenValidityUnits=units))
    name = app.confirmed_user()
    first = app.tokens(name)
    second = app.renewed(first)
    clock.advance(seconds=30)
    assert app.renewed(first)["RefreshToken"]
    clock.advance(seconds=30)
    with refused("RefreshTokenReuseException", "Refresh Token has been reused"):
        app.renew(first["RefreshToken"])
    with refused(NOT_AUTHORIZED, "Refresh Token has been revoked"):
        app.renew(second["RefreshToken"])

    first = app.tokens(name)
    clock.advance(hours=1, minutes=59)
    second = app.renewed(first)
    clock.advance(minutes=1)
    for tokens in (first, second):
        with refused(NOT_AUTHORIZED, "Refresh Token has expired"):
            app.renew(tokens["RefreshToken"])


def test_page_token_lives_an_hour(clocked: Program, clock: Clock):
    pool = new_app(clocked)
    for _ in range(2):
        pool.create_user()
    first = clocked.admin.list_users(UserPoolId=pool.pool_id, Limit=1)
    go_on = {"UserPoolId": pool.pool_id, "Limit": 1, "PaginationToken": first["PaginationToken"]}
    clock.advance(minutes=59)
    assert len(clocked.admin.list_users(**go_on)["Users"]) == 1
    clock.advance(minutes=1, seconds=1)
    with refused("InvalidParameterException"):
        clocked.admin.list_users(**go_on)


def test_forgotten_passwords_are_limited(app: App, clock: Clock):
    """For users that exist and for users that do not."""
    hiding = app.add_client(PreventUserExistenceErrors="ENABLED")
    name = fresh_name()
    app.confirmed_user(name, email=address(name), email_verified="true")
    unknown = fresh_name("nobody")
    for asked in (name, unknown):
        for _ in range(5):
            hiding.forgot_password(asked)
        with refused("LimitExceededException", TOO_MANY):
            hiding.forgot_password(asked)
    code = app.program.outbox.code(address(name), number=5)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for asked in (name, unknown):
        for _ in range(15):
            with refused("CodeMismatchException", "Invalid verification code provided, please try again."):
                hiding.confirm_forgot_password(asked, wrong)
        with refused("LimitExceededException", TOO_MANY):
            hiding.confirm_forgot_password(asked, code)
    clock.advance(hours=1, seconds=1)
    for asked in (name, unknown):
        with refused("ExpiredCodeException", "Invalid code provided, please request a code again."):
            hiding.confirm_forgot_password(asked, code)
    hiding.forgot_password(name)
    hiding.confirm_forgot_password(name, app.program.outbox.code(address(name), number=6))
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]
