"""Passwords forgotten, reset and changed; users disabled, enabled and deleted, by boto3 and the AWS CLI."""

import json

import pytest

from harness.app import NEW_PASSWORD, PASSWORD, App, address, fresh_name, new_app, values_of
from harness.expect import INVALID_PARAMETER, NOT_AUTHORIZED, NOT_FOUND, refused
from harness.program import Program

INCORRECT = "Incorrect username or password."
DISABLED = "User is disabled."
NO_USER = "User does not exist."
NOBODY = "Username/client id combination not found."
NOT_RESETTABLE = "User password cannot be reset in the current state."
NOTHING_VERIFIED = "Cannot reset password for the user as there is no registered/verified email or phone_number"
TOO_MANY = "Attempt limit exceeded, please try after some time."
BAD_CODE = ("CodeMismatchException", "Invalid verification code provided, please try again.")
OLD_CODE = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
RESET_REQUIRED = ("PasswordResetRequiredException", "Password reset required for the user")
NO_SUCH_USER = ("UserNotFoundException", NO_USER)
WEAK = ("InvalidPasswordException", "Password does not conform to policy: Password not long enough")


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    """A pool whose client has a secret."""
    return new_app(program, client={"GenerateSecret": True})


@pytest.fixture(scope="module")
def hiding(app: App) -> App:
    """A client of the same pool that hides which users exist."""
    return app.add_client(PreventUserExistenceErrors="ENABLED")


def reachable(app: App) -> str:
    """A user with a verified address."""
    name = fresh_name()
    return app.confirmed_user(name, email=address(name), email_verified="true")


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def body(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_forgotten_password(program: Program, app: App):
    name = reachable(app)
    tokens = app.sign_in(name)["AuthenticationResult"]
    with refused(*OLD_CODE):
        app.confirm_forgot_password(name, "123456")
    details = {"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": f"{name[0]}***@e***"}
    assert body(app.forgot_password(name)) == {"CodeDeliveryDetails": details}
    mail = program.outbox.wait(address(name))
    assert "Your password reset code is" in mail.text
    with refused(*BAD_CODE):
        app.confirm_forgot_password(name, other(mail.code))
    with refused(*WEAK):
        app.confirm_forgot_password(name, mail.code, "Short-1")

    app.forgot_password(name)
    newer = program.outbox.code(address(name), number=2)
    with refused(*OLD_CODE):
        app.confirm_forgot_password(name, mail.code)
    assert app.sign_in(name)["AuthenticationResult"], "who asks changes nothing"
    assert body(app.confirm_forgot_password(name, newer)) == {}
    with refused(*OLD_CODE):
        app.confirm_forgot_password(name, newer, PASSWORD)
    with refused(NOT_AUTHORIZED, INCORRECT):
        app.sign_in(name)
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]
    assert program.public.get_user(AccessToken=tokens["AccessToken"])["Username"] == name
    assert app.refresh(tokens["RefreshToken"], name)["AuthenticationResult"]


def test_text_message(program: Program):
    sms = {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "x"}
    app = new_app(program, SmsConfiguration=sms)
    number = "+12065550177"
    name = app.confirmed_user(phone_number=number, phone_number_verified="true")
    details = {"AttributeName": "phone_number", "DeliveryMedium": "SMS", "Destination": "+*******0177"}
    assert app.forgot_password(name)["CodeDeliveryDetails"] == details
    app.confirm_forgot_password(name, program.outbox.wait_for_text(number)[-6:])
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]


