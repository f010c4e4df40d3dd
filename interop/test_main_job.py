"""Cognito's first job with an unmodified SDK: sign up, confirm, sign in, verify the tokens, refresh, revoke."""

import json
import re
import time
import urllib.request
from typing import Any

import pytest

from harness.app import NEW_PASSWORD, PASSWORD, App, address, attributes, fresh_name, new_app, values_of
from harness.expect import NOT_AUTHORIZED, refused
from harness.program import Program
from harness.tokens import verify, verify_pair

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SCOPE = "aws.cognito.signin.user.admin"


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    """A pool whose client has a secret."""
    return new_app(program, client={"GenerateSecret": True})


def test_sign_up_to_sign_out(program: Program, app: App):
    public = program.public
    name = fresh_name("alice")

    signed_up = app.sign_up(name)
    sub = signed_up["UserSub"]
    assert UUID.fullmatch(sub)
    assert signed_up["UserConfirmed"] is False
    assert signed_up["CodeDeliveryDetails"] == {
        "AttributeName": "email",
        "DeliveryMedium": "EMAIL",
        "Destination": "a***@e***",
    }
    with refused("UserNotConfirmedException", "User is not confirmed."):
        app.sign_in(name)

    app.confirm(name, program.outbox.code(address(name)))
    user = app.get_user(name)
    assert user["UserStatus"] == "CONFIRMED"
    assert values_of(user["UserAttributes"]) == {"sub": sub, "email": address(name), "email_verified": "true"}

    before = int(time.time())
    answer = app.sign_in(name)
    assert answer["ChallengeParameters"] == {}
    assert "ChallengeName" not in answer
    result = answer["AuthenticationResult"]
    assert set(result) == {"AccessToken", "IdToken", "RefreshToken", "ExpiresIn", "TokenType"}
    assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")
    identity, access = verify_pair(app, result)

    common = {"sub": sub, "iss": app.issuer}
    times = {"auth_time": identity["auth_time"], "iat": identity["iat"], "exp": identity["iat"] + 3600}
    family = {"event_id": identity["event_id"], "origin_jti": identity["origin_jti"]}
    assert identity == common | times | family | {
        "aud": app.client_id,
        "token_use": "id",
        "cognito:username": name,
        "email": address(name),
        "email_verified": True,
        "jti": identity["jti"],
    }
    assert access == common | times | family | {
        "client_id": app.client_id,
        "token_use": "access",
        "username": name,
        "scope": SCOPE,
        "jti": access["jti"],
    }
    assert before - 1 <= identity["auth_time"] <= time.time() + 1
    assert identity["auth_time"] == identity["iat"]
    assert all(UUID.fullmatch(claim) for claim in (*family.values(), identity["jti"], access["jti"]))
    assert identity["jti"] != access["jti"]

    me = public.get_user(AccessToken=result["AccessToken"])
    assert me["Username"] == name
    assert values_of(me["UserAttributes"]) == {"sub": sub, "email": address(name), "email_verified": "true"}
    assert not {"UserMFASettingList", "PreferredMfaSetting"} & set(me)

    refreshed = app.refresh(result["RefreshToken"], name)["AuthenticationResult"]
    assert set(refreshed) == {"AccessToken", "IdToken", "ExpiresIn", "TokenType"}
    new_identity, new_access = verify_pair(app, refreshed)
    for old, new in ((identity, new_identity), (access, new_access)):
        kept = ("sub", "auth_time", "origin_jti", "token_use", "iss")
        assert {claim: old[claim] for claim in kept} == {claim: new[claim] for claim in kept}
        assert old["jti"] != new["jti"]
        assert set(old) == set(new)

    # A second session: revoking the first leaves it alone.
    other = app.sign_in(name)["AuthenticationResult"]
    secret = app.client["ClientSecret"]
    public.revoke_token(Token=result["RefreshToken"], ClientId=app.client_id, ClientSecret=secret)
    for token in (result["AccessToken"], refreshed["AccessToken"]):
        with refused(NOT_AUTHORIZED, "Access Token has been revoked"):
            public.get_user(AccessToken=token)
    with refused(NOT_AUTHORIZED, "Refresh Token has been revoked"):
        app.refresh(result["RefreshToken"], name)
    verify(app, result["IdToken"], audience=app.client_id)
    assert public.get_user(AccessToken=other["AccessToken"])["Username"] == name

    public.global_sign_out(AccessToken=other["AccessToken"])
    with refused(NOT_AUTHORIZED, "Access Token has been revoked"):
        public.get_user(AccessToken=other["AccessToken"])
    with refused(NOT_AUTHORIZED, "Refresh Token has been revoked"):
        app.refresh(other["RefreshToken"], name)


