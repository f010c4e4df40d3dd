"""A mail server that keeps what it is given, or refuses it: in clear, with STARTTLS or with TLS."""

import base64
import email
import email.policy
import io
import socket
import socketserver
import ssl
import threading
from email.message import EmailMessage

from harness.wait import wait_until

ARRIVES_WITHIN = 20.0


class _Conversation(socketserver.BaseRequestHandler):
    """As much of RFC 5321, 3207 and 4954 as a client that sends one message needs."""

    server: "MailServer"

    def say(self, *lines: str) -> None:
        self.request.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def encrypt(self) -> None:
        assert self.server.tls is not None
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.lines = io.BufferedReader(socket.SocketIO(self.request, "r"))
        self.encrypted = True

    def hear(self) -> str:
        line = self.lines.readline().decode().strip()
        if line:
            self.server.heard.append((self.encrypted, line))
        return line

    def handle(self) -> None:
        try:
            self.converse()
        except OSError as error:
            # A client that refuses the certificate goes away.
            self.server.broken.append(error)

    def converse(self) -> None:
        self.encrypted = False
        self.lines = io.BufferedReader(socket.SocketIO(self.request, "r"))
        if self.server.scheme == "smtps":
            self.encrypt()
        self.say("220 test")
        recipients: list[str] = []
        welcome = self.server.user is None
        while line := self.hear():
            match line.upper().split(":")[0].split()[0]:
                case "EHLO":
                    self.say("250-test", *(f"250-{name}" for name in self.extensions()), "250 8BITMIME")
                case "STARTTLS" if "STARTTLS" in self.extensions():
                    self.say("220 go ahead")
                    self.encrypt()
                case "AUTH":
                    welcome = self.authenticate(line)
                    self.say("235 welcome" if welcome else "535 5.7.8 who are you")
                case "MAIL" if not welcome:
                    self.say("530 5.7.0 sign in first")
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

    def extensions(self) -> list[str]:
        offers_tls = self.server.scheme == "smtp+starttls" and not self.encrypted and not self.server.strips_tls
        signing_in = [] if self.server.user is None else [f"AUTH {self.server.mechanism}"]
        return (["STARTTLS"] if offers_tls else []) + signing_in

    def authenticate(self, line: str) -> bool:
        if line.upper().startswith("AUTH PLAIN "):
            given = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
        else:
            given = []
            for question in ("Username:", "Password:"):
                self.say(f"334 {base64.b64encode(question.encode()).decode()}")
                given.append(base64.b64decode(self.hear()).decode())
        return tuple(given) == self.server.user

    def read_message(self) -> bytes:
        lines = []
        while (line := self.lines.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)


class MailServer(socketserver.ThreadingTCPServer):
    """Listens on a free loopback port, or the given one, while the context lasts."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        refuses: bool = False,
        *,
        port: int = 0,
        scheme: str = "smtp",
        tls: ssl.SSLContext | None = None,
        user: tuple[str, str] | None = None,
        mechanism: str = "PLAIN LOGIN",
        strips_tls: bool = False,
    ):
        self.refuses = refuses
        self.scheme = scheme
        self.tls = tls
        self.user = user
        self.mechanism = mechanism
        # As somebody in between would.
        self.strips_tls = strips_tls
        self.messages: list[tuple[list[str], EmailMessage]] = []
        # Whether it came encrypted, and each line but those of messages.
        self.heard: list[tuple[bool, str]] = []
        self.broken: list[OSError] = []
        super().__init__(("127.0.0.1", port), _Conversation)

    def __enter__(self) -> "MailServer":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return self.url_for(self.user)

    def url_for(self, user: tuple[str, str] | None) -> str:
        credentials = "" if user is None else f"{user[0]}:{user[1]}@"
        return f"{self.scheme}://{credentials}127.0.0.1:{self.server_address[1]}"

    def keep(self, recipients: list[str], message: bytes) -> None:
        self.messages.append((recipients, email.message_from_bytes(message, policy=email.policy.default)))

    def wait(self, number: int = 1) -> tuple[list[str], EmailMessage]:
        """Envelope recipients and content of the n-th message."""
        wait_until(lambda: len(self.messages) >= number, ARRIVES_WITHIN, f"message {number}")
        return self.messages[number - 1]
