"""Reads what the program wrote into its outbox folder."""

import email
import email.policy
import json
import re
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from harness.wait import wait_until

ARRIVES_WITHIN = 10.0


@dataclass(frozen=True)
class Mail:
    recipient: str
    subject: str
    text: str

    @property
    def code(self) -> str:
        """The six digits of a confirmation code."""
        codes = re.findall(r"(?<!\d)\d{6}(?!\d)", self.text)
        assert len(codes) == 1, f"one code expected in {self.text!r}"
        return codes[0]

    @property
    def temporary_password(self) -> str:
        """The password of Cognito's standard invitation."""
        found = re.search(r"temporary password is (\S+)", self.text)
        assert found, f"a password expected in {self.text!r}"
        # The sentence ends with a dot; the password may do so too.
        return found.group(1).removesuffix(".")


def parse(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain", "html"))
    assert body is not None
    return Mail(str(message["To"]), str(message["Subject"]), body.get_content())


class Outbox:
    """`DIR/outbox`: one file for each message, `.eml` for an e-mail and `.json` for a text message."""

    def __init__(self, folder: Path):
        self.folder = folder

    def to(self, address: str) -> list[Mail]:
        """All messages to an address, oldest first."""
        files = sorted(self.folder.glob("*.eml"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [mail for mail in map(parse, files) if address in mail.recipient]

    def wait(self, address: str, number: int = 1) -> Mail:
        """The n-th message to an address; messages are sent after the answer, so it may take a moment."""

        def arrived() -> list[Mail]:
            mails = self.to(address)
            return mails if len(mails) >= number else []

        return wait_until(arrived, ARRIVES_WITHIN, f"message {number} to {address} in {self.folder}")[number - 1]

    def wait_for_text(self, number: str) -> str:
        """What the only text message to a phone number says."""

        def arrived() -> list[str]:
            messages = [json.loads(path.read_text()) for path in self.folder.glob("*.json")]
            return [message["body"] for message in messages if message["to"] == number]

        (text,) = wait_until(arrived, ARRIVES_WITHIN, f"a text message to {number} in {self.folder}")
        return text

    def code(self, address: str, number: int = 1) -> str:
        return self.wait(address, number).code
