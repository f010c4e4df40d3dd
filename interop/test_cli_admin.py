"""The AWS CLI administers pools and clients; a call that is not properly signed is refused."""

import json
import re
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from harness.expect import refused
from harness.program import Program

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)


def aws(program: Program, *arguments: str) -> dict:
    """The JSON that a successful `aws cognito-idp` command prints."""
    done = program.aws("cognito-idp", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def test_pool_life(program: Program):
    pool = aws(program, "create-user-pool", "--pool-name", "cli pool", "--auto-verified-attributes", "email")[
        "UserPool"
    ]
    assert re.fullmatch(r"us-east-1_[0-9A-Za-z]{9}", pool["Id"])
    assert re.fullmatch(rf"arn:aws:cognito-idp:us-east-1:\d{{12}}:userpool/{pool['Id']}", pool["Arn"])
    assert pool["Name"] == "cli pool"
    assert pool["AutoVerifiedAttributes"] == ["email"]

    described = aws(program, "describe-user-pool", "--user-pool-id", pool["Id"])["UserPool"]
    assert described == pool

    policy = '{"PasswordPolicy":{"MinimumLength":12,"RequireNumbers":true}}'
    aws(program, "update-user-pool", "--user-pool-id", pool["Id"], "--policies", policy)
    updated = aws(program, "describe-user-pool", "--user-pool-id", pool["Id"])["UserPool"]
    assert updated["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    assert updated["LastModifiedDate"] >= pool["LastModifiedDate"]
    # A member that an update leaves out goes back to its default.
    assert "AutoVerifiedAttributes" not in updated

    aws(program, "delete-user-pool", "--user-pool-id", pool["Id"])
    gone = program.aws("cognito-idp", "describe-user-pool", "--user-pool-id", pool["Id"])
    assert gone.returncode == 255
    assert (
        "An error occurred (ResourceNotFoundException) when calling the DescribeUserPool operation: "
        f"User pool {pool['Id']} does not exist."
    ) in gone.stderr


def test_client_life(program: Program):
    pool_id = aws(program, "create-user-pool", "--pool-name", "clients")["UserPool"]["Id"]
    here = ["--user-pool-id", pool_id]
    created = aws(program, "create-user-pool-client", *here, "--client-name", "web", "--generate-secret")
    client = created["UserPoolClient"]
    assert re.fullmatch(r"[0-9a-v]{26}", client["ClientId"])
    assert re.fullmatch(r"[0-9a-v]{51,52}", client["ClientSecret"])
    assert client["RefreshTokenValidity"] == 30
    assert client["EnableTokenRevocation"] is True
    assert client["AuthSessionValidity"] == 3

    which = [*here, "--client-id", client["ClientId"]]
    assert aws(program, "describe-user-pool-client", *which)["UserPoolClient"] == client

    aws(program, "update-user-pool-client", *which, "--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH")
    updated = aws(program, "describe-user-pool-client", *which)["UserPoolClient"]
    assert updated["ExplicitAuthFlows"] == ["ALLOW_USER_PASSWORD_AUTH"]
    assert updated["ClientSecret"] == client["ClientSecret"]

    listed = aws(program, "list-user-pool-clients", *here)["UserPoolClients"]
    assert listed == [{"ClientId": client["ClientId"], "UserPoolId": pool_id, "ClientName": updated["ClientName"]}]

    aws(program, "delete-user-pool-client", *which)
    gone = program.aws("cognito-idp", "describe-user-pool-client", *which)
    assert gone.returncode == 255
    assert f"User pool client {client['ClientId']} does not exist." in gone.stderr
    assert aws(program, "list-user-pool-clients", *here)["UserPoolClients"] == []


def test_listing_pages_show_each_pool_once(program: Program):
    made = {program.admin.create_user_pool(PoolName=f"page {n}")["UserPool"]["Id"] for n in range(5)}

    listed = aws(program, "list-user-pools", "--max-results", "1")["UserPools"]
    assert [set(pool) for pool in listed] == [{"Id", "Name", "LambdaConfig", "LastModifiedDate", "CreationDate"}]

    # Pools that were seen already go away on the way.
    seen, token = [], None
    while True:
        page = program.admin.list_user_pools(MaxResults=2, **({"NextToken": token} if token else {}))
        seen += [pool["Id"] for pool in page["UserPools"]]
        token = page.get("NextToken")
        if token is None:
            break
        if page["UserPools"][-1]["Id"] in made:
            program.admin.delete_user_pool(UserPoolId=page["UserPools"][-1]["Id"])
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


def test_listing_pages_of_clients(program: Program):
    pool_id = program.admin.create_user_pool(PoolName="many clients")["UserPool"]["Id"]
    made = [
        program.admin.create_user_pool_client(UserPoolId=pool_id, ClientName=f"client {n}")["UserPoolClient"][
            "ClientId"
        ]
        for n in range(5)
    ]
    # The CLI's own paging.
    listed = aws(program, "list-user-pool-clients", "--user-pool-id", pool_id, "--page-size", "2")["UserPoolClients"]
    assert sorted(client["ClientId"] for client in listed) == sorted(made)


@pytest.mark.parametrize("token", ["garbage", "AAAA" * 20])
def test_foreign_page_token(program: Program, token: str):
    with refused("InvalidParameterException"):
        program.admin.list_user_pools(MaxResults=2, NextToken=token)


def test_wrong_secret(program: Program, tmp_path: Path):
    wrong = tmp_path / "credentials"
    key = program.credentials.access_key
    wrong.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {'w' * 40}\n")
    done = program.aws("cognito-idp", "list-user-pools", "--max-results", "1", credentials_path=wrong)
    assert done.returncode == 255
    assert "(InvalidSignatureException)" in done.stderr
    assert MISMATCH in done.stderr


def test_unknown_access_key(program: Program):
    stranger = Credentials("AKIAZZZZZZZZZZZZZZZZ", program.credentials.secret_key)
    with refused("UnrecognizedClientException", "The security token included in the request is invalid."):
        program.client("cognito-idp", credentials=stranger).list_user_pools(MaxResults=1)


def test_unsigned_administrator_call(program: Program):
    answer = program.wire.call("ListUserPools", {"MaxResults": 1})
    assert answer.status == 400
    assert answer.error == ("MissingAuthenticationTokenException", "Missing Authentication Token")
