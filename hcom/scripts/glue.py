"""Reads what all agents do, and tells those who should know of each other's work; once each."""

import re
import sys

from hcom import HcomError
from hcom.scripts import _crew

LOOK = """\
You see to it that the agents here know of each other what they need. Read who is here (`hcom list`)
and what they were asked and did (`hcom transcript timeline --last 50`; `hcom transcript @NAME`).
{focus}Look for what one should know of another: the same file or task, decisions that contradict, a
question that another has answered, work that waits for something that is done. Send a line for
each, the name without @ and what to tell ("nova: ..."), or only the word nothing. Change no file,
and tell nobody yourself.
Told already, and never again:
{told}
{command}"""
LINE = re.compile(r"^[-*` ]*@?([\w-]+)`?: +(.+)$", re.MULTILINE)


def work(crew, args) -> int:
    """Whoever should know something is told, now or at the end of each turn of anybody."""
    focus = f"Only about: {args.focus}\n" if args.focus else ""
    glue, told = "", dict[str, str]()
    own = [glue]  # whose turns are none of others
    for _ in crew.turns(f"{_crew.IDLE} AND instance <> ?", own) if args.watch else [None]:
        known = "\n".join(told.values()) or "(nothing)"
        question = LOOK.format(focus=focus, told=known, command=crew.command())
        if glue:
            crew.ask(question, glue)
        else:
            own[0] = glue = crew.launch("glue", question)
        said = crew.answer(glue)
        if said is None:
            return crew.failed("the one who looks does not answer")
        for name, text in LINE.findall(said):
            key = f"{name} {' '.join(re.findall(r'[a-z0-9]+', text.lower()))}"
            if key not in told and _sent(crew, name, text):
                told[key] = f"@{name} {text}"
        if args.once:
            break
    return 0


def _sent(crew, name: str, text: str) -> bool:
    """Whether that agent could be told."""
    try:
        crew.own.send(text, to=name, intent="inform", thread=crew.title)
    except HcomError as error:
        print(error.message, flush=True)
        return False
    print(f"@{name} {text}", flush=True)
    return True


parser = _crew.options(__doc__)
parser.add_argument("--watch", action="store_true", help="at the end of each turn of anybody")
parser.add_argument("--focus", metavar="TEXT", help="only what has to do with this")
parser.add_argument("--once", action="store_true", help="with --watch: only the next turn")

if __name__ == "__main__":
    sys.exit(_crew.run(work, parser))
