"""Each wrong input that the reference names for signing in and out, and its exact refusal."""

import base64
import json
import re

import pytest

from harness.app import NEW_PASSWORD, PASSWORD, App, address, fresh_name, new_app
from harness.doors import NO_CLIENT, public_doors
from harness.expect import INVALID_PARAMETER, NOT_AUTHORIZED, refused, violations
from harness.program import Program

INCORRECT = "Incorrect username or password."
NO_USER = "User does not exist."
INVALID_SESSION = "Invalid session for the user."
OLD_CODE = "Invalid code provided, please request a code again."
NOT_CONFIRMED = "UserNotConfirmedException"


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    """A public client of a pool with plain usernames."""
    return new_app(program)


@pytest.fixture(scope="module")
def hiding(app: App) -> App:
    """A client of the same pool that hides which users exist."""
    return app.add_client(PreventUserExistenceErrors="ENABLED")


# --- Who exists ------------------------------------------------------------------------------------------------------


def test_unknown_user_is_named(app: App):
    name = fresh_name()
    with refused("UserNotFoundException", NO_USER):
        app.sign_in(name)
    with refused("UserNotFoundException", NO_USER):
        public_doors(app, name, "A" * 40)["AdminInitiateAuth"]({})
    with refused("UserNotFoundException"):
        app.confirm(name, "123456")
    with refused("UserNotFoundException"):
        app.resend(name)


def test_unknown_user_is_hidden(hiding: App):
    name = fresh_name()
    with refused(NOT_AUTHORIZED, INCORRECT):
        hiding.sign_in(name)
    with refused(NOT_AUTHORIZED, INCORRECT):
        public_doors(hiding, name, "A" * 40)["AdminInitiateAuth"]({})
    with refused("ExpiredCodeException", OLD_CODE):
        hiding.confirm(name, "123456")
    details = hiding.resend(name)["CodeDeliveryDetails"]
    assert (details["DeliveryMedium"], details["AttributeName"]) == ("EMAIL", "email")
    # The same guess each time, or it would give itself away.
    assert hiding.resend(name)["CodeDeliveryDetails"] == details


# --- Sign-in ---------------------------------------------------------------------------------------------------------


def test_wrong_password(app: App, hiding: App):
    name = app.confirmed_user()
    for client in (app, hiding):
        with refused(NOT_AUTHORIZED, INCORRECT):
            client.sign_in(name, "Wrong-Horse-9")
        with refused(NOT_AUTHORIZED, INCORRECT):
            client.sign_in(app.create_user()["Username"], "Wrong-Horse-9")


def test_unconfirmed_user(app: App):
    name = app.unconfirmed_user()
    with refused(NOT_CONFIRMED, "User is not confirmed."):
        app.sign_in(name)
    with refused(NOT_AUTHORIZED):
        app.sign_in(name, "Wrong-Horse-9")


def test_flow_not_enabled(program: Program, app: App):
    bare = app.add_client(ExplicitAuthFlows=["ALLOW_CUSTOM_AUTH"])
    doors = public_doors(bare, "alice", "A" * 40)
    with refused(INVALID_PARAMETER, "USER_PASSWORD_AUTH flow not enabled for this client"):
        doors["InitiateAuth"]({})
    with refused(INVALID_PARAMETER, "Auth flow not enabled for this client"):
        doors["AdminInitiateAuth"]({})
    with refused(INVALID_PARAMETER):
        bare.refresh("A.A.A.A.A", "alice")
    for flow in ("USER_SRP_AUTH", "CUSTOM_AUTH"):
        with refused(INVALID_PARAMETER, f"{flow} is not enabled for the client."):
            program.public.initiate_auth(
                ClientId=app.client_id, AuthFlow=flow, AuthParameters={"USERNAME": "alice", "SRP_A": "ab"}
            )
    with refused(INVALID_PARAMETER, "Custom auth lambda trigger is not configured for the user pool."):
        program.public.initiate_auth(
            ClientId=bare.client_id, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": "alice"}
        )


def test_flow_at_the_wrong_door(program: Program, app: App):
    parameters = {"USERNAME": "alice", "PASSWORD": PASSWORD}
    message = re.compile(r"Initiate Auth method not supported\.?")
    for flow in ("ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"):
        with refused(INVALID_PARAMETER, message):
            program.public.initiate_auth(ClientId=app.client_id, AuthFlow=flow, AuthParameters=parameters)
    with refused(INVALID_PARAMETER, message):
        program.admin.admin_initiate_auth(
            UserPoolId=app.pool_id,
            ClientId=app.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters=parameters,
        )


