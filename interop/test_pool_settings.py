"""User pools and app clients: defaults, settings that come back as they were given, and what is refused."""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.app import App, new_app
from harness.expect import INVALID_PARAMETER, NOT_FOUND, refused, violations
from harness.program import Program

ANY_TIME = ("CreationDate", "LastModifiedDate")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
ROLE = "arn:aws:iam::123456789012:role/sms"


def string_attribute(name: str, least: str = "0", most: str = "2048", **more: bool) -> dict[str, Any]:
    return {
        "Name": name,
        "AttributeDataType": "String",
        "DeveloperOnlyAttribute": False,
        "Mutable": True,
        "Required": False,
        "StringAttributeConstraints": {"MinLength": least, "MaxLength": most},
    } | more


def flag_attribute(name: str) -> dict[str, Any]:
    flags = {"DeveloperOnlyAttribute": False, "Mutable": True, "Required": False}
    return {"Name": name, "AttributeDataType": "Boolean"} | flags


STANDARD_ATTRIBUTES = [
    string_attribute("sub", "1", Mutable=False, Required=True),
    *map(string_attribute, ["name", "given_name", "family_name", "middle_name", "nickname", "preferred_username"]),
    *map(string_attribute, ["profile", "picture", "website", "email"]),
    flag_attribute("email_verified"),
    string_attribute("gender"),
    string_attribute("birthdate", "10", "10"),
    *map(string_attribute, ["zoneinfo", "locale", "phone_number"]),
    flag_attribute("phone_number_verified"),
    string_attribute("address"),
    {
        "Name": "updated_at",
        "AttributeDataType": "Number",
        "DeveloperOnlyAttribute": False,
        "Mutable": True,
        "Required": False,
        "NumberAttributeConstraints": {"MinValue": "0"},
    },
]


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    return new_app(program)


def without(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


# --- Pools -----------------------------------------------------------------------------------------------------------


def test_defaults_of_a_pool(program: Program):
    pool = program.admin.create_user_pool(PoolName="plain")["UserPool"]
    assert pool["CreationDate"] == pool["LastModifiedDate"]
    assert without(pool, "Id", "Arn", *ANY_TIME) == {
        "Name": "plain",
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": 8,
                "RequireUppercase": True,
                "RequireLowercase": True,
                "RequireNumbers": True,
                "RequireSymbols": True,
                "TemporaryPasswordValidityDays": 7,
            },
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
        },
        "DeletionProtection": "INACTIVE",
        "LambdaConfig": {},
        "SchemaAttributes": STANDARD_ATTRIBUTES,
        "MfaConfiguration": "OFF",
        "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
        "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
        "EstimatedNumberOfUsers": 0,
        "UserPoolTags": {},
        "UserPoolTier": "ESSENTIALS",
        "AcrConfiguration": {f"Level{n}": {"AcrValue": f"urn:cognito:loa:{n}"} for n in range(1, 5)},
    }
    assert program.admin.describe_user_pool(UserPoolId=pool["Id"])["UserPool"] == pool


ROUND_TRIPS = {
    "AutoVerifiedAttributes": ["email"],
    "UsernameConfiguration": {"CaseSensitive": False},
    "DeletionProtection": "ACTIVE",
    "LambdaConfig": {"PostConfirmation": ARN, "CustomMessage": ARN},
    "VerificationMessageTemplate": {
        "DefaultEmailOption": "CONFIRM_WITH_CODE",
        "EmailMessage": "Your code: {####}",
        "EmailSubject": "Hello",
    },
    "SmsAuthenticationMessage": "Code {####}",
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False},
    "SmsConfiguration": {"SnsCallerArn": ROLE, "ExternalId": "x", "SnsRegion": "us-east-1"},
    "UserPoolTags": {"team": "identity", "empty": ""},
    "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]},
    "UserPoolTier": "PLUS",
}


def test_settings_come_back(program: Program):
    pool_id = program.admin.create_user_pool(PoolName="full", **ROUND_TRIPS)["UserPool"]["Id"]
    described = program.admin.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    for name, value in ROUND_TRIPS.items():
        assert value.items() <= described[name].items() if isinstance(value, dict) else described[name] == value, name


