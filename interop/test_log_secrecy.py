"""Everything that has a secret in it, with every debug log on; then nothing of it stands in the log.

Whatever the models call sensitive is remembered as it passes boto3, see `harness/secrets.py`. A new operation is a new
step in `STEPS`; what it sends and is answered needs no line of its own. Only what arrives by mail, or goes out on the
bare wire, has to be added.
"""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pycognito.aws_srp import AWSSRP

from harness.app import App, attributes, fresh_name, new_app, rotation
from harness.expect import INVALID_PARAMETER, NOT_AUTHORIZED, refused
from harness.program import Program, cenote
from harness.secrets import Secrets, dresses
from harness.smtp import MailServer
from harness.wait import wait_until

# Quotation marks, backslashes and letters beyond ASCII look different in every encoding.
PASSWORD = 'Kärnten-"Gold"-7\\x'
NEW_PASSWORD = "Grünes$Blatt%20-9"
WRONG_PASSWORD = "Wrong-Zebra&Fall-3"
DATABASE_PASSWORD = "Datenbank-Kennwort-5"
SMTP_PASSWORD = "Briefträger-Kennwort-6"
# Libraries must not be talked into saying more.
LOUD = {"RUST_LOG": "trace", "RUST_BACKTRACE": "full"}


@dataclass
class Scene:
    """An application whose client has a secret, on a program that logs all it can."""

    app: App
    secrets: Secrets
    mail: Callable[[str, int], str]

    @property
    def program(self) -> Program:
        return self.app.program

    def code(self, recipient: str, number: int = 1) -> str:
        """The code in the n-th message to an address."""
        code = next(word.strip(".") for word in self.mail(recipient, number).split() if word.strip(".").isdigit())
        self.secrets.add("code", code)
        return code

    def wire(self, operation: str, body: object, **headers: str) -> None:
        """A call that no SDK would make; what it has to hide is known."""
        text = body if isinstance(body, str) else json.dumps(body)
        credentials = self.program.credentials if operation.startswith("Admin") else None
        self.program.wire.call(operation, text.encode(), headers=headers or None, credentials=credentials)


# --- Steps ---------------------------------------------------------------------------------------------------------


def sign_up(scene: Scene) -> None:
    app, name = scene.app, fresh_name("quiet-person-")
    email = f"{name}@example.com"
    app.sign_up(name, PASSWORD, email=email, given_name="Geheimrat-Quietude")
    first = scene.code(email)
    app.resend(name)
    second = scene.code(email, 2)
    with refused("CodeMismatchException"):
        app.confirm(name, str((int(second) + 1) % 1_000_000).zfill(6) if second != first else "000000")
    app.confirm(name, second)


def sign_in(scene: Scene) -> None:
    app = scene.app
    name = app.confirmed_user(password=PASSWORD, email="listed-address@example.com", email_verified="true")
    tokens = app.sign_in(name, PASSWORD)["AuthenticationResult"]
    app.program.public.get_user(AccessToken=tokens["AccessToken"])
    app.refresh(tokens["RefreshToken"], name)
    with refused(NOT_AUTHORIZED):
        app.sign_in(name, WRONG_PASSWORD)
    with refused("UserNotFoundException"):
        app.sign_in(fresh_name("nobody-known-"), WRONG_PASSWORD)
    with refused(NOT_AUTHORIZED):
        app.sign_in(name, PASSWORD, SECRET_HASH="d3Jvbmctc2VjcmV0LWhhc2gtb2Ytc29tZWJvZHk=")
    secret = app.client["ClientSecret"]
    app.program.public.revoke_token(Token=tokens["RefreshToken"], ClientId=app.client_id, ClientSecret=secret)
    with refused(NOT_AUTHORIZED):
        app.refresh(tokens["RefreshToken"], name)
    with refused(NOT_AUTHORIZED):
        app.program.public.get_user(AccessToken=tokens["AccessToken"])
    more = app.sign_in(name, PASSWORD)["AuthenticationResult"]
    app.program.public.global_sign_out(AccessToken=more["AccessToken"])
    with refused(NOT_AUTHORIZED):
        app.program.public.get_user(AccessToken=more["AccessToken"][:-4] + "AAAA")


