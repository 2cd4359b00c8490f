"""Editing a JSON file as text: what is not ours stays byte for byte as its owner wrote it.

`add` puts members and elements in, `drop` takes elements out; both work on the places where the
standard library's decoder finds them, and never print the whole document anew. Comments and a byte
order mark, which some clients skip, stay.
"""

import json
import re
from collections import namedtuple

from ..errors import HcomError

_decode = json.JSONDecoder().raw_decode
_BETWEEN = " \t\r\n,:"  # what may stand between two tokens
BOM, COMMENTS = "\ufeff", "//"  # what a client may skip
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|//.*?(?=\r?\n|\Z)|/\*.*?(?:\*/|\Z)', re.DOTALL)


# A member of an object or an element of an array: its key or number, where it begins, the span of
# its value, and that value. The document itself is one too.
Part = namedtuple("Part", "key begin start end value")


def blank(text: str, skipped=(BOM, COMMENTS)) -> str:
    """`text` with blanks in the place of what is `skipped`; all else stands where it stood."""
    if BOM in skipped:
        text = re.sub("^\ufeff", " ", text)
    if COMMENTS not in skipped or "/" not in text:
        return text
    return _TOKENS.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\r\n]", " ", m[0]), text)


def scan(text: str, skipped=(BOM, COMMENTS)) -> Part:
    """The document. HcomError when `text` is no JSON but for what is `skipped`."""
    try:
        value = parsed(text := blank(text, skipped))
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
    """`element` stands last in the array at `path`, which is made where it is missing, or null,
    which clients read as that; each level is indented by `unit`.

    HcomError when something else than an object or array stands on the way.
    """
    if not text.strip():
        text = "{}\n"
    seen = blank(text)
    chain = _chain(seen, path)
    depth, last = len(chain) - 1, chain[-1]
    newline = "\r\n" if "\r\n" in text else "\n"
    outer, inner = newline + unit * depth, newline + unit * (depth + 1)
    if depth and last.value is None:
        piece = _printed(_nested(path[depth:], [element]), unit, outer)
        return text[: last.start] + piece + text[last.end :]
    if not isinstance(last.value, list if depth == len(path) else dict):
        kind = "array" if depth == len(path) else "object"
        raise HcomError(f"{'.'.join(path[:depth]) or 'the document'} is not an {kind}")
    missing = path[depth:]
    piece = _printed(_nested(missing[1:], [element]) if missing else element, unit, inner)
    if missing:
        piece = f"{json.dumps(missing[0])}: {piece}"
    parts = _parts(seen, last)
    at = parts[-1].end if parts else last.start + 1
    said = text[at : last.end - 1].rstrip() if text[at : last.end - 1].strip() else ""  # comments
    if not parts:
        return text[:at] + said + inner + piece + outer + text[last.end - 1 :]
    lead = inner if "\n" in text[last.start : last.end] else " "
    return text[:at] + "," + said + lead + piece + text[at + len(said) :]


def _nested(path, value):
    for key in reversed(path):
        value = {key: value}
    return value


def _printed(value, unit: str, line: str) -> str:
    """The value as JSON whose lines begin with `line`."""
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", line)


def replace(text: str, path, index: int, element, unit: str) -> str:
    """`element` stands where the one of that index stood in the array at `path`."""
    seen = blank(text)
    chain = _chain(seen, path)
    part = _parts(seen, chain[-1])[index]
    inner = ("\r\n" if "\r\n" in text else "\n") + unit * len(chain)
    return text[: part.start] + _printed(element, unit, inner) + text[part.end :]


def drop(text: str, path: list[str | int], ours) -> str:
    """The elements of the array at `path` whose parsed value `ours(value)` admits are gone, and the
    containers on the way that are empty for it."""
    while True:
        seen = blank(text)
        chain = _chain(seen, path)
        if len(chain) <= len(path) or not isinstance(chain[-1].value, list):
            return text
        mine = [part for part in _parts(seen, chain[-1]) if ours(part.value)]
        if not mine:
            return text
        text = _cut(text, [*chain, mine[-1]])


def _cut(text: str, chain: list[Part]) -> str:
    """The last of the `chain` is gone, with the comma and the white space it brought, and what
    holds nothing else. Comments beside it stay."""
    seen = blank(text)
    *above, part = chain
    while len(above) > 1 and not _beside(text, above[-1], part):
        part = above.pop()
    parts = _parts(seen, above[-1])
    index = [one.begin for one in parts].index(part.begin)
    if index:
        start = parts[index - 1].end
        return text[:start] + _closed(_said(text[start : part.begin]).rstrip(), text[part.end :])
    if len(parts) > 1:
        after = _said(text[part.end : parts[1].begin]).lstrip()
        return text[: part.begin] + after + text[parts[1].begin :]
    start = above[-1].start + 1
    if not _beside(text, above[-1], part):
        return text[:start] + text[above[-1].end - 1 :]
    return text[:start] + _closed(text[start : part.begin].rstrip(), text[part.end :])


def _closed(gap: str, after: str) -> str:
    """Both, on two lines where a comment would swallow what comes after."""
    last = [found[0] for found in _TOKENS.finditer(gap)][-1:]
    swallows = last and last[0].startswith("//") and after.lstrip(" \t")[:1] not in ("\r", "\n")
    return gap + ("\n" if swallows else "") + after


def _beside(text: str, outer: Part, part: Part) -> bool:
    """Whether the container of a part has anything else in it, be it comments."""
    return bool((text[outer.start + 1 : part.begin] + text[part.end : outer.end - 1]).strip())


def _said(gap: str) -> str:
    """What stays of the text between two parts when one goes: the comments, as they stand; ""
    for none."""
    gap = re.sub(rf"{_TOKENS.pattern}|,", lambda m: m[0].removeprefix(","), gap, flags=re.DOTALL)
    return gap if gap.strip() else ""
