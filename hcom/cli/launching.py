"""`hcom [N] TOOL [args]`: a client is run as an agent."""

import os
import shutil
import sys
import time
import uuid

from .. import adapters, config
from ..bus import names
from ..delivery import marks
from ..errors import HcomError, UsageError
from ..hub import people
from ..process import start_of
from ..store.connect import open_db, transaction
from . import tools


def is_launch(argv) -> bool:
    """Whether `argv` asks for a client to be run."""
    return argv[0] in adapters.TOOLS or (argv[0].lstrip("-").isdigit() and len(argv) > 1)


def run(home, env, argv) -> int:
    """The client runs in this terminal, in place of this process. HcomError when it can't."""
    count = 1
    if argv[0] not in adapters.TOOLS:
        count, argv = int(argv[0]), argv[1:]
    tool, args = argv[0], argv[1:]
    if tool not in adapters.TOOLS:
        raise UsageError(f"no tool {tool!r}", "use " + ", ".join(adapters.TOOLS))
    if count != 1:
        raise UsageError(f"cannot run {count} clients in one terminal", f"hcom {tool}")
    setup, launch = adapters.load(tool, "setup"), adapters.load(tool, "launch")
    program = shutil.which(setup.PROGRAM, path=env.get("PATH", os.defpath))
    if not program:
        raise HcomError(f"{setup.PROGRAM} is not installed", "it is not on your PATH")
    settings = config.read(home, env)
    tools.add(home, env, tool)
    client_env = launch.scrubbed({**settings.passed, **env})
    process_id = uuid.uuid4().hex
    plan = launch.plan(args, home, env)
    with open_db(home) as db:
        agent = _agent(db, tool, process_id, plan, settings)
        marks.mark(home, [process_id], agent.name)
    client_env.update(plan.env or {}, HCOM_PROCESS_ID=process_id, HCOM_DIR=home.root)
    if settings.name_export:
        client_env[settings.name_export] = agent.display
    sys.stderr.write(f"hcom: this is {agent.display}\n")
    sys.stderr.flush()
    os.execve(program, [setup.PROGRAM, *plan.args], client_env)


def _agent(db, tool: str, process_id: str, plan, settings):
    """The agent that the new client is: the one whose session it resumes, else a new one."""
    from ..store import agents

    now = time.time()
    known = plan.resumes and agents.bound(db, "session", plan.resumes)
    if known and known.stopped_at is None and not plan.forks:
        with transaction(db):
            agents.bind(db, "launch", process_id, known.name)
            agents.met(db, known.name, os.getcwd(), "", os.getpid(), start_of(os.getpid()),
                       plan.client or {})
        return known
    return people.join(
        db, tool, now, by="bigboss", launch=process_id, tag=names.check_tag(settings.tag),
        hints=settings.hints, subagent_timeout=settings.subagent_timeout, directory=os.getcwd(),
        client=plan.client or {}, status="inactive", context="new")