def administrators_sign_in(scene: Scene) -> None:
    app = scene.app
    name = app.confirmed_user(password=PASSWORD)
    app.program.admin.admin_initiate_auth(
        UserPoolId=app.pool_id,
        ClientId=app.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD} | app.with_hash(name, "SECRET_HASH"),
    )


def rotating_tokens(scene: Scene) -> None:
    app = scene.app.add_client(**rotation(0, GenerateSecret=True))
    name = app.confirmed_user(password=PASSWORD)
    first = app.sign_in(name, PASSWORD)["AuthenticationResult"]
    second = app.renewed(first)
    with refused("RefreshTokenReuseException"):
        app.renew(first["RefreshToken"])
    with refused(NOT_AUTHORIZED):
        app.renew(second["RefreshToken"], ClientSecret="wrongclientsecretofsomebody")
    app.program.admin.admin_user_global_sign_out(UserPoolId=app.pool_id, Username=name)


def sign_in_by_srp(scene: Scene) -> None:
    app = scene.app.add_client(GenerateSecret=True, ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    name = app.confirmed_user(password=PASSWORD)
    settings = {"pool_id": app.pool_id, "client_id": app.client_id, "client_secret": app.client["ClientSecret"]}
    client = app.program.public
    AWSSRP(username=name, password=PASSWORD, client=client, **settings).authenticate_user()
    with refused(NOT_AUTHORIZED):
        AWSSRP(username=name, password=WRONG_PASSWORD, client=client, **settings).authenticate_user()


def forgotten_password(scene: Scene) -> None:
    app, name = scene.app, fresh_name("forgetful-person-")
    email = f"{name}@example.com"
    app.confirmed_user(name, password=PASSWORD, email=email, email_verified="true")
    app.forgot_password(name)
    code = scene.code(email)
    with refused("CodeMismatchException"):
        app.confirm_forgot_password(name, code[::-1] if code != code[::-1] else "000000", NEW_PASSWORD)
    app.confirm_forgot_password(name, code, NEW_PASSWORD)
    tokens = app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]
    change = {"AccessToken": tokens["AccessToken"], "ProposedPassword": PASSWORD}
    with refused(NOT_AUTHORIZED):
        app.program.public.change_password(PreviousPassword=WRONG_PASSWORD, **change)
    app.program.public.change_password(PreviousPassword=NEW_PASSWORD, **change)
    app.program.admin.admin_reset_user_password(UserPoolId=app.pool_id, Username=name)
    scene.code(email, 2)


def new_password(scene: Scene) -> None:
    app, name = scene.app, fresh_name("invited-person-")
    email = f"{name}@example.com"
    invitation = {"TemporaryPassword": None, "MessageAction": None, "DesiredDeliveryMediums": ["EMAIL"]}
    app.create_user(name, UserAttributes=attributes(email=email), **invitation)
    text = scene.mail(email, 1)
    temporary = text.split("password is ")[1].split()[0].removesuffix(".")
    scene.secrets.add("temporary password", temporary)
    session = app.sign_in(name, temporary)["Session"]
    with refused("InvalidPasswordException"):
        app.answer_new_password(session, name, "short-1")
    app.answer_new_password(session, name, NEW_PASSWORD)
    with refused(NOT_AUTHORIZED):
        app.answer_new_password(session, name, NEW_PASSWORD)
    with refused(NOT_AUTHORIZED):
        app.answer_new_password("A" * 8 + session[8:], name, NEW_PASSWORD)


def refused_passwords(scene: Scene) -> None:
    app = scene.app
    for password in ("tiny-é", "no-capitals-or-digits"):
        with refused("InvalidPasswordException"):
            app.sign_up(fresh_name(), password)


