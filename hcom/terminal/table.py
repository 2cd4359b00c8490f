"""The presets there are: the built-in table, and a person's own command.

Reads presets.json, which is ours and trusted: a test says what must hold in it. In that file a key
named like a platform holds what is different there, and `source` says where the facts are from (a
page or manual, its version); that one is for who reads the file.
"""

import json
import os
import shlex
import shutil
from collections.abc import Callable
from typing import Any

from ..errors import UsageError
from .preset import OPEN_NAMES, Full, Opener, Platform, Preset, placeholders

# What becomes of a JSON value in a preset, where it is more than a list for a tuple.
_READERS: dict[str, Callable[[Any], object]] = {
    "platforms": lambda raw: frozenset(map(Platform, raw)),
    "opener": Opener,
    "gone": "|".join,
    "inside": lambda raw: tuple(tuple(case.split()) for case in raw),
    "escape": lambda raw: tuple(raw.items()),
    "full": lambda raw: Full(tuple(raw["ask"]), raw["says"], raw["use"]),
}


def builtin(platform: Platform) -> dict[str, Preset]:
    """The presets hcom brings, by lower-case name, in the order they are looked for."""
    with open(os.path.join(os.path.dirname(__file__), "presets.json"), encoding="utf-8") as file:
        table = json.load(file)
    return {name.casefold(): _preset(name, raw, platform) for name, raw in table.items()}


def _preset(name: str, raw: dict[str, Any], platform: Platform) -> Preset:
    fields = {**raw, **raw.get(platform.value, {})}
    return Preset(name, **{k: _read(k, fields[k]) for k in Preset._fields if k in fields})


def _read(field: str, raw: Any) -> Any:
    return _READERS.get(field, tuple if isinstance(raw, list) else lambda same: same)(raw)


def parse_custom(text: str, which: Callable[[str], str | None] = shutil.which) -> Preset:
    """The preset for a person's own command `text`, split into argv once and for all.

    Quotes work as in a shell; nothing else does. Raises UsageError when it can't work: an open
    quote, no {script}, a placeholder we don't know, a program that is not there.
    """
    example = 'hcom config terminal "my-terminal -e bash {script}"'
    try:
        argv = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"terminal command {text!r}: {str(error).lower()}", hint=example) from None
    names = placeholders(argv)
    if "script" not in names:
        raise UsageError(f"terminal command {text!r} has no {{script}}", hint=example)
    for name in names:
        if name not in OPEN_NAMES:
            raise UsageError(
                f"terminal command {text!r}: unknown placeholder {{{name}}}",
                hint="use {script}, {cwd} or {title}",
            )
    if not which(argv[0]):
        raise UsageError(f"terminal command {text!r}: {argv[0]!r} is not installed", hint=example)
    # It may return or stay, we can't know: STAYS is right for both, it waits for neither.
    return Preset("custom", "a command of your own", argv, opener=Opener.STAYS)


def settings(platform: Platform) -> list[tuple[str, str]]:
    """(name, about) of every value `hcom config terminal` takes, for help."""
    return [
        ("default", "where you are now, else the platform's terminal"),
        *((preset.name, preset.about) for preset in builtin(platform).values()),
        ("custom", "a command of your own with {script}"),
    ]
