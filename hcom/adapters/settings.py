"""A client's settings file and our entries in it: put in, taken out, everything else untouched.

What was there before the first entry is remembered, so that a file nobody changed since comes back
byte for byte; otherwise exactly our entries are cut out of what is there now.
"""

import hashlib
import json
import os

from ..errors import HcomError
from ..home import write_private
from . import jsontext, launcher


def text_of(path: str) -> str:
    """The file's text, "" when there is none. HcomError when it is not readable as text."""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise HcomError(
            f"cannot read {path}: {getattr(error, 'strerror', '') or 'not UTF-8'}",
            "nothing was changed",
        ) from None


def merged(path: str, text: str, entries) -> str:
    """`text` with each (place, element) of `entries` that it lacks. HcomError when it can't be."""
    try:
        document = jsontext.parsed(text) if text.strip() else {}
        unit = jsontext.indent_unit(text)
        for place, element in entries:
            if element not in at(document, place):
                text = jsontext.add(text, place, element, unit)
                document = json.loads(text)
    except (HcomError, ValueError) as error:
        raise HcomError(
            f"{path} is left alone: {error}", "make it plain JSON, then: hcom hooks add"
        ) from None
    return text


def without(text: str, ours) -> str:
    """`text` without our entries: `ours` are (place, test of an element) pairs. Of a group of
    handlers that somebody has put others in, only ours go. HcomError when it is no plain JSON."""
    for place, test in ours:
        jsontext.scan(text)
        for index, element in enumerate(at(json.loads(text), place)):
            if (
                test(element)
                and isinstance(element, dict)
                and not all(map(launcher.is_ours, element["hooks"]))
            ):
                text = jsontext.drop(text, [*place, index, "hooks"], launcher.is_ours)
        text = jsontext.drop(text, place, test)
    return text


def narrowed(home, path: str, text: str, ours) -> list:
    """`ours` without the tests of what is no hook, where it is not ours: it stood in the file
    before our first change, or there is neither a record of that nor a hook of ours in `text`."""
    hooks = [(place, test) for place, test in ours if place[0] == "hooks"]
    remembered = _remembered(_record(home, path))
    try:
        now = jsontext.parsed(text or "{}")
        before = jsontext.parsed((remembered["original"] if remembered else "") or "{}")
    except ValueError:
        return hooks
    if not remembered and not any(test(e) for place, test in hooks for e in at(now, place)):
        return hooks
    return [
        (place, test if place[0] == "hooks" else _added(test, at(before, place)))
        for place, test in ours
    ]


def _added(test, had):
    """The test of what `test` admits and was not there before."""
    return lambda element: test(element) and element not in had


def at(document, place) -> list:
    """The array at `place` of a parsed document, [] when there is none."""
    for key in place:
        if not isinstance(document, dict):
            return []
        document = document.get(key, {})
    return document if isinstance(document, list) else []


def _record(home, path: str) -> str:
    name = hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:16]
    return home.kept(f"before-{name}.json")


def replace(home, path: str, before: str, after: str, clean: str | None = None) -> None:
    """The file says `after` now; what it said before our first change is remembered: `before`, or
    `clean` where entries of ours were in that already.

    A symlink is followed, the file's mode kept. HcomError when it cannot be written.
    """
    target = os.path.realpath(path)
    record = _record(home, path)
    try:
        # Nobody's to write: for root, access() says yes to anything.
        if os.path.exists(target) and not (
            os.access(target, os.W_OK) and os.stat(target).st_mode & 0o222
        ):
            raise PermissionError(13, "read-only")
        mode = os.stat(target).st_mode & 0o777 if os.path.exists(target) else 0o600
        remembered = _remembered(record)
        known = remembered is not None and remembered["written"] == before
        original = remembered["original"] if known else before if clean is None else clean
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.makedirs(home.kept(), mode=0o700, exist_ok=True)
        write_private(
            record,
            json.dumps(
                {
                    "original": original,
                    "written": after,
                    "existed": remembered["existed"] if known else os.path.exists(target),
                }
            ),
        )
        write_private(target, after, mode)
    except OSError as error:
        raise HcomError(
            f"cannot write {path}: {error.strerror or error}", "nothing was changed"
        ) from None


def _remembered(record: str) -> dict | None:
    try:
        with open(record, encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return None


def restore(home, path: str, ours) -> bool:
    """Our entries are out of the file; False when there were none. HcomError as `replace`."""
    text = text_of(path)
    if not text.strip():
        return False
    try:
        cleaned = without(text, narrowed(home, path, text, ours))
    except HcomError as error:
        raise HcomError(
            f"{path} is left alone: {error}", "make it plain JSON, then: hcom hooks remove"
        ) from None
    if cleaned == text:
        return False
    record = _record(home, path)
    remembered = _remembered(record)
    exact = remembered and remembered["written"] == text
    if exact:
        # What was there before us had entries of ours where the record of an older change is lost.
        cleaned = (
            without(remembered["original"], [o for o in ours if o[0][0] == "hooks"])
            if remembered["original"].strip()
            else remembered["original"]
        )
    replace(home, path, text, cleaned)
    try:
        os.unlink(record)
        if exact and not remembered["existed"]:
            os.unlink(os.path.realpath(path))
    except OSError:
        pass
    return True
