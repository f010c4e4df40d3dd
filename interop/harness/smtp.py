"""A mail server that keeps what it is given, or refuses it."""

import email
import email.policy
import socketserver
import threading
from email.message import EmailMessage

from harness.wait import wait_until

ARRIVES_WITHIN = 10.0


class _Conversation(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client that sends one message needs."""

    server: "MailServer"

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 test")
        recipients: list[str] = []
        while line := self.rfile.readline().decode().strip():
            match line.upper().split(":")[0].split()[0]:
                case "MAIL":
                    recipients = []
                    self.say("250 ok")
                case "RCPT":
                    if self.server.refuses:
                        self.say("550 no such mailbox")
                        continue
                    recipients.append(line[line.index("<") + 1 : line.index(">")])
                    self.say("250 ok")
                case "DATA":
                    self.say("354 go on")
                    self.server.keep(recipients, self.read_message())
                    self.say("250 kept")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 ok")

    def read_message(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)


class MailServer(socketserver.ThreadingTCPServer):
    """Listens on a free loopback port while the context lasts."""

    daemon_threads = True

    def __init__(self, refuses: bool = False):
        self.refuses = refuses
        self.messages: list[tuple[list[str], EmailMessage]] = []
        super().__init__(("127.0.0.1", 0), _Conversation)

    def __enter__(self) -> "MailServer":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def keep(self, recipients: list[str], message: bytes) -> None:
        self.messages.append((recipients, email.message_from_bytes(message, policy=email.policy.default)))

    def wait(self, number: int = 1) -> tuple[list[str], EmailMessage]:
        """Envelope recipients and content of the n-th message."""
        wait_until(lambda: len(self.messages) >= number, ARRIVES_WITHIN, f"message {number}")
        return self.messages[number - 1]
