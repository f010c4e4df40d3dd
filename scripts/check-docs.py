#!/usr/bin/env python3
"""Checks that what the documents name exists: files and folders, links, make targets. Exits 1 and lists what is gone.

A path is what stands in backticks, has a slash and begins with a folder or file of the top level of the repository;
`*` may stand for any name. A link is checked from the document's own folder.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What comes to be when the project is built or run.
MADE = {"target", "cenote-data", ".venv", "node_modules"}
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
BACKTICKS = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"\.?[\w.*-]+(?:/[\w.*-]+)+/?")
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def documents() -> list[Path]:
    """The Markdown files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def top_level() -> set[str]:
    return {path.name for path in ROOT.iterdir()} - MADE


def exists(path: str) -> bool:
    return any(ROOT.glob(path.rstrip("/")))


def problems(document: Path, top: set[str], targets: set[str]) -> list[str]:
    text = document.read_text()
    found = []
    for quoted in BACKTICKS.findall(CODE_BLOCK.sub("", text)):
        for path in PATH.findall(quoted):
            if path.split("/")[0] in top and not exists(path):
                found.append(f"there is no {path}")
        for target in MAKE.findall(quoted):
            if target not in targets:
                found.append(f"there is no make target {target}")
    for link in LINK.findall(text):
        if "://" not in link and not link.startswith("mailto:") and not (document.parent / link).exists():
            found.append(f"the link {link} leads nowhere")
    return found


def main() -> int:
    top = top_level()
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    bad = [
        f"{document.relative_to(ROOT)}: {problem}"
        for document in documents()
        for problem in problems(document, top, targets)
    ]
    print("\n".join(bad) if bad else "the documents name only what exists")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