def test_custom_attributes(program: Program):
    schema = [
        {"Name": "plan", "AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "5"}},
        {"Name": "level", "AttributeDataType": "Number", "DeveloperOnlyAttribute": True, "Mutable": False},
        {"Name": "email", "Required": True, "Mutable": True},
    ]
    pool = program.admin.create_user_pool(PoolName="custom", Schema=schema)["UserPool"]
    listed = {attribute["Name"]: attribute for attribute in pool["SchemaAttributes"]}
    assert listed["custom:plan"]["StringAttributeConstraints"]["MaxLength"] == "5"
    assert listed["dev:custom:level"]["Mutable"] is False
    assert listed["email"] == string_attribute("email", Required=True)


def test_omitted_rules_of_a_policy_are_off(program: Program):
    policy = {"PasswordPolicy": {"MinimumLength": 6}}
    pool = program.admin.create_user_pool(PoolName="lenient", Policies=policy)["UserPool"]
    assert pool["Policies"]["PasswordPolicy"] == {
        "MinimumLength": 6,
        "RequireUppercase": False,
        "RequireLowercase": False,
        "RequireNumbers": False,
        "RequireSymbols": False,
        "TemporaryPasswordValidityDays": 7,
    }


def test_what_an_update_leaves_out(program: Program):
    kept = {
        "MfaConfiguration": "OFF",
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": 11,
                "RequireUppercase": False,
                "RequireLowercase": True,
                "RequireNumbers": False,
                "RequireSymbols": False,
                "TemporaryPasswordValidityDays": 3,
            }
        },
        "UserPoolTier": "PLUS",
        "SmsConfiguration": {"SnsCallerArn": ROLE, "ExternalId": "x"},
    }
    reset = {
        "AutoVerifiedAttributes": ["email"],
        "LambdaConfig": {"PostConfirmation": ARN},
        "SmsAuthenticationMessage": "Code {####}",
        "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True},
        "UserPoolTags": {"a": "b"},
        "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]},
    }
    pool_id = program.admin.create_user_pool(PoolName="before", **kept, **reset)["UserPool"]["Id"]
    assert "UserPool" not in program.admin.update_user_pool(UserPoolId=pool_id)
    after = program.admin.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    assert after["Policies"]["PasswordPolicy"] == kept["Policies"]["PasswordPolicy"]
    assert after["UserPoolTier"] == "PLUS"
    assert after["SmsConfiguration"]["SnsCallerArn"] == ROLE
    assert after["LambdaConfig"] == {}
    assert after["UserPoolTags"] == {}
    assert not {"AutoVerifiedAttributes", "SmsAuthenticationMessage", "DeviceConfiguration"} & set(after)
    assert "AccountRecoverySetting" not in after


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"AliasAttributes": ["email"], "UsernameAttributes": ["email"]},
            "Only one of the aliasAttributes or usernameAttributes can be set in a User pool.",
        ),
        (
            {"AutoVerifiedAttributes": ["phone_number"]},
            "SMS configuration is required when phone_number is selected for auto verification",
        ),
        (
            {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["EMAIL_OTP"]}}},
            "Password should be configured as one of the allowed first auth factors.",
        ),
        (
            {"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER"}},
            "Source ARN is required to use DEVELOPER email sending owner",
        ),
        (
            {"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}},
            "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes",
        ),
        (
            {
                "AdminCreateUserConfig": {"UnusedAccountValidityDays": 3},
                "Policies": {"PasswordPolicy": {"MinimumLength": 8, "TemporaryPasswordValidityDays": 5}},
            },
            "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays",
        ),
        (
            {
                "AccountRecoverySetting": {
                    "RecoveryMechanisms": [
                        {"Priority": 1, "Name": "admin_only"},
                        {"Priority": 2, "Name": "verified_email"},
                    ]
                }
            },
            "Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms.",
        ),
        (
            {
                "AccountRecoverySetting": {
                    "RecoveryMechanisms": [
                        {"Priority": 1, "Name": "verified_phone_number"},
                        {"Priority": 1, "Name": "verified_email"},
                    ]
                }
            },
            "Account Recovery Setting cannot have duplicate priorities or recovery mechanisms.",
        ),
        (
            {"LambdaConfig": {"CustomEmailSender": {"LambdaVersion": "V1_0", "LambdaArn": ARN}}},
            "KMSKeyId parameter is required when Custom SMS/Email Lambda trigger is used.",
        ),
        (
            {
                "LambdaConfig": {
                    "PreTokenGeneration": ARN,
                    "PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": ARN + "2"},
                }
            },
            "Cannot use PreTokenGenerationLambda and PreTokenGeneration with different Lambda function ARN's",
        ),
        (
            {"Schema": [{"Name": "plan", "AttributeDataType": "String", "Required": True}]},
            "Required custom attributes are not supported currently.",
        ),
        (
            {"Schema": [{"Name": "email", "AttributeDataType": "Number"}]},
            "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute email",
        ),
        (
            {"Schema": [{"Name": "plan", "AttributeDataType": "String"}] * 2},
            "Duplicate custom attribute names custom:plan are not allowed in a user pool schema.",
        ),
        (
            {
                "Schema": [
                    {
                        "Name": "n",
                        "AttributeDataType": "Number",
                        "NumberAttributeConstraints": {"MinValue": "2", "MaxValue": "1"},
                    }
                ]
            },
            "Attribute custom:n cannot have a max value smaller than it's min value",
        ),
        (
            {
                "Schema": [
                    {
                        "Name": "s",
                        "AttributeDataType": "String",
                        "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "1"},
                    }
                ]
            },
            "Attribute custom:s cannot have a max length shorter than it's min length",
        ),
        (
            {"PoolName": "a/b"},
            violations(
                "Value 'a/b' at 'poolName' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: [\w\s+=,.@-]+"
            ),
        ),
        (
            {"Schema": [{"Name": "x" * 21, "AttributeDataType": "String"}]},
            violations(
                f"Value '{'x' * 21}' at 'schema.1.member.name' failed to satisfy constraint: "
                "Member must have length less than or equal to 20"
            ),
        ),
    ],
)
def test_refused_settings_of_a_pool(program: Program, settings: dict[str, Any], message: str):
    with refused(INVALID_PARAMETER, message):
        program.admin.create_user_pool(**{"PoolName": "refused"} | settings)


