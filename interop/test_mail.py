"""Messages leave through a mail server."""

import re

from harness.app import address, fresh_name, new_app, values_of
from harness.expect import refused
from harness.smtp import MailServer


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
