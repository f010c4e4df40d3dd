"""ListUsers with the clients' own paging, filters as administrators write them, and each refusal."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from harness.app import App, address, attributes, fresh_name, new_app, values_of
from harness.expect import INVALID_PARAMETER, NOT_FOUND, refused, violations
from harness.program import Program

PEOPLE = 7


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    """A pool of its own, whose users nobody else changes."""
    app = new_app(program, UsernameConfiguration={"CaseSensitive": False})
    for n in range(PEOPLE):
        app.confirmed_user(f"person{n}", email=f"Person{n}@example.com", email_verified="true", given_name="Jo")
    app.create_user("waiting", UserAttributes=attributes(family_name='O"Neil', phone_number="+12065559934"))
    return app


def names(app: App, **request) -> list[str]:
    """The usernames of all pages, by boto3's paginator."""
    pages = app.program.admin.get_paginator("list_users").paginate(UserPoolId=app.pool_id, **request)
    return [user["Username"] for page in pages for user in page["Users"]]


def test_item(app: App):
    (user,) = app.program.admin.list_users(UserPoolId=app.pool_id, Filter='username = "waiting"')["Users"]
    shown = app.get_user("waiting")
    assert set(user) == {
        "Username",
        "Attributes",
        "UserCreateDate",
        "UserLastModifiedDate",
        "Enabled",
        "UserStatus",
    }
    assert (user["Username"], user["Enabled"], user["UserStatus"]) == ("waiting", True, "FORCE_CHANGE_PASSWORD")
    assert values_of(user["Attributes"]) == values_of(shown["UserAttributes"])
    assert user["UserCreateDate"] == shown["UserCreateDate"]
    assert abs(datetime.now(UTC) - user["UserLastModifiedDate"]) < timedelta(hours=1)


def test_paginator_shows_each_user_once(app: App):
    everybody = sorted([*(f"person{n}" for n in range(PEOPLE)), "waiting"])
    for settings in ({}, {"PageSize": 1}, {"PageSize": 3}, {"PageSize": 60}):
        assert sorted(names(app, PaginationConfig=settings)) == everybody
    page = app.program.admin.list_users(UserPoolId=app.pool_id, Limit=3)
    assert len(page["Users"]) == 3
    assert page["PaginationToken"]
    # The last page has no token.
    whole = app.program.admin.list_users(UserPoolId=app.pool_id, Limit=0)
    assert len(whole["Users"]) == len(everybody)
    assert "PaginationToken" not in whole


def test_cli(app: App):
    command = ["cognito-idp", "list-users", "--user-pool-id", app.pool_id]

    def listed(*more: str) -> list[str]:
        done = app.program.aws(*command, *more)
        assert done.returncode == 0, done.stderr
        return [user["Username"] for user in json.loads(done.stdout)["Users"]]

    assert sorted(listed("--page-size", "2")) == sorted(names(app))
    assert listed("--filter", 'email ^= "person1@"') == ["person1"]
    assert len(listed("--max-items", "3")) == 3
    attributes_only = app.program.aws(*command, "--attributes-to-get", "email", "--filter", 'username="person1"')
    (user,) = json.loads(attributes_only.stdout)["Users"]
    assert user["Attributes"] == [{"Name": "email", "Value": "Person1@example.com"}]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", 8),
        ('username = "person1"', 1),
        ('username = "PERSON1"', 0),
        ('username ^= "person"', 7),
        ('username^="p"', 7),
        ('email = "person1@EXAMPLE.com"', 1),
        ('email ^= "PERSON"', 7),
        ('phone_number = "+12065559934"', 1),
        ('given_name = "jo"', 7),
        ('given_name ^= "%"', 0),
        ('family_name ^= "o\\"n"', 1),
        ('preferred_username ^= ""', 0),
        ('cognito:user_status = "confirmed"', 7),
        ('cognito:user_status ^= "FORCE"', 1),
        ('status = "Enabled"', 8),
        ('status = "enabled"', 0),
        ('status = "Disabled"', 0),
        ('sub ^= ""', 8),
        ('sub = "nobody"', 0),
    ],
)
def test_filter(app: App, text: str, found: int):
    assert len(names(app, Filter=text, PaginationConfig={"PageSize": 3})) == found


