"""Which preset to use: the one a person named, else the one around us. `choose` is pure.

The innermost multiplexer comes first, because the person looks at that; then the terminal, by the
variables it sets; then what the platform has.
"""

import difflib
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence

from ..errors import HcomError, UsageError
from ..process import above, told
from .preset import Platform, Preset
from .table import builtin, parse_custom

_WHERE = {Platform.LINUX: "Linux", Platform.MACOS: "macOS", Platform.WSL: "WSL"}


def choose(
    setting: str,
    env: Mapping[str, str],
    platform: Platform,
    which: Callable[[str], str | None],
    ancestors: Sequence[str] = (),
) -> Preset:
    """The preset that `setting` (HCOM_TERMINAL) means here.

    `setting` is a preset's name in any case, a command with {script}, or "default" or "" for the
    surroundings. `ancestors` are the command names of our parents, nearest first: they tell which
    of two nested multiplexers is the inner one; the environment names both. Raises HcomError when
    the named one can't work here or there is none.
    """
    table, wanted = builtin(platform), setting.strip()
    if wanted.casefold() in ("", "default"):
        return _around(table, env, platform, which, ancestors)
    preset = table.get(wanted.casefold())
    if preset:
        reason = obstacle(preset, env, platform, which)
        if reason:
            raise HcomError(
                f"terminal {preset.name!r} {reason}", hint="hcom config terminal default"
            )
        return preset
    if "{" in wanted or len(wanted.split()) > 1:
        return parse_custom(wanted, which)
    if wanted.casefold() == "custom":
        raise UsageError(
            "terminal 'custom' needs your command",
            hint='hcom config terminal "my-terminal -e bash {script}"',
        )
    near = difflib.get_close_matches(wanted.casefold(), table, n=1)
    raise UsageError(
        f"no terminal {setting!r}" + (f", did you mean {table[near[0]].name!r}" if near else ""),
        hint="hcom config terminal --info",
    )


def chosen(setting: str, env: Mapping[str, str]) -> Preset:
    """The preset that `setting` means for this process. HcomError, as `choose` has it."""
    return choose(setting, env, current_platform(), shutil.which, ancestors(os.getpid()))


def obstacle(
    preset: Preset,
    env: Mapping[str, str],
    platform: Platform,
    which: Callable[[str], str | None],
) -> str:
    """Why `preset` can't open a window here, or ""."""
    if platform not in preset.platforms:
        return "is only for " + " and ".join(sorted(_WHERE[p] for p in preset.platforms))
    if not which(preset.program):
        return f"needs {preset.program!r}, which is not installed"
    if preset.display and platform is not Platform.MACOS and not _display(env):
        return "needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set"
    return ""


def _display(env: Mapping[str, str]) -> bool:
    return bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def _around(
    table: Mapping[str, Preset],
    env: Mapping[str, str],
    platform: Platform,
    which: Callable[[str], str | None],
    ancestors: Sequence[str],
) -> Preset:
    usable = [p for p in table.values() if not obstacle(p, env, platform, which)]
    inside = {p: [case for case in p.inside if _holds(case, env)] for p in usable}
    multiplexers = [p for p in usable if p.multiplexer and inside[p]]
    if multiplexers:
        return _innermost(multiplexers, ancestors)
    # A terminal started from another inherits its variables, but sets its own TERM and
    # TERM_PROGRAM: what is matched by value is nearer than what is merely there.
    nearest = [
        preset
        for sure in (True, False)
        for preset in usable
        if any(any("=" in term for term in case) is sure for case in inside[preset])
    ]
    found = nearest or sorted((p for p in usable if p.rank), key=lambda p: p.rank)
    if found:
        return found[0]
    why = "" if _display(env) or platform is Platform.MACOS else ": no display and no multiplexer"
    raise HcomError(
        f"no terminal here to open a window in{why}",
        hint='use --headless, or hcom config terminal "my-terminal -e bash {script}"',
    )


def _holds(case: tuple[str, ...], env: Mapping[str, str]) -> bool:
    terms = [term.partition("=") for term in case]
    return all(env.get(n) and (not equals or env[n] == value) for n, equals, value in terms)


def _innermost(multiplexers: list[Preset], ancestors: Sequence[str]) -> Preset:
    # A multiplexer's server is the parent of its panes.
    found = (
        preset
        for command in ancestors
        for preset in multiplexers
        if command.casefold().startswith(preset.program)
    )
    return next(found, multiplexers[0])


def platform_of(system: str, env: Mapping[str, str], kernel: str) -> Platform:
    """The platform, from `sys.platform`, the environment and the kernel's release text."""
    if system == "darwin":
        return Platform.MACOS
    if env.get("WSL_DISTRO_NAME") or "microsoft" in kernel.casefold():
        return Platform.WSL
    return Platform.LINUX


def current_platform() -> Platform:
    """The platform this process runs on."""
    return platform_of(sys.platform, os.environ, os.uname().release)


def ancestors(pid: int) -> list[str]:
    """The command names of the parents of process `pid`, nearest first, as far as we may see."""
    return [told(one).command for one in above(told(pid).parent)]
