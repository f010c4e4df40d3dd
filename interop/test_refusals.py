"""Each wrong input that the reference names for signing up and for administrators, and its exact refusal."""

import re

import pytest

from harness.app import PASSWORD, App, address, attributes, fresh_name, new_app
from harness.doors import NO_CLIENT, NO_POOL, administrator_doors, public_doors
from harness.expect import INVALID_PARAMETER, NOT_AUTHORIZED, NOT_FOUND, refused
from harness.program import Program

NO_USER = "User does not exist."
WRONG_CODE = "Invalid verification code provided, please try again."
OLD_CODE = "Invalid code provided, please request a code again."
SCHEMA_PREFIX = "Attributes did not conform to the schema: "
UNWRITABLE = "A client attempted to write unauthorized attribute"

WEAK_PASSWORDS = [
    ("Ab1-xyz", "Password not long enough"),
    ("correct-horse-9", "Password must have uppercase characters"),
    ("CORRECT-HORSE-9", "Password must have lowercase characters"),
    ("Correct-Horse-x", "Password must have numeric characters"),
    ("CorrectHorse9", "Password must have symbol characters"),
]


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    """A public client of a pool with plain usernames."""
    return new_app(program)


@pytest.fixture(scope="module")
def secretive(app: App) -> App:
    """A client of the same pool that has a secret."""
    return app.add_client(GenerateSecret=True)


@pytest.fixture(scope="module")
def hiding(app: App) -> App:
    """A client of the same pool that hides which users exist."""
    return app.add_client(PreventUserExistenceErrors="ENABLED")


