#!/usr/bin/env python3
"""Adds up the closing lines of `cargo test` and pytest in a log and prints `N passed, N failed`.

Exits 1 if a test failed or none ran.
"""

import re
import sys
from pathlib import Path

CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;", re.MULTILINE)
PYTEST = re.compile(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s", re.MULTILINE)


def count(log: str) -> tuple[int, int]:
    """Passed and failed tests of all runs in the log; pytest's errors count as failures."""
    passed = failed = 0
    for ok, bad in CARGO.findall(log):
        passed, failed = passed + int(ok), failed + int(bad)
    for summary in PYTEST.findall(log):
        for number, outcome in re.findall(r"(\d+) ([a-z]+)", summary):
            if outcome == "passed":
                passed += int(number)
            elif outcome in ("failed", "error", "errors"):
                failed += int(number)
    return passed, failed


def main() -> int:
    passed, failed = count(Path(sys.argv[1]).read_text(errors="replace"))
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
