"""Starting clients as agents: in this terminal, in new windows, or without any.

A LaunchSpec becomes agents, launch rows, and for clients that open elsewhere a script and a private
hand-over of arguments and environment that is gone once it is read.
"""

import os
import shlex
import sys
import time
import uuid
from collections import namedtuple

from .. import adapters, config, terminal
from ..adapters import flags, launcher, program
from ..bus.agent import BIGBOSS, INACTIVE, PROGRAM
from ..delivery import marks
from ..errors import HcomError, UsageError
from ..home import private_file, private_folder, write_private
from ..hub import launches as launching
from ..hub import people
from ..process import itself, leave_behind
from ..store import agents, events, kept, launches
from ..store.connect import open_db, transaction
from . import handover, look, relay
from .after import Done, after
from .agents import again, runs
from .caller import surroundings

MOST = 50  # to be asked for at once; more windows than anybody has screens for
TAKEN_S = 20.0  # how long an opened terminal has to start its script
LOOK_S = 0.1
DIES_S = 5.0  # a client that is ready is so in less, and one that does not run has said why
# One-time settings of the launch itself, not of what the new agents launch in turn.
ONCE = ("HCOM_GO", "HCOM_TAG", "HCOM_PROCESS_ID")


# What is to be launched: `args` for the client, `env` the launcher's; `by` who asks; `headless` for
# no window.
LaunchSpec = namedtuple(
    "LaunchSpec",
    "tool args cwd env by headless count",
    defaults=(BIGBOSS, False, 1),
)


# A client that only has to be started, as its hand-over `told` says; `log` is the file that a
# headless one writes to, "" for none.
Ready = namedtuple("Ready", "agent launch told log")


# What a launch came to: the agents' names, and why the others failed
Batch = namedtuple("Batch", "id agents errors logs")


def asker(home, caller) -> str:
    """The agent that asks for a launch, else the person, who runs no client around it."""
    if not (caller.tool or caller.session or caller.launch):
        return BIGBOSS
    with open_db(home) as db:
        agent = people.speaker(db, people.proven(db, caller), "")
    return agent.name if agent else PROGRAM


def counted(count: int) -> int:
    """`count`, as so many may be launched at once. UsageError."""
    if not 1 <= count <= MOST:
        raise UsageError(f"cannot launch {count}", f"use a number from 1 to {MOST}")
    return count


def asked(home, env, tool: str, args: str, tag, prompt, system, resume, fork: bool, cwd):
    """The LaunchSpec of what a program asks for: `args` as in a shell, a `tag`, a first `prompt`, a
    `system` prompt, an agent or session to `resume` or to fork, which brings its tool and, where no
    `cwd` is named, its directory; "" for what is not asked for, of a tag None. HcomError."""
    directory, first = "", list[str]()
    if tag is not None:
        config.check("HCOM_TAG", tag)
        env = {**env, "HCOM_TAG": tag}
    if resume:
        with open_db(home) as db:
            tool, first, directory = again(db, resume, fork)
    if tool not in adapters.TOOLS:
        raise UsageError(f"no tool {tool!r}", "use " + ", ".join(adapters.TOOLS))
    front = adapters.load(tool, "launch")
    if prompt:  # in front of all that could take it for a value, and never an option itself
        first.append(" " * prompt.startswith("-") + prompt)
    if system and front.SYSTEM_PROMPT.startswith("-"):
        first += [front.SYSTEM_PROMPT, system]
    elif system:
        env = {**env, front.SYSTEM_PROMPT: system}
    given = [*first, *config.words(args)]
    where = os.path.abspath(os.path.expanduser(cwd or directory))
    by = asker(home, surroundings(env))
    return LaunchSpec(tool, given, where, env, by, front.is_printing(given))


