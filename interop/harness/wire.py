"""Requests over plain HTTP: what an SDK would never send, signed or not, and the answer byte for byte."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

IDP = "AWSCognitoIdentityProviderService"
IDENTITY = "AWSCognitoIdentityService"
SIGNING_NAMES = {IDP: "cognito-idp", IDENTITY: "cognito-identity"}
CONTENT_TYPE = "application/x-amz-json-1.1"
TIMEOUT = 30


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[str, str | None]:
        """Type and message of an error answer."""
        body = self.json
        return body["__type"], body.get("message", body.get("Message"))


class Wire:
    """One connection to the program, made anew for each request unless it is kept."""

    def __init__(self, port: int, keep: bool = False):
        self.keep = keep
        self.host = f"localhost:{port}"
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
        whole = False
        try:
            self.connection.request(method, path, body=body, headers={"Host": self.host} | (headers or {}))
            answer = self.answer()
            whole = True
            return answer
        finally:
            if not (whole and self.keep):
                self.close()

    def answer(self) -> Answer:
        """The answer to what was sent on the connection."""
        with self.connection.getresponse() as response:
            return Answer(response.status, response.headers, response.read())

    def close(self) -> None:
        self.connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=headers)

    def call(
        self,
        operation: str,
        body: dict | bytes,
        *,
        service: str = IDP,
        credentials: Credentials | None = None,
        headers: dict | None = None,
    ) -> Answer:
        """Calls an operation, signed where credentials are given."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"{service}.{operation}"} | (headers or {})
        if credentials is not None:
            sent = self.sign(data, sent, credentials, SIGNING_NAMES[service])
        return self.request("POST", "/", data, sent)

    def sign(
        self,
        data: bytes,
        headers: dict,
        credentials: Credentials,
        name: str = "cognito-idp",
        region: str = "us-east-1",
    ) -> dict:
        """The headers with a signature made by botocore."""
        request = AWSRequest("POST", f"http://{self.host}/", headers=headers, data=data)
        SigV4Auth(credentials, name, region).add_auth(request)
        return dict(request.headers)