def test_jwks_and_discovery(app: App):
    def fetch(path: str) -> dict[str, Any]:
        with urllib.request.urlopen(app.issuer + path, timeout=10) as answer:
            return json.load(answer)

    discovery = fetch("/.well-known/openid-configuration")
    assert discovery["issuer"] == app.issuer
    assert discovery["jwks_uri"] == app.issuer + "/.well-known/jwks.json"
    assert discovery["subject_types_supported"] == ["public"]
    assert discovery["id_token_signing_alg_values_supported"] == ["RS256"]

    keys = fetch("/.well-known/jwks.json")["keys"]
    assert len(keys) == 2
    for key in keys:
        assert set(key) == {"alg", "e", "kid", "kty", "n", "use"}
        assert (key["alg"], key["e"], key["kty"], key["use"]) == ("RS256", "AQAB", "RSA", "sig")
        assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", key["kid"])

    other = new_app(app.program)
    with urllib.request.urlopen(other.issuer + "/.well-known/jwks.json", timeout=10) as answer:
        foreign = {key["kid"] for key in json.load(answer)["keys"]}
    assert not foreign & {key["kid"] for key in keys}


def test_resent_code_replaces_the_first(program: Program, app: App):
    name = fresh_name()
    app.sign_up(name)
    first = program.outbox.code(address(name))
    details = app.resend(name)["CodeDeliveryDetails"]
    assert details == {"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "u***@e***"}
    second = program.outbox.code(address(name), number=2)
    if first != second:
        with refused("ExpiredCodeException", "Invalid code provided, please request a code again."):
            app.confirm(name, first)
    app.confirm(name, second)


def test_sign_up_again_after_deletion(program: Program, app: App):
    name = fresh_name()
    first = app.sign_up(name)["UserSub"]
    program.admin.admin_delete_user(UserPoolId=app.pool_id, Username=name)
    assert app.sign_up(name)["UserSub"] != first


def test_administrator_creates_a_user(program: Program, app: App):
    name = fresh_name("bob")
    user = app.create_user(name, UserAttributes=attributes(email=address(name), email_verified="true"))
    assert user["Username"] == name
    assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert user["Enabled"] is True
    own = values_of(user["Attributes"])
    assert own == {"sub": own["sub"], "email": address(name), "email_verified": "true"}

    challenge = app.sign_in(name)
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    parameters = challenge["ChallengeParameters"]
    assert parameters["USER_ID_FOR_SRP"] == name
    assert json.loads(parameters["requiredAttributes"]) == []
    assert json.loads(parameters["userAttributes"]) == {"email": address(name), "email_verified": "true"}

    answer = app.answer_new_password(challenge["Session"], name)
    verify_pair(app, answer["AuthenticationResult"])
    assert app.get_user(name)["UserStatus"] == "CONFIRMED"
    with refused(NOT_AUTHORIZED, "Incorrect username or password."):
        app.sign_in(name, PASSWORD)
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]