def program_of(tool: str, env) -> str:
    """The file of the tool's program. HcomError when there is none."""
    name = adapters.load(tool, "setup").PROGRAM
    found = program.found(env, name)
    if not found:
        raise HcomError(f"{tool} is not installed", "it is not on your PATH; hcom demo needs none")
    return found


def prepare(home, spec: LaunchSpec, settings, batch: str) -> Ready:
    """An agent and a launch row for one client. HcomError when it cannot be started."""
    client, launch = program_of(spec.tool, spec.env), adapters.load(spec.tool, "launch")
    if not os.path.isdir(spec.cwd):
        raise HcomError(f"no directory {spec.cwd!r}", "cd to one that exists")
    key = kept.LAUNCH + uuid.uuid4().hex
    with open_db(home) as db:
        plan = launch.plan(_arguments(spec, launch, settings), home, spec.env, spec.cwd)
        agent = _agent(db, spec, plan, settings, key, batch)
        log = home.path("logs", f"{agent.name}-{key[-8:]}.log") if spec.headless else ""
        launching.begun(db, agent, key, batch, log, time.time())
        facts = {"name": agent.name, "tool": spec.tool, "directory": spec.cwd}
        kept.note(home, key, client=plan.client, **facts)
        marks.mark(home, [key], agent.name)
    relay.rouse(home, spec.env)
    argv, lines = plan.args, None
    if spec.headless:
        argv, lines = adapters.load(spec.tool, "stream").fed(plan.args)
    told = handover.Handover(
        agent.name,
        spec.tool,
        [client, *argv],
        _environment(home, spec, plan, agent, key, settings),
        spec.cwd,
        spec.headless,
        lines,
    )
    return Ready(agent, key, told, log)


def _arguments(spec: LaunchSpec, launch, settings) -> list[str]:
    given = settings._asdict().get(f"{spec.tool}_args", "")  # not every tool has such a setting
    return flags.merged(shlex.split(given), list(spec.args), launch.FLAGS)


def _agent(db, spec: LaunchSpec, plan, settings, key: str, batch: str):
    """The agent that the new client is: the one whose session it resumes, else a new one."""
    known = plan.resumes and agents.bound(db, "session", plan.resumes)
    if known and known.tool == spec.tool and not plan.forks:
        if runs(db.home, known):
            raise HcomError(f"{known.display} still runs", f"hcom fork {known.name} for a copy")
        return launching.again(db, known, key, spec.cwd, time.time())
    return people.join(
        db,
        spec.tool,
        time.time(),
        by=spec.by,
        launch=key,
        **settings.of_an_agent(),
        directory=spec.cwd,
        batch=batch,
        status=INACTIVE,
        context="new",
        headless=spec.headless,
    )


def _environment(home, spec: LaunchSpec, plan, agent, key: str, settings) -> dict[str, str]:
    """The client's environment: the launcher's, without what is another agent's."""
    env = {**settings.passed, **spec.env}
    env = {k: v for k, v in adapters.scrubbed(env).items() if k not in ONCE}
    env.update(plan.env or {}, HCOM_PROCESS_ID=key, HCOM_DIR=home.root)
    env[people.PROOF] = uuid.uuid4().hex
    if settings.name_export:
        env[settings.name_export] = agent.display
    if not program.found(env, "hcom"):
        env["PATH"] = env.get("PATH", os.defpath) + os.pathsep + launcher.shim(home)
    return env


def here(home, spec: LaunchSpec) -> None:
    """The client runs in this terminal, in front of what this process becomes: an interpreter with
    nothing loaded but the wrapper, for it stays as long as the client does."""
    spec = spec._replace(env=config.public(spec.env))
    ready = prepare(home, spec, config.read(home, spec.env), "")
    sys.stderr.write(f"hcom: this is {ready.agent.display}\n")
    sys.stderr.flush()
    handover.leave(home, ready.launch, ready.told)
    python, *arguments = itself()
    os.execve(
        python, [python, *arguments, "wrapped", ready.launch], {**spec.env, "HCOM_DIR": home.root}
    )


