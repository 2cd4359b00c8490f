"""Editing a JSON file as text: what is not ours stays byte for byte as its owner wrote it.

`add` puts members and elements in, `drop` takes elements out; both work on the places that a small
scanner finds, and never print the whole document anew.
"""

import json
import re
from collections import namedtuple

from ..errors import HcomError

_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,\]}]+')


class Node(namedtuple("Node", "start end kind parts")):
    """A value in the text: its span; kind is { or [ or "" for a scalar. `parts` are the members
    (key, start of the key, Node) or the elements ("", start, Node)."""

    __slots__ = ()

    def part(self, key: str | int):
        """The last member called `key`, as JSON parsers take it, or the element number `key`; None
        when there is none."""
        if isinstance(key, int):
            return self.parts[key] if self.kind == "[" and key < len(self.parts) else None
        return next((p for p in reversed(self.parts) if p[0] == key), None)


def scan(text: str) -> Node:
    """The document's root. HcomError when `text` is not strict JSON (comments are not)."""
    try:
        parsed(text)
        return _node(text, _end(_SPACE, text, 0))
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "somewhere"
        raise HcomError(f"not plain JSON: {where}") from None


def parsed(text: str):
    """The document as a value. ValueError when it is not strict JSON or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _end(pattern: re.Pattern, text: str, at: int) -> int:
    """Where that ends which stands at `at` and is like `pattern`."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _node(text: str, at: int) -> Node:
    opening = text[at]
    if opening not in "{[":
        return Node(at, _end(_SCALAR, text, at), "", ())
    parts, position = [], _end(_SPACE, text, at + 1)
    while text[position] not in "}]":
        start, key = position, ""
        if opening == "{":
            end = _end(_SCALAR, text, position)
            key = json.loads(text[position:end])
            position = _end(_SPACE, text, text.index(":", end) + 1)
        child = _node(text, position)
        parts.append((key, start, child))
        position = _end(_SPACE, text, child.end)
        if text[position] == ",":
            position = _end(_SPACE, text, position + 1)
    return Node(at, position + 1, opening, tuple(parts))


def indent_unit(text: str) -> str:
    """What one level is indented by in this file: as its first indented line."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found.group(1) if found else "  "


def _printed(value, unit: str, depth: int, newline: str) -> str:
    indent: int | str = unit
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text.replace("\n", newline + unit * depth)


def _insert(text: str, node: Node, piece: str, depth: int, unit: str) -> str:
    """`piece` is the last part of the container `node`, which is `depth` levels deep."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if node.parts:
        last = node.parts[-1][2].end
        lead = newline + unit * (depth + 1) if "\n" in text[node.start : node.end] else " "
        return text[:last] + "," + lead + piece + text[last:]
    body = newline + unit * (depth + 1) + piece + newline + unit * depth
    return text[: node.start + 1] + body + text[node.end - 1 :]


def add(text: str, path: list[str], element, unit: str) -> str:
    """`element` stands last in the array at `path`, which is made where it is missing; each level
    is indented by `unit`.

    HcomError when something else than an object or array stands on the way.
    """
    if not text.strip():
        text = "{}\n"
    newline = "\r\n" if "\r\n" in text else "\n"
    node = scan(text)
    for depth, key in enumerate(path):
        if node.kind != "{":
            raise HcomError(f"{'.'.join(path[:depth]) or 'the document'} is not an object")
        found = node.part(key)
        if found is None:
            value: list | dict = [element]
            for inner in reversed(path[depth + 1 :]):
                value = {inner: value}
            piece = json.dumps(key) + ": " + _printed(value, unit, depth + 1, newline)
            return _insert(text, node, piece, depth, unit)
        node = found[2]
    if node.kind != "[":
        raise HcomError(f"{'.'.join(path)} is not an array")
    return _insert(text, node, _printed(element, unit, len(path) + 1, newline), len(path), unit)


def drop(text: str, path: list[str | int], ours) -> str:
    """The elements of the array at `path` whose parsed value `ours(value)` admits are gone, and the
    containers on the way that are empty for it."""
    while True:
        chain = [scan(text)]
        for key in path:
            found = chain[-1].part(key) if chain[-1].kind else None
            if found is None:
                return text
            chain.append(found[2])
        array = chain[-1]
        mine = [
            i for i, (_, _, n) in enumerate(array.parts) if ours(json.loads(text[n.start : n.end]))
        ]
        if array.kind != "[" or not mine:
            return text
        text = _cut(text, array, mine[-1])
        if len(array.parts) == 1:
            text = _prune(text, path)


def _prune(text: str, path: list[str | int]) -> str:
    """The empty container at `path` is gone, then its parent when that is empty, and so on."""
    for length in range(len(path), 0, -1):
        node = scan(text)
        for key in path[: length - 1]:
            node = node.part(key)[2]
        index = max(i for i, p in enumerate(node.parts) if p[0] == path[length - 1])
        if node.parts[index][2].parts:
            break
        text = _cut(text, node, index)
    return text


def _cut(text: str, node: Node, index: int) -> str:
    """Part `index` of the container is gone, with the comma and the white space it brought."""
    parts = node.parts
    start, end = parts[index][1], parts[index][2].end
    if index:
        return text[: parts[index - 1][2].end] + text[end:]
    if len(parts) > 1:
        return text[:start] + text[parts[1][1] :]
    return text[: node.start + 1] + text[node.end - 1 :]
