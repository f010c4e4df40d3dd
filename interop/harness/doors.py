"""The operations by who may call them, each ready to be called."""

from collections.abc import Callable

from harness.app import NEW_PASSWORD, PASSWORD, App
from harness.program import Program

# Well-formed, and nobody has them.
NO_POOL = "us-east-1_ZZZZZZZZZ"
NO_CLIENT = "1" * 26


def public_doors(app: App, name: str, session: str) -> dict[str, Callable[[dict], object]]:
    """Every operation that proves the client's secret by a hash; each takes the parameters of the proof."""
    public, client = app.program.public, {"ClientId": app.client_id}

    def parameters(proof: dict, **values: str) -> dict:
        return values | ({"SECRET_HASH": proof["SecretHash"]} if proof else {})

    return {
        "SignUp": lambda proof: public.sign_up(**client, Username=name, Password=PASSWORD, **proof),
        "ConfirmSignUp": lambda proof: public.confirm_sign_up(
            **client, Username=name, ConfirmationCode="123456", **proof
        ),
        "ResendConfirmationCode": lambda proof: public.resend_confirmation_code(**client, Username=name, **proof),
        "ForgotPassword": lambda proof: public.forgot_password(**client, Username=name, **proof),
        "ConfirmForgotPassword": lambda proof: public.confirm_forgot_password(
            **client, Username=name, ConfirmationCode="123456", Password=NEW_PASSWORD, **proof
        ),
        "InitiateAuth": lambda proof: public.initiate_auth(
            **client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters=parameters(proof, USERNAME=name, PASSWORD=PASSWORD),
        ),
        "RespondToAuthChallenge": lambda proof: public.respond_to_auth_challenge(
            **client,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=session,
            ChallengeResponses=parameters(proof, USERNAME=name, NEW_PASSWORD=NEW_PASSWORD),
        ),
        "AdminInitiateAuth": lambda proof: app.program.admin.admin_initiate_auth(
            **client,
            UserPoolId=app.pool_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters=parameters(proof, USERNAME=name, PASSWORD=PASSWORD),
        ),
        "AdminRespondToAuthChallenge": lambda proof: app.program.admin.admin_respond_to_auth_challenge(
            **client,
            UserPoolId=app.pool_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=session,
            ChallengeResponses=parameters(proof, USERNAME=name, NEW_PASSWORD=NEW_PASSWORD),
        ),
    }


def administrator_doors(program: Program, pool_id: str, name: str) -> dict[str, Callable[[], object]]:
    """Every administrator's operation on one user."""
    admin, user = program.admin, {"UserPoolId": pool_id, "Username": name}
    return {
        "AdminGetUser": lambda: admin.admin_get_user(**user),
        "AdminConfirmSignUp": lambda: admin.admin_confirm_sign_up(**user),
        "AdminSetUserPassword": lambda: admin.admin_set_user_password(**user, Password=PASSWORD, Permanent=True),
        "AdminDisableUser": lambda: admin.admin_disable_user(**user),
        "AdminEnableUser": lambda: admin.admin_enable_user(**user),
        "AdminResetUserPassword": lambda: admin.admin_reset_user_password(**user),
        "AdminUpdateUserAttributes": lambda: admin.admin_update_user_attributes(
            **user, UserAttributes=[{"Name": "name", "Value": "Al"}]
        ),
        "AdminDeleteUserAttributes": lambda: admin.admin_delete_user_attributes(**user, UserAttributeNames=["name"]),
        "AdminDeleteUser": lambda: admin.admin_delete_user(**user),
    }
