"""`hcom [N] TOOL [args]`: clients are run as agents."""

import os
import shlex
import sys

from .. import adapters
from ..adapters import flags
from ..bus.agent import BIGBOSS, PROGRAM
from ..bus.render import clean, harmless
from ..errors import UsageError
from ..ops import launch, setup
from ..ops.caller import surroundings

HEADLESS = "--headless"


def run(home, env, argv) -> int:
    """The clients run: here when one is asked for on a person's terminal, elsewhere otherwise."""
    counted = argv[0] not in adapters.TOOLS
    count, rest = (int(argv[0][:9]), argv[1:]) if counted else (1, argv)
    if not rest:
        raise UsageError(f"{count} of which client?", f"hcom {count} {adapters.TOOLS[0]}")
    tool, args = rest[0], list(rest[1:])
    if tool not in adapters.TOOLS:
        raise UsageError(f"no tool {tool!r}", "use " + ", ".join(adapters.TOOLS))
    cut = args.index("--") if "--" in args else len(args)
    front = adapters.load(tool, "launch")
    if aside := flags.aside(args, front.FLAGS):
        if counted or HEADLESS in args:
            raise UsageError(f"{tool} {aside} is no session", f"hcom {tool} {aside}")
        client = launch.program_of(tool, env)
        os.execve(client, [client, *args], env)
    if "--help" in flags.values(args, front.FLAGS):
        from . import help as helps

        print(helps.launch(tool))
        return 0
    headless = HEADLESS in args[:cut]
    if headless:
        args.remove(HEADLESS)
    headless = headless or front.is_printing(args)
    return start(home, env, tool, args, count, not counted, headless)


def start(
    home, env, tool: str, args, count: int, in_place: bool, headless: bool, cwd: str = ""
) -> int:
    """One or more clients run; `in_place` where this terminal may be used for it."""
    caller = surroundings(env)
    spec = launch.LaunchSpec(
        tool,
        args,
        cwd or os.getcwd(),
        dict(env),
        by=launch.asker(home, caller),
        headless=headless,
        count=launch.counted(count),
    )
    if (caller.tool or env.get("HCOM_PROCESS_ID")) and env.get("HCOM_GO") != "1":
        return _preview(spec)
    launch.program_of(tool, env)  # before anything is written for it
    for line in setup.add_for_launch(home, env, tool, spec.cwd, args):
        sys.stderr.write(f"hcom: {line}\n")
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not caller.tool
    if in_place and on_terminal and not headless and not env.get("HCOM_PROCESS_ID"):
        launch.here(home, spec)
    batch = launch.elsewhere(home, spec)
    if batch.agents:
        print(f"launched {len(batch.agents)} {tool}: {', '.join(batch.agents)} (batch {batch.id})")
        if adapters.load(tool, "launch").is_printing(args):
            for log in batch.logs:
                print(f"log: {log}")
        elif headless:  # its terminal is nowhere to be seen, and its log stays empty
            for name in batch.agents:
                print(f"screen: hcom term {name}")
        print(f"to wait until they are ready: hcom events launch {batch.id}")
        if spec.by not in (BIGBOSS, PROGRAM):
            print("(you are sent a message when each of them is ready or has failed)")
    for why in batch.errors:
        sys.stderr.write("hcom: not launched: " + harmless(why).replace("\n", "\n    ") + "\n")
    return 1 if batch.errors else 0


def _preview(spec) -> int:
    """An agent sees what it is about to do, and does it by asking again."""
    where = "headless" if spec.headless else "in new windows"
    print(
        clean(
            f"This would launch {spec.count} {spec.tool} {where}, in {spec.cwd}"
            + (f", with: {shlex.join(spec.args)}" if spec.args else "")
        )
        + "\nNothing was launched. Each one costs its own tokens. To go on, run the same command "
        "with HCOM_GO=1 in front."
    )
    return 1
