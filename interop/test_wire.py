"""AWS JSON 1.1 as browsers and careless clients meet it: headers, CORS, bodies that are no good."""

import json
import re

import pytest
from botocore.credentials import Credentials

from harness.app import App, attributes, fresh_name, new_app
from harness.expect import INVALID_PARAMETER, NOT_FOUND
from harness.program import Program
from harness.wire import CONTENT_TYPE, IDENTITY, IDP, Answer

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
EXPOSED = {"x-amzn-requestid", "x-amzn-errortype", "x-amzn-errormessage", "date"}
BROWSER = "https://app.example.com"
SIGN_IN = {"ClientId": "1" * 26, "Username": "alice", "ConfirmationCode": "123456"}
PUBLIC = "ConfirmSignUp"


@pytest.fixture(scope="module")
def root(program: Program) -> Credentials:
    return program.credentials


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    return new_app(program)


def words(answer: Answer, header: str) -> set[str]:
    return {word.strip().lower() for word in (answer.headers[header] or "").split(",")}


def assert_cors(answer: Answer) -> None:
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", BROWSER)
    assert words(answer, "Access-Control-Expose-Headers") >= EXPOSED
    assert answer.headers["Access-Control-Allow-Credentials"] is None


# --- Headers ---------------------------------------------------------------------------------------------------------


def test_headers_of_an_answer(program: Program, root: Credentials):
    answer = program.wire.call("ListUserPools", {"MaxResults": 1}, credentials=root, headers={"Origin": BROWSER})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    assert UUID.fullmatch(answer.headers["x-amzn-RequestId"])
    assert answer.headers["Date"].endswith(" GMT")
    assert answer.headers["x-amzn-errortype"] is None
    assert_cors(answer)


def test_headers_of_an_error(program: Program):
    first = program.wire.call(PUBLIC, SIGN_IN, headers={"Origin": BROWSER})
    message = f"User pool client {SIGN_IN['ClientId']} does not exist."
    assert first.status == 400
    assert first.json == {"__type": NOT_FOUND, "message": message}
    assert first.headers["Content-Type"] == CONTENT_TYPE
    assert first.headers["x-amzn-errortype"] == f"{NOT_FOUND}:"
    assert first.headers["x-amzn-errormessage"] == message
    assert UUID.fullmatch(first.headers["x-amzn-RequestId"])
    assert_cors(first)
    again = program.wire.call(PUBLIC, SIGN_IN)
    assert again.headers["x-amzn-RequestId"] != first.headers["x-amzn-RequestId"]


@pytest.mark.parametrize("name", ["line\r\nbreak: yes", "schön", "x" * 20_000], ids=["line", "letters", "long"])
def test_header_of_an_awkward_message(program: Program, root: Credentials, name: str):
    # The message repeats what was sent; the body says it all, the header only what a header may say.
    answer = program.wire.call("CreateUserPool", {"PoolName": name + "!"}, credentials=root)
    assert answer.status == 400
    assert name in answer.json["message"]
    assert answer.headers["x-amzn-errortype"] == f"{INVALID_PARAMETER}:"
    assert answer.headers["break"] is None


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health(program: Program, path: str):
    assert program.wire.get(path).status == 200


# --- CORS ------------------------------------------------------------------------------------------------------------


def test_preflight(program: Program):
    wanted = "content-type, x-amz-target, x-amz-user-agent, amz-sdk-invocation-id, amz-sdk-request, cache-control"
    asked = {
        "Origin": BROWSER,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": wanted,
    }
    answer = program.wire.request("OPTIONS", "/", headers=asked)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", BROWSER)
    assert "post" in words(answer, "Access-Control-Allow-Methods")
    assert words(answer, "Access-Control-Allow-Headers") >= {name.strip() for name in wanted.split(",")}
    assert answer.headers["Access-Control-Max-Age"] == "172800"
    assert answer.headers["Access-Control-Allow-Credentials"] is None