def test_invitation_by_mail(program: Program, app: App):
    name = fresh_name("invited")
    app.create_user(
        name,
        UserAttributes=attributes(email=address(name)),
        TemporaryPassword=None,
        MessageAction=None,
        DesiredDeliveryMediums=["EMAIL"],
    )
    mail = program.outbox.wait(address(name))
    assert name in mail.text
    generated = mail.temporary_password
    challenge = app.sign_in(name, generated)
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    # RESEND: a new temporary password, the old one is dead.
    app.create_user(name, TemporaryPassword=None, MessageAction="RESEND", DesiredDeliveryMediums=["EMAIL"])
    renewed = program.outbox.wait(address(name), number=2).temporary_password
    with refused(NOT_AUTHORIZED, "Incorrect username or password."):
        app.sign_in(name, generated)
    assert app.sign_in(name, renewed)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_new_password_with_required_attributes(program: Program):
    app = new_app(program, Schema=[{"Name": "given_name", "Required": True}, {"Name": "email", "Required": True}])
    name = fresh_name()
    app.create_user(name, UserAttributes=attributes(email=address(name)))
    challenge = app.sign_in(name)
    assert json.loads(challenge["ChallengeParameters"]["requiredAttributes"]) == ["userAttributes.given_name"]
    with refused("InvalidParameterException"):
        app.answer_new_password(challenge["Session"], name)
    with refused("InvalidParameterException", "Cannot modify an already provided email"):
        given = {"userAttributes.given_name": "Bob", "userAttributes.email": "else@example.com"}
        app.answer_new_password(challenge["Session"], name, **given)
    answer = app.answer_new_password(challenge["Session"], name, **{"userAttributes.given_name": "Bob"})
    _, claims = verify(app, answer["AuthenticationResult"]["IdToken"], audience=app.client_id)
    assert claims["given_name"] == "Bob"


def test_administrator_signs_in(program: Program, app: App):
    name = fresh_name()
    app.create_user(name)
    parameters = {"USERNAME": name, "PASSWORD": PASSWORD} | app.with_hash(name, "SECRET_HASH")
    where = {"UserPoolId": app.pool_id, "ClientId": app.client_id}
    start = {"AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": parameters}
    challenge = program.admin.admin_initiate_auth(**where, **start)
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    answer = program.admin.admin_respond_to_auth_challenge(
        **where,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": name, "NEW_PASSWORD": NEW_PASSWORD} | app.with_hash(name, "SECRET_HASH"),
    )
    verify_pair(app, answer["AuthenticationResult"])

    refresh = {"REFRESH_TOKEN": answer["AuthenticationResult"]["RefreshToken"]} | app.with_hash(name, "SECRET_HASH")
    again = program.admin.admin_initiate_auth(**where, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=refresh)
    verify_pair(app, again["AuthenticationResult"])


