"""Waiting for something that another process does."""

import time

POLL = 0.02


def wait_until(condition, within: float, what: str):
    """Polls until the condition gives something true, and gives that back; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(POLL)
