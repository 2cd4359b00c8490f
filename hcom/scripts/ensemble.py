"""Several agents solve a task, each sees the others' solutions and refines its own; one wins."""

import os
import sys

from hcom import HcomError
from hcom.scripts import _crew

SOLVE = """\
Solve this task, independently of others who do the same. Change no file: the solution is what you
send, whole, then wait, you will be asked again.

{task}

{command}"""
REFINE = """\
Round {number} of {rounds}. The task was: {task}

The others' solutions:

{others}
Take what is better there, mend what is wrong in yours, and send your whole solution: {command}"""
JUDGE = """\
Which of these solutions is the best? The task: {task}

{others}
Check them. Send the name of the best as the first word, and behind it why: {command}"""


def work(crew, args) -> int:
    """The solutions are refined and judged, and the winner printed and written."""
    if args.agents < 1 or args.rounds < 0:
        raise HcomError("not a number of agents or rounds", "--agents 3 --rounds 2")
    about = {"task": args.task, "rounds": args.rounds, "command": crew.command()}
    team = [crew.launch("solver", SOLVE.format(**about)) for _ in range(args.agents)]
    best = crew.answers(team)
    for number in range(1, args.rounds + 1) if len(best) > 1 else ():
        for name in best:
            others = _told(best, but=name)
            crew.ask(REFINE.format(number=number, others=others, **about), name)
        best |= crew.answers(best)  # the last of one who is silent now is still a solution
    if not best:
        return crew.failed("nobody has sent a solution")
    winner = "" if args.no_judge else _judged(crew, about, best)
    result = best.get(winner, _told(best))
    print(result)
    if args.dir:
        os.makedirs(args.dir, exist_ok=True)
        for name, text in (*best.items(), ("winner" if winner else "all", result)):
            with open(os.path.join(args.dir, f"{name}.md"), "w", encoding="utf-8") as file:
                file.write(text + "\n")
    if crew.agent:
        crew.tell(f"{crew.title}: {winner or 'all solutions'}\n\n{result}", [crew.agent])
    return 0 if winner or args.no_judge else crew.failed("the judge has named no winner")


def _judged(crew, about, best) -> str:
    """The name of the solution that the judge thinks best, "" where it names none."""
    if len(best) == 1:
        return next(iter(best))
    judge = crew.launch("judge", JUDGE.format(others=_told(best), **about))
    verdict = crew.answer(judge) or ""
    print(verdict, flush=True)
    named = [word.strip("@*:.,`#") for word in verdict.split()]
    return next((word for word in named if word in best), "")


def _told(solutions, but: str = "") -> str:
    """The solutions, but that of one."""
    return "".join(f"## {name}\n{text}\n\n" for name, text in solutions.items() if name != but)


parser = _crew.options(__doc__)
parser.add_argument("task", help="what is to be solved")
parser.add_argument("--agents", type=int, default=3, help="how many (default: 3)")
parser.add_argument("--rounds", type=int, default=2, help="of refining (default: 2)")
parser.add_argument("--no-judge", action="store_true", help="end with all the solutions")
parser.add_argument("--dir", help="also write the solutions, and the winner, there")

if __name__ == "__main__":
    sys.exit(_crew.run(work, parser))
