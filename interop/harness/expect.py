"""Expected refusals."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

NOT_AUTHORIZED = "NotAuthorizedException"
INVALID_PARAMETER = "InvalidParameterException"
NOT_FOUND = "ResourceNotFoundException"


@contextmanager
def refused(code: str, message: str | re.Pattern | None = None) -> Iterator[None]:
    """The call inside must be refused with HTTP 400, exactly this type, and exactly this message.

    Without a message only the type counts: the reference marks the text as unconfirmed.
    """
    with pytest.raises(ClientError) as caught:
        yield
    answer = caught.value.response
    error = answer["Error"]
    assert error["Code"] == code, error
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["ResponseMetadata"]["RequestId"]
    if isinstance(message, re.Pattern):
        assert message.fullmatch(error["Message"]), error["Message"]
    elif message is not None:
        assert error["Message"] == message


def violations(*parts: str) -> str:
    """The message of one or several broken constraints."""
    noun = "error" if len(parts) == 1 else "errors"
    return f"{len(parts)} validation {noun} detected: " + "; ".join(parts)
