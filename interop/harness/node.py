"""Runs the scripts of `interop/node`: one process for each scenario."""

import json
import subprocess
from pathlib import Path
from typing import Any

from harness.program import base_environment

SCRIPTS = Path(__file__).resolve().parents[1] / "node"
ENDS_WITHIN = 60.0


def run(script: str, scenario: dict[str, Any]) -> dict[str, Any]:
    """What the script saw. A script that ends in an error fails the test with its output."""
    ended = subprocess.run(
        ["node", script, json.dumps(scenario)],
        cwd=SCRIPTS,
        env=base_environment(),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])
