"""What may be wrong, by what it is known, and what to do: one table. `hcom status` says which rows
hold here, docs/troubleshooting.md has them all. A check looks only; it gives what to put into its
row's words, once for each that it finds.
"""

import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from .. import home as homes
from ..adapters import TOOLS
from ..process import itself
from ..store import agents as stored
from ..store import kept
from . import talk

SPOOLED_S = 60.0  # a recorder takes what is spooled within two seconds
LOW_BYTES = 50_000_000  # a busy day's events, and room for the other files


class Facts(NamedTuple):
    """What checks look at; `said` is the report of `hcom status` so far."""

    home: Any
    env: Any
    said: dict
    agents: "list[stored.Agent]"
    config: list[str]
    hints: dict[str, str]  # for the database and the terminal, what their errors advise


class Problem(NamedTuple):
    """`check` is None for what is told only by the command that meets it; a note asks nothing."""

    name: str
    found: str
    remedy: str
    check: Callable[[Facts], Iterable[dict]] | None
    is_note: bool = False


def _database(*signs: str) -> Callable[[Facts], Iterable[dict]]:
    """Whether the database cannot be used for one of these reasons; without any, for another."""
    known = signs or [sign for group in DATABASE for sign in group]

    def check(facts: Facts) -> Iterable[dict]:
        why, hint = facts.said["database"], facts.hints["database"]
        if hint and any(sign in why for sign in known) == bool(signs):
            yield {"why": why, "hint": hint, "root": facts.home.root}

    return check


LOCKED, NEWER, READ_ONLY, FULL = (
    ("locked",),
    ("newer hcom",),
    ("cannot write", "cannot use"),
    ("disk is full", "disk failed"),
)
DAMAGED = ("corrupt", "damaged", "not a database")
DATABASE = (LOCKED, NEWER, READ_ONLY, FULL, DAMAGED)


def _readable(facts: Facts) -> Iterable[dict]:
    mode = facts.said["permissions"].partition(",")[0]
    used = not facts.said["database"].startswith("cannot use")  # else it is not ours to close
    if used and mode.isdigit() and int(mode, 8) & 0o077:
        yield {"root": facts.home.root}


def _low(facts: Facts) -> Iterable[dict]:
    with suppress(OSError):
        free = shutil.disk_usage(facts.home.root).free
        if free < LOW_BYTES:
            yield {"root": facts.home.root, "free": f"{free / 1e6:.0f}"}


def _run(wrong: Callable[[str], bool], *names: str) -> Callable[[Facts], Iterable[dict]]:
    """What the launcher of hooks is told to run, by these names, and of which this holds."""

    def check(facts: Facts) -> Iterable[dict]:
        with suppress(OSError, ValueError):
            for line in homes.read(facts.home.kept("hook")).decode().split("\n"):
                name, _, value = line.partition("=")
                if name in names and value and wrong(path := shlex.split(value)[0]):
                    yield {"path": path, "here": itself()[-1]}

    return check


def _is_other(main: str) -> bool:
    return os.path.exists(main) and not os.path.samefile(os.path.dirname(main), itself()[-1])


def _agents(launched: bool, why: Callable[[Facts, Any], Any]) -> Callable[[Facts], Iterable[dict]]:
    """The agents of whom `why` says something: those that hcom launched, or the others."""

    def check(facts: Facts) -> Iterable[dict]:
        for agent in facts.agents:
            if kept.of(facts.home, agent.launch).wrapped == launched and (
                said := why(facts, agent)
            ):
                yield {"name": agent.display, "why": said}

    return check


def _behind(facts: Facts) -> Iterable[dict]:
    """The agents whose wrapper has noted that the database is not for it any more."""
    with suppress(OSError):
        noted = homes.read(facts.home.path("logs", "hcom.log")).decode("utf-8", "replace")
        lines = "\n".join(line for line in noted.split("\n") if NEWER[0] in line)
        yield from _agents(
            True,
            lambda _, agent: f'"pid": {kept.of(facts.home, agent.launch).wrapper},' in lines,
        )(facts)


