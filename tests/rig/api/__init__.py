"""What the three model APIs have in common: a request once read, and answers to a JSON schema.

Each module here reads one API's requests into `Asked` and writes a `Step` back as that API's
stream or whole body. None decides what is answered: that is `script`.
"""

from typing import NamedTuple

from tests.rig.script import Piece


class Asked(NamedTuple):
    """One model request. `kind`: turn, title (of the session), aux (routing, probes, summaries)."""

    tool: str
    kind: str
    session: str  # "" when the request does not say
    agent: str  # the subagent's id, "" for the main agent
    cwd: str
    stream: bool
    schema: dict | None  # the JSON schema that the reply must satisfy
    pieces: list[Piece]
    body: dict


Event = tuple[str, dict]  # SSE event name ("" for none) and data


def instance(schema: dict) -> object:
    """A value that the JSON schema admits, as far as clients' own schemas go."""
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return instance(schema[key][0])
    kind = schema.get("type", "string")
    kind = (kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        return {name: instance(part) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema.get("items", {}))] * schema.get("minItems", 0)
    # no hyphen, no capital: some clients check a title's or slug's pattern
    scalars = {"string": "rig title", "integer": 1, "number": 1, "boolean": False, "null": None}
    return scalars[kind]


def chunks(text: str, size: int = 12) -> list[str]:
    """The text in stream-sized parts, at least one."""
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]
