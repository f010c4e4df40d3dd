"""What must never be found in a log: every secret of a run, in every dress that a log could show it in."""

import base64
import json
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any

import botocore.client
from botocore.model import ListShape, MapShape, Shape, StructureShape

# As long a piece of a token as nobody finds by chance, and as short as nobody could use.
PIECE = 16
# The app client's id is marked as sensitive in the models, but everybody who has the app knows it.
PUBLIC = {"ClientId", "CLIENT_ID"}
# The models mark codes and the tokens of lists as anybody's.
SECRET_TOO = {"ConfirmationCode", "Code", "UserCode", "PaginationToken", "Filter", "TemporaryPassword"}
# Everybody may know what these say.
PUBLIC_RESPONSES = {"TIMESTAMP", "requiredAttributes", "CODE_DELIVERY_DELIVERY_MEDIUM"}


class Secrets:
    """Remembers secrets by what they are, and searches texts for them."""

    def __init__(self) -> None:
        self.known: dict[str, set[str]] = {}

    def add(self, what: str, *secrets: str) -> None:
        self.known.setdefault(what, set()).update(secret for secret in secrets if secret)

    def watch(self, client: botocore.client.BaseClient) -> None:
        """From now on remembers whatever secret passes this client, in either direction."""

        def sent(params: dict[str, Any], model: Any, **_: Any) -> None:
            body = params["body"]
            self.take(model.input_shape, json.loads(body) if isinstance(body, str | bytes) else body)

        def received(parsed: dict[str, Any], model: Any, **_: Any) -> None:
            self.take(model.output_shape, parsed)

        client.meta.events.register("before-call.*.*", sent)
        client.meta.events.register("after-call.*.*", received)

    def take(self, shape: Shape | None, value: Any, name: str = "", hidden: bool = False) -> None:
        """Walks a value along its shape; what stands below something sensitive is sensitive."""
        if shape is None or value is None or name in PUBLIC | PUBLIC_RESPONSES:
            return
        hidden = hidden or shape.metadata.get("sensitive", False) or name in SECRET_TOO
        if isinstance(value, dict) and value.get("Name") == "sub":
            # Names a user where nothing else may: what a log says of one has to be told apart.
            return
        if isinstance(shape, StructureShape) and isinstance(value, dict):
            for member, inner in shape.members.items():
                self.take(inner, value.get(member), member, hidden)
        elif isinstance(shape, ListShape) and isinstance(value, list):
            for item in value:
                self.take(shape.member, item, name, hidden)
        elif isinstance(shape, MapShape) and isinstance(value, dict):
            for key, item in value.items():
                # What challenges ask and answer has secrets in it, whatever the model says.
                self.take(shape.value, item, key, hidden or name in ("ChallengeResponses", "ChallengeParameters"))
        elif hidden and isinstance(value, str) and value not in ("true", "false"):
            self.add(name, value)

    def found_in(self, text: str) -> list[str]:
        """What of it stands in the text, in which dress."""
        windows = {text[at : at + PIECE] for at in range(len(text) - PIECE + 1)}
        found = []
        for what, secrets in self.known.items():
            for secret in secrets:
                found += [
                    f"{what} {secret!r} {dress}" for dress, shown in dresses(secret) if stands(shown, text, windows)
                ]
        return found


def stands(shown: str, text: str, windows: set[str]) -> bool:
    """Whether a secret, or a piece of it that is long enough, stands in the text."""
    if len(shown) >= PIECE:
        return any(shown[at : at + PIECE] in windows for at in range(len(shown) - PIECE + 1))
    # A short one counts where it stands alone: six digits are in many a longer number.
    return re.search(rf"(?<![\w.-]){re.escape(shown)}(?![\w-]|\.\d)", text) is not None


def dresses(secret: str) -> Iterator[tuple[str, str]]:
    """The secret as it is and as encodings show it."""
    data = secret.encode()
    yield "as it is", secret
    seen = {secret}
    for dress, shown in (
        ("as JSON", json.dumps(secret)[1:-1]),
        ("as JSON in UTF-8", json.dumps(secret, ensure_ascii=False)[1:-1]),
        ("in JSON in JSON", json.dumps(json.dumps(secret)[1:-1])[1:-1]),
        ("as bytes", repr(data)[2:-1]),
        ("as numbers", ", ".join(map(str, data))),
        ("in a URL", urllib.parse.quote(secret, safe="")),
        ("in a form", urllib.parse.quote_plus(secret)),
        ("in hexadecimal", data.hex()),
        ("in HEXADECIMAL", data.hex().upper()),
        *base64_dresses(data),
    ):
        if shown not in seen and len(shown) >= min(len(secret), 6):
            seen.add(shown)
            yield dress, shown


def base64_dresses(data: bytes) -> Iterator[tuple[str, str]]:
    """Base64 of the secret alone, and of the secret somewhere inside something else."""
    for offset in range(3):
        padded = base64.b64encode(b"\0" * offset + data).decode()
        # The first and the last characters depend on what stands around it.
        inner = padded[4 if offset else 0 :].rstrip("=")[: None if (offset + len(data)) % 3 == 0 else -1]
        if len(inner) >= 8:
            yield f"in base64, {offset}", inner
            yield f"in base64url, {offset}", inner.replace("+", "-").replace("/", "_")
