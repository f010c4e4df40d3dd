"""The clients that sign in by SRP on their own: pycognito, amazon-cognito-identity-js, aws-amplify."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from pycognito import Cognito
from pycognito.exceptions import ForceChangePasswordException

from harness import node
from harness.app import NEW_PASSWORD, PASSWORD, App, address, attributes, fresh_name, new_app, values_of
from harness.program import REGION, Program

THIRD_PASSWORD = "Third-Password-3"
SRP_FLOWS = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
SCOPE = "aws.cognito.signin.user.admin"
BAD_CREDENTIALS = "Incorrect username or password."
PREVENT = {"ExplicitAuthFlows": SRP_FLOWS, "PreventUserExistenceErrors": "ENABLED"}


@pytest.fixture(scope="module", params=[False, True], ids=["public", "confidential"])
def app(program: Program, request: pytest.FixtureRequest) -> App:
    return new_app(program, client=PREVENT | {"GenerateSecret": request.param})


@pytest.fixture(scope="module")
def public_app(program: Program) -> App:
    return new_app(program, client=PREVENT)


def pycognito_user(app: App, username: str, **tokens: str) -> Cognito:
    return Cognito(
        app.pool_id,
        app.client_id,
        user_pool_region=REGION,
        username=username,
        client_secret=app.client.get("ClientSecret"),
        boto3_client_kwargs={"endpoint_url": app.program.url},
        session=boto3.Session(aws_access_key_id="unused", aws_secret_access_key="unused"),
        **tokens,
    )


def invited(app: App, **values: str) -> str:
    """A user with `PASSWORD` as initial password; gives the stored username."""
    name = fresh_name()
    values = {"email": address(name), "email_verified": "true"} | values
    return app.create_user(name, UserAttributes=attributes(**values))["Username"]


# --- pycognito -----------------------------------------------------------------------------------------------------


def test_pycognito_signs_in_and_renews(app: App):
    name = app.confirmed_user(email=address("pycognito"))
    user = pycognito_user(app, name)
    user.authenticate(PASSWORD)
    assert user.access_claims["username"] == name
    assert user.access_claims["scope"] == SCOPE
    assert user.id_claims["aud"] == app.client_id
    assert user.get_user().username == name

    signed_in = user.access_token
    user.renew_access_token()
    assert user.access_token != signed_in
    user.verify_tokens()
    tokens = {"access_token": user.access_token, "refresh_token": user.refresh_token}
    user.logout()
    forgotten = pycognito_user(app, name, **tokens)
    with pytest.raises(ClientError, match="Access Token has been revoked"):
        forgotten.get_user()


def test_pycognito_is_refused_with_a_wrong_password(app: App):
    name = app.confirmed_user()
    for username in (name, "nobody"):
        with pytest.raises(ClientError) as refused:
            pycognito_user(app, username).authenticate("Wrong-Password-1")
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("NotAuthorizedException", BAD_CREDENTIALS)


def test_pycognito_chooses_a_password(app: App):
    name = invited(app)
    user = pycognito_user(app, name)
    with pytest.raises(ForceChangePasswordException):
        user.authenticate(PASSWORD)
    user.new_password_challenge(PASSWORD, NEW_PASSWORD)
    assert user.access_token
    assert app.get_user(name)["UserStatus"] == "CONFIRMED"

    user.change_password(NEW_PASSWORD, THIRD_PASSWORD)
    again = pycognito_user(app, name)
    again.authenticate(THIRD_PASSWORD)
    again.update_profile({"name": "Alice"})
    assert values_of(app.get_user(name)["UserAttributes"])["name"] == "Alice"


def test_pycognito_recovers_a_password(app: App):
    name = app.confirmed_user(email=(mail := address(fresh_name("recover"))), email_verified="true")
    user = pycognito_user(app, name)
    user.initiate_forgot_password()
    user.confirm_forgot_password(app.program.outbox.code(mail), NEW_PASSWORD)
    user.authenticate(NEW_PASSWORD)
    assert user.access_claims["username"] == name


def test_pycognito_signs_in_by_address(program: Program):
    app = new_app(program, client=PREVENT | {"GenerateSecret": True}, UsernameAttributes=["email"])
    mail = address(fresh_name("srp"))
    stored = app.confirmed_user(mail)
    user = pycognito_user(app, mail)
    user.authenticate(PASSWORD)
    assert user.access_claims["username"] == stored != mail


# --- JavaScript ----------------------------------------------------------------------------------------------------


def scenario(app: App, name: str) -> dict[str, str]:
    return {
        "endpoint": app.program.url,
        "poolId": app.pool_id,
        "clientId": app.client_id,
        "username": name,
        "initialPassword": PASSWORD,
        "password": NEW_PASSWORD,
        "nextPassword": THIRD_PASSWORD,
    }


def not_authorized(message: str) -> dict[str, str]:
    return {"name": "NotAuthorizedException", "message": message}


def check_claims(app: App, name: str, seen: dict[str, Any]) -> None:
    identity, access, refreshed = seen["idClaims"], seen["accessClaims"], seen["refreshedClaims"]
    assert (identity["aud"], identity["iss"], identity["cognito:username"]) == (app.client_id, app.issuer, name)
    assert identity["email_verified"] is True
    assert (access["client_id"], access["username"], access["scope"]) == (app.client_id, name, SCOPE)
    assert refreshed["jti"] != access["jti"]
    for kept in ("sub", "auth_time", "origin_jti", "username"):
        assert refreshed[kept] == access[kept]


def test_identity_js(public_app: App):
    app, name = public_app, invited(public_app)
    sub = values_of(app.get_user(name)["UserAttributes"])["sub"]
    seen = node.run("identity-js.mjs", scenario(app, name))

    assert seen["wrongInitialPassword"] == seen["unknownUser"] == not_authorized(BAD_CREDENTIALS)
    assert seen["challenge"] == {"attributes": {"email": address(name), "email_verified": "true"}, "required": []}
    check_claims(app, name, seen)
    assert dict(seen["attributes"]) == {"sub": sub, "email": address(name), "email_verified": "true"}
    assert seen["changed"] == "SUCCESS"
    assert seen["oldPassword"] == not_authorized(BAD_CREDENTIALS)
    assert seen["updated"] == "SUCCESS"
    assert seen["challengedAgain"] is False
    assert seen["signedOutElsewhere"] == not_authorized("Access Token has been revoked")
    assert seen["refreshAfterSignOut"] == not_authorized("Refresh Token has been revoked")
    assert values_of(app.get_user(name)["UserAttributes"])["name"] == "Alice"


@pytest.mark.parametrize("rotating", [False, True], ids=["plain", "rotating"])
def test_amplify(public_app: App, rotating: bool):
    app = public_app
    if rotating:
        app = app.add_client(
            ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"],
            PreventUserExistenceErrors="ENABLED",
            RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
        )
    name = invited(app)
    sub = values_of(app.get_user(name)["UserAttributes"])["sub"]
    seen = node.run("amplify.mjs", scenario(app, name))

    assert seen["wrongInitialPassword"] == seen["unknownUser"] == not_authorized(BAD_CREDENTIALS)
    assert seen["challenge"]["signInStep"] == "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED"
    assert seen["challenge"]["missingAttributes"] == []
    assert seen["done"] == {"signInStep": "DONE"}
    assert (seen["user"]["username"], seen["user"]["userId"]) == (name, sub)
    check_claims(app, name, seen)
    assert seen["refreshedTwiceClaims"]["origin_jti"] == seen["accessClaims"]["origin_jti"]
    assert seen["attributes"] == {"sub": sub, "email": address(name), "email_verified": "true"}
    assert seen["updated"]["name"]["isUpdated"] is True
    assert seen["afterSignOut"]["name"] == "UserUnAuthenticatedException"
    assert seen["oldPassword"] == not_authorized(BAD_CREDENTIALS)
    assert seen["signedInAgain"] == {"signInStep": "DONE"}
    delivery = {"deliveryMedium": "EMAIL", "destination": "u***@e***", "attributeName": "email"}
    assert seen["resetStep"] == {
        "resetPasswordStep": "CONFIRM_RESET_PASSWORD_WITH_CODE",
        "codeDeliveryDetails": delivery,
    }
    assert seen["wrongCode"]["name"] == "CodeMismatchException"
    assert seen["unknownReset"]["name"] in ("CodeMismatchException", "ExpiredCodeException")
    assert seen["afterDeletion"] == not_authorized(BAD_CREDENTIALS)
    app.program.outbox.code(address(name))