def administer(scene: Scene) -> None:
    app, admin = scene.app, scene.program.admin
    name = app.create_user(UserAttributes=attributes(name="Discreet Personage"))["Username"]
    admin.admin_set_user_password(UserPoolId=app.pool_id, Username=name, Password=NEW_PASSWORD, Permanent=True)
    admin.list_users(UserPoolId=app.pool_id, Limit=1, Filter='name ^= "Discreet Pers"')
    page = admin.list_users(UserPoolId=app.pool_id, Limit=1)
    admin.list_users(UserPoolId=app.pool_id, Limit=1, PaginationToken=page["PaginationToken"])
    with refused(INVALID_PARAMETER):
        admin.list_users(UserPoolId=app.pool_id, Filter='name = "Unfinished-Person')
    admin.admin_get_user(UserPoolId=app.pool_id, Username=name)
    admin.describe_user_pool_client(UserPoolId=app.pool_id, ClientId=app.client_id)
    admin.admin_delete_user(UserPoolId=app.pool_id, Username=name)


def malformed_calls(scene: Scene) -> None:
    whole = {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": scene.app.client_id}
    whole |= {"AuthParameters": {"USERNAME": "malformed-user", "PASSWORD": PASSWORD}}
    text = json.dumps(whole)
    for body in (text[:-1], text[:-9], text + text, f"[{text}]", json.dumps(text), text.replace(":", "=")):
        scene.wire("InitiateAuth", body)
    for password in (PASSWORD + " ", [PASSWORD], {"PASSWORD": PASSWORD}, PASSWORD * 60):
        scene.wire("SignUp", {"ClientId": scene.app.client_id, "Username": "malformed-user", "Password": password})
        scene.wire("InitiateAuth", whole | {"AuthParameters": password})
        scene.wire("AdminSetUserPassword", {"UserPoolId": scene.app.pool_id, "Username": "u", "Password": password})
    scene.wire("GetUser", {"AccessToken": [PASSWORD]})
    scene.wire("GetUser", {"AccessToken": PASSWORD})
    scene.wire(
        "ConfirmSignUp", {"ClientId": scene.app.client_id, "Username": PASSWORD, "ConfirmationCode": {"x": PASSWORD}}
    )
    # An enum's wrong value is repeated to the caller; it may be anything.
    scene.wire("InitiateAuth", whole | {"AuthFlow": PASSWORD})


def secrets_in_wrong_places(scene: Scene) -> None:
    bearer = "Bearer " + WRONG_PASSWORD
    scene.wire("GetUser", {}, Authorization=bearer, Cookie=f"session={WRONG_PASSWORD}")
    quoted = dict(dresses(WRONG_PASSWORD))["in a URL"]
    for method in ("GET", "POST"):
        scene.program.wire.request(method, f"/?code={quoted}", headers={"Referer": f"http://x/?code={quoted}"})
    scene.program.wire.request("GET", f"/confirmUser?confirmation_code={quoted}")
    # Bytes that are no HTTP end the connection.
    with socket.create_connection(("127.0.0.1", scene.program.port)) as connection:
        connection.sendall(f"{WRONG_PASSWORD}\r\n{WRONG_PASSWORD}: \0\r\n\r\n".encode())
        connection.recv(1000)


def wrong_signatures(scene: Scene) -> None:
    credentials = scene.program.credentials
    stranger = type(credentials)(credentials.access_key, credentials.secret_key[::-1])
    scene.secrets.add("wrong secret key", stranger.secret_key)
    with refused("InvalidSignatureException"):
        scene.program.client("cognito-idp", credentials=stranger).list_user_pools(MaxResults=1)
    with refused("UnrecognizedClientException"):
        unknown = type(credentials)("AKIAZZZZZZZZZZZZZZZZ", credentials.secret_key)
        scene.program.client("cognito-idp", credentials=unknown).list_user_pools(MaxResults=1)


STEPS = [
    sign_up,
    sign_in,
    administrators_sign_in,
    rotating_tokens,
    sign_in_by_srp,
    forgotten_password,
    new_password,
    refused_passwords,
    administer,
    malformed_calls,
    secrets_in_wrong_places,
    wrong_signatures,
]


# --- The test ------------------------------------------------------------------------------------------------------


def read_mail_of(server: MailServer) -> Callable[[str, int], str]:
    def read(recipient: str, number: int) -> str:
        def arrived() -> list[str]:
            mine = [message.get_content() for recipients, message in server.messages if recipients == [recipient]]
            return mine if len(mine) >= number else []

        return wait_until(arrived, 10.0, f"message {number} to {recipient}")[number - 1]

    return read


@pytest.fixture(params=["sqlite, text, outbox", "postgres, JSON, SMTP"])
def scene(request: pytest.FixtureRequest, unstarted: Callable[..., Program]) -> Iterator[Scene]:
    secrets = Secrets()
    secrets.add("password", PASSWORD, NEW_PASSWORD, WRONG_PASSWORD)
    with MailServer() as server:
        settings: dict = {"env": LOUD | {"CENOTE_LOG_LEVEL": "trace"}, "arguments": ["--log-format=text"]}
        if request.param.startswith("postgres"):
            url = request.getfixturevalue("postgres").new_database().replace("@", f":{DATABASE_PASSWORD}@")
            settings["arguments"] = ["--log-format=json"]
            settings["env"] |= {"CENOTE_DATABASE": url, "CENOTE_SMTP_URL": server.url}
            secrets.add("database password", DATABASE_PASSWORD)
        program = unstarted(**settings).start()
        try:
            secrets.add("root key", program.credentials.secret_key)
            master = (program.data_dir / "master.key").read_text().strip()
            secrets.add("master key", master)
            secrets.watch(program.admin)
            secrets.watch(program.public)
            app = new_app(program, client={"GenerateSecret": True})

            def from_outbox(recipient: str, number: int) -> str:
                return program.outbox.wait(recipient, number).text

            yield Scene(app, secrets, read_mail_of(server) if "SMTP" in request.param else from_outbox)
        finally:
            if program.process is not None:
                program.stop()


def test_nothing_secret_is_logged(scene: Scene):
    for step in STEPS:
        step(scene)
    scene.program.restart()
    scene.program.stop()
    log = scene.program.log

    # It really said all that it has to say.
    assert "DEBUG" in log
    for known in ("connection ended", "/health/ready", "SignUp", "RespondToAuthChallenge", "NotAuthorizedException"):
        assert known in log
    # And it really was searched for.
    expected = {
        "Password",
        "PASSWORD",
        "AccessToken",
        "RefreshToken",
        "IdToken",
        "Session",
        "ClientSecret",
        "SecretHash",
    }
    expected |= {"SECRET_HASH", "NEW_PASSWORD", "ConfirmationCode", "code", "PaginationToken", "Username", "Value"}
    assert expected <= scene.secrets.known.keys()
    assert scene.secrets.found_in(log) == []


def test_the_search_finds_what_is_there():
    secrets = Secrets()
    secrets.add("password", PASSWORD)
    secrets.add("token", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl")
    secrets.add("code", "012345")
    for dress, shown in dresses(PASSWORD):
        assert secrets.found_in(f"some words ({shown}) and more"), dress
    assert secrets.found_in("… eyJzdWIiOiJhbGljZ …")
    assert secrets.found_in("code=012345, and")
    assert secrets.found_in("id=1d012345-77 took=9012345 .012345 012345.5-x and nothing else") == []


def test_a_failed_start_keeps_its_secrets(tmp_path: Path):
    """Nobody answers at these places: the one line that says so names no password."""
    secrets = Secrets()
    secrets.add("database password", DATABASE_PASSWORD)
    secrets.add("SMTP password", SMTP_PASSWORD)
    quoted = dict(dresses(SMTP_PASSWORD))["in a URL"]
    for settings in (
        {"CENOTE_DATABASE": f"postgres://cenote:{DATABASE_PASSWORD}@127.0.0.1:1/cenote"},
        {"CENOTE_DATABASE": f"postgres://cenote:{DATABASE_PASSWORD}@127.0.0.1:port/cenote"},
        {"CENOTE_SMTP_URL": f"smtps://cenote:{quoted}@:no-port"},
        {"CENOTE_MASTER_KEY": SMTP_PASSWORD},
    ):
        loud = LOUD | {"CENOTE_LOG_LEVEL": "trace"}
        done = cenote("serve", "--data-dir", str(tmp_path), cwd=tmp_path, env=loud | settings)
        assert done.returncode != 0, settings
        assert secrets.found_in(done.stdout + done.stderr) == [], settings
