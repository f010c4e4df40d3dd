"""What a signature must be: each way to get one wrong and the refusal (reference 13, section 8)."""

import datetime
import json
import re
from collections.abc import Callable

import botocore.auth
import pytest

from harness.program import Program
from harness.wire import CONTENT_TYPE, IDP, Answer

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
BODY = json.dumps({"MaxResults": 1}).encode()
HEADERS = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"{IDP}.ListUserPools"}


def signed(program: Program, **more: str) -> dict[str, str]:
    return program.wire.sign(BODY, HEADERS | more, program.credentials)


def send(program: Program, headers: dict[str, str], body: bytes = BODY, path: str = "/") -> Answer:
    return program.wire.request("POST", path, body, headers)


def edited(pattern: str, replacement: str) -> Callable[[dict], dict]:
    """Changes the Authorization header after signing."""

    def change(headers: dict) -> dict:
        new, count = re.subn(pattern, replacement, headers["Authorization"])
        assert count == 1
        return headers | {"Authorization": new}

    return change


def without(name: str) -> Callable[[dict], dict]:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def test_good_signature(program: Program):
    assert send(program, signed(program)).status == 200


def test_changed_body(program: Program):
    answer = send(program, signed(program), body=BODY.replace(b"1", b"2"))
    assert answer.error[0] == "InvalidSignatureException"
    assert answer.error[1].startswith(MISMATCH)


def test_changed_target(program: Program):
    answer = send(program, signed(program) | {"X-Amz-Target": f"{IDP}.CreateUserPool"})
    assert answer.error[0] == "InvalidSignatureException"


def test_added_query(program: Program):
    # The query is ignored by the operation but belongs to what is signed.
    assert send(program, signed(program), path="/?a=b").error[0] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (-16, r"Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - \d+ min\.\)"),
        (16, r"Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ \d+ min\.\)"),
    ],
)
def test_date_out_of_the_window(program: Program, monkeypatch: pytest.MonkeyPatch, minutes: int, message: str):
    moved = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moved)
    code, text = send(program, signed(program)).error
    assert code == "InvalidSignatureException"
    assert re.fullmatch(message, text), text


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (without("Authorization"), "MissingAuthenticationTokenException", "Missing Authentication Token"),
        (
            edited(r"Credential=[^,]+, ", ""),
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter.",
        ),
        (
            edited(r", Signature=\w+", ""),
            "IncompleteSignatureException",
            "Authorization header requires 'Signature' parameter.",
        ),
        (
            edited(r"SignedHeaders=[^,]+, ", ""),
            "IncompleteSignatureException",
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            without("X-Amz-Date"),
            "IncompleteSignatureException",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ),
        (
            lambda headers: headers | {"X-Amz-Date": "yesterday"},
            "IncompleteSignatureException",
            "Date must be in ISO-8601 'basic format'. Got 'yesterday'.",
        ),
        (edited("AWS4-HMAC-SHA256", "AWS4-HMAC-MD5"), "IncompleteSignatureException", "Unsupported AWS 'algorithm':"),
        (
            edited(r"/aws4_request,", ","),
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got ",
        ),
        (
            edited(r"/cognito-idp/", "/s3/"),
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'cognito-idp'.",
        ),
        (
            edited(r"/aws4_request,", "/aws3_request,"),
            "InvalidSignatureException",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3_request'.",
        ),
        (
            edited(r"/\d{8}/", "/20200101/"),
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:",
        ),
        (
            edited(r";host;", ";"),
            "InvalidSignatureException",
            "'Host' must be a 'SignedHeader' in the AWS Authorization.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith("Exception") else None,
)
def test_broken_authorization(program: Program, change: Callable[[dict], dict], code: str, message: str):
    answer = send(program, change(signed(program)))
    assert answer.status == 400
    assert answer.error[0] == code
    assert answer.error[1].startswith(message), answer.error[1]


def test_header_and_query_together(program: Program):
    answer = send(program, signed(program), path="/?X-Amz-Algorithm=AWS4-HMAC-SHA256")
    assert answer.error == (
        "InvalidSignatureException",
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )


@pytest.mark.parametrize("value", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"])
def test_unsigned_payload_is_refused(program: Program, value: str):
    # Signed as such, and the body could be anything.
    headers = signed(program, **{"X-Amz-Content-SHA256": value})
    assert send(program, headers).error[0] == "InvalidSignatureException"


def test_unsigned_target_is_refused(program: Program):
    # Without it a signature would serve for any operation.
    bare = program.wire.sign(BODY, {"Content-Type": CONTENT_TYPE}, program.credentials)
    assert send(program, bare | HEADERS).error[0] == "InvalidSignatureException"


def test_session_token_of_nobody(program: Program):
    answer = send(program, signed(program) | {"X-Amz-Security-Token": "stolen"})
    assert answer.status == 400
    assert answer.error[0] in ("UnrecognizedClientException", "InvalidSignatureException")


def test_any_region_of_the_scope(program: Program):
    headers = program.wire.sign(BODY, HEADERS, program.credentials, region="eu-central-1")
    assert send(program, headers).status == 200


def test_public_operations_ignore_a_signature(program: Program):
    # An SDK client that has credentials signs some of them; a wrong signature there is not looked at.
    headers = edited(r"Signature=\w+", "Signature=" + "0" * 64)(signed(program))
    body = json.dumps({"ClientId": "1" * 26, "Username": "alice", "ConfirmationCode": "123456"}).encode()
    answer = send(program, headers | {"X-Amz-Target": f"{IDP}.ConfirmSignUp"}, body)
    assert answer.error[0] == "ResourceNotFoundException"