def elsewhere(home, spec: LaunchSpec) -> Batch:
    """`spec.count` clients have started in new windows, or headless, and those that fail at once
    have failed. HcomError when none can be opened here."""
    batch, spec = uuid.uuid4().hex[:8], spec._replace(env=config.public(spec.env))
    settings = config.read(home, spec.env)
    preset = None if spec.headless else terminal.chosen(settings.terminal, spec.env)
    started, names = [], {}
    for _ in range(spec.count):
        ready = prepare(home, spec, settings, batch)
        names[ready.launch] = ready.agent.display
        try:
            _opened(home, ready, spec, preset)
            started.append(ready)
        except (HcomError, OSError) as error:
            _undone(home, ready, str(error))
    _not_taken(home, started)
    with open_db(home) as db:
        rows = look.launched(db, batch, DIES_S)
        alive = [names[x.id] for x in rows if x.state != launches.FAILED]
        what = f"{len(alive)} {spec.tool}: " + ", ".join(alive)
        with transaction(db):
            events.append_life(db, spec.by, "batch_launched", spec.by, what, batch, time.time())
            launches.tell(db, batch, spec.by if agents.find(db, spec.by) else "")
    after(home, Done())
    errors = [
        f"{names[x.id]}: {x.why}\n{x.screen}".strip() for x in rows if x.state == launches.FAILED
    ]
    return Batch(batch, alive, errors, [x.log for x in rows if x.log])


def _opened(home, ready: Ready, spec: LaunchSpec, preset) -> None:
    """The client's terminal is opened, or its process started."""
    handover.leave(home, ready.launch, ready.told)
    if spec.headless:
        argv = [*itself(), "wrapped", ready.launch]
        detached(home, argv, ready.told.cwd, ready.log, ready.told.env)
        return
    script = handover.paths(home, ready.launch)[1]
    write_private(
        script,
        "#!/bin/bash\nrm -f -- "
        f"{shlex.quote(script)}\n"
        # Until the client says a title of its own, and where the terminal takes none from us.
        f"printf '\\033]2;%s\\007' {shlex.quote(ready.agent.display)}\n"
        f"HCOM_DIR={shlex.quote(home.root)} exec {shlex.join(itself())} "
        f"wrapped {ready.launch}\n",
        0o700,
    )
    opened = terminal.open_window(preset, script, spec.cwd, dict(spec.env), ready.agent.display)
    kept.note(home, ready.launch, window=list(opened))


def detached(home, argv: list[str], cwd: str, log: str, env) -> None:
    """`argv` runs in `cwd`, and what it says goes to the log. It is nobody's child: who starts it
    may be a program that has children of its own."""
    private_folder(home.path("logs"))
    os.close(private_file(log, os.O_WRONLY))
    shell = 'cd "$1" && exec >> "$2" 2>&1 && shift 2 && exec "$@"'
    leave_behind(["sh", "-c", shell, "sh", cwd, log, *argv], {**env, "HCOM_DIR": home.root})


def _not_taken(home, started) -> None:
    """Those whose script has not begun in time are given up."""
    end = time.monotonic() + TAKEN_S
    waiting = list(started)
    while waiting and time.monotonic() < end:
        waiting = [ready for ready in waiting if not handover.is_taken(home, ready.launch)]
        if waiting:
            time.sleep(LOOK_S)
    for ready in waiting:
        _undone(home, ready, f"the terminal did not start the script within {TAKEN_S:.0f} s")


def _undone(home, ready: Ready, why: str) -> None:
    handover.drop(home, ready.launch)
    with open_db(home) as db:
        left = launching.over(db, ready.launch, why, "", time.time())
    after(home, Done(left=left))


def close(launch: kept.Kept, env) -> None:
    """The window that hcom opened for the launch is closed, and no other."""
    if launch.window:
        terminal.close_window(terminal.Opened(*launch.window), env)
