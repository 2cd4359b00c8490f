"""What the installed Codex makes of all its settings, for one folder and one command line.

It is asked itself, by an app-server that is ended once it has answered (0.1 s; config/read
is in 0.114 and later, hooks/list in 0.130 and later): its files, their order and which folders it
trusts only it knows. What it does not tell is said to be unknown, never guessed.
"""

import functools
import json
import os
from collections import namedtuple

from .. import program, settings
from ..base import fields
from ..flags import groups, values
from . import toml, versions
from .flags import FLAGS
from .hook import config_dir

PROGRAM = "codex"
# The flags that settings come from and the app-server takes, too; a profile it does not.
TAKEN = ("--config", "--enable", "--disable")
# `-c` settings count as this file's.
PER_LAUNCH = "/<session-flags>/config.toml"
# A hook as a launch brings its own; and no plugins, of which it would fetch a list.
PROBE = ("-c", 'hooks.Stop=[{hooks=[{type="command",command="true"}]}]')
QUIET = ("-c", "features.plugins=false")
CONFIG, HOOKS = 1, 2  # the questions
# What its settings say of where its agent may write.
ROOTS, PROFILE, MODE = "writable_roots", "default_permissions", "sandbox_mode"
TABLE = "sandbox_workspace_write"


class Told(namedtuple("Told", "config origins hooks problems", defaults=({}, {}, None, ()))):
    """The settings in force, where each is from, the keys of the hooks that can run, among them
    those of a launch, and why others cannot; settings and hooks are None where it does not tell
    them. One that is not there has no settings."""

    __slots__ = ()

    @property
    def elsewhere(self) -> "Told":
        """What is known of a folder that is made with the launch: only its own hooks are there."""
        own = [key for key in self.hooks or () if key.startswith(PER_LAUNCH)]
        return self._replace(hooks=own) if own else self

    @property
    def runs(self) -> bool:
        """Whether a launch's own hooks can run."""
        if self.config is None or self.hooks is None:
            features = fields(fields(self.config).get("features"))
            return not any(features.get(name) is False for name in versions.FEATURES)
        return any(key.startswith(PER_LAUNCH) for key in self.hooks)


def given(args) -> list[str]:
    """Those of the arguments that change settings, as the other subcommands take them."""
    return [word for flag, words in groups(args, FLAGS) if flag in TAKEN for word in words]


def folder(cwd: str, args) -> str:
    """Where a Codex works that is started with `args` in `cwd`."""
    return os.path.abspath(os.path.join(cwd, values(args, FLAGS).get("--cd", "")))


def told(env, cwd: str, args=()) -> Told:
    """What Codex says of one that is started with `args` in `cwd`. A launch goes by it in several
    places, and asks once."""
    path, place = program.found(env, PROGRAM), folder(cwd, args)
    return _told(path, place, cwd, tuple(given(args)), frozenset(env.items())) if path else Told()


@functools.cache
def _told(path: str, place: str, cwd: str, flags: tuple, env: frozenset) -> Told:
    asks = (
        (0, "initialize", {"clientInfo": {"name": "hcom", "version": "1"}}),
        (CONFIG, "config/read", {"cwd": place}),
        (HOOKS, "hooks/list", {"cwds": [place]}),
    )
    text = "".join(json.dumps({"id": n, "method": m, "params": p}) + "\n" for n, m, p in asks)
    argv = [path, *PROBE, *QUIET, *flags, "app-server"]
    answers: dict[int, dict] = {}

    def is_over(printed: str) -> bool:
        for line in printed.split("\n")[:-1]:
            said = settings.object_of(line)
            if said.get("id") in (CONFIG, HOOKS):
                answers[said["id"]] = said
        return len(answers) == 2

    program.conversed(argv, dict(env), text, is_over, cwd)
    config = fields(answers.get(CONFIG, {}).get("result"))
    (listed,) = settings.at(answers.get(HOOKS), ("result", "data")) or [{}]
    hooks = [h.get("key", "") for h in settings.at(listed, ("hooks",))] if listed else None
    problems = settings.at(listed, ("warnings",))
    return Told(config.get("config"), fields(config.get("origins")), hooks, problems)


def writable_roots(told: Told, env, args) -> list[str]:
    """The person's own writable roots of one that is started with `args`. ValueError with the
    reason when they are not known, or more would have no effect; HcomError when a file cannot be
    read."""
    if told.config is None:
        raise ValueError("codex does not tell its settings")
    flags, config = values(args, FLAGS), told.config
    sandbox = {**fields(config.get(TABLE)), **_profile(told, env, flags.get("--profile", ""))}
    roots = sandbox.get(ROOTS)
    mode = flags.get("--sandbox") or sandbox.get(MODE) or config.get(MODE)
    if not mode and (sandbox.get(PROFILE) or config.get(PROFILE)):
        raise ValueError(f"its settings have {PROFILE}, in place of {TABLE}")
    if _origin(told, f"{TABLE}.{ROOTS}") == "sessionFlags":
        raise ValueError(f"{ROOTS} on the command line win; put {ROOTS} in config.toml")
    return [root for root in roots or [] if isinstance(root, str)]


def _origin(told: Told, key: str) -> str:
    """What kind of settings the value of a key is from; "" where nobody sets it."""
    found = (where for name, where in told.origins.items() if f"{name}.".startswith(f"{key}."))
    return fields(fields(next(found, None)).get("name")).get("type", "")


def _profile(told: Told, env, name: str) -> dict:
    """What a profile says in place of the person's config.toml, of ROOTS, PROFILE and MODE."""
    if not name:
        return {}
    if toml.tomllib is None:
        raise ValueError("a profile is not understood by Python 3.10")
    home = config_dir(env)
    text = settings.text_of(os.path.join(home, f"{name}.config.toml"))
    said = toml.tomllib.loads(text.removeprefix("\ufeff"))
    roots = fields(said.get(TABLE)).get(ROOTS)
    found = {PROFILE: said.get(PROFILE), MODE: said.get(MODE)}
    if isinstance(roots, list):  # a relative one counts from where the file is (measured)
        found[ROOTS] = [os.path.normpath(os.path.join(home, str(root))) for root in roots]
    keys = {ROOTS: f"{TABLE}.{ROOTS}", PROFILE: PROFILE, MODE: MODE}
    weaker = ("", "user", "system")
    return {k: v for k, v in found.items() if v is not None and _origin(told, keys[k]) in weaker}
