"""A fork of an agent does a task in a window of its own, and sends the result."""

import sys

from hcom.scripts import _crew

PROMPT = """\
You are a fork of {target}, which goes on with its own work: leave that to it. Do this task, for
{boss}:

{task}

When you are done, or cannot do it, send the result as one message that can be understood without
anything else: {command}"""


def work(crew, args) -> int:
    """The clone is launched, and its result printed."""
    target = crew.target()
    prompt = PROMPT.format(
        target=target, boss=crew.boss, task=args.task, command=crew.command(crew.boss)
    )
    clone = crew.launch("clone", prompt, args.background, resume=target, fork=True)
    print(f"its result comes to {crew.boss} as a message in {crew.title}", flush=True)
    return crew.conclude(clone, f"no result of {clone}")


parser = _crew.options(__doc__)
parser.add_argument("task", help="what the clone does")
parser.add_argument("--target", help="whose fork (default: of the agent that runs this)")
parser.add_argument("--background", action="store_true", help="without a window")

if __name__ == "__main__":
    sys.exit(_crew.run(work, parser))
