"""The constraints of the service models, read a second time.

This knows nothing of the generator in tools/wiregen: it reads the models itself, makes an input that breaks one
constraint, works out by the rules of reference 01, section 3 what the answer must say, and lets the test compare.
"""

import base64
import functools
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.loaders
import regex

# What the recordings of the real service show and the models do not say: (shape) -> what differs.
OVERRIDES: dict[str, dict[str, Any]] = {
    # Printed in this order.
    "AccountTakeoverEventActionType": {"enum": ["MFA_IF_CONFIGURED", "BLOCK", "NO_ACTION", "MFA_REQUIRED"]},
    # Printed in this order and without count and path.
    "AttributeDataType": {"enum": ["Boolean", "Number", "String", "DateTime"], "alone": True},
    # GetClientToken needs it; the model lacks it.
    "ExplicitAuthFlowsType": {"also": "ALLOW_CLIENT_TOKEN_AUTH"},
}
# New passwords: at least six characters, a space inside is allowed.
NEW_PASSWORD = {"min": 6, "pattern": r"^[\S]+.*[\S]+$"}
MEMBER_OVERRIDES = {
    ("SignUpRequest", "Password"): NEW_PASSWORD,
    ("ConfirmForgotPasswordRequest", "Password"): NEW_PASSWORD,
}
# SDKs sign these because the model does not call them public; the service does not ask for it.
PUBLIC = {"GetClientToken", "GetDerivedToken"}

# Texts that satisfy the patterns: how they begin, what fills them up, how they end.
BEGINNINGS = ["", "us-east-1_", "us-east-1:", "import-", "{####}", "{##a##}", "a@", "arn:aws:iam::1:", "arn:aws:x:::"]
FIXED = [
    "tkn" + "a" * 25,
    "terms-of-use",
    "cognito:default",
    "Level1",
    "authenticated",
    "3c6ea56b-0000-4000-8000-000000000001",
]
FILLS = ["a", "1"]
# Texts that break them.
BREAKERS = [" ", "/", "\a", "é", "!", "a"]


@dataclass(frozen=True)
class Violation:
    """One part of the message. `shown` is None for sensitive values, and ANY where Java's own way of printing shows."""

    path: str
    constraint: str
    shown: str | None
    alone: bool = False

    ANY = object()

    def __str__(self) -> str:
        return f"Value{'' if self.shown is None else f' {self.shown}'}{self.rest}"

    @property
    def rest(self) -> str:
        place = "" if self.alone else f" at '{self.path}'"
        return f"{place} failed to satisfy constraint: {self.constraint}"

    def cut(self, message: str) -> str | None:
        """What follows this part at the beginning of a message; None if the message doesn't begin so."""
        if self.shown is not self.ANY:
            return message.removeprefix(str(self)) if message.startswith(str(self)) else None
        _, found, after = message.partition(f"'{self.rest}")
        return after if found and message.startswith("Value '") else None


@dataclass(frozen=True)
class Case:
    """An input and every way in which it is wrong."""

    name: str
    body: dict[str, Any]
    violations: tuple[Violation, ...]

    def explains(self, message: str) -> bool:
        """Whether a message names exactly these violations, in whatever order."""
        alone = [violation for violation in self.violations if violation.alone]
        if alone:
            return message == f"Validation error detected: {alone[0]}"
        count = len(self.violations)
        head = f"{count} validation {'error' if count == 1 else 'errors'} detected: "
        return message.startswith(head) and any(
            follows(order, message.removeprefix(head)) for order in itertools.permutations(self.violations)
        )


def follows(parts: tuple[Violation, ...], message: str) -> bool:
    """Whether a message consists of these parts in this order."""
    left: str | None = message
    for number, part in enumerate(parts):
        if number:
            if not left.startswith("; "):
                return False
            left = left.removeprefix("; ")
        left = part.cut(left)
        if left is None:
            return False
    return not left


@functools.cache
def java_pattern(pattern: str) -> regex.Pattern:
    """A pattern with Java's meaning: short classes are ASCII, `.` stops at the end of a line."""
    return regex.compile(pattern, regex.ASCII | regex.VERSION0)