@pytest.mark.parametrize(
    ("flow", "parameters", "missing"),
    [
        ("USER_PASSWORD_AUTH", {"PASSWORD": PASSWORD}, "USERNAME"),
        ("USER_PASSWORD_AUTH", {"USERNAME": "alice"}, "PASSWORD"),
        # A null is the same as an absent member.
        ("USER_PASSWORD_AUTH", {"USERNAME": "alice", "PASSWORD": None}, "PASSWORD"),
        ("REFRESH_TOKEN_AUTH", {}, "REFRESH_TOKEN"),
        ("REFRESH_TOKEN", {}, "REFRESH_TOKEN"),
    ],
)
def test_missing_parameter(program: Program, app: App, flow: str, parameters: dict, missing: str):
    body = {"ClientId": app.client_id, "AuthFlow": flow, "AuthParameters": parameters}
    answer = program.wire.call("InitiateAuth", body)
    assert (answer.status, *answer.error) == (400, INVALID_PARAMETER, f"Missing required parameter {missing}")


def test_unknown_flow(program: Program):
    # The body is judged before the client is looked for.
    with refused(
        INVALID_PARAMETER,
        violations(
            "Value 'BAD' at 'authFlow' failed to satisfy constraint: Member must satisfy enum value set: "
            "[USER_SRP_AUTH, REFRESH_TOKEN_AUTH, REFRESH_TOKEN, CUSTOM_AUTH, ADMIN_NO_SRP_AUTH, USER_PASSWORD_AUTH, "
            "ADMIN_USER_PASSWORD_AUTH, USER_AUTH]"
        ),
    ):
        program.public.initiate_auth(ClientId=NO_CLIENT, AuthFlow="BAD", AuthParameters={})


# --- Sessions --------------------------------------------------------------------------------------------------------


def test_session_that_is_none(app: App):
    name, _ = app.new_password_session()
    for session in ("A" * 40, "AYABe" + "x" * 1500):
        with refused(NOT_AUTHORIZED, INVALID_SESSION):
            app.answer_new_password(session, name)
    with refused(NOT_AUTHORIZED, INVALID_SESSION):
        app.program.public.respond_to_auth_challenge(
            ClientId=app.client_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            ChallengeResponses={"USERNAME": name, "NEW_PASSWORD": NEW_PASSWORD},
        )


def test_session_that_was_used(app: App):
    name, session = app.new_password_session()
    assert app.answer_new_password(session, name)["AuthenticationResult"]
    with refused(NOT_AUTHORIZED, "Invalid session for the user, session can only be used once."):
        app.answer_new_password(session, name, "Another-Horse-5")
    # The refused answer changed nothing.
    assert app.sign_in(name, NEW_PASSWORD)["AuthenticationResult"]


def test_session_of_another(app: App, hiding: App):
    name, session = app.new_password_session()
    victim, _ = app.new_password_session()
    with refused(NOT_AUTHORIZED, INVALID_SESSION):
        app.answer_new_password(session, victim)
    with refused(NOT_AUTHORIZED, INVALID_SESSION):
        hiding.answer_new_password(session, name)
    elsewhere = new_app(app.program)
    elsewhere.create_user(name)
    with refused(NOT_AUTHORIZED, INVALID_SESSION):
        elsewhere.answer_new_password(session, name)
    assert app.answer_new_password(session, name)["AuthenticationResult"]


def test_tampered_session(app: App):
    name, session = app.new_password_session()
    middle = len(session) // 2
    changed = session[:middle] + ("A" if session[middle] != "A" else "B") + session[middle + 1 :]
    with refused(NOT_AUTHORIZED, INVALID_SESSION):
        app.answer_new_password(changed, name)


def test_session_at_another_step(app: App):
    name, session = app.new_password_session()
    with refused(NOT_AUTHORIZED, INVALID_SESSION):
        app.program.public.respond_to_auth_challenge(
            ClientId=app.client_id,
            ChallengeName="SMS_MFA",
            Session=session,
            ChallengeResponses={"USERNAME": name, "SMS_MFA_CODE": "123456"},
        )


@pytest.mark.parametrize("missing", ["USERNAME", "NEW_PASSWORD"])
def test_missing_response(app: App, missing: str):
    name, session = app.new_password_session()
    responses = {"USERNAME": name, "NEW_PASSWORD": NEW_PASSWORD}
    del responses[missing]
    with refused(INVALID_PARAMETER, f"Missing required parameter {missing}"):
        app.program.public.respond_to_auth_challenge(
            ClientId=app.client_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=session,
            ChallengeResponses=responses,
        )


def test_verified_flag_is_not_the_users(app: App):
    name, session = app.new_password_session(email=address(fresh_name()))
    with refused(INVALID_PARAMETER, "Cannot modify the non-mutable attribute email_verified"):
        app.answer_new_password(session, name, **{"userAttributes.email_verified": "true"})


def test_left_over_response_keys_are_ignored(app: App):
    name, session = app.new_password_session()
    left_over = {"PASSWORD_CLAIM_SIGNATURE": "x", "PASSWORD_CLAIM_SECRET_BLOCK": "y", "TIMESTAMP": "z"}
    assert app.answer_new_password(session, name, **left_over)["AuthenticationResult"]


# --- Tokens ----------------------------------------------------------------------------------------------------------


