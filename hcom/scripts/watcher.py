"""A background reviewer looks at each turn of an agent: lgtm, or findings that it sends."""

import sys

from hcom import instances
from hcom.scripts import _crew

REVIEW = """\
You review the work of {target}, another agent, in {directory}; change nothing there. It has just
ended a turn{more}. Read what it was asked and did (`hcom transcript @{target} --last 1 --full`) and
what changed (`git diff`, `git status`). Only what is wrong counts: bugs, what was asked for and not
done, claims that are not true; no matters of taste, nothing that you have already said. What you
find goes to it, with paths and lines: {findings}
Where that is nothing, to nobody: `hcom send --reply-to {root} -- lgtm`"""
WORKS = " OR (status_val = 'active' AND status_context LIKE 'tool:%')"


def work(crew, args) -> int:
    """Each turn is reviewed, until the agent or its reviewer ends."""
    target = instances(args.target)
    name = target["base_name"]
    question = REVIEW.format(
        target=name,
        directory=target["directory"],
        more=", or is within one" if args.active else "",
        findings=crew.command(name),
        root=crew.root,
    )
    reviewer = ""
    print(f"{crew.title} waits for turns of {name}", flush=True)
    wanted = f"instance = ? AND ({_crew.IDLE}{WORKS * args.active} OR {_crew.ENDED})"
    for event in crew.turns(wanted, [name]):
        if _crew.has_ended(event):
            print(f"{name} has ended")
            return 0
        if reviewer:
            crew.ask(question, reviewer)
        else:
            reviewer = crew.launch("reviewer", question)
        said = crew.answer(reviewer)
        if said is None:
            return crew.failed(f"no review of {name}")
        print(said, flush=True)
        if args.once:
            break
    return 0


parser = _crew.options(__doc__)
parser.add_argument("--target", required=True, help="whose turns are reviewed")
parser.add_argument("--active", action="store_true", help="also while it works, after its tools")
parser.add_argument("--once", action="store_true", help="only its next turn")

if __name__ == "__main__":
    sys.exit(_crew.run(work, parser))
