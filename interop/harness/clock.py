"""Movable time for the real program: libfaketime in the program, the same offset for what this side signs."""

import datetime
import glob
from pathlib import Path

import botocore.auth
import botocore.compat
import pytest


def faketime_library() -> str:
    """The library as Debian's package libfaketime installs it."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    assert found, "libfaketime is not installed; run make setup"
    return found[0]


class Clock:
    """The time of one program. It runs on as usual and is moved forward by the test."""

    def __init__(self, file: Path):
        self.file = file
        self.offset = 0
        self._write()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": faketime_library(),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            # Read the file at each call: a moved clock holds from the next request on.
            "FAKETIME_NO_CACHE": "1",
            # Timers of the program keep real time.
            "DONT_FAKE_MONOTONIC": "1",
        }

    def advance(self, *, days: int = 0, hours: int = 0, minutes: int = 0, seconds: int = 0) -> None:
        self.offset += int(datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds())
        self._write()

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.offset)

    def move_botocore(self, patch: pytest.MonkeyPatch) -> None:
        """Lets botocore sign with this clock."""
        original = botocore.compat.get_current_datetime

        def moved(*arguments, **named):
            return original(*arguments, **named) + datetime.timedelta(seconds=self.offset)

        patch.setattr(botocore.auth, "get_current_datetime", moved)

    def _write(self) -> None:
        # Replaced in one step: the program may read at any moment.
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"+{self.offset}\n")
        fresh.rename(self.file)
