"""Two nodes on one PostgreSQL: a sign-in goes on where it did not begin, and what one node ends, the other refuses with
the next request."""

from collections.abc import Callable, Iterator

import pytest
from pycognito.aws_srp import AWSSRP

from harness.app import PASSWORD, PASSWORD_FLOWS, App, new_app, rotation
from harness.expect import NOT_AUTHORIZED, refused
from harness.postgres import Postgres
from harness.program import Program
from harness.tokens import verify_pair

ACCESS_REVOKED = (NOT_AUTHORIZED, "Access Token has been revoked")
REVOKED = (NOT_AUTHORIZED, "Refresh Token has been revoked")


@pytest.fixture(scope="module")
def nodes(unstarted: Callable[..., Program], postgres: Postgres) -> Iterator[tuple[Program, Program]]:
    first = unstarted(engine_arguments=["--database", postgres.new_database()]).start()
    second = first.neighbour().start()
    yield first, second
    second.stop()
    first.stop()


def sign_in_by_new_password(begin: App, end: App) -> dict[str, str]:
    """The tokens of a sign-in whose first step `begin` takes and whose second `end` does.

    Each way to sign in that has two steps is a function like this, in `TWO_STEPS`.
    """
    name, session = begin.new_password_session()
    return end.answer_new_password(session, name)["AuthenticationResult"]


def sign_in_by_srp(begin: App, end: App) -> dict[str, str]:
    name = begin.confirmed_user()
    srp = AWSSRP(name, PASSWORD, begin.pool_id, begin.client_id, client=begin.program.public)
    parameters = srp.get_auth_params()
    asked = begin.program.public.initiate_auth(
        ClientId=begin.client_id, AuthFlow="USER_SRP_AUTH", AuthParameters=parameters
    )
    answer = {
        "ClientId": end.client_id,
        "ChallengeName": asked["ChallengeName"],
        "ChallengeResponses": srp.process_challenge(asked["ChallengeParameters"], parameters),
    }
    result = end.program.public.respond_to_auth_challenge(**answer)["AuthenticationResult"]
    with refused(NOT_AUTHORIZED, "Invalid session for the user, session can only be used once."):
        begin.program.public.respond_to_auth_challenge(**answer)
    return result


TWO_STEPS = [sign_in_by_new_password, sign_in_by_srp]


def two_step_app(program: Program) -> App:
    return new_app(program, client={"ExplicitAuthFlows": [*PASSWORD_FLOWS, "ALLOW_USER_SRP_AUTH"]})


SignIn = Callable[[App, App], dict[str, str]]


@pytest.mark.parametrize("sign_in", TWO_STEPS)
def test_a_sign_in_over_both_nodes(nodes: tuple[Program, Program], sign_in: SignIn):
    here, there = nodes
    app = two_step_app(here)
    tokens = sign_in(app, app.at(there))
    # The issuer is that of the node that made the pool, whichever signs.
    verify_pair(app, tokens)
    assert here.public.get_user(AccessToken=tokens["AccessToken"])["Username"]


def by_revoke_token(app: App, tokens: dict[str, str], _name: str) -> None:
    app.program.public.revoke_token(Token=tokens["RefreshToken"], ClientId=app.client_id)


def by_global_sign_out(app: App, tokens: dict[str, str], _name: str) -> None:
    app.program.public.global_sign_out(AccessToken=tokens["AccessToken"])


def by_administrator(app: App, _tokens: dict[str, str], name: str) -> None:
    app.program.admin.admin_user_global_sign_out(UserPoolId=app.pool_id, Username=name)


@pytest.mark.parametrize("end", [by_revoke_token, by_global_sign_out, by_administrator])
@pytest.mark.parametrize("sign_in", TWO_STEPS)
def test_what_one_node_ends_the_other_refuses(
    nodes: tuple[Program, Program], sign_in: SignIn, end: Callable[[App, dict[str, str], str], None]
):
    here, there = nodes
    app = two_step_app(here)
    tokens = sign_in(app, app.at(there))
    # Both nodes have seen the token.
    name = here.public.get_user(AccessToken=tokens["AccessToken"])["Username"]
    assert there.public.get_user(AccessToken=tokens["AccessToken"])["Username"] == name
    end(app.at(there), tokens, name)
    with refused(*ACCESS_REVOKED):
        here.public.get_user(AccessToken=tokens["AccessToken"])
    with refused(*REVOKED):
        app.refresh(tokens["RefreshToken"], name)
    with refused(*REVOKED):
        app.renew(tokens["RefreshToken"])


def test_rotation_over_both_nodes(nodes: tuple[Program, Program]):
    here, there = nodes
    app = new_app(here, client=rotation(60))
    elsewhere = app.at(there)
    first = app.tokens()
    second = app.renewed(first)
    retry = elsewhere.renewed(first)
    assert here.public.get_user(AccessToken=retry["AccessToken"])
    third = app.renewed(retry)
    with refused("RefreshTokenReuseException", "Refresh Token has been reused"):
        elsewhere.renew(first["RefreshToken"])
    for tokens in (first, second, retry, third):
        with refused(*ACCESS_REVOKED):
            here.public.get_user(AccessToken=tokens["AccessToken"])
        with refused(*REVOKED):
            app.renew(tokens["RefreshToken"])