def test_sms_roles_and_tiers(program: Program):
    with refused(
        "FeatureUnavailableInTierException",
        "The following features need to be disabled for the LITE pricing tier configured: Passwordless Sign-In",
    ):
        program.admin.create_user_pool(
            PoolName="lite",
            UserPoolTier="LITE",
            Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}},
        )
    with refused(INVALID_PARAMETER, re.compile("SMS configuration and Auto verification for phone_number are .*")):
        program.admin.create_user_pool(PoolName="mfa", MfaConfiguration="ON")


def test_deletion_protection(program: Program):
    pool_id = program.admin.create_user_pool(PoolName="kept", DeletionProtection="ACTIVE")["UserPool"]["Id"]
    with refused(
        INVALID_PARAMETER,
        "The user pool cannot be deleted because deletion protection is activated. "
        "Deletion protection must be inactivated first.",
    ):
        program.admin.delete_user_pool(UserPoolId=pool_id)
    program.admin.update_user_pool(UserPoolId=pool_id, DeletionProtection="INACTIVE")
    program.admin.delete_user_pool(UserPoolId=pool_id)


def test_what_a_deleted_pool_takes_with_it(program: Program):
    app = new_app(program)
    token = app.sign_in(app.confirmed_user())["AuthenticationResult"]["AccessToken"]
    program.admin.delete_user_pool(UserPoolId=app.pool_id)
    with refused(NOT_FOUND, f"User pool {app.pool_id} does not exist."):
        program.admin.delete_user_pool(UserPoolId=app.pool_id)
    with refused(NOT_FOUND, f"User pool client {app.client_id} does not exist."):
        app.sign_up()
    # Which of the two depends on how far the deletion is.
    with pytest.raises(ClientError) as gone:
        program.public.get_user(AccessToken=token)
    assert gone.value.response["Error"]["Code"] in ("NotAuthorizedException", "UserNotFoundException")
    assert program.wire.get(f"/{app.pool_id}/.well-known/jwks.json").status == 404


def test_examples_of_the_reference(program: Program):
    with refused(
        INVALID_PARAMETER,
        violations(
            "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"
        ),
    ):
        program.admin.list_user_pools(MaxResults=0)
    with refused(NOT_FOUND, "User pool us-east-1_ZZZZZZZZZ does not exist."):
        program.admin.describe_user_pool(UserPoolId="us-east-1_ZZZZZZZZZ")


# --- Clients ---------------------------------------------------------------------------------------------------------


def test_defaults_of_a_client(program: Program, app: App):
    client = program.admin.create_user_pool_client(UserPoolId=app.pool_id, ClientName="plain")["UserPoolClient"]
    assert without(client, "ClientId", "TokenValidityUnits", *ANY_TIME) == {
        "UserPoolId": app.pool_id,
        "ClientName": "plain",
        "RefreshTokenValidity": 30,
        "AllowedOAuthFlowsUserPoolClient": False,
        "EnableTokenRevocation": True,
        "EnablePropagateAdditionalUserContextData": False,
        "AuthSessionValidity": 3,
        "ClientType": "REGULAR",
    }
    assert client.get("TokenValidityUnits", {}) == {}


def test_a_secret_of_the_callers_choice(program: Program, app: App):
    secret = "my_own_secret_of_some_length"
    client = app.add_client(ClientSecret=secret)
    assert client.client["ClientSecret"] == secret
    assert client.sign_up()["UserSub"]


