"""A client's settings files and what is ours in them: put in, taken out, everything else untouched.

What was there before the first entry is remembered, so that a file nobody changed since comes back
byte for byte; otherwise exactly our entries are cut out of what is there now.
"""

import hashlib
import json
import os
import re
from collections import namedtuple
from contextlib import suppress

from ..errors import HcomError
from ..home import dropped, keep, read, rewrite
from . import jsontext, launcher
from .base import document, fields, items

LIMIT_BYTES = 1024 * 1024  # settings of this size take seconds to change, and nobody has such
MARK = "# Written by hcom"  # what a file begins with that is all ours


def text_of(path: str) -> str:
    """The file's text, "" when there is none. HcomError when it is not readable as text."""
    try:
        data = read(path, LIMIT_BYTES)
        return data.decode(_encoding(data))
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise HcomError(
            f"cannot read {path}: {getattr(error, 'strerror', '') or 'not UTF-8'}",
            "nothing was changed",
        ) from None


def _encoding(data: bytes) -> str:
    """In which encoding a file is; UTF-16 is known by its mark, as by Claude Code."""
    return "utf-16-le" if data.startswith(b"\xff\xfe") else "utf-8"


def told(path: str) -> dict:
    """The object in a client's settings file; {} when there is none."""
    try:
        return object_of(text_of(path))
    except HcomError:
        return {}


def object_of(text: str) -> dict:
    """The object that the text of a client's settings is; {} when it is none."""
    try:
        return fields(jsontext.parsed(jsontext.blank(text)))
    except ValueError:
        return {}


def at(value, place) -> list:
    """The array at `place` of a parsed document, [] when there is none."""
    for key in place:
        value = fields(value).get(key)
    return items(value)


def folder(home, own: str, name: str) -> str:
    """Where a client's settings are: in its `own` folder, or in the project's beside HCOM_DIR."""
    return own if home.is_default else os.path.join(home.tools, name)


def is_found(home, cwd: str) -> bool:
    """Whether a client that reads a project's settings in the folder where it runs finds our hooks
    in `cwd`."""
    return home.is_default or os.path.realpath(cwd) == os.path.realpath(home.tools)


def refuse_misplaced(home, cwd: str, tool: str) -> None:
    """HcomError where such a client would not find them."""
    if not is_found(home, cwd):
        raise HcomError(
            f"{tool} finds the hooks of this HCOM_DIR only in {home.tools}, so no message would "
            "reach its agent here",
            "run it there, or unset HCOM_DIR",
        )


def hidden(home, place: str, text: str, end: str) -> str:
    """A private file with `text` among those of `place`; it stays, for clients read it again."""
    path = home.kept(place, _digest(text) + end)
    keep(path, text)
    return path


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def put(files) -> bool:
    """Each of `files` is as it is to be; False when all were. HcomError: nothing was changed."""
    changes = [change for change in [file.change() for file in files] if change]
    for change in changes:
        change()
    return bool(changes)


def take(files) -> list[str]:
    """Nothing of ours is in `files`; the paths of those in which it was. HcomError."""
    # The last first: what lies deeper is gone before its folder may be.
    return [file.path for file in reversed(files) if file.take()][::-1]


