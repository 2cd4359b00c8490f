"""Editing a JSON file as text: what is not ours stays byte for byte as its owner wrote it.

`add` puts members and elements in, `drop` takes elements out; both work on the places where the
standard library's decoder finds them, and never print the whole document anew.
"""

import json
import re
from collections import namedtuple

from ..errors import HcomError

_decode = json.JSONDecoder().raw_decode
_BETWEEN = " \t\r\n,:"  # what may stand between two tokens


class Part(namedtuple("Part", "key begin start end value")):
    """A member of an object or an element of an array: its key or number, where it begins, the span
    of its value, and that value. The document itself is one too."""

    __slots__ = ()


def scan(text: str) -> Part:
    """The document. HcomError when `text` is not strict JSON (comments are not)."""
    try:
        value = parsed(text)
    except ValueError as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "somewhere"
        raise HcomError(f"not plain JSON: {where}") from None
    start = _next(text, 0)
    return Part("", start, start, len(text.rstrip()), value)


def parsed(text: str):
    """The document as a value. ValueError when it is not strict JSON or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _next(text: str, at: int) -> int:
    """Where the token begins that stands at `at` or behind it."""
    while text[at] in _BETWEEN:
        at += 1
    return at


def _parts(text: str, of: Part) -> list[Part]:
    """The members or elements of a container, in their order; [] of anything else."""
    found: list[Part] = []
    if not isinstance(of.value, dict | list):
        return found
    at = _next(text, of.start + 1)
    while at < of.end - 1:
        key, start = len(found), at
        if isinstance(of.value, dict):
            key, end = _decode(text, at)
            start = _next(text, end)
        value, end = _decode(text, start)
        found.append(Part(key, at, start, end, value))
        at = _next(text, end)
    return found


def _chain(text: str, path) -> list[Part]:
    """The document, and what stands at each step of `path`, as far as there is something. Of
    members with the same key it is the last, as JSON parsers take it."""
    found = [scan(text)]
    for key in path:
        inner = [part for part in _parts(text, found[-1]) if part.key == key]
        if not inner:
            break
        found.append(inner[-1])
    return found


def indent_unit(text: str) -> str:
    """What one level is indented by in this file: as its first indented line."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found.group(1) if found else "  "


def add(text: str, path: list[str], element, unit: str) -> str:
    """`element` stands last in the array at `path`, which is made where it is missing; each level
    is indented by `unit`.

    HcomError when something else than an object or array stands on the way.
    """
    if not text.strip():
        text = "{}\n"
    chain = _chain(text, path)
    depth, last = len(chain) - 1, chain[-1]
    if not isinstance(last.value, list if depth == len(path) else dict):
        kind = "array" if depth == len(path) else "object"
        raise HcomError(f"{'.'.join(path[:depth]) or 'the document'} is not an {kind}")
    missing = path[depth:]
    value = [element] if missing else element
    for key in reversed(missing[1:]):
        value = {key: value}
    newline = "\r\n" if "\r\n" in text else "\n"
    outer, inner = newline + unit * depth, newline + unit * (depth + 1)
    piece = json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", inner)
    if missing:
        piece = f"{json.dumps(missing[0])}: {piece}"
    parts = _parts(text, last)
    if not parts:
        return text[: last.start + 1] + inner + piece + outer + text[last.end - 1 :]
    lead = inner if "\n" in text[last.start : last.end] else " "
    return text[: parts[-1].end] + "," + lead + piece + text[parts[-1].end :]


def drop(text: str, path: list[str | int], ours) -> str:
    """The elements of the array at `path` whose parsed value `ours(value)` admits are gone, and the
    containers on the way that are empty for it."""
    while True:
        chain = _chain(text, path)
        if len(chain) <= len(path) or not isinstance(chain[-1].value, list):
            return text
        mine = [part for part in _parts(text, chain[-1]) if ours(part.value)]
        if not mine:
            return text
        text = _cut(text, [*chain, mine[-1]])


def _cut(text: str, chain: list[Part]) -> str:
    """The last of the `chain` is gone, with the comma and the white space it brought, and what
    holds nothing else."""
    *above, part = chain
    while len(above) > 1 and len(_parts(text, above[-1])) == 1:
        part = above.pop()
    parts = _parts(text, above[-1])
    index = [one.begin for one in parts].index(part.begin)
    if index:
        return text[: parts[index - 1].end] + text[part.end :]
    if len(parts) > 1:
        return text[: part.begin] + text[parts[1].begin :]
    return text[: above[-1].start + 1] + text[above[-1].end - 1 :]