def _tools(when: Callable[[dict], bool]) -> Callable[[Facts], Iterable[dict]]:
    """The tools of which this holds."""

    def check(facts: Facts) -> Iterable[dict]:
        for tool, said in facts.said["tools"].items():
            if when(said):
                yield {"tool": tool, "why": said["advice"]}

    return check


def _spooled(facts: Facts) -> Iterable[dict]:
    there = filter(None, map(homes.stat_of, _entries(facts.home.run(homes.SPOOL))))
    if waiting := [one for one in there if time.time() - one.st_mtime > SPOOLED_S]:
        yield {"count": len(waiting)}


def _entries(folder: str) -> list[str]:
    return [os.path.join(folder, entry) for entry in homes.listed(folder)]


def without_curses() -> bool:
    """Whether this Python can draw no dashboard."""
    try:
        import curses  # noqa: F401
    except ImportError:
        return True
    return False


def _over_ssh(facts: Facts) -> Iterable[dict]:
    inside = any(facts.env.get(name) for name in ("TMUX", "STY", "ZELLIJ"))
    return [{}] if facts.env.get("SSH_CONNECTION") and not inside else []


PROBLEMS = (
    Problem(
        "The Python is too old",
        "needs Python 3.10 or newer",
        "run hcom with another: python3.12 /where/it/is/hcom, pipx install --python python3.12 .",
        None,
    ),
    Problem(
        "The home is another user's (sudo, a container as root)",
        "{root}: it belongs to another user",
        "export HCOM_DIR=$PWD/.hcom, or HOME of your own",
        None,
    ),
    Problem(
        "The home is read-only, or there is none",
        "{root} cannot be written",
        "export HCOM_DIR=$PWD/.hcom",
        lambda facts: (
            [{"root": facts.home.root}] if facts.said["permissions"].endswith("read-only") else []
        ),
    ),
    Problem(
        "The same, of the database", "{why}", "export HCOM_DIR=$PWD/.hcom", _database(*READ_ONLY)
    ),
    Problem(
        "Others can read the messages",
        "{root} can be read by others",
        "chmod 700 {root}; where that is refused, others can read what agents say",
        _readable,
    ),
    Problem(
        "Another program named hcom has its own ~/.hcom",
        "{theirs} is another program's of this name",
        "it stays as it is, ours is {root}",
        lambda facts: [
            {"theirs": name, "root": facts.home.root} for name in [facts.said["foreign"]] if name
        ],
        True,
    ),
    Problem(
        "The database is locked",
        "{why}",
        "try again; if it stays, end what holds it: fuser -v {root}/db/*",
        _database(*LOCKED),
    ),
    Problem(
        "The database is of a newer hcom",
        "{why}",
        "update this one, or run that; nothing is lost, hooks record again then",
        _database(*NEWER),
    ),
    Problem(
        "The database is damaged",
        "{why}",
        "hcom reset moves it to the archive and starts anew",
        _database(*DAMAGED),
    ),
    Problem(
        "The disk is full", "{why}", "free some space; what was sent is kept", _database(*FULL)
    ),
    Problem("The disk is nearly full", "{free} MB are left for {root}", "free some space", _low),
    Problem("The database cannot be used for another reason", "{why}", "{hint}", _database()),
    Problem(
        "A setting cannot be read",
        "{why}",
        "mend that line of {root}/config.env, or hcom config KEY VALUE",
        lambda facts: [{"why": line, "root": facts.home.root} for line in facts.config],
    ),
    Problem(
        "No client is installed",
        "no client is on your PATH",
        "install one of {tools}",
        lambda facts: (
            []
            if any(said["program"] for said in facts.said["tools"].values())
            else [{"tools": ", ".join(TOOLS)}]
        ),
    ),
    Problem(
        "A client has no hooks",
        "no hooks in the settings of {tool}",
        "hcom {tool} and hcom start bring them, or now: hcom hooks add {tool}",
        _tools(lambda said: bool(said["program"] and not said["hooks"] and not said["advice"])),
        True,
    ),
    Problem(
        "A client's hooks are old, off or not trusted", "{tool}", "{why}",
        _tools(lambda said: bool(said["advice"])),
    ),
    Problem(
        "Hooks are there, and their client is not",
        "{tool} has hooks and is not on your PATH",
        "install it, or hcom hooks remove {tool}",
        _tools(lambda said: bool(said["hooks"] and not said["program"])),
    ),
    Problem(
        "Hooks run a Python or an hcom that is gone",
        "hooks run {path}, which is gone",
        "hcom hooks add",
        _run(lambda path: not os.path.exists(path), "hcom_py", "hcom_main"),
    ),
    Problem(
        "Hooks run another hcom than this one",
        "hooks run {path}, not {here}",
        "hcom hooks add, if this one is to be used",
        _run(_is_other, "hcom_main"),
        True,
    ),
    Problem(
        "An agent runs on since before an update",
        "{name} was launched by an older hcom, which wakes it no more",
        "hcom kill {name}; hcom resume {name}",
        _behind,
    ),
    Problem(
        "An agent is deaf: none of its hooks was heard",
        "no hook of {name} was heard",
        "hcom term {name} shows whether a dialog waits; else see to its client's hooks "
        "(hcom hooks), and hcom kill {name}; hcom resume {name}",
        _agents(True, lambda facts, agent: talk.is_deaf(facts.home, agent)),
    ),
    Problem(
        "The same, of one that hcom did not launch",
        "no hook of {name} was heard",
        "see to its client's hooks (hcom hooks), end it, and resume it with the client itself",
        _agents(False, lambda facts, agent: talk.is_deaf(facts.home, agent)),
    ),
    Problem(
        "An agent was not woken",
        "{name} was not woken",
        "{why}; hcom term {name} shows its terminal",
        _agents(True, lambda _facts, agent: agent.wake_failure),
    ),
    Problem(
        "The same, of one that hcom did not launch",
        "{name} was not woken",
        "{why}; see to its client's hooks (hcom hooks) and its own window",
        _agents(False, lambda _facts, agent: agent.wake_failure),
    ),
    Problem(
        "Hooks left something that nobody recorded",
        "{count} events of hooks wait to be recorded",
        "hcom hooks add",
        _spooled,
    ),
    Problem(
        "A reset was broken off",
        "a reset did not come to its end",
        "hcom archive",
        lambda facts: [
            {} for entry in _entries(facts.home.path("archive")) if "/.part-" in entry
        ][:1],
    ),
    Problem(
        "No window can be opened (in a container, over ssh, without a display)",
        "terminal",
        "{hint}",
        lambda facts: [{"hint": hint} for hint in [facts.hints["terminal"]] if hint],
    ),
    Problem(
        "Over ssh, in no multiplexer",
        "over ssh, what runs in this terminal ends with the connection",
        "tmux new -A -s hcom, and hcom opens panes there",
        _over_ssh,
        True,
    ),
    Problem(
        "There is no dashboard",
        "this Python has no curses, so hcom alone is hcom list",
        "run hcom with another Python",
        lambda _facts: [{}] if without_curses() else [],
    ),
)  # fmt: skip


def lines(facts: Facts, is_note: bool) -> list[str]:
    """What is wrong here and what to do, or what is only to be known."""
    return [
        f"{row.found}: {row.remedy}".format_map(values)
        for row in PROBLEMS
        if row.check and row.is_note == is_note
        for values in row.check(facts)
    ]


class _Shown(dict):
    """What stands on the page for a name that a check fills in."""

    def __missing__(self, name: str) -> str:
        return name.upper()


def page() -> str:
    """The table, as Markdown."""
    shown = _Shown(root="HCOM_DIR", why="(the error)", hint="(what the error advises)")
    told = "| {0.name} | {0.found} | {0.remedy} |"
    rows = [told.format(row).format_map(shown) for row in PROBLEMS]
    return "\n".join(["| what is wrong | what is said | what to do |", "|---|---|---|", *rows])
