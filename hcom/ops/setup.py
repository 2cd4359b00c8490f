"""Adding and removing hooks for the commands: which safe commands are allowed, in which places."""

import os
from collections import Counter
from contextlib import contextmanager

from .. import adapters, config
from ..adapters import launcher, settings
from ..errors import HcomError, told
from ..home import cure, of_user
from ..process import itself

# What agents may run unasked: (words, whether more words may follow). Not `run`, launches, stop,
# kill, reset, nor anything of config and relay that changes something.
TABLE = (
    ("send", True),
    ("start", True),
    ("list", True),
    ("events", True),
    ("listen", True),
    ("transcript", True),
    ("archive", True),
    ("status", True),
    ("help", True),
    ("--help", False),
    ("-h", False),
    ("--version", False),
    ("relay", False),
    ("relay pull", False),
    ("config", False),
    ("config --json", False),
    ("config KEY", False),
)


def _is_there(words: str) -> bool:
    """Whether this version has the command that `words` begin with."""
    name = words.split()[0]
    path = os.path.join(itself()[-1], "cli", "commands", f"{name}.py")
    return name.startswith("-") or name == "help" or os.path.exists(path)


SAID = tuple((words, more) for words, more in TABLE if _is_there(words))
SAFE = tuple(
    (f"hcom {words.replace('KEY', key)}", more)
    for words, more in SAID
    for key in (config.SHORT_KEYS if "KEY" in words else ("",))
)


def add(home, env, tool: str) -> bool:
    """The tool's settings hold our hooks; False when they already did. HcomError."""
    return settings.put(_files(home, env, adapters.load(tool, "setup").files))


def add_for_launch(home, env, tool: str, cwd: str, args) -> list[str]:
    """The tool is ready for a launch with `args`; what the person should know of it."""
    setup, said = adapters.load(tool, "setup"), []
    with moved(home, env, tool) as lost:
        for file in _files(home, env, setup.launch_files):
            try:
                settings.put([file])
            except HcomError as error:
                said.append(("" if setup.BRINGS else "no hooks: ") + told(error))
    return [*said, *lost, *filter(None, [setup.warnings(home, env, cwd, args)])]


def insist_for_launch(home, env, tool: str, cwd: str, args) -> list[str]:
    """The same. HcomError where the client would run without hooks."""
    if not adapters.load(tool, "setup").BRINGS:
        add(home, env, tool)
    return add_for_launch(home, env, tool, cwd, args)


@contextmanager
def moved(home, env, tool: str):
    """A list in which stands, once what is done here is done, what of others' hooks the person has
    to trust again for it."""
    trusts = adapters.load(tool, "setup").trusts
    lost: list[str] = []
    before = [(place, trusts(place, env)) for place in dict.fromkeys((of_user(env), home))]
    yield lost
    for place, was in before:
        gone = Counter(was) - Counter(trusts(place, env))
        names = ", ".join(sorted({name for name, _ in gone}))
        if names:
            lost.append(f"{tool} knows hooks by their places, trust again: {names}")


def _files(home, env, files) -> list:
    """What `files` says has to be somewhere, once what that runs is there. HcomError."""
    # Clients let no agent write there, and the hooks beside it would be in their own folders.
    inside = {".git", *(f".{tool}" for tool in adapters.TOOLS)} & {*home.root.split(os.sep)}
    if inside:
        raise HcomError(
            f"HCOM_DIR {home.root} is in {inside.pop()}, which clients keep for themselves",
            "use another: export HCOM_DIR=$PWD/.hcom",
        )
    variables = [adapters.load(tool, "setup").SESSION_VARIABLE for tool in adapters.TOOLS]
    try:
        launcher.write(home, filter(None, variables))
    except OSError as error:
        raise HcomError(
            f"cannot write {home.root}: {error.strerror}",
            cure(error),
        ) from None
    allowed = SAFE if config.read(home, env).auto_approve else ()
    return files(home, env, allowed, SAFE)


def hooks(home, env, tool: str) -> settings.Owned:
    """The file that our hooks belong in, and whether they are there."""
    return adapters.load(tool, "setup").hooks_file(home, env)


def state(home, env, tool: str) -> str:
    """In words, whether the hooks that a client of this tool runs are installed."""
    if hooks(home, env, tool).installed:
        return "installed"
    brings = adapters.load(tool, "setup").BRINGS
    return f"not installed; hcom {tool} brings its own" if brings else "not installed"


def advice(home, env, tool: str) -> str:
    """What the person has yet to do so that the installed hooks run; "" for nothing."""
    return adapters.load(tool, "setup").advice(home, env, os.getcwd())


def remove(home, env, tool: str) -> list[str]:
    """Our entries are out of the tool's settings, the user's and those beside HCOM_DIR; the paths
    of the files that had some."""
    # In one that both share, only what leads to `home`.
    places = {hooks(place, env, tool).path: place for place in (of_user(env), home)}
    return _taken(env, tool, places.values())


def remove_own(home, env, tool: str) -> list[str]:
    """The same, but for files whose hooks lead to another home that is in use."""
    places = [p for p in (home, of_user(env)) if not _leads_elsewhere(home, hooks(p, env, tool))]
    return _taken(env, tool, places)


def _leads_elsewhere(home, file) -> bool:
    return launcher.leads_elsewhere(home, settings.text_of(file.path))


def _taken(env, tool: str, places) -> list[str]:
    setup = adapters.load(tool, "setup")
    own = (_own_files(place, env, setup) for place in dict.fromkeys(places))
    return [path for files in own for path in settings.take(files)]


def _own_files(home, env, setup) -> list:
    """The files that nobody but `home` needs: rules serve all whose hooks are beside them."""
    files = setup.files(home, env, (), SAFE)
    shared = _leads_elsewhere(home, setup.hooks_file(home, env))
    return [file for file in files if not shared or isinstance(file, settings.Owned)]


def added(home, env, tool: str) -> list[str]:
    """The tool has our hooks; what the person should know of it, a line each. HcomError."""
    with moved(home, env, tool) as lost:
        done = add(home, env, tool)
    said = f"hooks {'added to' if done else 'are in'} {hooks(home, env, tool).path}"
    return [f"{tool}: {line}" for line in (said, *lost, advice(home, env, tool)) if line]


def removed(home, env, tool: str) -> list[str]:
    """The tool has no hook of ours; what the person should know of it, a line each. HcomError."""
    with moved(home, env, tool) as lost:
        paths = remove(home, env, tool)
    said = f"hooks removed from {', '.join(paths)}" if paths else "no hooks"
    return [f"{tool}: {line}" for line in (said, *lost)]


CHANGES = {"add": added, "remove": removed}