def test_administrator_confirms_and_sets_passwords(program: Program, app: App):
    name = fresh_name()
    app.sign_up(name)
    here = {"UserPoolId": app.pool_id, "Username": name}
    program.admin.admin_confirm_sign_up(**here)
    user = app.get_user(name)
    assert user["UserStatus"] == "CONFIRMED"
    # Nobody has shown that the address is the user's.
    assert values_of(user["UserAttributes"])["email_verified"] == "false"
    result = app.sign_in(name)["AuthenticationResult"]

    program.admin.admin_set_user_password(**here, Password=NEW_PASSWORD, Permanent=True)
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]
    assert program.public.get_user(AccessToken=result["AccessToken"])["Username"] == name

    program.admin.admin_set_user_password(**here, Password=PASSWORD, Permanent=False)
    assert app.get_user(name)["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert app.sign_in(name)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    program.admin.admin_delete_user(**here)
    with refused("UserNotFoundException", "User does not exist."):
        app.get_user(name)
    with refused("UserNotFoundException", "User does not exist."):
        program.public.get_user(AccessToken=result["AccessToken"])


def test_sign_in_by_verified_email_alias(program: Program):
    app = new_app(program, AliasAttributes=["email"])
    name = fresh_name()
    app.sign_up(name)
    with refused("UserNotFoundException", "User does not exist."):
        app.sign_in(address(name))
    app.confirm(name, program.outbox.code(address(name)))
    _, claims = verify(app, app.sign_in(address(name))["AuthenticationResult"]["AccessToken"])
    assert claims["username"] == name


def test_email_as_username(program: Program):
    app = new_app(program, client={"GenerateSecret": True}, UsernameAttributes=["email"])
    mail = address(fresh_name())
    sub = app.sign_up(mail)["UserSub"]
    app.confirm(mail, program.outbox.code(mail))
    result = app.sign_in(mail)["AuthenticationResult"]
    identity, access = verify_pair(app, result)
    assert identity["cognito:username"] == access["username"] == sub
    assert identity["email"] == mail
    assert app.get_user(mail)["Username"] == sub

    # The refresh hash is made over the stored name, not over what was typed.
    with refused(NOT_AUTHORIZED, f"SecretHash does not match for the client: {app.client_id}"):
        app.refresh(result["RefreshToken"], mail)
    assert app.refresh(result["RefreshToken"], sub)["AuthenticationResult"]["AccessToken"]


def test_case_insensitive_names(program: Program):
    app = new_app(program, UsernameConfiguration={"CaseSensitive": False})
    name = fresh_name("Carol")
    app.sign_up(name)
    app.confirm(name.upper(), program.outbox.code(address(name)))
    assert app.sign_in(name.lower())["AuthenticationResult"]
    with refused("UsernameExistsException", "User already exists"):
        app.sign_up(name.lower())


def test_custom_attributes_in_tokens(program: Program):
    schema = [{"Name": "plan", "AttributeDataType": "Number"}, {"Name": "hidden", "AttributeDataType": "String"}]
    app = new_app(program, Schema=schema, client={"ReadAttributes": ["email", "custom:plan"]})
    name = fresh_name()
    app.sign_up(name, custom__plan="5", custom__hidden="x")
    app.confirm(name, program.outbox.code(address(name)))
    result = app.sign_in(name)["AuthenticationResult"]
    _, claims = verify(app, result["IdToken"], audience=app.client_id)
    assert claims["custom:plan"] == "5"
    assert "custom:hidden" not in claims
    me = values_of(program.public.get_user(AccessToken=result["AccessToken"])["UserAttributes"])
    assert me["custom:plan"] == "5"
    assert "custom:hidden" not in me


def test_token_lifetimes_of_the_client(program: Program, app: App):
    units = {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "hours"}
    short = app.add_client(
        AccessTokenValidity=5, IdTokenValidity=10, RefreshTokenValidity=1, TokenValidityUnits=units, GenerateSecret=True
    )
    name = short.confirmed_user()
    result = short.sign_in(name)["AuthenticationResult"]
    identity, access = verify_pair(short, result)
    assert result["ExpiresIn"] == 300
    assert access["exp"] - access["iat"] == 300
    assert identity["exp"] - identity["iat"] == 600


def test_tokens_without_revocation(program: Program, app: App):
    plain = app.add_client(EnableTokenRevocation=False)
    result = plain.sign_in(plain.confirmed_user())["AuthenticationResult"]
    for claims in verify_pair(plain, result):
        assert not {"jti", "origin_jti"} & set(claims)
    with refused("UnsupportedOperationException"):
        program.public.revoke_token(Token=result["RefreshToken"], ClientId=plain.client_id)


def test_session_survives_a_restart(launch):
    program = launch()
    app = new_app(program)
    name = app.confirmed_user()
    result = app.sign_in(name)["AuthenticationResult"]
    program.restart()
    assert program.public.get_user(AccessToken=result["AccessToken"])["Username"] == name
    assert app.refresh(result["RefreshToken"], name)["AuthenticationResult"]
    verify_pair(app, app.sign_in(name)["AuthenticationResult"])