@pytest.mark.parametrize("document", ["jwks.json", "openid-configuration"])
def test_documents_are_for_browsers_too(app: App, document: str):
    for path, status in ((f"/{app.pool_id}", 200), ("/us-east-1_ZZZZZZZZZ", 404)):
        answer = app.program.wire.get(f"{path}/.well-known/{document}", Origin=BROWSER)
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", BROWSER)


# --- Targets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        f"{IDP}.NoSuchOperation",
        # The value is case-sensitive.
        f"{IDP}.confirmSignUp",
        f"{IDENTITY}.ConfirmSignUp",
        "DynamoDB_20120810.ListTables",
        "ConfirmSignUp",
        "",
        None,
    ],
)
def test_unknown_operation(program: Program, root: Credentials, target: str | None):
    headers = {"Content-Type": CONTENT_TYPE} | ({} if target is None else {"X-Amz-Target": target})
    for sent in (headers, program.wire.sign(b"{}", headers, root)):
        answer = program.wire.request("POST", "/", b"{}", sent)
        assert answer.status in (400, 404)
        assert answer.json["__type"] == "UnknownOperationException"


def test_old_name_of_the_identity_service(program: Program, root: Credentials):
    target = f"com.amazonaws.cognito.identity.model.{IDENTITY}.ListIdentityPools"
    body = b'{"MaxResults":0}'
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target}
    answer = program.wire.request("POST", "/", body, program.wire.sign(body, headers, root, "cognito-identity"))
    assert answer.error[1].startswith("1 validation error detected: Value '0' at 'maxResults'")


def test_query_is_ignored(program: Program):
    body = json.dumps(SIGN_IN).encode()
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"{IDP}.{PUBLIC}"}
    assert program.wire.request("POST", "/?a=b", body, headers).error[0] == NOT_FOUND


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_other_methods(program: Program, method: str):
    answer = program.wire.request(method, "/")
    assert 300 <= answer.status < 500
    assert UUID.fullmatch(answer.headers["x-amzn-RequestId"])


def test_other_paths(program: Program):
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"{IDP}.{PUBLIC}"}
    answer = program.wire.request("POST", "/elsewhere", json.dumps(SIGN_IN).encode(), headers)
    assert answer.status == 404


# --- Bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"ClientId":}',
        b'{"ClientId":"a"} trailing',
        b"[]",
        b'"text"',
        b"null-ish",
        b'{"ClientId":"\xff\xfe"}',
        b'{"ClientId":"\\ud800"}',
        b"[" * 100_000,
        b'{"AuthParameters":' * 20_000,
    ],
    ids=lambda body: body[:12].decode(errors="replace"),
)
def test_malformed_body(program: Program, body: bytes):
    answer = program.wire.call("InitiateAuth", body)
    assert answer.status == 400
    assert answer.json["__type"] == "SerializationException"


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("ListUserPools", {"MaxResults": "ten"}),
        ("ListUserPools", {"MaxResults": {}}),
        ("ListUserPools", {"MaxResults": 1.5}),
        ("ListUserPools", {"MaxResults": 10**30}),
        ("DescribeUserPool", {"UserPoolId": 7}),
        ("DescribeUserPool", {"UserPoolId": {}}),
        ("DescribeUserPool", {"UserPoolId": ["us-east-1_AbCdEfGhI"]}),
        ("CreateUserPool", {"PoolName": "pool", "Schema": "email"}),
        ("CreateUserPool", {"PoolName": "pool", "Schema": {}}),
        ("CreateUserPool", {"PoolName": "pool", "Schema": ["email"]}),
        ("CreateUserPool", {"PoolName": "pool", "UserPoolTags": ["a"]}),
        ("CreateUserPool", {"PoolName": "pool", "UserPoolTags": {"a": 1}}),
        ("CreateUserPoolClient", {"UserPoolId": "us-east-1_A", "ClientName": "c", "GenerateSecret": "yes"}),
    ],
)
def test_wrong_json_type(program: Program, root: Credentials, operation: str, body: dict):
    answer = program.wire.call(operation, body, credentials=root)
    assert answer.status == 400
    assert answer.json["__type"] == "SerializationException"