def test_who_gets_no_code(program: Program, app: App):
    with refused(NOT_AUTHORIZED, NOT_RESETTABLE):
        app.forgot_password(app.create_user()["Username"])
    with refused(INVALID_PARAMETER, NOTHING_VERIFIED):
        app.forgot_password(app.confirmed_user())
    with refused(INVALID_PARAMETER, NOTHING_VERIFIED):
        app.forgot_password(app.unconfirmed_user())
    with refused("UserNotFoundException", NOBODY):
        app.forgot_password(fresh_name())
    with refused("UserNotFoundException", NOBODY):
        app.confirm_forgot_password(fresh_name(), "123456")
    with refused("UserNotConfirmedException", "User is not confirmed."):
        app.confirm_forgot_password(app.unconfirmed_user(), "123456")
    name = reachable(app)
    program.admin.admin_disable_user(UserPoolId=app.pool_id, Username=name)
    with refused(NOT_AUTHORIZED, DISABLED):
        app.forgot_password(name)
    closed = new_app(program, AccountRecoverySetting={"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]})
    name = reachable(closed)
    with refused(NOT_AUTHORIZED, "Contact administrator to reset password."):
        closed.forgot_password(name)
    with refused(NOT_AUTHORIZED, "Contact administrator to reset password."):
        program.admin.admin_reset_user_password(UserPoolId=closed.pool_id, Username=name)


def test_secret_hash(program: Program, app: App):
    missing = f"Client {app.client_id} is configured with secret but SECRET_HASH was not received"
    wrong = f"Unable to verify secret hash for client {app.client_id}"
    client = {"ClientId": app.client_id, "Username": "alice"}
    code = {"ConfirmationCode": "123456", "Password": NEW_PASSWORD}
    for proof, message in (({}, missing), ({"SecretHash": app.secret_hash("bob")}, wrong)):
        with refused(NOT_AUTHORIZED, message):
            program.public.forgot_password(**client, **proof)
        with refused(NOT_AUTHORIZED, message):
            program.public.confirm_forgot_password(**client, **code, **proof)


def test_unknown_users_are_hidden(hiding: App):
    known, unknown = reachable(hiding), fresh_name("nobody")
    unreachable = hiding.confirmed_user()
    for name in (known, unknown, unreachable):
        with refused(*OLD_CODE):
            hiding.confirm_forgot_password(name, "123456")
    answers = [body(hiding.forgot_password(name))["CodeDeliveryDetails"] for name in (known, unknown, unreachable)]
    for details in answers:
        assert set(details) == {"AttributeName", "DeliveryMedium", "Destination"}
        assert (details["AttributeName"], details["DeliveryMedium"]) == ("email", "EMAIL")
        assert len(details["Destination"]) == len("a***@e***")
    for name, details in zip((known, unknown, unreachable), answers, strict=True):
        assert hiding.forgot_password(name)["CodeDeliveryDetails"] == details
    wrong = other(hiding.program.outbox.code(address(known), number=2))
    for name in (known, unknown, unreachable):
        with refused(*BAD_CODE):
            hiding.confirm_forgot_password(name, wrong)
    assert hiding.forgot_password("zoe@shop.example")["CodeDeliveryDetails"]["Destination"] == "z***@s***"


def test_lock_is_opened(program: Program, app: App):
    name = reachable(app)
    app.forgot_password(name)
    code = program.outbox.code(address(name))
    for _ in range(8):
        with refused(NOT_AUTHORIZED):
            app.sign_in(name, "Wrong-Horse-9")
    app.confirm_forgot_password(name, code)
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]


def test_administrator_resets(program: Program, app: App, hiding: App):
    name = reachable(app)
    here = {"UserPoolId": app.pool_id, "Username": name}
    tokens = app.sign_in(name)["AuthenticationResult"]
    assert body(program.admin.admin_reset_user_password(**here)) == {}
    assert app.get_user(name)["UserStatus"] == "RESET_REQUIRED"
    with refused(*RESET_REQUIRED):
        app.sign_in(name)
    with refused(*RESET_REQUIRED):
        hiding.sign_in(name)
    with refused(NOT_AUTHORIZED, INCORRECT):
        hiding.sign_in(name, "Wrong-Horse-9")
    assert program.public.get_user(AccessToken=tokens["AccessToken"])["Username"] == name
    with refused(*RESET_REQUIRED):
        program.public.change_password(
            AccessToken=tokens["AccessToken"], PreviousPassword=PASSWORD, ProposedPassword=NEW_PASSWORD
        )
    mail = program.outbox.wait(address(name))
    assert "Your password reset code is" in mail.text
    app.confirm_forgot_password(name, mail.code)
    assert app.get_user(name)["UserStatus"] == "CONFIRMED"
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]

    with refused(*NO_SUCH_USER):
        program.admin.admin_reset_user_password(UserPoolId=app.pool_id, Username=fresh_name())
    with refused(NOT_AUTHORIZED, NOT_RESETTABLE):
        program.admin.admin_reset_user_password(UserPoolId=app.pool_id, Username=app.create_user()["Username"])
    with refused(INVALID_PARAMETER, NOTHING_VERIFIED):
        program.admin.admin_reset_user_password(UserPoolId=app.pool_id, Username=app.confirmed_user())


def test_change_password(program: Program, app: App):
    name = reachable(app)
    tokens = app.sign_in(name)["AuthenticationResult"]

    def change(previous: str, proposed: str) -> dict:
        return program.public.change_password(
            AccessToken=tokens["AccessToken"], PreviousPassword=previous, ProposedPassword=proposed
        )

    with refused(NOT_AUTHORIZED, INCORRECT):
        change("Wrong-Horse-9", NEW_PASSWORD)
    with refused(*WEAK):
        change(PASSWORD, "Short-1")
    with refused(INVALID_PARAMETER):
        program.public.change_password(AccessToken=tokens["AccessToken"], ProposedPassword=NEW_PASSWORD)
    assert body(change(PASSWORD, NEW_PASSWORD)) == {}
    with refused(NOT_AUTHORIZED, INCORRECT):
        app.sign_in(name)
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]
    assert app.refresh(tokens["RefreshToken"], name)["AuthenticationResult"]
    for _ in range(2):
        change(NEW_PASSWORD, NEW_PASSWORD)
    with refused("LimitExceededException", TOO_MANY):
        change(NEW_PASSWORD, PASSWORD)