def test_what_an_update_of_a_client_leaves_out(program: Program, app: App):
    client = app.add_client(GenerateSecret=True, AccessTokenValidity=5, ReadAttributes=["email"])
    where = {"UserPoolId": app.pool_id, "ClientId": client.client_id}
    updated = program.admin.update_user_pool_client(**where)["UserPoolClient"]
    assert updated["ClientSecret"] == client.client["ClientSecret"]
    assert not {"AccessTokenValidity", "ReadAttributes", "ExplicitAuthFlows"} & set(updated)
    assert program.admin.describe_user_pool_client(**where)["UserPoolClient"] == updated


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"AccessTokenValidity": 25}, "Invalid range for token validity."),
        ({"IdTokenValidity": 1, "TokenValidityUnits": {"IdToken": "minutes"}}, "Invalid range for token validity."),
        ({"RefreshTokenValidity": 3651}, "Invalid range for token validity."),
        (
            {
                "RefreshTokenValidity": 1,
                "AccessTokenValidity": 2,
                "TokenValidityUnits": {"RefreshToken": "hours", "AccessToken": "hours"},
            },
            "Access and Id Token expiration times must be less than or equal to refresh token expiration times.",
        ),
        ({"ReadAttributes": ["nothing"]}, "Invalid read attributes specified while creating a client"),
        ({"WriteAttributes": ["nothing"]}, "Invalid write attributes specified while creating a client"),
        ({"WriteAttributes": ["email_verified"]}, "Invalid write attributes specified while creating a client"),
        (
            {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH"]},
            "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names.",
        ),
        (
            {"AllowedOAuthFlowsUserPoolClient": True},
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.",
        ),
        (
            {"EnablePropagateAdditionalUserContextData": True},
            "Client Secret is required to set EnablePropagateAdditionalUserContextData as true",
        ),
        (
            {"CallbackURLs": ["https://a.example"], "DefaultRedirectURI": "https://b.example"},
            "The default redirect URI https://b.example is not in the callback URIs list.",
        ),
        ({"CallbackURLs": ["http://a.example/"]}, "http://a.example/ cannot use the HTTP protocol."),
        ({"LogoutURLs": ["https://a.example/#x"]}, "https://a.example/#x cannot use fragment"),
        (
            {"ExplicitAuthFlows": ["BAD"]},
            re.compile(
                r"1 validation error detected: Value '\[BAD\]' at 'explicitAuthFlows' failed to satisfy constraint: "
                r"Member must satisfy constraint: \[Member must satisfy enum value set: \[.*\]\]"
            ),
        ),
        (
            {"AuthSessionValidity": 2},
            violations(
                "Value '2' at 'authSessionValidity' failed to satisfy constraint: "
                "Member must have value greater than or equal to 3"
            ),
        ),
    ],
)
def test_refused_settings_of_a_client(app: App, settings: dict[str, Any], message: str | re.Pattern):
    with refused(INVALID_PARAMETER, message):
        app.add_client(**settings)


def test_unknown_names_in_a_client(app: App):
    with refused(INVALID_PARAMETER, f"The provider Nobody does not exist for User Pool {app.pool_id}."):
        app.add_client(SupportedIdentityProviders=["Nobody"])
    oauth = {
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["code"],
        "CallbackURLs": ["https://a.example"],
    }
    with refused("ScopeDoesNotExistException", "Invalid scope requested: nothing/here"):
        app.add_client(**oauth, AllowedOAuthScopes=["nothing/here"])


def test_client_credentials(app: App):
    oauth = {"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthScopes": ["openid"]}
    with refused(
        "InvalidOAuthFlowException",
        "client_credentials flow can not be selected if client does not have a client secret.",
    ):
        app.add_client(**oauth, AllowedOAuthFlows=["client_credentials"])
    with refused(
        "InvalidOAuthFlowException",
        "client_credentials flow can not be selected along with code flow or implicit flow.",
    ):
        app.add_client(**oauth, GenerateSecret=True, AllowedOAuthFlows=["client_credentials", "code"])


def test_clients_of_unknown_pools(program: Program):
    nowhere = {"UserPoolId": "us-east-1_ZZZZZZZZZ"}
    for call in (
        lambda: program.admin.create_user_pool_client(**nowhere, ClientName="c"),
        lambda: program.admin.list_user_pool_clients(**nowhere),
        lambda: program.admin.describe_user_pool_client(**nowhere, ClientId="1" * 26),
        lambda: program.admin.update_user_pool(**nowhere),
    ):
        with refused(NOT_FOUND, "User pool us-east-1_ZZZZZZZZZ does not exist."):
            call()