def test_nulls_and_unknown_members(program: Program, root: Credentials):
    body = {"PoolName": "nulls", "Policies": None, "UserPoolTags": {"kept": "x", "dropped": None}, "NoSuchMember": [1]}
    answer = program.wire.call("CreateUserPool", body, credentials=root)
    assert answer.status == 200
    assert answer.json["UserPool"]["UserPoolTags"] == {"kept": "x"}
    missing = program.wire.call("CreateUserPool", {"PoolName": None}, credentials=root)
    assert missing.error == (
        INVALID_PARAMETER,
        "1 validation error detected: Value null at 'poolName' failed to satisfy constraint: Member must not be null",
    )


def test_answers_hold_no_nulls(program: Program, root: Credentials, app: App):
    answer = program.wire.call("DescribeUserPool", {"UserPoolId": app.pool_id}, credentials=root)
    pool = answer.json["UserPool"]
    assert None not in pool.values()
    # Seconds since the epoch with milliseconds.
    assert isinstance(pool["CreationDate"], float | int)
    assert round(pool["CreationDate"], 3) == pool["CreationDate"]


def test_bodies_of_operations_without_output(program: Program, root: Credentials, app: App):
    name = app.create_user()["Username"]
    deleted = program.wire.call("AdminDeleteUser", {"UserPoolId": app.pool_id, "Username": name}, credentials=root)
    assert (deleted.status, deleted.body, deleted.headers["Content-Length"]) == (200, b"", "0")

    name = fresh_name()
    app.sign_up(name)
    confirmed = program.wire.call("AdminConfirmSignUp", {"UserPoolId": app.pool_id, "Username": name}, credentials=root)
    assert (confirmed.status, confirmed.body) == (200, b"{}")


def test_letters_of_the_world(app: App):
    name = "Zoë-田中-🦊"
    app.create_user(name, UserAttributes=attributes(given_name="Zoë \U0001f98a"))
    user = app.get_user(name)
    assert user["Username"] == name
    assert {"Name": "given_name", "Value": "Zoë \U0001f98a"} in user["UserAttributes"]


# --- Content type and size -------------------------------------------------------------------------------------------


def test_content_type_with_parameters(program: Program):
    answer = program.wire.call(PUBLIC, SIGN_IN, headers={"Content-Type": f"{CONTENT_TYPE}; charset=utf-8"})
    assert answer.error[0] == NOT_FOUND


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_foreign_content_type(program: Program, content_type: str):
    answer = program.wire.call(PUBLIC, SIGN_IN, headers={"Content-Type": content_type})
    assert answer.status in (400, 404, 415)
    assert answer.json["__type"] not in (NOT_FOUND, "InternalErrorException")


def test_body_too_large(program: Program, root: Credentials):
    answer = program.wire.call("CreateUserPool", b'{"PoolName":"' + b"x" * 3_000_000 + b'"}', credentials=root)
    assert answer.status == 413
    assert answer.json["__type"] == "RequestEntityTooLargeException"


def test_body_too_large_in_chunks(program: Program):
    wire = program.wire
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"{IDP}.{PUBLIC}", "Host": wire.host}
    chunks = (b"x" * 65_536 for _ in range(48))
    wire.connection.request("POST", "/", body=chunks, headers=headers, encode_chunked=True)
    assert wire.answer().status == 413
    wire.close()


def test_settings_of_the_size(launch_once):
    small = launch_once(arguments=["--max-body-bytes=2048"])
    body = json.dumps(SIGN_IN | {"Padding": "x" * 2048}).encode()
    assert small.wire.call(PUBLIC, body).status == 413
    assert small.wire.call(PUBLIC, SIGN_IN).error[0] == NOT_FOUND