def test_sorted_by_what_is_filtered(app: App):
    assert names(app, Filter='email ^= "p"') == [f"person{n}" for n in range(PEOPLE)]
    assert names(app, Filter='username ^= "p"') == [f"person{n}" for n in range(PEOPLE)]


def test_sub_finds_its_user(app: App):
    sub = values_of(app.get_user("person3")["UserAttributes"])["sub"]
    assert names(app, Filter=f'sub = "{sub}"') == ["person3"]


def test_usernames_that_are_addresses(program: Program):
    app = new_app(program, UsernameAttributes=["email"])
    mail = address(fresh_name())
    stored = app.create_user(mail)["Username"]
    assert names(app, Filter=f'username = "{mail}"') == []
    assert names(app, Filter=f'email = "{mail}"') == [stored]
    assert names(app, Filter=f'username = "{stored}"') == [stored]


def test_only_requested_attributes(app: App):
    request = {"UserPoolId": app.pool_id, "Filter": 'username = "waiting"'}
    (user,) = app.program.admin.list_users(AttributesToGet=["phone_number", "email"], **request)["Users"]
    assert user["Attributes"] == [{"Name": "phone_number", "Value": "+12065559934"}]
    (user,) = app.program.admin.list_users(AttributesToGet=["birthdate"], **request)["Users"]
    assert user["Attributes"] == []
    with refused(INVALID_PARAMETER):
        app.program.admin.list_users(AttributesToGet=["custom:none"], **request)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("email", "Error while parsing filter"),
        ("email = someone", "Error while parsing filter"),
        ('email = "a" and name = "b"', "Error while parsing filter"),
        ('email > "a"', "Error while parsing filter"),
        ('custom:foo = "a"', "Invalid search attribute: custom:foo"),
        ('address = "a"', "Invalid search attribute: address"),
    ],
)
def test_refused_filter(app: App, text: str, message: str):
    with refused(INVALID_PARAMETER, message):
        app.program.admin.list_users(UserPoolId=app.pool_id, Filter=text)


def test_refused_input(app: App):
    admin = app.program.admin
    too_many = "Value '61' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 60"
    with refused(INVALID_PARAMETER, violations(too_many)):
        admin.list_users(UserPoolId=app.pool_id, Limit=61)
    with refused(NOT_FOUND, "User pool us-east-1_ZZZZZZZZZ does not exist."):
        admin.list_users(UserPoolId="us-east-1_ZZZZZZZZZ")
    unsigned = app.program.wire.call("ListUsers", {"UserPoolId": app.pool_id})
    assert unsigned.error == ("MissingAuthenticationTokenException", "Missing Authentication Token")


def test_token_of_another_list(app: App, program: Program):
    admin = program.admin
    token = admin.list_users(UserPoolId=app.pool_id, Limit=1)["PaginationToken"]
    elsewhere = new_app(program)
    for request in (
        {"UserPoolId": elsewhere.pool_id, "PaginationToken": token},
        {"UserPoolId": app.pool_id, "PaginationToken": token, "Filter": 'email ^= "p"'},
        {"UserPoolId": app.pool_id, "PaginationToken": token[:-2]},
        {"UserPoolId": app.pool_id, "PaginationToken": "garbage"},
    ):
        with refused(INVALID_PARAMETER):
            admin.list_users(**request)


def test_those_who_stay_are_listed_once_while_others_come_and_go(program: Program):
    app = new_app(program)
    stays = {app.create_user()["Username"] for _ in range(5)}
    goes = [app.create_user()["Username"] for _ in range(5)]
    seen: list[str] = []
    pages = program.admin.get_paginator("list_users").paginate(UserPoolId=app.pool_id, PaginationConfig={"PageSize": 2})
    for page in pages:
        seen += [user["Username"] for user in page["Users"]]
        app.create_user()
        if goes:
            program.admin.admin_delete_user(UserPoolId=app.pool_id, Username=goes.pop())
    assert len(seen) == len(set(seen))
    assert stays <= set(seen)