class Owned(
    namedtuple("Owned", "home path entries earlier able skipped", defaults=((), lambda: None, ()))
):
    """Our entries in a client's JSON file: `entries` are what belongs there, `earlier` what else
    may have been put there before, of hooks the places, each as (place, element). `able` raises
    HcomError where the client could not use them; `skipped` is what the client reads over in it, of
    BOM and COMMENTS (jsontext)."""

    __slots__ = ()

    @property
    def installed(self) -> bool:
        """Whether our hooks are in the file as this version writes them, and no other of ours."""
        said = told(self.path)
        wanted = [entry for entry in self.wanted(said) if _is_hook(entry[0])]
        over = {place for place, _ in self.earlier if _is_hook(place)} - dict(wanted).keys()
        return all(_has(said, *entry) for entry in wanted) and not _has_hooks(
            said, [(place, self._is_own) for place in over]
        )

    def wanted(self, said: dict) -> list:
        """The entries that belong in a file that says so: a timeout that a handler of ours has in
        it is the person's, and stays."""
        places = [place for place, _ in self.entries if _is_hook(place)]
        groups = [g for place in places for g in at(said, place) if self._is_own(g)]
        there = [h for g in groups for h in g["hooks"] if launcher.is_ours(h)]
        known = {_task(h): h["timeout"] for h in there if isinstance(h.get("timeout"), int | float)}
        return [
            (place, _timed(element, known) if _is_hook(place) else element)
            for place, element in self.entries
        ]

    @property
    def stale(self) -> bool:
        """Whether hooks of ours are in the file, but not all as this version writes them."""
        return not self.installed and _has_hooks(told(self.path), self._marks(""))

    def change(self):
        """What puts our entries into the file, and takes out what was ours and is not wanted now;
        None when nothing is to be done. HcomError when it cannot be done."""
        before = clean = after = text_of(self.path)
        marks = self._marks(before)
        if _has_hooks(object_of(before), marks):
            clean = _without(before, marks)
            after = _without(self._updated(before), marks, self.wanted(object_of(before)))
        after = self._merged(after)
        if after == before:
            return None
        self.able()
        return lambda: self._write(before, after, clean)

    def _updated(self, text: str) -> str:
        """`text` with each of our entries, where it has an older form of it, in that one's place,
        be it among others' handlers: Codex trusts what stands behind it by its position."""
        wanted, unit = self.wanted(object_of(text)), jsontext.indent_unit(text)
        for place, element in wanted:
            there = at(object_of(text), place)
            if not _is_hook(place) or _has(object_of(text), place, element):
                continue
            for index, group in enumerate(there):
                own = self._is_own(group) and (place, ours(group)) not in wanted
                if own and _tasks(group) == _tasks(element):
                    text = _exchanged(text, place, index, element, unit)
                    break
        return text

    def take(self) -> bool:
        """Our entries are out of the file; False when there were none. HcomError: unchanged."""
        text, known = text_of(self.path), self._remembered()
        try:
            if text.strip():
                jsontext.scan(text, self.skipped)
            cleaned = _without(text, self._marks(text)) if text.strip() else text
        except HcomError as error:
            raise self._left_alone(error, "remove") from None
        if cleaned == text:
            return False
        exact = known.get("written") == text
        self._write(text, known["original"] if exact else cleaned, text)
        dropped(self._record())
        if exact and not known["existed"]:
            dropped(os.path.realpath(self.path))
        if not (self.home.is_default and known.get("folder", True)):
            _tidy(os.path.dirname(self.path))
        return True

    def _left_alone(self, error: Exception, verb: str) -> HcomError:
        hint = f"make it plain JSON, then: hcom hooks {verb}"
        return HcomError(f"{self.path} is left alone: {error}", hint)

    def _merged(self, text: str) -> str:
        """`text` with each of our entries that it lacks. HcomError when that can't be."""
        try:
            there = jsontext.scan(text, self.skipped).value if text.strip() else {}
            unit = jsontext.indent_unit(text)
            for place, element in self.wanted(there if isinstance(there, dict) else {}):
                if not _has(there, place, element):
                    text = jsontext.add(text, place, element, unit)
                    there = jsontext.scan(text).value
        except (HcomError, ValueError) as error:
            raise self._left_alone(error, "add") from None
        return text

    def _marks(self, text: str) -> list:
        """How to know what is ours in `text`, of whatever version: (place, test of an element).

        What is no hook is not ours if it stood there before our first change; where neither a
        record of that nor a hook of ours is left, all of it did.
        """
        known = self._remembered()
        ever = dict.fromkeys(p for p, _ in (*self.entries, *self.earlier))
        places = list(filter(_is_hook, ever))
        hooks, every = [(p, self._is_own) for p in places], [(p, _is_group) for p in places]
        others = [(p, lambda g: _is_group(g) and not self._is_own(g)) for p in places]
        if _has_hooks(object_of(text), others):
            return hooks  # the rest serves the other home, too
        before = known["original"] if known else text
        had = {} if _has_hooks(object_of(before), every) else object_of(before)
        return hooks + [
            (p, lambda e, p=p: (p, e) in self.earlier and e not in at(had, p))
            for p in ever
            if not _is_hook(p)
        ]

    def _is_own(self, group) -> bool:
        """Whether it is a group of ours that leads to this home, or to none any more: several may
        share the file."""
        return _is_group(group) and not launcher.leads_elsewhere(self.home, json.dumps(group))

    def _record(self) -> str:
        return self.home.kept(f"before-{_digest(os.path.realpath(self.path))}.json")

    def _remembered(self) -> dict:
        return document(self._record())

    def _write(self, before: str, after: str, clean: str) -> None:
        """The file says `after` and no more `before`; what it said before our first change is
        remembered, which is `clean` where no record tells.

        A symlink is followed. HcomError when it cannot be written.
        """
        target, known = os.path.realpath(self.path), self._remembered()
        try:
            existed = os.path.exists(target)
            # Nobody's to write: for root, access() says yes to anything.
            if existed and not (os.access(target, os.W_OK) and os.stat(target).st_mode & 0o222):
                raise PermissionError(13, "read-only")
            if known.get("written") != before:
                folder = os.path.isdir(os.path.dirname(target))
                known = {"original": clean, "existed": existed, "folder": folder}
            keep(self._record(), json.dumps({**known, "written": after}))
            rewrite(target, after, _encoding(read(target, LIMIT_BYTES) if existed else b""))
        except OSError as error:
            raise _unwritten(self.path, error, "nothing was changed") from None


