"""GetTokensFromRefreshToken, the rotation of refresh tokens, AdminUserGlobalSignOut."""

import pytest

from harness.app import App, address, fresh_name, new_app, rotation
from harness.expect import INVALID_PARAMETER, NOT_AUTHORIZED, NOT_FOUND, refused
from harness.program import Program
from harness.tokens import verify_pair

REUSED = ("RefreshTokenReuseException", "Refresh Token has been reused")
REVOKED = (NOT_AUTHORIZED, "Refresh Token has been revoked")
ACCESS_REVOKED = (NOT_AUTHORIZED, "Access Token has been revoked")
INVALID = (NOT_AUTHORIZED, "Invalid Refresh Token")


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    """A confidential client that rotates, with the longest grace period."""
    return new_app(program, client=rotation(60, GenerateSecret=True))


def test_without_rotation(program: Program):
    app = new_app(program, client={"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]})
    name = app.confirmed_user(email="old@example.com")
    tokens = app.tokens(name)
    device = "us-east-1_3c6ea56b-0000-4000-8000-000000000001"
    answer = app.renew(tokens["RefreshToken"], DeviceKey=device, ClientMetadata={"a": "b"})
    result = answer["AuthenticationResult"]
    assert set(result) == {"AccessToken", "IdToken", "ExpiresIn", "TokenType"}
    assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")
    for old, new in zip(verify_pair(app, tokens), verify_pair(app, result), strict=True):
        for kept in ("sub", "iss", "auth_time", "origin_jti", "token_use", "email", "scope", "username"):
            assert new.get(kept) == old.get(kept)
        for changed in ("jti", "event_id"):
            assert new[changed] != old[changed]
        assert new["exp"] - new["iat"] == 3600
    assert program.public.get_user(AccessToken=result["AccessToken"])["Username"] == name
    assert app.renew(tokens["RefreshToken"])["AuthenticationResult"]


def test_rotation(app: App):
    public = app.program.public
    first = app.tokens()
    second = app.renewed(first)
    assert set(second) == {"AccessToken", "IdToken", "RefreshToken", "ExpiresIn", "TokenType"}
    third = app.renewed(second)
    for old, new in zip(verify_pair(app, first), verify_pair(app, third), strict=True):
        assert (new["auth_time"], new["origin_jti"]) == (old["auth_time"], old["origin_jti"])
    for tokens in (first, second, third):
        assert public.get_user(AccessToken=tokens["AccessToken"])
    # A retry within the grace period goes on where the first call would have.
    retry = app.renewed(second)
    fourth = app.renewed(retry)
    assert public.get_user(AccessToken=fourth["AccessToken"])
    # The one before that has no grace.
    with refused(*REUSED):
        app.renew(second["RefreshToken"])
    for tokens in (first, second, third, retry, fourth):
        with refused(*ACCESS_REVOKED):
            public.get_user(AccessToken=tokens["AccessToken"])
        with refused(*REVOKED):
            app.renew(tokens["RefreshToken"])


def test_rotation_without_grace(program: Program):
    app = new_app(program, client=rotation(0))
    name = app.confirmed_user()
    other, first = app.tokens(name), app.tokens(name)
    second = app.renewed(first)
    with refused(*REUSED):
        app.renew(first["RefreshToken"])
    with refused(*REVOKED):
        app.renew(second["RefreshToken"])
    assert app.renewed(other)["RefreshToken"]


def test_rotation_and_the_other_door(app: App):
    tokens = app.tokens()
    for flow in ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"):
        with refused(INVALID_PARAMETER, "REFRESH_TOKEN_AUTH flow not enabled for this client"):
            app.program.public.initiate_auth(
                ClientId=app.client_id, AuthFlow=flow, AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}
            )


def test_rotation_that_is_switched_off_and_on(program: Program):
    app = new_app(program, client=rotation(60))
    name = app.confirmed_user()
    first = app.tokens(name)
    second = app.renewed(first)
    where = {"UserPoolId": app.pool_id, "ClientId": app.client_id}
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    program.admin.update_user_pool_client(**where, ExplicitAuthFlows=flows)
    assert "RefreshToken" not in app.renewed(second)
    assert app.refresh(second["RefreshToken"], name)["AuthenticationResult"]
    program.admin.update_user_pool_client(**where, **rotation(60))
    third = app.renewed(second)
    program.admin.update_user_pool_client(**where, ExplicitAuthFlows=flows)
    with refused(*REVOKED):
        app.refresh(second["RefreshToken"], name)
    with refused(*REVOKED):
        app.renew(third["RefreshToken"])


def test_revoking_any_generation(app: App):
    public = app.program.public
    secret = app.client["ClientSecret"]
    for index in range(3):
        tokens = [app.tokens()]
        for _ in range(2):
            tokens.append(app.renewed(tokens[-1]))
        public.revoke_token(Token=tokens[index]["RefreshToken"], ClientId=app.client_id, ClientSecret=secret)
        for generation in tokens:
            with refused(*ACCESS_REVOKED):
                public.get_user(AccessToken=generation["AccessToken"])
            with refused(*REVOKED):
                app.renew(generation["RefreshToken"])


def test_the_secret(app: App):
    token = app.tokens()["RefreshToken"]
    public = app.program.public
    with refused(NOT_AUTHORIZED, f"Client {app.client_id} is configured for secret but secret was not received"):
        public.get_tokens_from_refresh_token(ClientId=app.client_id, RefreshToken=token)
    with refused(NOT_AUTHORIZED, f"Unable to verify secret hash for client {app.client_id}"):
        app.renew(token, ClientSecret="wrong_wrong_wrong_wrong_wrong")
    assert app.renew(token)["AuthenticationResult"]


def test_what_is_refused(app: App):
    tokens = app.tokens(name := app.confirmed_user())
    sibling = app.add_client(**rotation(60))
    for token in ("x", "a.b.c.d.e", tokens["AccessToken"], tokens["IdToken"]):
        with refused(*INVALID):
            app.renew(token)
    with refused(*INVALID):
        sibling.renew(tokens["RefreshToken"])
    nowhere = "26cb2c60kq7nbmas7rbme9b6pp"
    with refused(NOT_FOUND, f"User pool client {nowhere} does not exist."):
        app.program.public.get_tokens_from_refresh_token(ClientId=nowhere, RefreshToken=tokens["RefreshToken"])
    app.program.admin.admin_delete_user(UserPoolId=app.pool_id, Username=name)
    with refused(*INVALID):
        app.renew(tokens["RefreshToken"])


def test_an_administrator_signs_a_user_out(program: Program):
    app = new_app(program, AliasAttributes=["email"])
    nameless = app.add_client(EnableTokenRevocation=False)
    name = fresh_name()
    app.confirmed_user(name, email=address(name), email_verified="true")
    bystander = app.tokens()
    for called in (name, address(name)):
        sign_ins = [(app, app.tokens(name)), (nameless, nameless.tokens(name))]
        answer = program.admin.admin_user_global_sign_out(UserPoolId=app.pool_id, Username=called)
        assert set(answer) == {"ResponseMetadata"}
        for client, tokens in sign_ins:
            with refused(*ACCESS_REVOKED):
                program.public.get_user(AccessToken=tokens["AccessToken"])
            with refused(*REVOKED):
                client.refresh(tokens["RefreshToken"], name)
            with refused(*REVOKED):
                client.renew(tokens["RefreshToken"])
    assert program.public.get_user(AccessToken=app.tokens(name)["AccessToken"])["Username"] == name
    assert program.public.get_user(AccessToken=bystander["AccessToken"])


def test_whom_an_administrator_cannot_sign_out(program: Program):
    app = new_app(program)
    with refused("UserNotFoundException", "User does not exist."):
        program.admin.admin_user_global_sign_out(UserPoolId=app.pool_id, Username="nobody")
    with refused(NOT_FOUND, "User pool us-east-1_AbCdEfGhI does not exist."):
        program.admin.admin_user_global_sign_out(UserPoolId="us-east-1_AbCdEfGhI", Username="nobody")
    with refused("MissingAuthenticationTokenException", "Missing Authentication Token"):
        program.public.admin_user_global_sign_out(UserPoolId=app.pool_id, Username="nobody")
