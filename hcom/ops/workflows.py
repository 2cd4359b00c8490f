"""The workflows of `hcom run`: which there are, and running one with nobody at its terminal."""

import glob
import os
import re
import shlex
import sys
import time
from contextlib import suppress

from ..bus.names import meant
from ..errors import HcomError
from ..home import read
from ..process import itself
from .launch import detached

INTERPRETERS = {".py": sys.executable, ".sh": "bash"}
BUNDLED = os.path.join(os.path.dirname(os.path.dirname(__file__)), "scripts")
LOG = "run-"  # with this begin the logs of those that ran so
TAIL = 20_000  # bytes of what one said


def scripts(home) -> dict[str, str]:
    """The bundled scripts and those in HCOM_DIR/scripts, which shadow them: name -> path."""
    found: dict[str, str] = {}
    for folder in (home.path("scripts"), BUNDLED):
        for entry in sorted(glob.glob("[!._]*", root_dir=folder)):
            (stem, ending), path = os.path.splitext(entry), os.path.join(folder, entry)
            if ending in INTERPRETERS and os.path.isfile(path):
                found.setdefault(stem, path)
    return dict(sorted(found.items()))


def named(home, name: str) -> str:
    """The path of the script of that name. HcomError."""
    found = scripts(home)
    if name not in found:
        bare = home.path("scripts", name)
        near = meant(name, found, "hcom run lists them")
        hint = f"mv {bare} {bare}.py, or .sh" if os.path.isfile(bare) else near
        raise HcomError(f"no script {name!r}", hint)
    return found[name]


def text(path: str) -> str:
    """What the script is. HcomError."""
    try:
        return read(path).decode("utf-8", "replace")
    except OSError as error:
        raise HcomError(f"{path} cannot be read: {error.strerror}", "ls -l") from None


def summary(path: str) -> str:
    """What a script says of itself: the first line of its docstring or of its comments."""
    try:
        said = text(path)
    except HcomError as error:
        return f"({error.message})"
    found = (
        re.search(r'^(?:"""|\'\'\')\s*(.+?)\s*(?:"""|\'\'\')?$', said, re.MULTILINE)
        if path.endswith(".py")
        else re.search(r"^#(?!!)\s*(.+)$", said, re.MULTILINE)
    )
    return found.group(1) if found else "(it has no docstring or comment)"


def start(home, env, given: str) -> str:
    """The workflow that `given` names runs, with the arguments there, and what it says goes to a
    log; its name. HcomError."""
    try:
        name, *args = shlex.split(given)
    except ValueError:
        raise HcomError(f"a quote is not closed: {given}") from None
    named(home, name)
    log = home.path("logs", f"{LOG}{time.time():.3f}-{name}.log")
    said = ["sh", "-c", '"$@"; echo "ended with $?"', "sh", *itself(), "run", name, *args]
    detached(home, said, os.getcwd(), log, env)
    return name


def logs(home, count: int) -> "list[tuple[str, list[str]]]":
    """The workflows that `start` ran last, the newest first, and the last that each said."""
    folder, found = home.path("logs"), []
    for entry in sorted(glob.glob(LOG + "*.log", root_dir=folder), reverse=True)[:count]:
        with suppress(OSError):
            said = read(os.path.join(folder, entry))[-TAIL:].decode("utf-8", "replace")
            found.append((entry.removesuffix(".log").partition("-")[2], said.split("\n")))
    return found