class WholeFile(namedtuple("WholeFile", "home path text")):
    """A file in a folder of the client's that is all ours, as MARK says, and is to hold `text`; for
    "" it is not to be there."""

    __slots__ = ()

    def change(self):
        """What makes it so; None when it is. HcomError when the file is somebody else's."""
        known = text_of(self.path)
        if known == self.text:
            return None
        if known and not known.startswith(MARK):
            raise HcomError(
                f"{self.path} is left alone: it is not hcom's", "move it away, then: hcom hooks add"
            )
        return self._write

    def take(self) -> bool:
        """It is gone; False when there was none of ours. HcomError."""
        there = text_of(self.path).startswith(MARK)
        if there:
            self._replace(text="")._write()
        return there

    def _write(self) -> None:
        folder = os.path.dirname(self.path)
        try:
            if self.text:
                rewrite(os.path.realpath(self.path), self.text)
                return
            os.unlink(self.path)
        except OSError as error:
            raise _unwritten(self.path, error) from None
        _tidy(folder, *(() if self.home.is_default else (os.path.dirname(folder),)))


File = Owned | WholeFile


def _is_hook(place) -> bool:
    return place[0] == "hooks"


def _is_group(group) -> bool:
    """Whether an element of the settings is a group of hook handlers with one of ours."""
    return (
        isinstance(group, dict)
        and isinstance(group.get("hooks"), list)
        and any(map(launcher.is_ours, group["hooks"]))
    )


def _task(handler) -> str:
    """What the handler is there for, whatever its form: event and mode; "" of one that is not ours
    or so old that it does not say."""
    found = re.search("hcom_on='([^']*)'", str(fields(handler).get("command", "")))
    return found[1] if found and launcher.is_ours(handler) else ""


def _tasks(group) -> list[str]:
    """What our handlers in a group are there for; [] where one is so old that it does not say."""
    tasks = [_task(handler) for handler in ours(group)["hooks"]] if _is_group(group) else []
    return tasks if all(tasks) else []


def ours(element):
    """An element of the settings with no handlers but ours, if it is a group with one of them."""
    if not _is_group(element):
        return element
    return {**element, "hooks": [h for h in element["hooks"] if launcher.is_ours(h)]}


def _has(said, place, element) -> bool:
    """Whether the element stands there, be it with others' handlers in its group."""
    return element in map(ours, at(said, place))


def _exchanged(text: str, place, index: int, element: dict, unit: str) -> str:
    """`text` with our handlers in the group of that index exchanged for those of `element`; all of
    the group where it has no others, and nothing where those want it otherwise."""
    group = at(object_of(text), place)[index]
    if ours(group) == group:
        return jsontext.replace(text, place, index, element, unit)
    if {**group, "hooks": element["hooks"]} != element:
        return text
    inside = [n for n, handler in enumerate(group["hooks"]) if launcher.is_ours(handler)]
    for n, handler in zip(inside, element["hooks"], strict=True):
        text = jsontext.replace(text, [*place, index, "hooks"], n, handler, unit)
    return text


def _timed(group: dict, known: dict) -> dict:
    """The group with the timeouts that are `known` of its tasks."""
    timed = [{**h, "timeout": known.get(_task(h), h["timeout"])} for h in group["hooks"]]
    return {**group, "hooks": timed}


def _has_hooks(value, marks) -> bool:
    return any(test(e) for p, test in marks if _is_hook(p) for e in at(value, p))


def _without(text: str, marks, kept=()) -> str:
    """`text` without what the `marks` admit, but for what is to be `kept`. Of a group of handlers
    that somebody has put others in, only ours go. HcomError when it is no plain JSON."""
    for place, test in marks:

        def gone(element, place=place, test=test) -> bool:
            return test(element) and (place, ours(element)) not in kept

        for index, element in enumerate(at(jsontext.scan(text).value, place)):
            shared = gone(element) and isinstance(element, dict)
            if shared and not all(map(launcher.is_ours, element["hooks"])):
                text = jsontext.drop(text, [*place, index, "hooks"], launcher.is_ours)
        text = jsontext.drop(text, place, gone)
    return text


def _unwritten(path: str, error: OSError, hint: str = "") -> HcomError:
    return HcomError(f"cannot write {path}: {error.strerror or error}", hint)


def _tidy(*folders: str) -> None:
    """Those of `folders`, the innermost first, that are empty without us are gone: an empty .codex
    in a project makes Codex ask."""
    with suppress(OSError):
        for place in folders:
            os.rmdir(place)
