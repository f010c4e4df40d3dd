"""Messages leave through a mail server; links in them lead back."""

import html
import http.client
import re
import urllib.parse
from pathlib import Path

import pytest

from harness.app import address, fresh_name, new_app, values_of
from harness.certificates import Authority
from harness.expect import refused
from harness.program import free_port
from harness.smtp import MailServer
from harness.wait import wait_until

USER = ("mailer", "hunter2")
BY_LINK = {"DefaultEmailOption": "CONFIRM_WITH_LINK"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def code_in(message) -> str:
    return re.search(r"\d{6}", message.get_content()).group()


def test_code_by_mail(launch_once):
    with MailServer() as server:
        program = launch_once(env={"CENOTE_SMTP_URL": server.url}, arguments=["--mail-from=Demo <demo@example.com>"])
        app = new_app(program)
        name = fresh_name()
        app.sign_up(name)
        recipients, message = server.wait()
        assert recipients == [address(name)]
        assert message["From"] == "Demo <demo@example.com>"
        assert message["To"] == address(name)
        code = re.search(r"\d{6}", message.get_content())
        app.confirm(name, code.group())
        # With a mail server nothing is left lying about.
        assert program.outbox.to(address(name)) == []


def test_delivery_that_fails_is_reported(launch_once):
    with MailServer(refuses=True) as server:
        program = launch_once(env={"CENOTE_SMTP_URL": server.url})
        app = new_app(program)
        name = fresh_name()
        with refused("CodeDeliveryFailureException"):
            app.sign_up(name)
        # The user was made all the same, and may ask again once the mailbox is there.
        assert app.get_user(name)["UserStatus"] == "UNCONFIRMED"
        server.refuses = False
        app.resend(name)
        _, message = server.wait()
        app.confirm(name, re.search(r"\d{6}", message.get_content()).group())


def test_hidden_users_do_not_wait_for_the_mail_server(launch_once):
    """Where it is hidden who exists, a failed delivery must not tell."""
    with MailServer(refuses=True) as server:
        program = launch_once(env={"CENOTE_SMTP_URL": server.url})
        app = new_app(program)
        hiding = app.add_client(PreventUserExistenceErrors="ENABLED")
        name = fresh_name()
        with refused("CodeDeliveryFailureException"):
            app.sign_up(name)
        assert hiding.resend(name)["CodeDeliveryDetails"]["Destination"] == "u***@e***"
        assert hiding.resend(fresh_name())["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"


def test_sender_of_the_pool(launch_once):
    with MailServer() as server:
        program = launch_once(env={"CENOTE_SMTP_URL": server.url})
        source = "arn:aws:ses:us-east-1:123456789012:identity/shop@example.com"
        settings = {"EmailSendingAccount": "DEVELOPER", "SourceArn": source, "From": "Shop <shop@example.com>"}
        template = {"EmailSubject": "Hello from the shop", "EmailMessage": "Your code: {####}"}
        app = new_app(program, EmailConfiguration=settings, VerificationMessageTemplate=template)
        name = fresh_name()
        app.sign_up(name)
        _, message = server.wait()
        assert message["From"] == "Shop <shop@example.com>"
        assert message["Subject"] == "Hello from the shop"
        assert re.fullmatch(r"Your code: \d{6}\s*", message.get_content())


def test_both_channels_verified_means_the_phone(launch_once):
    program = launch_once()
    sms = {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "x"}
    app = new_app(program, AutoVerifiedAttributes=["email", "phone_number"], SmsConfiguration=sms)
    name = fresh_name()
    details = app.sign_up(name, phone_number="+12065559934")["CodeDeliveryDetails"]
    assert details == {
        "AttributeName": "phone_number",
        "DeliveryMedium": "SMS",
        "Destination": "+*******9934",
    }
    assert program.outbox.to(address(name)) == []
    text = program.outbox.wait_for_text("+12065559934")
    app.confirm(name, re.search(r"\d{6}", text).group())
    user = values_of(app.get_user(name)["UserAttributes"])
    assert (user["phone_number_verified"], user["email_verified"]) == ("true", "false")


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_every_form_of_mail_server(launch_once, authority, scheme, mechanism):
    tls = None if scheme == "smtp" else authority.server()
    with MailServer(scheme=scheme, tls=tls, user=USER, mechanism=mechanism) as server:
        trust = [] if tls is None else [f"--smtp-ca-file={authority.file}"]
        program = launch_once(env={"CENOTE_SMTP_URL": server.url}, arguments=trust)
        app = new_app(program)
        name = fresh_name()
        app.sign_up(name)
        recipients, message = server.wait()
        assert recipients == [address(name)]
        app.confirm(name, code_in(message))
        in_clear = [line for encrypted, line in server.heard if not encrypted]
        if scheme == "smtp+starttls":
            assert [line.split()[0] for line in in_clear] == ["EHLO", "STARTTLS"]
        assert any(line.startswith(f"AUTH {mechanism}") for _, line in server.heard)
        assert (scheme != "smtps") or not in_clear
        assert "hunter2" not in program.log


def test_mail_server_that_is_not_to_be_trusted(launch_once, authority, tmp_path: Path):
    stranger = Authority(tmp_path, "stranger")
    for scheme in ("smtp+starttls", "smtps"):
        for tls, file in [
            (authority.server("mail.example.com"), authority.file),
            (authority.server(), stranger.file),
            (authority.server(), None),
        ]:
            with MailServer(scheme=scheme, tls=tls, user=USER) as server:
                trust = [f"--smtp-ca-file={file}"] if file else []
                program = launch_once(env={"CENOTE_SMTP_URL": server.url}, arguments=trust)
                app = new_app(program)
                # An operator can repair it, so the message waits.
                app.sign_up(fresh_name())
                wait_until(lambda log=program: "invalid peer certificate" in log.log, 10, "the refusal in the log")
                assert server.messages == []
                assert not [line for _, line in server.heard if line.startswith(("AUTH", "MAIL"))]
                assert "hunter2" not in program.log


def test_starttls_that_is_not_offered(launch_once, authority):
    with MailServer(scheme="smtp+starttls", tls=authority.server(), user=USER, strips_tls=True) as server:
        program = launch_once(env={"CENOTE_SMTP_URL": server.url}, arguments=[f"--smtp-ca-file={authority.file}"])
        app = new_app(program)
        name = fresh_name()
        app.sign_up(name)
        wait_until(lambda: "STARTTLS with the mail server failed" in program.log, 10, "the refusal in the log")
        assert {line.split()[0] for _, line in server.heard} <= {"EHLO", "QUIT"}
        server.strips_tls = False
        recipients, _ = server.wait()
        assert recipients == [address(name)]


def test_wrong_password_of_the_mail_server(launch_once, authority):
    with MailServer(scheme="smtps", tls=authority.server(), user=USER) as server:
        url = server.url_for((USER[0], "wrong-hunter"))
        program = launch_once(env={"CENOTE_SMTP_URL": url}, arguments=[f"--smtp-ca-file={authority.file}"])
        app = new_app(program)
        app.sign_up(fresh_name())
        said = "the mail server did not accept the user name and password (535)"
        wait_until(lambda: said in program.log, 10, "the refusal in the log")
        assert server.messages == []
        assert "wrong-hunter" not in program.log


def test_mail_server_that_is_down_at_first(launch):
    port = free_port()
    program = launch(env={"CENOTE_SMTP_URL": f"smtp://127.0.0.1:{port}"})
    app = new_app(program)
    name = fresh_name()
    app.sign_up(name)
    assert "the mail server cannot be reached (Connection refused" in program.log
    with MailServer(port=port) as server:
        recipients, message = server.wait()
        assert recipients == [address(name)]
        app.confirm(name, code_in(message))
        assert len(server.messages) == 1


def link_in(message) -> str:
    return html.unescape(re.search(r'<a href="([^"]+)">Verify Email</a>', message.get_content()).group(1))


def follow(program, link: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """What a browser is answered, redirects left alone; links lead to the public URL."""
    parts = urllib.parse.urlsplit(link)
    assert f"{parts.scheme}://{parts.netloc}" == program.url
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=10)
    # Whatever host the reader came by.
    connection.request(method, f"{parts.path}?{parts.query}", headers={"Host": "elsewhere.example"})
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    text = answer.read().decode()
    connection.close()
    return answer.status, headers, text


def test_link_by_mail(launch):
    with MailServer() as server:
        program = launch(env={"CENOTE_SMTP_URL": server.url})
        app = new_app(program, VerificationMessageTemplate=BY_LINK)
        name = fresh_name()
        app.sign_up(name)
        _, message = server.wait()
        assert message["Subject"] == "Your verification link"
        link = link_in(message)
        assert link.startswith(f"{program.url}/{app.pool_id}/confirmUser?client_id={app.client_id}&user_name={name}&")

        status, _, text = follow(program, link[:-1] + str((int(link[-1]) + 1) % 10))
        assert (status, "This link is invalid or has expired" in text) == (400, True)
        status, _, text = follow(program, link, "HEAD")
        assert (status, text) == (200, "")
        assert app.get_user(name)["UserStatus"] == "UNCONFIRMED", "a HEAD only looks"

        status, headers, text = follow(program, link)
        assert (status, "Your account is confirmed" in text) == (200, True)
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "set-cookie" not in headers
        user = app.get_user(name)
        assert user["UserStatus"] == "CONFIRMED"
        assert values_of(user["UserAttributes"])["email_verified"] == "true"
        assert "AccessToken" in app.sign_in(name)["AuthenticationResult"]

        status, _, text = follow(program, link)
        assert (status, "Already confirmed" in text) == (200, True)
        assert link[-6:] not in program.log, "the code of a link is not logged"


def test_new_link_replaces_the_old(launch):
    with MailServer() as server:
        program = launch(env={"CENOTE_SMTP_URL": server.url})
        app = new_app(program, VerificationMessageTemplate=BY_LINK)
        hiding = app.add_client(PreventUserExistenceErrors="ENABLED", GenerateSecret=True)
        name = fresh_name()
        hiding.sign_up(name)
        old = link_in(server.wait()[1])
        hiding.resend(name)
        new = link_in(server.wait(2)[1])
        assert follow(program, old)[0] == 400
        assert follow(program, new.replace(f"={name}&", f"={fresh_name()}&"))[0] == 400
        # No SECRET_HASH: who has the link has no secret of the app's.
        assert follow(program, new)[0] == 200
        assert "Already confirmed" in follow(program, new)[2]
        assert follow(program, old)[0] == 400, "who exists is hidden from who has not the link that did it"


def test_code_of_a_link_can_be_typed(launch_once):
    with MailServer() as server:
        app = new_app(launch_once(env={"CENOTE_SMTP_URL": server.url}), VerificationMessageTemplate=BY_LINK)
        name = fresh_name()
        app.sign_up(name)
        app.confirm(name, link_in(server.wait()[1])[-6:])
        assert app.get_user(name)["UserStatus"] == "CONFIRMED"
