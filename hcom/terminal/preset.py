"""What a preset is: the value, and the rules that make one valid. Pure.

A preset is argv with placeholders, filled in one pass and run as it stands. `parse` is the only way
from JSON to a Preset, for the built-in table and for a person's own file alike.
"""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

# `#{...}` is tmux's own format and `${...}` a shell's variable: neither is a placeholder of ours.
_PLACEHOLDER = re.compile(r"(?<![#$])\{([A-Za-z_][A-Za-z0-9_]*)\}")
OPEN_NAMES = frozenset({"script", "cwd", "title"})


class Platform(Enum):
    """Where hcom runs. WSL is a Linux that can also reach the Windows programs."""

    LINUX = "linux"
    MACOS = "darwin"
    WSL = "wsl"


class Opener(Enum):
    """How the opening command behaves once the window is there."""

    RETURNS = "returns"  # asks a terminal that runs already, or starts one in the background
    STAYS = "stays"  # is the terminal itself; a person may open further windows in it
    WINDOW = "window"  # is this one window and nothing else: ending it closes the window


class NoId(NamedTuple):
    """The window can't be named; it closes when its process ends."""


class FromStdout(NamedTuple):
    """The opening command prints the id; each named group of `pattern` is a part of it."""

    pattern: str


class FromScript(NamedTuple):
    """The launched script finds the id in its own environment and reports it."""

    variables: tuple[str, ...]


class Full(NamedTuple):
    """What the opener says when there is no room, and the preset that still finds some."""

    says: str
    use: str


class Preset(NamedTuple):
    """One way to open a window, as it is on one platform."""

    name: str
    about: str
    platforms: frozenset[Platform]
    open: tuple[str, ...]
    opener: Opener = Opener.RETURNS
    id: NoId | FromStdout | FromScript = NoId()
    keep: tuple[str, ...] = ()  # the opener's variables that closing needs again
    close: tuple[str, ...] = ()
    gone: str = ""  # what the closing command says when the window is gone already
    inside: tuple[tuple[str, ...], ...] = ()  # any one set of "VAR" and "VAR=value", all of it
    multiplexer: bool = False
    display: bool = False  # needs an X or Wayland display on Linux
    rank: int = 0  # place among the platform's defaults; 0 is never
    apps: tuple[str, ...] = ()  # macOS bundle ids, to tell a person what to install
    escape: tuple[tuple[str, str], ...] = ()  # what this opener would take as syntax in a value
    full: Full | None = None
    source: str = ""  # where the facts are from: a page or manual, its version

    @property
    def program(self) -> str:
        """The binary that must be on PATH."""
        return self.open[0]


def placeholders(argv: tuple[str, ...]) -> list[str]:
    """The placeholder names in `argv`, in order."""
    return [name for arg in argv for name in _PLACEHOLDER.findall(arg)]


def fill(
    argv: tuple[str, ...], values: Mapping[str, str], escape: tuple[tuple[str, str], ...] = ()
) -> list[str]:
    """`argv` with every placeholder replaced, once: a value is never looked into again.

    Raises KeyError with the name when `values` lacks one.
    """
    table = str.maketrans(dict(escape))
    return [_PLACEHOLDER.sub(lambda m: values[m[1]].translate(table), arg) for arg in argv]


def parse(name: str, raw: object, platform: Platform) -> Preset:
    """The preset `raw` describes on `platform`. Raises ValueError saying what is wrong with it.

    `raw` is the JSON of one preset: the fields of `_FIELDS`, and under "linux", "darwin" or "wsl"
    the fields that differ there.
    """
    overrides = {p.value for p in Platform}
    fields = _mapping(raw)
    for key in overrides & fields.keys():
        _read(_mapping(fields[key]))
    merged = {k: v for k, v in fields.items() if k not in overrides}
    merged.update(_mapping(fields.get(platform.value, {})))
    preset = Preset(
        **{"name": name, "about": "", "platforms": _EVERYWHERE, "open": (), **_read(merged)}
    )
    _check(preset)
    return preset