def test_disable_and_enable(program: Program, app: App):
    name = reachable(app)
    here = {"UserPoolId": app.pool_id, "Username": name}
    plain = app.add_client(EnableTokenRevocation=False)
    sessions = [(app, app.sign_in(name)["AuthenticationResult"]), (plain, plain.sign_in(name)["AuthenticationResult"])]
    open_name, session = app.new_password_session()
    for _ in range(2):
        assert body(program.admin.admin_disable_user(**here)) == {}
    program.admin.admin_disable_user(UserPoolId=app.pool_id, Username=open_name)
    assert app.get_user(name)["Enabled"] is False
    with refused(NOT_AUTHORIZED, DISABLED):
        app.answer_new_password(session, open_name)
    for client, tokens in sessions:
        with refused(NOT_AUTHORIZED, DISABLED):
            client.sign_in(name)
        with refused(NOT_AUTHORIZED):
            program.public.get_user(AccessToken=tokens["AccessToken"])
        with refused(NOT_AUTHORIZED):
            client.refresh(tokens["RefreshToken"], name)
    for _ in range(2):
        assert body(program.admin.admin_enable_user(**here)) == {}
    assert app.get_user(name)["Enabled"] is True
    for client, tokens in sessions:
        with refused(NOT_AUTHORIZED, "Access Token has been revoked"):
            program.public.get_user(AccessToken=tokens["AccessToken"])
        with refused(NOT_AUTHORIZED, "Refresh Token has been revoked"):
            client.refresh(tokens["RefreshToken"], name)
        fresh = client.sign_in(name)["AuthenticationResult"]
        assert program.public.get_user(AccessToken=fresh["AccessToken"])["Username"] == name
    for operation in (program.admin.admin_disable_user, program.admin.admin_enable_user):
        with refused(*NO_SUCH_USER):
            operation(UserPoolId=app.pool_id, Username=fresh_name())
        with refused(NOT_FOUND, "User pool us-east-1_ZZZZZZZZZ does not exist."):
            operation(UserPoolId="us-east-1_ZZZZZZZZZ", Username=name)


def test_delete_user(program: Program):
    app = new_app(program, AliasAttributes=["email"])
    name = fresh_name()
    first = app.sign_up(name)["UserSub"]
    app.confirm(name, program.outbox.code(address(name)))
    tokens = app.sign_in(name)["AuthenticationResult"]
    answer = program.wire.call("DeleteUser", {"AccessToken": tokens["AccessToken"]})
    assert (answer.status, answer.body) == (200, b"")
    for call in (program.public.get_user, program.public.delete_user):
        with refused(*NO_SUCH_USER):
            call(AccessToken=tokens["AccessToken"])
    with refused(*NO_SUCH_USER):
        app.sign_in(name)
    second = app.sign_up(name)["UserSub"]
    assert first != second
    app.confirm(name, program.outbox.code(address(name), number=2))
    again = app.sign_in(address(name))["AuthenticationResult"]
    assert values_of(program.public.get_user(AccessToken=again["AccessToken"])["UserAttributes"])["sub"] == second
    program.public.delete_user(AccessToken=again["AccessToken"])


def test_from_the_command_line(program: Program):
    app = new_app(program)
    name = reachable(app)

    def aws(*arguments: str) -> dict:
        done = program.aws("cognito-idp", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    user = ["--user-pool-id", app.pool_id, "--username", name]
    client = ["--client-id", app.client_id, "--username", name]
    aws("admin-disable-user", *user)
    assert aws("admin-get-user", *user)["Enabled"] is False
    aws("admin-enable-user", *user)
    assert aws("forgot-password", *client)["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    code = program.outbox.code(address(name))
    aws("confirm-forgot-password", *client, "--confirmation-code", code, "--password", NEW_PASSWORD)
    token = app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]["AccessToken"]
    passwords = ["--previous-password", NEW_PASSWORD, "--proposed-password", PASSWORD]
    aws("change-password", "--access-token", token, *passwords)
    aws("admin-reset-user-password", *user)
    assert aws("admin-get-user", *user)["UserStatus"] == "RESET_REQUIRED"
    aws("delete-user", "--access-token", token)
    gone = program.aws("cognito-idp", "admin-get-user", *user)
    assert gone.returncode != 0
    assert NO_USER in gone.stderr
