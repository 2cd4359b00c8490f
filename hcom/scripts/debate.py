"""Two sides debate a topic in rounds, and a judge gives a verdict with scores.

Fresh debaters, or agents that are here, who choose their sides; all in one thread.
"""

import os
import sys

from hcom import HcomError, instances
from hcom.scripts import _crew

SIDES = ("FOR", "AGAINST")
TOPIC = "A debate, {title}. The topic: {topic}\n{shared}\n"
CHOOSE = "Choose the side you can argue best. Send FOR or AGAINST, and why in a sentence: {command}"
OPEN = """\
You argue {side} it. Send your opening, in at most 300 words, with evidence (paths, lines, numbers);
then wait, you will be asked again: {command}"""
REBUT = """\
Round {number} of {rounds}. You argue {side} it. All that was said:

{said}
Rebut the strongest points of the other side, admit what is right, and say what decides it:
{command}"""
JUDGE = """\
You are the judge, on no side. All that was said:

{said}
Check what can be checked. Send a verdict: who wins and why, scores from 0 to 10 for each debater's
arguments, evidence and rebuttals, and what to do now: {command}"""


def work(crew, args) -> int:
    """The debate is held, and its verdict printed."""
    start = TOPIC.format(title=crew.title, topic=args.topic, shared=_shared(args))
    about = {"rounds": args.rounds, "command": crew.command()}
    sides = _spawned(crew, start) if args.spawn else _chosen(crew, args.workers, start)
    said = ""
    for number in range(args.rounds + 1):
        text, about["said"] = REBUT if number else OPEN, said
        for name, side in sides.items():
            if number or not args.spawn:  # who was launched has been asked
                crew.ask(start + text.format(number=number, side=side, **about), name)
        answers = crew.answers(sides)
        said += "".join(f"## {name}, {sides[name]}\n{text}\n\n" for name, text in answers.items())
        sides = {name: sides[name] for name in answers}
    if not said:
        return crew.failed("nobody has said anything")
    whom = dict.fromkeys([*([] if args.spawn else sides), crew.boss])
    judge = crew.launch("judge", start + JUDGE.format(said=said, command=crew.command(*whom)))
    return crew.conclude(judge, f"no verdict. All that was said:\n{said}")


def _shared(args) -> str:
    """Where what all of them may build on is to be read."""
    if args.context and not os.path.isfile(args.context):
        raise HcomError(f"no file {args.context!r}", "--context FILE")
    files = [f"Shared context: the file {os.path.abspath(args.context)}"] if args.context else []
    return "\n".join(files + [f"Shared: `hcom transcript @{n} --last 20`" for n in args.workers])


def _spawned(crew, start: str) -> dict[str, str]:
    """A new debater for each side, who is asked for an opening: name -> side."""
    return {
        crew.launch(side, start + OPEN.format(side=side, command=crew.command())): side
        for side in SIDES
    }


def _chosen(crew, names, start: str) -> dict[str, str]:
    """The side each has chosen; the last one takes the other where all want the same."""
    workers = [instances(name)["base_name"] for name in names]
    for name in workers:
        crew.ask(start + CHOOSE.format(command=crew.command()), name)
    said = crew.answers(workers)
    chosen = {name: SIDES["AGAINST" in text.upper()] for name, text in said.items()}
    if len(set(chosen.values())) == 1 < len(chosen):
        name, side = chosen.popitem()
        chosen[name] = SIDES[side == SIDES[0]]
    print(*(f"{side}: {name}" for name, side in chosen.items()), sep="\n", flush=True)
    return chosen


parser = _crew.options(__doc__)
parser.add_argument("topic", help="a statement to argue for or against")
who = parser.add_mutually_exclusive_group(required=True)
who.add_argument("--spawn", action="store_true", help="launch the two debaters")
who.add_argument("--workers", metavar="A,B", type=_crew.words, default=[], help="agents debate")
parser.add_argument("--rounds", type=int, default=2, help="of rebuttals (default: 2)")
parser.add_argument("--context", metavar="FILE", help="a file that all of them read")

if __name__ == "__main__":
    sys.exit(_crew.run(work, parser))