def tampered(token: str) -> str:
    """The token with another name in it and its old signature."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["username"] = "admin"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{forged}.{signature}"


def unsigned(token: str) -> str:
    """The token as one that claims to need no signature."""
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def test_access_tokens(program: Program, app: App):
    result = app.sign_in(app.confirmed_user())["AuthenticationResult"]
    bad_signature = re.compile("Invalid Access Token|Could not verify signature for Access Token")
    cases = [
        (result["IdToken"], "Invalid Access Token"),
        ("nonsense", "Invalid Access Token"),
        ("a.b.c", "Invalid Access Token"),
        (tampered(result["AccessToken"]), bad_signature),
        (unsigned(result["AccessToken"]), bad_signature),
    ]
    for token, message in cases:
        for call in (program.public.get_user, program.public.global_sign_out):
            with refused(NOT_AUTHORIZED, message):
                call(AccessToken=token)
    assert program.public.get_user(AccessToken=result["AccessToken"])


def test_missing_access_token(program: Program):
    with refused(
        INVALID_PARAMETER,
        violations("Value at 'accessToken' failed to satisfy constraint: Member must not be null"),
    ):
        program.public.get_user()


def test_refresh_tokens(program: Program, app: App, hiding: App):
    name = app.confirmed_user()
    result = app.sign_in(name)["AuthenticationResult"]
    token = result["RefreshToken"]
    middle = len(token) // 2
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    for bad in ("nonsense", "a.b.c.d.e", changed, result["AccessToken"], result["IdToken"]):
        with refused(NOT_AUTHORIZED, "Invalid Refresh Token"):
            app.refresh(bad, name)
    with refused(NOT_AUTHORIZED, "Invalid Refresh Token"):
        hiding.refresh(token, name)
    assert app.refresh(token, name)["AuthenticationResult"]

    program.admin.admin_delete_user(UserPoolId=app.pool_id, Username=name)
    with refused(NOT_AUTHORIZED):
        app.refresh(token, name)


def test_revocation_takes_refresh_tokens_only(program: Program, app: App):
    result = app.sign_in(app.confirmed_user())["AuthenticationResult"]
    for kind in ("AccessToken", "IdToken"):
        with refused("UnsupportedTokenTypeException"):
            program.public.revoke_token(Token=result[kind], ClientId=app.client_id)
    assert program.public.get_user(AccessToken=result["AccessToken"])


def test_revoking_twice_is_no_error(program: Program, app: App):
    result = app.sign_in(app.confirmed_user())["AuthenticationResult"]
    for _ in range(2):
        program.public.revoke_token(Token=result["RefreshToken"], ClientId=app.client_id)


# --- Administrators --------------------------------------------------------------------------------------------------


def test_resent_invitations(app: App):
    name = app.confirmed_user()
    message = re.compile(rf"Resend not possible\. {name} status is not FORCE_CHANGE_PASSWORD\.?")
    with refused("UnsupportedUserStateException", message):
        app.create_user(name, MessageAction="RESEND", TemporaryPassword=None)
    with refused("UserNotFoundException"):
        app.create_user(fresh_name(), MessageAction="RESEND", TemporaryPassword=None)


# --- What is not built yet -------------------------------------------------------------------------------------------


def test_settings_without_effect_fail_closed(program: Program):
    arn = "arn:aws:lambda:us-east-1:123456789012:function:gate"
    gated = new_app(program)
    name = gated.confirmed_user()
    assert gated.sign_in(name)["AuthenticationResult"]
    triggers = {"PreSignUp": arn, "PreAuthentication": arn}
    program.admin.update_user_pool(UserPoolId=gated.pool_id, LambdaConfig=triggers, AutoVerifiedAttributes=["email"])
    for call in (gated.sign_up, gated.create_user, lambda: gated.sign_in(name)):
        with refused("NotImplementedException"):
            call()


@pytest.mark.parametrize(
    "settings",
    [
        {
            "MfaConfiguration": "ON",
            "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "x"},
            "AutoVerifiedAttributes": ["phone_number"],
        },
        {"UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}, "UserPoolTier": "PLUS"},
        {"LambdaConfig": {"PreAuthentication": "arn:aws:lambda:us-east-1:123456789012:function:gate"}},
    ],
    ids=["MFA", "risk", "trigger"],
)
def test_sign_in_that_asks_for_more_fails_closed(program: Program, settings: dict):
    app = new_app(program, **settings)
    name = app.confirmed_user()
    with refused("NotImplementedException"):
        app.sign_in(name)
    with refused("NotImplementedException"):
        public_doors(app, name, "A" * 40)["AdminInitiateAuth"]({})


def test_operation_that_is_not_built(program: Program, app: App):
    with refused("NotImplementedException", re.compile(".*AdminListDevices.*")):
        program.admin.admin_list_devices(UserPoolId=app.pool_id, Username="alice")


def test_legacy_flow_names(app: App):
    legacy = app.add_client(ExplicitAuthFlows=["ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"])
    name = legacy.confirmed_user()
    assert legacy.sign_in(name)["AuthenticationResult"]
    answer = legacy.program.admin.admin_initiate_auth(
        UserPoolId=legacy.pool_id,
        ClientId=legacy.client_id,
        AuthFlow="ADMIN_NO_SRP_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )
    assert answer["AuthenticationResult"]
