"""Attributes are changed and deleted, addresses verified: with boto3, and with the AWS CLI."""

import json

import pytest

from harness.app import NEW_PASSWORD, App, address, attributes, fresh_name, new_app, values_of
from harness.expect import INVALID_PARAMETER, NOT_AUTHORIZED, refused
from harness.program import Program

MISMATCH = ("CodeMismatchException", "Invalid verification code provided, please try again.")
EXPIRED = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
TOO_MANY = ("LimitExceededException", "Attempt limit exceeded, please try after some time.")
EMAIL_TAKEN = ("AliasExistsException", "An account with the given email already exists.")
NO_USER = ("UserNotFoundException", "User does not exist.")
PROVED_FIRST = {"AttributesRequireVerificationBeforeUpdate": ["email"]}


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    """A pool that verifies addresses, and stores them at once."""
    return new_app(program)


@pytest.fixture(scope="module")
def careful(program: Program) -> App:
    """A pool that keeps an address until the new one is proved."""
    return new_app(program, UserAttributeUpdateSettings=PROVED_FIRST)


def fresh_address() -> str:
    return address(fresh_name("new"))


def by_mail(destination: str = "n***@e***") -> dict[str, str]:
    return {"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": destination}


def other_than(code: str) -> str:
    """A well-formed code that is not the right one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


class Person:
    """A user with a verified address, signed in."""

    def __init__(self, app: App, name: str | None = None):
        name = name or fresh_name()
        self.app = app
        self.email = name if "@" in name else address(name)
        self.username = app.confirmed_user(name, email=self.email, email_verified="true")
        self.public = app.program.public
        self.token = app.sign_in(name)["AuthenticationResult"]["AccessToken"]

    def update(self, **values: str) -> list[dict[str, str]]:
        answer = self.public.update_user_attributes(AccessToken=self.token, UserAttributes=attributes(**values))
        return answer["CodeDeliveryDetailsList"]

    def delete(self, *names: str) -> None:
        self.public.delete_user_attributes(AccessToken=self.token, UserAttributeNames=list(names))

    def send_code(self, name: str = "email") -> dict[str, str]:
        answer = self.public.get_user_attribute_verification_code(AccessToken=self.token, AttributeName=name)
        return answer["CodeDeliveryDetails"]

    def verify(self, code: str, name: str = "email") -> None:
        self.public.verify_user_attribute(AccessToken=self.token, AttributeName=name, Code=code)

    def admin_update(self, **values: str) -> None:
        self.app.program.admin.admin_update_user_attributes(
            UserPoolId=self.app.pool_id, Username=self.username, UserAttributes=attributes(**values)
        )

    def admin_delete(self, *names: str) -> None:
        self.app.program.admin.admin_delete_user_attributes(
            UserPoolId=self.app.pool_id, Username=self.username, UserAttributeNames=list(names)
        )

    @property
    def shown(self) -> dict[str, str]:
        """What GetUser shows, without `sub`."""
        found = values_of(self.public.get_user(AccessToken=self.token)["UserAttributes"])
        del found["sub"]
        return found


def test_an_address_that_is_stored_at_once(app: App):
    user, new = Person(app), fresh_address()
    assert user.update(email=new, given_name="Alice") == [by_mail()]
    assert user.shown == {"email": new, "email_verified": "false", "given_name": "Alice"}
    code = app.program.outbox.code(new)
    with refused(*MISMATCH):
        user.verify(other_than(code))
    user.verify(code)
    assert user.shown == {"email": new, "email_verified": "true", "given_name": "Alice"}
    with refused(*EXPIRED):
        user.verify(code)
    assert app.program.outbox.to(user.email) == []
    user.delete("email", "given_name", "nickname")
    assert user.shown == {}


def test_an_address_that_is_proved_first(careful: App):
    user, new = Person(careful), fresh_address()
    assert user.update(email=new) == [by_mail()]
    assert user.shown == {"email": user.email, "email_verified": "true"}
    assert user.update(email=new) == [by_mail()]
    first, second = (careful.program.outbox.code(new, number) for number in (1, 2))
    with refused(*EXPIRED):
        user.verify(first)
    user.verify(second)
    assert user.shown == {"email": new, "email_verified": "true"}
    # The present value cancels a change.
    user.update(email=user.email)
    code = careful.program.outbox.code(user.email)
    assert user.update(email=new) == []
    with refused(*EXPIRED):
        user.verify(code)


def test_a_code_that_is_asked_for(program: Program):
    user = Person(new_app(program, AutoVerifiedAttributes=None))
    new = fresh_address()
    assert user.update(email=new, phone_number="+12065559934") == []
    assert user.shown["email_verified"] == user.shown["phone_number_verified"] == "false"
    assert user.send_code() == by_mail()
    assert user.send_code() == by_mail()
    first, second = (program.outbox.code(new, number) for number in (1, 2))
    with refused(*EXPIRED):
        user.verify(first)
    user.verify(second)
    assert user.shown["email_verified"] == "true"
    for _ in range(3):
        user.send_code()
    with refused(*TOO_MANY):
        user.send_code()


def test_no_more_than_fifteen_tries(app: App):
    user, new = Person(app), fresh_address()
    user.update(email=new)
    code = app.program.outbox.code(new)
    for _ in range(15):
        with refused(*MISMATCH):
            user.verify(other_than(code))
    with refused(*TOO_MANY):
        user.verify(code)


@pytest.mark.parametrize("settings", [{}, PROVED_FIRST], ids=["at once", "proved first"])
def test_an_administrator(program: Program, settings: dict):
    user = Person(new_app(program, UserAttributeUpdateSettings=settings))
    new, newest = fresh_address(), fresh_address()
    user.admin_update(email=new)
    if settings:
        assert user.shown == {"email": user.email, "email_verified": "true"}
    else:
        assert user.shown == {"email": new, "email_verified": "false"}
    user.verify(program.outbox.code(new))
    assert user.shown == {"email": new, "email_verified": "true"}
    user.admin_update(email=newest, email_verified="true")
    assert user.shown == {"email": newest, "email_verified": "true"}
    user.admin_update(email_verified="false")
    assert user.shown == {"email": newest, "email_verified": "false"}
    assert program.outbox.to(newest) == []
    user.admin_delete("email")
    assert user.shown == {}
    with refused(INVALID_PARAMETER, "Email is required to verify/un-verify an email"):
        user.admin_update(email_verified="true")


def test_who_signs_in_with_an_alias(program: Program):
    app = new_app(program, AliasAttributes=["email"])
    user, new = Person(app), fresh_address()
    assert app.sign_in(user.email)
    user.update(email=new)
    for name in (user.email, new):
        with refused(*NO_USER):
            app.sign_in(name)
    # Somebody is quicker. No administrator takes it away again, but a proof does.
    other = Person(app, fresh_name())
    other.admin_update(email=new, email_verified="true")
    with refused(*EMAIL_TAKEN):
        user.admin_update(email_verified="true")
    assert app.get_user(new)["Username"] == other.username
    user.verify(program.outbox.code(new))
    assert app.get_user(new)["Username"] == user.username
    assert other.shown == {"email": new, "email_verified": "false"}


@pytest.mark.parametrize("settings", [{}, PROVED_FIRST], ids=["at once", "proved first"])
def test_who_signs_in_with_an_address_as_username(program: Program, settings: dict):
    app = new_app(program, UsernameAttributes=["email"], UserAttributeUpdateSettings=settings)
    user, other, new = Person(app, fresh_address()), Person(app, fresh_address()), fresh_address()
    with refused(*EMAIL_TAKEN):
        user.update(email=other.email)
    with refused(INVALID_PARAMETER, "Required attribute can not be deleted"):
        user.delete("email")
    user.update(email=new)
    works, fails = (user.email, new) if settings else (new, user.email)
    assert app.sign_in(works)
    with refused(*NO_USER):
        app.sign_in(fails)
    user.verify(program.outbox.code(new))
    assert app.sign_in(new)
    with refused(*NO_USER):
        app.sign_in(user.email)


def test_an_answer_to_new_password_required(careful: App):
    name = careful.create_user(UserAttributes=attributes(email="old@example.com", email_verified="true"))["Username"]
    new = fresh_address()
    session = careful.sign_in(name)["Session"]
    result = careful.answer_new_password(session, name, **{"userAttributes.email": new})["AuthenticationResult"]
    shown = values_of(careful.get_user(name)["UserAttributes"])
    assert (shown["email"], shown["email_verified"]) == ("old@example.com", "true")
    careful.program.public.verify_user_attribute(
        AccessToken=result["AccessToken"], AttributeName="email", Code=careful.program.outbox.code(new)
    )
    shown = values_of(careful.get_user(name)["UserAttributes"])
    assert (shown["email"], shown["email_verified"]) == (new, "true")
    assert careful.sign_in(name, NEW_PASSWORD)


def test_refusals(program: Program, app: App):
    schema = [{"Name": "fixed", "AttributeDataType": "String", "Mutable": False}, {"Name": "name", "Required": True}]
    user = Person(new_app(program, Schema=schema))
    for values, message in [
        ({"sub": "me"}, "Cannot modify the non-mutable attribute sub"),
        ({"custom__fixed": "x"}, "user.custom:fixed: Attribute cannot be updated."),
        ({"custom__foo": "x"}, "Type for attribute {custom:foo} could not be determined"),
        ({"name": ""}, "Required attribute can not be deleted"),
        ({"email": "nobody"}, "Invalid email address format."),
        ({"phone_number": "555"}, "Invalid phone number format."),
    ]:
        with refused(INVALID_PARAMETER, message):
            user.update(**values)
        with refused(INVALID_PARAMETER, message):
            user.admin_update(**values)
    for flag in ("email_verified", "phone_number_verified"):
        with refused(INVALID_PARAMETER, f"Cannot modify the non-mutable attribute {flag}"):
            user.update(**{flag: "true"})
    unknown = "Invalid user attributes: user.custom:foo: Attribute does not exist in the schema.\n"
    for delete in (user.delete, user.admin_delete):
        with refused(INVALID_PARAMETER, unknown):
            delete("custom:foo")
        with refused(INVALID_PARAMETER, "Required attribute can not be deleted"):
            delete("name")
    narrow = Person(app.add_client(WriteAttributes=["name"]))
    with refused(NOT_AUTHORIZED, "A client attempted to write unauthorized attribute"):
        narrow.update(nickname="Al")
    with refused(INVALID_PARAMETER):
        user.send_code("name")
    with refused(INVALID_PARAMETER):
        user.send_code("phone_number")
    with refused(INVALID_PARAMETER):
        user.verify("123456", "name")
    with refused(*EXPIRED):
        user.verify("123456")
    user.token = "a.b.c"
    with refused(NOT_AUTHORIZED, "Invalid Access Token"):
        user.update(nickname="Al")


def test_with_the_command_line(program: Program, careful: App):
    user, new = Person(careful), fresh_address()

    def aws(*arguments: str) -> dict:
        done = program.aws("cognito-idp", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    token = ["--access-token", user.token]
    answer = aws("update-user-attributes", *token, "--user-attributes", f"Name=email,Value={new}")
    assert answer == {"CodeDeliveryDetailsList": [by_mail()]}
    aws("verify-user-attribute", *token, "--attribute-name", "email", "--code", program.outbox.code(new))
    assert user.shown == {"email": new, "email_verified": "true"}
    answer = aws("get-user-attribute-verification-code", *token, "--attribute-name", "email")
    assert answer == {"CodeDeliveryDetails": by_mail()}
    named = ["--user-pool-id", careful.pool_id, "--username", user.username]
    values = ["Name=email_verified,Value=false", "Name=nickname,Value=Al"]
    aws("admin-update-user-attributes", *named, "--user-attributes", *values)
    assert user.shown == {"email": new, "email_verified": "false", "nickname": "Al"}
    aws("admin-delete-user-attributes", *named, "--user-attribute-names", "nickname")
    aws("delete-user-attributes", *token, "--user-attribute-names", "email")
    assert user.shown == {}
    done = program.aws("cognito-idp", "verify-user-attribute", *token, "--attribute-name", "email", "--code", "123456")
    assert done.returncode == 255
    assert "An error occurred (ExpiredCodeException) when calling the VerifyUserAttribute operation" in done.stderr