def _read(fields: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for key, raw in fields.items():
        if key not in _FIELDS:
            raise ValueError(f"unknown field {key!r}")
        try:
            values[key] = _FIELDS[key](raw)
        except (ValueError, re.error) as error:
            raise ValueError(f"field {key!r}: {error}") from None
    return values


def _check(preset: Preset) -> None:
    names = placeholders(preset.open)
    if not preset.open:
        raise ValueError("field 'open' is missing")
    if "script" not in names:
        raise ValueError("field 'open' has no {script}")
    for name in names:
        if name not in OPEN_NAMES and not name.isupper():  # upper case: the opener's environment
            raise ValueError(f"field 'open': unknown placeholder {{{name}}}")
    if preset.close:
        parts = id_parts(preset)
        if isinstance(preset.id, NoId):
            raise ValueError("field 'close' needs an 'id'")
        for name in placeholders(preset.close):
            if name not in parts:
                raise ValueError(f"field 'close': unknown placeholder {{{name}}}")
        if not set(placeholders(preset.close)) & (parts - set(preset.keep)):
            raise ValueError("field 'close' does not say which window")


def id_parts(preset: Preset) -> set[str]:
    """The names of the parts of an id of `preset`, those kept from the opener's environment too."""
    kept = set(preset.keep)
    if isinstance(preset.id, FromStdout):
        return kept | set(re.compile(preset.id.pattern).groupindex)
    if isinstance(preset.id, FromScript):
        return kept | set(preset.id.variables)
    return kept


def _mapping(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError(f"expected an object, not {raw!r}")
    return raw


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"expected text, not {raw!r}")
    return raw


def _texts(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise ValueError(f"expected a list of texts, not {raw!r}")
    return tuple(raw)


def _truth(raw: object) -> bool:
    if not isinstance(raw, bool):
        raise ValueError(f"expected true or false, not {raw!r}")
    return raw


def _number(raw: object) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
        raise ValueError(f"expected a number from 0 up, not {raw!r}")
    return raw


def _regex(raw: object) -> str:
    return re.compile(_text(raw)).pattern


def _platforms(raw: object) -> frozenset[Platform]:
    named = frozenset(Platform(name) for name in _texts(raw))
    return named | {Platform.WSL} if Platform.LINUX in named else named


def _id(raw: object) -> FromStdout | FromScript:
    fields = _mapping(raw)
    if set(fields) == {"stdout"}:
        pattern = _regex(fields["stdout"])
        if not re.compile(pattern).groupindex:
            raise ValueError("the pattern names no group, as in (?P<pane>%[0-9]+)")
        return FromStdout(pattern)
    if set(fields) == {"script"} and fields["script"]:
        return FromScript(_texts(fields["script"]))
    raise ValueError('expected {"stdout": pattern} or {"script": [variables]}')


def _full(raw: object) -> Full:
    fields = _mapping(raw)
    if set(fields) != {"says", "use"}:
        raise ValueError('expected {"says": pattern, "use": preset}')
    return Full(_regex(fields["says"]), _text(fields["use"]))


def _escape(raw: object) -> tuple[tuple[str, str], ...]:
    fields = _mapping(raw)
    if not all(len(character) == 1 for character in fields):
        raise ValueError("expected single characters")
    return tuple((character, _text(by)) for character, by in fields.items())


_EVERYWHERE = frozenset(Platform)

_FIELDS: dict[str, Callable[[object], Any]] = {
    "about": _text,
    "source": lambda raw: " ".join(_texts(raw)),
    "platforms": _platforms,
    "open": _texts,
    "opener": lambda raw: Opener(_text(raw)),
    "id": _id,
    "keep": _texts,
    "close": _texts,
    "gone": lambda raw: _regex("|".join(_texts(raw))),
    "inside": lambda raw: tuple(tuple(case.split()) for case in _texts(raw)),
    "multiplexer": _truth,
    "display": _truth,
    "rank": _number,
    "apps": _texts,
    "escape": _escape,
    "full": _full,
}