def matches(pattern: str, text: str) -> bool:
    return bool(java_pattern(pattern).fullmatch(text))


def lowered(name: str) -> str:
    return name[:1].lower() + name[1:]


def length(text: str) -> int:
    """Java counts UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


@functools.cache
def load(service: str) -> "Model":
    return Model(service)


class Model:
    """One service model."""

    def __init__(self, service: str):
        self.document = botocore.loaders.Loader().load_service_model(service, "service-2")
        self.target = self.document["metadata"]["targetPrefix"]

    @property
    def operations(self) -> list[str]:
        return list(self.document["operations"])

    def is_public(self, operation: str) -> bool:
        return self.document["operations"][operation].get("authtype") == "none" or operation in PUBLIC

    def input_shape(self, operation: str) -> str:
        return self.document["operations"][operation]["input"]["shape"]

    def shape(self, name: str, owner: tuple[str, str] | None = None) -> dict[str, Any]:
        """A shape with what the recordings say of it; `owner` is the structure and member that hold it."""
        shape = dict(self.document["shapes"][name]) | OVERRIDES.get(name, {}) | MEMBER_OVERRIDES.get(owner, {})
        if "also" in shape:
            shape["enum"] = [*shape["enum"], shape["also"]]
        return shape

    def members(self, name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Name, shape name and shape of each member of a structure."""
        for member, reference in self.document["shapes"][name]["members"].items():
            yield member, reference["shape"], self.shape(reference["shape"], (name, member))

    # --- Values that are right ---------------------------------------------------------------------------------------

    def valid(self, name: str, shape: dict[str, Any]) -> Any:
        """The smallest value that breaks nothing."""
        match shape["type"]:
            case "structure":
                required = set(shape.get("required", []))
                return {m: self.valid(n, s) for m, n, s in self.members(name) if m in required}
            case "list":
                return [self.valid(*self.inner(shape, "member"))] * shape.get("min", 0)
            case "map":
                return dict(self.entries(shape, shape.get("min", 0)))
            case "string":
                return valid_text(shape)
            case "blob":
                return base64.b64encode(b"x" * shape.get("min", 1)).decode()
            case "boolean":
                return True
            case _:
                return shape.get("min", 1)

    def inner(self, shape: dict[str, Any], part: str) -> tuple[str, dict[str, Any]]:
        """Name and shape of a list's elements or of a map's keys or values."""
        name = shape[part]["shape"]
        return name, self.shape(name)

    def entries(self, shape: dict[str, Any], count: int) -> Iterator[tuple[str, Any]]:
        """So many entries of a map, or as many as there can be."""
        _, key = self.inner(shape, "key")
        for text in itertools.islice(different_texts(key), count):
            yield text, self.valid(*self.inner(shape, "value"))

    # --- What is wrong with a value ----------------------------------------------------------------------------------

    def violations(self, name: str, shape: dict[str, Any], value: Any, path: str = "") -> Iterator[Violation]:
        match shape["type"]:
            case "structure":
                for member, inner, inner_shape in self.members(name):
                    place = f"{path}.{lowered(member)}" if path else lowered(member)
                    if member in value:
                        yield from self.violations(inner, inner_shape, value[member], place)
                    elif member in shape.get("required", []):
                        shown = None if inner_shape.get("sensitive") else "null"
                        yield Violation(place, "Member must not be null", shown)
            case "list":
                yield from self.list_violations(shape, value, path)
            case "map":
                yield from self.map_violations(shape, value, path)
            case _:
                for constraint in broken(shape, value):
                    yield Violation(path, constraint, printed(shape, value), shape.get("alone", False))

    def list_violations(self, shape: dict[str, Any], value: list, path: str) -> Iterator[Violation]:
        name, element = self.inner(shape, "member")
        for constraint in broken_size(shape, len(value)):
            yield Violation(path, constraint, printed(shape, Violation.ANY))
        if element["type"] in ("structure", "list", "map"):
            for number, item in enumerate(value, start=1):
                yield from self.violations(name, element, item, f"{path}.{number}.member")
        elif any(broken(element, item) for item in value):
            # The whole list is the value, and every demand on its elements is listed, not only the broken ones.
            constraint = f"Member must satisfy constraint: [{', '.join(demands(element))}]"
            yield Violation(path, constraint, printed(shape, f"[{', '.join(map(str, value))}]"))

    def map_violations(self, shape: dict[str, Any], value: dict, path: str) -> Iterator[Violation]:
        _, key = self.inner(shape, "key")
        name, inner = self.inner(shape, "value")
        nested = inner["type"] in ("structure", "list", "map")
        shown = printed(shape, Violation.ANY if nested else map_text(inner, value))
        for constraint in broken_size(shape, len(value)):
            yield Violation(path, constraint, shown)
        if any(broken(key, text) for text in value):
            yield Violation(path, f"Map keys must satisfy constraint: [{', '.join(demands(key))}]", shown)
        if nested:
            for text, item in value.items():
                yield from self.violations(name, inner, item, f"{path}.{text}.member")
        elif any(broken(inner, item) for item in value.values()):
            yield Violation(path, f"Map value must satisfy constraint: [{', '.join(demands(inner))}]", shown)

    # --- Values that are wrong ---------------------------------------------------------------------------------------

    def cases(self, operation: str) -> Iterator[Case]:
        """For each constraint of the operation's input an input that breaks it."""
        name = self.input_shape(operation)
        shape = self.shape(name)
        assert not list(self.violations(name, shape, self.valid(name, shape))), f"{operation}: the sample is wrong"
        for label, body in self.wrong(name, shape):
            found = tuple(self.violations(name, shape, body))
            assert found, f"{operation} {label}: nothing is broken"
            yield Case(label, body, found)

    def wrong(self, name: str, shape: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        match shape["type"]:
            case "structure":
                yield from self.wrong_structures(name, shape)
            case "list":
                yield from self.wrong_lists(shape)
            case "map":
                yield from self.wrong_maps(shape)
            case "string":
                yield from wrong_texts(shape)
            case "blob":
                if shape.get("min", 0) > 0:
                    yield "min", ""
                yield "max", base64.b64encode(b"x" * (shape["max"] + 1)).decode()
            case "integer" | "long":
                if "min" in shape:
                    yield "min", shape["min"] - 1
                if "max" in shape:
                    yield "max", shape["max"] + 1

    def wrong_structures(self, name: str, shape: dict[str, Any]) -> Iterator[tuple[str, dict]]:
        base = self.valid(name, shape)
        for member in shape.get("required", []):
            yield f"{member} required", {other: value for other, value in base.items() if other != member}
        for member, inner, inner_shape in self.members(name):
            for label, value in self.wrong(inner, inner_shape):
                yield f"{member} {label}", base | {member: value}

    def wrong_lists(self, shape: dict[str, Any]) -> Iterator[tuple[str, list]]:
        name, element = self.inner(shape, "member")
        good = self.valid(name, element)
        if shape.get("min", 0) > 0:
            yield "min", [good] * (shape["min"] - 1)
        if "max" in shape:
            yield "max", [good] * (shape["max"] + 1)
        rest = [good] * (shape.get("min", 1) - 1)
        for label, value in self.wrong(name, element):
            yield f"element {label}", [*rest, value]

    def wrong_maps(self, shape: dict[str, Any]) -> Iterator[tuple[str, dict]]:
        _, key = self.inner(shape, "key")
        name, inner = self.inner(shape, "value")
        if shape.get("min", 0) > 0:
            yield "min", dict(self.entries(shape, shape["min"] - 1))
        if "max" in shape:
            entries = dict(self.entries(shape, shape["max"] + 1))
            # Where there are not so many right keys, no such map can be without breaking the keys' rule too.
            for number in range(shape["max"] + 1 - len(entries)):
                entries[f"more{number}"] = self.valid(name, inner)
            yield "max", entries
        for label, text in wrong_texts(key):
            yield f"key {label}", {text: self.valid(name, inner)}
        for label, value in self.wrong(name, inner):
            yield f"value {label}", {valid_text(key): value}


def map_text(inner: dict[str, Any], value: dict[str, Any]) -> str:
    """A map as it is printed: sensitive values are left out, their keys are not."""
    hidden = inner.get("sensitive")
    entries = [f"{text}={'' if hidden else item}" for text, item in sorted(value.items())]
    return f"{{{', '.join(entries)}}}"


def printed(shape: dict[str, Any], value: Any) -> Any:
    """How the message shows a value."""
    if shape.get("sensitive"):
        return None
    if value is Violation.ANY or shape["type"] == "blob":
        return Violation.ANY
    return f"'{value}'"


def broken_size(shape: dict[str, Any], size: int) -> list[str]:
    found = []
    if size < shape.get("min", 0):
        found.append(f"Member must have length greater than or equal to {shape['min']}")
    if "max" in shape and size > shape["max"]:
        found.append(f"Member must have length less than or equal to {shape['max']}")
    return found


def broken(shape: dict[str, Any], value: Any) -> list[str]:
    """The constraints that a scalar breaks."""
    match shape["type"]:
        case "string":
            found = broken_size(shape, length(value))
            if "pattern" in shape and not matches(shape["pattern"], value):
                found.append(f"Member must satisfy regular expression pattern: {shape['pattern']}")
            if "enum" in shape and value not in shape["enum"]:
                found.append(f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
            return found
        case "blob":
            return broken_size(shape, len(base64.b64decode(value)))
        case "integer" | "long":
            if "min" in shape and value < shape["min"]:
                return [f"Member must have value greater than or equal to {shape['min']}"]
            if "max" in shape and value > shape["max"]:
                return [f"Member must have value less than or equal to {shape['max']}"]
            return []
        case _:
            return []


def demands(shape: dict[str, Any]) -> list[str]:
    """Every constraint on the elements of a list, as AWS prints them: maximum, minimum, pattern, words."""
    found = []
    if "max" in shape:
        found.append(f"Member must have length less than or equal to {shape['max']}")
    if "min" in shape:
        found.append(f"Member must have length greater than or equal to {shape['min']}")
    if "pattern" in shape:
        found.append(f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape:
        found.append(f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
    return found


def different_texts(shape: dict[str, Any]) -> Iterator[str]:
    """Texts that break nothing, each once, as many as are found."""
    if "enum" in shape:
        yield from shape["enum"]
        return
    first = valid_text(shape)
    texts = [first[:-1] + letter for letter in "0123456789abcdefghijklmnopqrstuvwxyz"]
    texts += [fitted(first, "a", size) for size in range(len(first) + 1, len(first) + 60)]
    yield from (text for text in texts if not broken(shape, text))


def fitted(beginning: str, fill: str, size: int) -> str:
    return beginning + fill * (size - len(beginning))


def valid_text(shape: dict[str, Any], size: int | None = None) -> str:
    """A text that breaks nothing, of a given length where one is asked for."""
    if "enum" in shape and size is None:
        return shape["enum"][0]
    wanted = range(max(shape.get("min", 1), 1), 80) if size is None else [size]
    candidates = itertools.chain(
        (fixed for fixed in FIXED if len(fixed) in wanted),
        (fitted(*how, n) for n in wanted for how in itertools.product(BEGINNINGS, FILLS) if n >= len(how[0])),
    )
    for text in candidates:
        if "pattern" not in shape or matches(shape["pattern"], text):
            return text
    raise LookupError(f"no text for {json.dumps(shape)} of length {size}")


def wrong_texts(shape: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A text for each constraint that it breaks; where nothing else can be, it breaks the pattern as well."""

    def of_size(size: int) -> str:
        try:
            return valid_text(shape, size)
        except LookupError:
            return "a" * size

    if shape.get("min", 0) > 0:
        yield "min", of_size(shape["min"] - 1)
    if "max" in shape:
        yield "max", of_size(shape["max"] + 1)
    if "pattern" in shape:
        size = max(shape.get("min", 1), 1)
        texts = (breaker * size for breaker in BREAKERS)
        text = next((text for text in texts if not matches(shape["pattern"], text)), None)
        # `(?s).*` takes everything.
        if text is not None:
            yield "pattern", text
    if "enum" in shape:
        yield "enum", "BAD"