def other_than(code: str) -> str:
    """A well-formed code that is not the right one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


# --- Passwords -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("password", "reason"), WEAK_PASSWORDS)
def test_weak_password(app: App, password: str, reason: str):
    with refused("InvalidPasswordException", f"Password did not conform with policy: {reason}"):
        app.sign_up(password=password)
    with refused("InvalidPasswordException", f"Password did not conform with policy: {reason}"):
        app.create_user(TemporaryPassword=password)
    name, session = app.new_password_session()
    with refused("InvalidPasswordException", f"Password does not conform to policy: {reason}"):
        app.answer_new_password(session, name, password)
    with refused("InvalidPasswordException"):
        app.program.admin.admin_set_user_password(UserPoolId=app.pool_id, Username=name, Password=password)
    # None of these changed anything.
    assert app.answer_new_password(session, name)["AuthenticationResult"]


def test_policy_of_the_pool(program: Program):
    lenient = new_app(program, Policies={"PasswordPolicy": {"MinimumLength": 10}})
    with refused("InvalidPasswordException", "Password did not conform with policy: Password not long enough"):
        lenient.sign_up(password="ninechars")
    assert lenient.sign_up(password="tenletters")["UserSub"]


# --- Secret hashes ---------------------------------------------------------------------------------------------------


def test_secret_hash_at_every_door(secretive: App):
    name, session = secretive.new_password_session()
    client_id = secretive.client_id
    for call in public_doors(secretive, name, session).values():
        with refused(NOT_AUTHORIZED, f"Client {client_id} is configured with secret but SECRET_HASH was not received"):
            call({})
        with refused(NOT_AUTHORIZED, f"Unable to verify secret hash for client {client_id}"):
            call({"SecretHash": secretive.secret_hash("somebody else")})


def test_secret_hash_of_a_refresh(secretive: App):
    name = secretive.confirmed_user()
    token = secretive.sign_in(name)["AuthenticationResult"]["RefreshToken"]
    with refused(NOT_AUTHORIZED, f"SecretHash does not match for the client: {secretive.client_id}"):
        secretive.refresh(token, "somebody else")


def test_hash_for_a_client_without_secret_is_ignored(app: App):
    name = app.confirmed_user()
    assert app.sign_in(name, SECRET_HASH="bm90aGluZw==")["AuthenticationResult"]


def test_revocation_needs_the_secret(program: Program, secretive: App):
    name = secretive.confirmed_user()
    token = secretive.sign_in(name)["AuthenticationResult"]["RefreshToken"]
    with refused("UnauthorizedException"):
        program.public.revoke_token(Token=token, ClientId=secretive.client_id)
    with refused("UnauthorizedException"):
        program.public.revoke_token(Token=token, ClientId=secretive.client_id, ClientSecret="w" * 51)
    assert secretive.refresh(token, name)["AuthenticationResult"]


# --- Unknown pools and clients ---------------------------------------------------------------------------------------


def test_unknown_client(program: Program, app: App):
    nobody = App(program, app.pool, {"ClientId": NO_CLIENT})
    for call in public_doors(nobody, "alice", "A" * 40).values():
        with refused(NOT_FOUND, f"User pool client {NO_CLIENT} does not exist."):
            call({})


def test_client_of_another_pool(program: Program, app: App):
    stranger = App(program, new_app(program).pool, app.client)
    doors = public_doors(stranger, "alice", "A" * 40)
    for door in ("AdminInitiateAuth", "AdminRespondToAuthChallenge"):
        with refused(NOT_FOUND, f"User pool client {app.client_id} does not exist."):
            doors[door]({})


def test_unknown_pool(program: Program, app: App):
    calls = administrator_doors(program, NO_POOL, "alice")
    nowhere = App(program, {"Id": NO_POOL}, app.client)
    doors = public_doors(nowhere, "alice", "A" * 40)
    calls |= {door: lambda call=doors[door]: call({}) for door in ("AdminInitiateAuth", "AdminRespondToAuthChallenge")}
    calls["AdminCreateUser"] = nowhere.create_user
    for call in calls.values():
        with refused(NOT_FOUND, f"User pool {NO_POOL} does not exist."):
            call()


def test_unknown_user_of_an_administrator(program: Program, app: App):
    for call in administrator_doors(program, app.pool_id, fresh_name()).values():
        with refused("UserNotFoundException", NO_USER):
            call()


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("AdminGetUser", {"UserPoolId": NO_POOL, "Username": "alice"}),
        ("AdminCreateUser", {"UserPoolId": NO_POOL, "Username": "alice"}),
        ("AdminSetUserPassword", {"UserPoolId": NO_POOL, "Username": "alice", "Password": PASSWORD}),
        ("AdminDeleteUser", {"UserPoolId": NO_POOL, "Username": "alice"}),
        ("AdminConfirmSignUp", {"UserPoolId": NO_POOL, "Username": "alice"}),
        ("AdminInitiateAuth", {"UserPoolId": NO_POOL, "ClientId": NO_CLIENT, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}),
        ("CreateUserPool", {"PoolName": "pool"}),
        # Before the body is looked at: nobody learns anything without a signature.
        ("AdminGetUser", {"UserPoolId": 7}),
    ],
)
def test_unsigned_administrator(program: Program, operation: str, body: dict):
    answer = program.wire.call(operation, body)
    assert (answer.status, *answer.error) == (
        400,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )


# --- Sign-up ---------------------------------------------------------------------------------------------------------


def test_taken_name(app: App):
    name = app.unconfirmed_user()
    with refused("UsernameExistsException", "User already exists"):
        app.sign_up(name)
    with refused("UsernameExistsException", "User account already exists"):
        app.create_user(name)


def test_taken_name_is_shown_even_where_users_are_hidden(hiding: App):
    name = hiding.unconfirmed_user()
    with refused("UsernameExistsException", "User already exists"):
        hiding.sign_up(name)


def test_only_administrators_create(program: Program):
    closed = new_app(program, AdminCreateUserConfig={"AllowAdminCreateUserOnly": True})
    with refused(NOT_AUTHORIZED, "SignUp is not permitted for this user pool"):
        closed.sign_up()


@pytest.mark.parametrize(
    ("kinds", "name", "message"),
    [
        (["email"], "alice", "Username should be an email."),
        (["phone_number"], "alice@example.com", "Username should be a phone number."),
        (["email", "phone_number"], "alice", "Username should be either an email or a phone number."),
    ],
)
def test_username_attributes(program: Program, kinds: list[str], name: str, message: str):
    app = new_app(program, UsernameAttributes=kinds)
    with refused(INVALID_PARAMETER, message):
        program.public.sign_up(ClientId=app.client_id, Username=name, Password=PASSWORD)
    with refused(INVALID_PARAMETER, message):
        app.create_user(name)


def test_taken_username_attribute(program: Program):
    app = new_app(program, UsernameAttributes=["email"])
    mail = address(fresh_name())
    app.sign_up(mail)
    with refused("UsernameExistsException", "An account with the given email already exists."):
        app.sign_up(mail)
    with refused("UsernameExistsException", "An account with the given email already exists."):
        app.create_user(mail)


def test_names_in_the_form_of_an_alias(program: Program):
    app = new_app(program, AliasAttributes=["email", "phone_number"])
    message = "Username cannot be of email format, since user pool is configured for email alias."
    with refused(INVALID_PARAMETER, message):
        app.sign_up("alice@example.com")
    with refused(INVALID_PARAMETER):
        app.sign_up("+12065559934", email="alice@example.com")


def test_alias_of_somebody_else(program: Program):
    app = new_app(program, AliasAttributes=["email"])
    first, second = fresh_name(), fresh_name()
    mail = address(first)
    app.sign_up(first)
    app.confirm(first, program.outbox.code(mail))
    app.sign_up(second, email=mail)
    code = program.outbox.code(mail, number=2)
    with refused("AliasExistsException", "An account with the email already exists."):
        app.confirm(second, code)
    app.confirm(second, code, ForceAliasCreation=True)

    result = app.sign_in(mail)["AuthenticationResult"]
    assert program.public.get_user(AccessToken=result["AccessToken"])["Username"] == second
    left = {entry["Name"]: entry["Value"] for entry in app.get_user(first)["UserAttributes"]}
    assert left["email_verified"] == "false"


def test_alias_that_an_administrator_gives_twice(program: Program):
    app = new_app(program, AliasAttributes=["email"])
    mail = address(fresh_name())
    verified = attributes(email=mail, email_verified="true")
    first = app.create_user(UserAttributes=verified)["Username"]
    name = fresh_name()
    with refused("AliasExistsException", "An account with the given email already exists."):
        app.create_user(name, UserAttributes=verified)
    app.create_user(name, UserAttributes=verified, ForceAliasCreation=True)
    assert app.get_user(mail)["Username"] == name
    assert {"Name": "email_verified", "Value": "false"} in app.get_user(first)["UserAttributes"]


def test_preferred_username_comes_after_confirmation(program: Program):
    app = new_app(program, AliasAttributes=["preferred_username"])
    with refused(INVALID_PARAMETER):
        app.sign_up(preferred_username="ali")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"email": "nonsense"}, "Invalid email address format."),
        ({"phone_number": "0123"}, "Invalid phone number format."),
        (
            {"custom__nothing": "x"},
            SCHEMA_PREFIX + "Type for attribute {custom:nothing} could not be determined",
        ),
        ({"birthdate": "tomorrow"}, None),
        ({"custom__short": "four"}, None),
        ({"custom__number": "11"}, None),
        ({"custom__number": "many"}, None),
        ({"custom__flag": "perhaps"}, None),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_bad_attributes(constrained: App, values: dict[str, str], message: str | None):
    with refused(INVALID_PARAMETER, message):
        constrained.sign_up(**values)
    with refused(INVALID_PARAMETER, message):
        constrained.create_user(UserAttributes=attributes(**values))


@pytest.fixture(scope="module")
def constrained(program: Program) -> App:
    schema = [
        {"Name": "short", "AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "3"}},
        {
            "Name": "number",
            "AttributeDataType": "Number",
            "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "10"},
        },
        {"Name": "flag", "AttributeDataType": "Boolean"},
    ]
    return new_app(program, Schema=schema)


def test_required_attributes(program: Program):
    one = new_app(program, Schema=[{"Name": "email", "Required": True}])
    with refused(INVALID_PARAMETER, re.compile(re.escape(SCHEMA_PREFIX + "email: The attribute is required") + "\n?")):
        program.public.sign_up(ClientId=one.client_id, Username="alice", Password=PASSWORD)

    two = new_app(program, Schema=[{"Name": "given_name", "Required": True}, {"Name": "family_name", "Required": True}])
    both = "family_name: The attribute is required\ngiven_name: The attribute is required\n"
    with refused(INVALID_PARAMETER, SCHEMA_PREFIX + both):
        program.public.sign_up(ClientId=two.client_id, Username="alice", Password=PASSWORD)


def test_unwritable_attribute(app: App):
    limited = app.add_client(WriteAttributes=["email"])
    with refused(NOT_AUTHORIZED, UNWRITABLE):
        limited.sign_up(name="Alice")


def test_nobody_writes_sub(app: App):
    with refused(INVALID_PARAMETER, "Cannot modify the non-mutable attribute sub"):
        app.create_user(UserAttributes=attributes(sub="34c84488-e0e1-70ae-d2ee-991ad1a898c8"))


# --- Confirmation ----------------------------------------------------------------------------------------------------


def test_codes(program: Program, app: App):
    name = app.unconfirmed_user()
    code = program.outbox.code(address(name))
    with refused("CodeMismatchException", WRONG_CODE):
        app.confirm(name, other_than(code))
    app.confirm(name, code)
    with refused(NOT_AUTHORIZED, "User cannot be confirmed. Current status is CONFIRMED"):
        app.confirm(name, code)
    with refused(INVALID_PARAMETER, "User is already confirmed."):
        app.resend(name)


def test_code_that_was_never_sent(app: App):
    name = app.create_user()["Username"]
    with refused(NOT_AUTHORIZED, "User cannot be confirmed. Current status is FORCE_CHANGE_PASSWORD"):
        app.program.admin.admin_confirm_sign_up(UserPoolId=app.pool_id, Username=name)
    quiet = new_app(app.program, AutoVerifiedAttributes=None)
    name = fresh_name()
    assert "CodeDeliveryDetails" not in quiet.sign_up(name)
    with refused("ExpiredCodeException", OLD_CODE):
        quiet.confirm(name, "123456")
    with refused(NOT_AUTHORIZED, "Cannot resend codes. Auto verification not turned on."):
        quiet.resend(name)


def test_administrator_confirms_once(app: App):
    name = app.unconfirmed_user()
    here = {"UserPoolId": app.pool_id, "Username": name}
    app.program.admin.admin_confirm_sign_up(**here)
    with refused(NOT_AUTHORIZED, "User cannot be confirmed. Current status is CONFIRMED"):
        app.program.admin.admin_confirm_sign_up(**here)


def test_code_constraint(app: App):
    pattern = r"Value '' at 'confirmationCode' failed to satisfy constraint: Member must satisfy regular expression"
    with refused(INVALID_PARAMETER, re.compile(rf".*{re.escape(pattern)} pattern: \[\\S\]\+.*")):
        app.confirm("alice", "")
