"""An application as its developers see it: a user pool, an app client and its users."""

import base64
import hashlib
import hmac
import itertools
from dataclasses import dataclass, replace
from typing import Any

from harness.program import Program

PASSWORD = "Correct-Horse-9"
NEW_PASSWORD = "Battery-Staple-7"
PASSWORD_FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]

_numbers = itertools.count(1)


def fresh_name(prefix: str = "user") -> str:
    """A name that no other test has."""
    return f"{prefix}{next(_numbers)}"


def address(username: str) -> str:
    return f"{username}@example.com"


def attributes(**values: str) -> list[dict[str, str]]:
    """Attributes as the API takes them; `custom__plan` stands for `custom:plan`."""
    return [{"Name": name.replace("__", ":"), "Value": value} for name, value in values.items()]


@dataclass(frozen=True)
class App:
    """One app client of one user pool."""

    program: Program
    pool: dict[str, Any]
    client: dict[str, Any]

    @property
    def pool_id(self) -> str:
        return self.pool["Id"]

    @property
    def client_id(self) -> str:
        return self.client["ClientId"]

    @property
    def issuer(self) -> str:
        return f"{self.program.url}/{self.pool_id}"

    def secret_hash(self, username: str) -> str:
        digest = hmac.digest(self.client["ClientSecret"].encode(), (username + self.client_id).encode(), hashlib.sha256)
        return base64.b64encode(digest).decode()

    def with_hash(self, username: str, name: str = "SecretHash") -> dict[str, str]:
        """The parameter that proves the client's secret, where it has one."""
        return {name: self.secret_hash(username)} if "ClientSecret" in self.client else {}

    def add_client(self, **settings) -> "App":
        """Another app client of the same pool."""
        return App(self.program, self.pool, new_client(self.program, self.pool_id, **settings))

    # --- A user's steps --------------------------------------------------------------------------------------------

    def sign_up(self, username: str | None = None, password: str = PASSWORD, **values: str) -> dict[str, Any]:
        """SignUp with an address of the user's own, unless the name is one or another is given."""
        username = username or fresh_name()
        if "@" not in username:
            values = {"email": address(username)} | values
        return self.program.public.sign_up(
            ClientId=self.client_id,
            Username=username,
            Password=password,
            UserAttributes=attributes(**values),
            **self.with_hash(username),
        )

    def confirm(self, username: str, code: str, **more) -> dict[str, Any]:
        return self.program.public.confirm_sign_up(
            ClientId=self.client_id, Username=username, ConfirmationCode=code, **self.with_hash(username), **more
        )

    def resend(self, username: str) -> dict[str, Any]:
        return self.program.public.resend_confirmation_code(
            ClientId=self.client_id, Username=username, **self.with_hash(username)
        )

    def forgot_password(self, username: str) -> dict[str, Any]:
        return self.program.public.forgot_password(
            ClientId=self.client_id, Username=username, **self.with_hash(username)
        )

    def confirm_forgot_password(self, username: str, code: str, password: str = NEW_PASSWORD) -> dict[str, Any]:
        return self.program.public.confirm_forgot_password(
            ClientId=self.client_id,
            Username=username,
            ConfirmationCode=code,
            Password=password,
            **self.with_hash(username),
        )

    def sign_in(self, username: str, password: str = PASSWORD, **more: str) -> dict[str, Any]:
        return self.program.public.initiate_auth(
            ClientId=self.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": password}
            | self.with_hash(username, "SECRET_HASH")
            | more,
        )

    def tokens(self, username: str | None = None) -> dict[str, str]:
        """The tokens of a sign-in, of a user of its own unless told otherwise."""
        return self.sign_in(username or self.confirmed_user())["AuthenticationResult"]

    def refresh(self, refresh_token: str, username: str) -> dict[str, Any]:
        """The username is the stored one: the hash is made over it."""
        return self.program.public.initiate_auth(
            ClientId=self.client_id,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": refresh_token} | self.with_hash(username, "SECRET_HASH"),
        )

    def renew(self, refresh_token: str, **more) -> dict[str, Any]:
        """GetTokensFromRefreshToken."""
        secret = {"ClientSecret": self.client["ClientSecret"]} if "ClientSecret" in self.client else {}
        return self.program.public.get_tokens_from_refresh_token(
            ClientId=self.client_id, RefreshToken=refresh_token, **(secret | more)
        )

    def renewed(self, tokens: dict[str, str]) -> dict[str, str]:
        """The tokens that GetTokensFromRefreshToken gives for these."""
        return self.renew(tokens["RefreshToken"])["AuthenticationResult"]

    def at(self, node: Program) -> "App":
        """The same app client, called at another node."""
        return replace(self, program=node)

    def answer_new_password(self, session: str, username: str, password: str = NEW_PASSWORD, **more: str):
        return self.program.public.respond_to_auth_challenge(
            ClientId=self.client_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=session,
            ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": password}
            | self.with_hash(username, "SECRET_HASH")
            | more,
        )

    # --- An administrator's steps ----------------------------------------------------------------------------------

    def create_user(self, username: str | None = None, **more) -> dict[str, Any]:
        """AdminCreateUser with `PASSWORD` as temporary password and no message, unless told otherwise."""
        username = username or fresh_name()
        settings = {"TemporaryPassword": PASSWORD, "MessageAction": "SUPPRESS"} | more
        wanted = {name: value for name, value in settings.items() if value is not None}
        return self.program.admin.admin_create_user(UserPoolId=self.pool_id, Username=username, **wanted)["User"]

    def confirmed_user(self, username: str | None = None, password: str = PASSWORD, **values: str) -> str:
        """A user who can sign in, made by the administrator; gives the stored username."""
        username = username or fresh_name()
        user = self.create_user(username, UserAttributes=attributes(**values))
        self.program.admin.admin_set_user_password(
            UserPoolId=self.pool_id, Username=user["Username"], Password=password, Permanent=True
        )
        return user["Username"]

    def unconfirmed_user(self) -> str:
        """A user who signed up and was sent a code."""
        name = fresh_name()
        self.sign_up(name)
        return name

    def new_password_session(self, **values: str) -> tuple[str, str]:
        """A user who has to choose a password, and the session of the sign-in."""
        name = self.create_user(UserAttributes=attributes(**values))["Username"]
        return name, self.sign_in(name)["Session"]

    def get_user(self, username: str) -> dict[str, Any]:
        return self.program.admin.admin_get_user(UserPoolId=self.pool_id, Username=username)


def rotation(grace: int, **more) -> dict:
    """Settings of a client that rotates."""
    return {
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": grace},
    } | more


def new_client(program: Program, pool_id: str, **settings) -> dict[str, Any]:
    chosen = {"ClientName": "app", "ExplicitAuthFlows": PASSWORD_FLOWS} | settings
    return program.admin.create_user_pool_client(UserPoolId=pool_id, **chosen)["UserPoolClient"]


def new_app(program: Program, client: dict | None = None, **pool_settings) -> App:
    """A pool that confirms addresses by e-mail, and an app client for password sign-in."""
    chosen = {"PoolName": "pool", "AutoVerifiedAttributes": ["email"]} | pool_settings
    wanted = {name: value for name, value in chosen.items() if value is not None}
    pool = program.admin.create_user_pool(**wanted)["UserPool"]
    return App(program, pool, new_client(program, pool["Id"], **(client or {})))


def values_of(attribute_list: list[dict[str, str]]) -> dict[str, str]:
    """A list of attributes as a dictionary."""
    return {attribute["Name"]: attribute["Value"] for attribute in attribute_list}
