"""The presets there are: the built-in table, a person's own file, and a custom command.

Reads two JSON files and starts nothing. A person's preset hides a built-in one of the same name.
"""

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping

from ..errors import HcomError
from .preset import OPEN_NAMES, Opener, Platform, Preset, parse, placeholders

USER_FILE = "terminals.json"
RESERVED = ("default", "custom")
_SPACE = re.compile(r"[ \t\r\n]*")


def builtin(platform: Platform) -> dict[str, Preset]:
    """The presets hcom brings, by lower-case name, in the order they are looked for."""
    with open(os.path.join(os.path.dirname(__file__), "presets.json"), encoding="utf-8") as file:
        table = json.load(file)
    return {name.casefold(): parse(name, raw, platform) for name, raw in table.items()}


def known(hcom_dir: str, platform: Platform) -> dict[str, Preset]:
    """All presets a person may name: their own first, then the built-in ones.

    Raises HcomError naming the line when `terminals.json` is there but broken.
    """
    path = os.path.join(hcom_dir, USER_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return builtin(platform)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise HcomError(f"cannot read {path}: {why}", hint=f"ls -l {shlex.quote(path)}") from None
    own = parse_user(text, platform, path)
    table = {**own, **{n: p for n, p in builtin(platform).items() if n not in own}}
    for preset in own.values():
        if preset.full and preset.full.use.casefold() not in table:
            raise HcomError(
                f"{path}: terminal {preset.name!r} falls back on "
                f"{preset.full.use!r}, which does not exist"
            )
    return table


def parse_user(text: str, platform: Platform, path: str = USER_FILE) -> dict[str, Preset]:
    """The presets in `text`, the content of a `terminals.json`, by lower-case name.

    Raises HcomError with the line of the preset that is wrong.
    """
    found: dict[str, Preset] = {}
    try:
        for line, name, raw in _members(text):
            try:
                if name.casefold() in RESERVED or not name.strip() or "{" in name:
                    raise ValueError("this name can't be given")
                if name.casefold() in found:
                    raise ValueError("this name is there twice")
                found[name.casefold()] = parse(name, raw, platform)
            except ValueError as error:
                raise HcomError(
                    f"{path} line {line}: terminal {name!r}: {error}",
                    hint=f"$EDITOR {shlex.quote(path)}",
                ) from None
    except json.JSONDecodeError as error:
        raise HcomError(
            f"{path} line {error.lineno}: {error.msg}", hint=f"$EDITOR {shlex.quote(path)}"
        ) from None
    return found


def _members(text: str) -> Iterator[tuple[int, str, object]]:
    """(line, name, value) of each member of the JSON object in `text`.

    `json.loads` keeps no positions; its decoder, asked value by value, gives them.
    """
    decoder = json.JSONDecoder()
    at = _expect(text, 0, "{")
    if text[at : at + 1] == "}":
        at = _skip(text, at + 1)
    else:
        while True:
            line = text.count("\n", 0, at) + 1
            name, at = decoder.raw_decode(text, at)
            if not isinstance(name, str):
                raise json.JSONDecodeError("expected a terminal's name in quotes", text, at)
            value, at = decoder.raw_decode(text, _expect(text, at, ":"))
            yield line, name, value
            at = _skip(text, at)
            if text[at : at + 1] != ",":
                at = _expect(text, at, "}")
                break
            at = _skip(text, at + 1)
    if at != len(text):
        raise json.JSONDecodeError("unexpected text after the end", text, at)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"expected {mark!r}", text, at)
    return _skip(text, at + 1)


def parse_custom(text: str, which: Callable[[str], str | None] = shutil.which) -> Preset:
    """The preset for a person's own command `text`, split into argv once and for all.

    Quotes work as in a shell; nothing else does. Raises HcomError when it can't work: an open
    quote, no {script}, a placeholder we don't know, a program that is not there.
    """
    example = 'hcom config terminal "my-terminal -e bash {script}"'
    try:
        argv = tuple(shlex.split(text))
    except ValueError as error:
        raise HcomError(f"terminal command {text!r}: {str(error).lower()}", hint=example) from None
    names = placeholders(argv)
    if "script" not in names:
        raise HcomError(f"terminal command {text!r} has no {{script}}", hint=example)
    for name in names:
        if name not in OPEN_NAMES:
            raise HcomError(
                f"terminal command {text!r}: unknown placeholder {{{name}}}",
                hint="use {script}, {cwd} or {title}",
            )
    if not which(argv[0]):
        raise HcomError(f"terminal command {text!r}: {argv[0]!r} is not installed", hint=example)
    # It may return or stay, we can't know: STAYS is right for both, it waits for neither.
    return Preset("custom", "a command of your own", frozenset(Platform), argv, Opener.STAYS)


def settings(table: Mapping[str, Preset]) -> list[tuple[str, str]]:
    """(name, about) of every value `hcom config terminal` takes, for help."""
    return [
        ("default", "where you are now, else the platform's terminal"),
        *((preset.name, preset.about) for preset in table.values()),
        ("custom", "a command of your own with {script}"),
    ]
