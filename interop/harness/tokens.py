"""Tokens as an application verifies them."""

from typing import Any

import jwt

from harness.app import App


def verify(app: App, token: str, **audience: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, checked as an application does it: key by `kid`, issuer, times."""
    key = jwt.PyJWKClient(f"{app.issuer}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=app.issuer, leeway=5, **audience)
    return jwt.get_unverified_header(token), claims


def verify_pair(app: App, result: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Claims of the ID token and the access token of one authentication."""
    id_header, identity = verify(app, result["IdToken"], audience=app.client_id)
    access_header, access = verify(app, result["AccessToken"])
    assert set(id_header) == set(access_header) == {"kid", "alg"}
    assert id_header["kid"] != access_header["kid"]
    assert access["client_id"] == app.client_id
    return identity, access
