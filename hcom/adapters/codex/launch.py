"""How a Codex of ours is started: its arguments, and an environment free of another's.

All of ours stands in front of the person's arguments, which follow as they are: hooks with the
hashes that make them trusted, the writable roots that hcom needs in the sandbox, and what its shell
needs to find hcom.
"""

import os
import pwd
import shutil

from ...errors import HcomError
from .. import launcher, program
from ..base import WAKE_BY_HAND
from ..flags import aside, groups, value, values
from ..front import Plan
from ..version import has
from . import asked, setup, toml, versions
from .environment import scrubbed
from .flags import AGAIN, EXEC, FLAGS
from .hook import config_dir

__all__ = ["FLAGS", "PRINTING", "SYSTEM_PROMPT", "is_printing", "plan", "resuming", "scrubbed"]


PRINTING = "exec"
SYSTEM_PROMPT = "HCOM_CODEX_SYSTEM_PROMPT"


def is_printing(args) -> bool:
    """Whether the client would run without its terminal interface (exec)."""
    return _said(args)[0] in EXEC


def resuming(session: str, fork: bool) -> list[str]:
    """The arguments that resume a session, or start a copy of it."""
    return ["fork" if fork else "resume", session]


def _said(args) -> tuple[str, str, str]:
    """The first word, which of AGAIN is said, and the session it names: codex -m x exec resume ID.
    "" for what is not there."""
    words = [w[0] for flag, w in groups(args, FLAGS) if not flag and w[0] != "--"] + [""] * 3
    verb, session = words[1:3] if words[0] in EXEC else words[:2]
    if verb not in AGAIN:
        return words[0], "", ""
    return words[0], verb, "" if "--last" in values(args, FLAGS) else session


def plan(args, home, env, cwd: str) -> Plan:
    """What starting with `args` in `cwd` means."""
    (word, verb, session), flags = _said(args), values(args, FLAGS)
    # The first only print or are no session; a server elsewhere runs hooks and shells of its own.
    if aside(args, FLAGS) or not {"--help", "--remote"}.isdisjoint(flags):
        return Plan(list(args))
    place, told = asked.folder(cwd, args), asked.told(env, cwd, args)
    silent, alone = setup.silent(env, told), has(setup.installed(env), versions.NO_DAEMON)
    # Codex refuses a flag that is given twice.
    ours = ["--no-daemon"] if alone and "--no-daemon" not in flags else []
    if "--worktree" in flags and not home.is_default:
        told = told.elsewhere
    settings = {**_settings(home, env, not silent, told), **_sandbox(args, home, env, place, told)}
    for key, setting in settings.items():
        ours += ["-c", f"{key}={toml.written(setting)}"]
    return Plan(
        [*ours, *args],
        session,
        verb == "fork",
        {
            "home": config_dir(env),
            "hooks": "off" if silent else "on",  # as screen.answers
            "lacks": silent,
            "wake": WAKE_BY_HAND if setup.lacks(env) and word not in EXEC else "",
        },
    )


def _settings(home, env, hooks: bool, told: asked.Told) -> dict[str, object]:
    """The -c settings of a launch."""
    found = setup.launch_hooks(home, env, told) if hooks else {}
    texts = (env.get(SYSTEM_PROMPT, ""), "" if hooks else WITHOUT_HOOKS)
    if any(texts):
        found["developer_instructions"] = "\n\n".join(filter(None, texts))
    found["shell_environment_policy.set.HCOM_DIR"] = home.root
    return found


WITHOUT_HOOKS = """\
You can talk to other AI agents on this machine by the shell command `hcom`. Run `hcom start` \
first and do as it says. No hooks bring you messages in this program: run `hcom listen 1` \
between the steps of your work, and `hcom listen` when you have nothing else to do."""


def _sandbox(args, home, env, cwd: str, told: asked.Told) -> dict[str, object]:
    """What hcom writes to as more writable roots, where the person's own are known and can be kept;
    and the PATH in which Codex's shell finds hcom, and no other program of that name.

    Not all of HCOM_DIR, if it can be had: what its config.env, scripts and terminals say is run
    outside the sandbox. Where it is writable already, as its own root at least KEPT in it is not.
    Not by --add-dir: with a read-only sandbox, however that came about, Codex would not start.
    """
    said = groups(args, FLAGS)
    added = [value(words) for flag, words in said if flag == "--add-dir"]
    # A worktree is made with the launch, elsewhere.
    own = [] if any(flag == "--worktree" for flag, _ in said) else [cwd]
    open_to_all = [
        os.path.join(cwd, folder) for folder in (*own, "/tmp", env.get("TMPDIR") or "/tmp", *added)
    ]
    found: dict[str, object] = {}
    try:
        roots = asked.writable_roots(told, env, args)
    except (ValueError, HcomError):
        roots = []
    else:
        inside = _within(home.root, [*open_to_all, *roots])
        ours = [home.root] if inside else home.shared
        found["sandbox_workspace_write.writable_roots"] = list(dict.fromkeys([*roots, *ours]))
    path = _shell_path(home, env, [*open_to_all, *roots])
    if path:
        found["shell_environment_policy.set.PATH"] = path
    return found


def _within(path: str, folders) -> bool:
    real = os.path.realpath(path)
    return any(
        os.path.commonpath([real, folder]) == folder
        for folder in map(os.path.realpath, filter(os.path.isabs, folders))
    )


def _shell_path(home, env, writable) -> str:
    """The PATH that Codex's shell needs so as to find hcom; "" where it finds it by itself.

    Its shell is a login shell, whose profile may make the PATH anew and lose what a virtual
    environment or the like put there. The person's own is kept, with hcom's folder last; or first,
    with a program of ours, if its agent could put another `hcom` in front of the person's: rules
    let that run outside the sandbox.
    """
    shell = pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    # The mark: a profile may print.
    said = program.output([shell, "-lc", 'printf "\\nhcom-path:%s" "$PATH"'], scrubbed(env))
    login = said.rpartition("\nhcom-path:")[2].split("\n")[0]
    if not login:
        return ""
    folders = login.split(os.pathsep)
    last = next((n for n, f in enumerate(folders) if shutil.which("hcom", path=f)), None)
    before = folders if last is None else folders[: last + 1]
    if any(not os.path.isabs(f) or _within(f, writable) for f in before):
        return os.pathsep.join([launcher.shim(home), login])
    if last is not None:
        return ""
    found = program.found(env, "hcom")
    return os.pathsep.join([login, os.path.dirname(found) if found else launcher.shim(home)])
