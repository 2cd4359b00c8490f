"""What the bundled workflows have in common: their options, who asks for them, and a crew of agents
that are asked and answer by messages. No task of a workflow is here.

A workflow begins with a message, its root. Who is asked answers with a reply to that, which the
workflow waits for. A second process ends those launched once the workflow has ended, however.
"""

import argparse
import itertools
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import NoReturn

import hcom

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ANSWER_S = 900.0  # a task of some size; each answer is waited for so long
STARTING_S = 1.0  # a client that has just been started is not to be found yet: look again
LOOKS = 10
CUT = 20_000  # characters of an answer that are handed on: some fit in a model's context
ARGUMENT_BYTES = 100_000  # Linux allows 128 KiB; a longer prompt is sent
# As the presets idle and stopped of `hcom events sub --help`, to be joined with others.
IDLE = "(status_val = 'listening' AND status_context NOT IN ('start', 'new'))"
ENDED = "(life_action = 'stopped' OR status_context LIKE 'exit:%')"
REMINDER = """\
Your turn has ended without an answer. If that takes longer, stay in your turn until you have it:
nobody waits for it once this turn has ended. Asked was:

"""


class Parser(argparse.ArgumentParser):
    """One whose errors are a line, as hcom's are."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help)\n")


def options(about: str | None) -> argparse.ArgumentParser:
    """The options that each workflow has."""
    parser = Parser(
        prog=f"hcom run {_kind()}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--name", help="whose workflow it is: an agent (default: who runs it)")
    parser.add_argument(
        "--tool",
        type=words,
        default=[],
        help="what it launches: claude (default), gemini or codex, or in turn: claude,codex",
    )
    wait = "seconds to wait for each answer (%(default)g)"
    parser.add_argument("--timeout", type=seconds, default=ANSWER_S, metavar="SEC", help=wait)
    parser.add_argument("--keep", action="store_true", help="leave running what it launches")
    return parser


def words(text: str) -> list[str]:
    """The words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def seconds(text: str) -> float:
    """A time to wait. ValueError when it is none."""
    if not (value := float(text)) > 0:
        raise ValueError
    return value


def run(work, parser: argparse.ArgumentParser) -> int:
    """`work(crew, args)` is done, and nobody whom it launched is left; the exit code."""
    args = parser.parse_args()
    ended: list[int] = []  # what a handler raises may come out as an interrupt

    def end_by(number, _frame) -> None:
        ended.append(number)
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_by)
    try:
        with Crew(args) as crew:
            return work(crew, args) or 0
    except hcom.HcomError as error:
        print(
            f"{_kind()}: {error.message}", *filter(None, [error.hint]), sep="\n  ", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 128 + (ended or [signal.SIGINT])[0]


class Crew:
    """Who takes part in a workflow, by names without tags; `boss` is whose workflow it is."""

    def __init__(self, args):
        kind = re.sub("[^A-Za-z0-9]+", "-", _kind())  # it is in a tag
        self.args, self.title = args, f"{kind}-{secrets.token_hex(2)}"
        self.agent = _asker(args.name)
        self.boss = self.agent or "bigboss"
        # a dot is in no tag, and a program may not be called as one
        self.own = hcom.session(self.title.replace("-", "."), external=True)
        self.keeper, self.tools = None, itertools.cycle(args.tool)
        self.asked: dict[str, tuple[int, str]] = {}  # the newest question to each, and its message
        self.taken: dict[str, int] = {}  # the newest answer of each

    def __enter__(self):
        if not self.args.keep:
            self.keeper = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), self.title],
                env={**os.environ, "PYTHONPATH": os.path.dirname(PACKAGE)},
                stdin=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us alone
            )
        begun = self.own.send(f"@bigboss {self.title} begins, for {self.boss}", thread=self.title)
        self.root = begun.id
        return self

    def __exit__(self, *error):
        if self.keeper:
            self.keeper.stdin.close()
            if self.keeper.wait():  # somebody has killed it
                end(self.title)

    def target(self) -> str:
        """The agent that --target names, else whose workflow it is. HcomError for none."""
        if self.args.target:
            return hcom.instances(self.args.target)["base_name"]
        if not self.agent:
            raise hcom.HcomError("whose? No agent runs this", f"hcom run {_kind()} --target NAME")
        return self.agent

    def command(self, *to: str) -> str:
        """What an agent runs to answer; the answer also goes to those."""
        whom = "".join(f"@{name} " for name in to)
        return f"`hcom send {whom}--reply-to {self.root} -- TEXT` (long TEXT: --stdin, a heredoc)"

    def launch(self, role: str, prompt: str, background=True, **more) -> str:
        """An agent of that role has been launched with the prompt; its name."""
        if tool := next(self.tools, ""):
            more["tool"] = tool
        fits = len(prompt.encode()) < ARGUMENT_BYTES
        more |= {"prompt": prompt if fits else None, "background": background}
        told = hcom.launch(1, tag=self.title, **more)
        new = hcom.instances(told["handles"][0]["instance_name"])
        self.asked[new["base_name"]] = 0, prompt
        print(f"{role}: {new['name']} ({new['tool']}), for {self.boss}", flush=True)
        if not fits:
            self.ask(prompt, new["base_name"])
        return new["base_name"]

    def ask(self, text: str, name: str) -> None:
        """That agent is asked; `answers` says what came of it, also where it has left."""
        with suppress(hcom.HcomError):  # it has left
            told = self.own.send(text, to=name, intent="request", thread=self.title)
            self.asked[name] = told.id, text

    def answers(self, names) -> dict[str, str]:
        """The next answer of each of them, in their order. Who ends its turn without is asked once
        more. The others are told who has ended, and who has been silent for too long."""
        found: dict[str, str] = {}
        waiting, after, reminded = list(names), self.root, set[str]()
        end = time.monotonic() + self.args.timeout
        while waiting:
            marks = ", ".join("?" * len(waiting))
            event = self.own.wait(
                f"instance IN ({marks}) AND (msg_reply_to = ? OR {ENDED} OR {IDLE})",
                [*waiting, self.root],
                max(0.0, end - time.monotonic()),
                after=after,
            )
            if event is None:
                break
            after, name = event["id"], event["instance"]
            if event["type"] == "message":
                if after > self.taken.get(name, 0):
                    waiting.remove(name)
                    found[name], self.taken[name] = event["data"]["text"][:CUT], after
            elif has_ended(event):
                waiting.remove(name)
                self._gone(name, "has ended", names)
            elif not self._has_read(name, after):
                pass  # that turn was another's
            elif name in reminded:
                waiting.remove(name)
                self._gone(name, "has ended its turn twice without an answer", names)
            else:
                reminded.add(name)
                self.ask(REMINDER + self.asked[name][1], name)
        for name in waiting:
            self._gone(name, f"has not answered in {self.args.timeout:g} s", names)
        return {name: found[name] for name in names if name in found}

    def answer(self, name: str) -> "str | None":
        """The next answer of that one, as `answers` has it; None where none comes."""
        return self.answers([name]).get(name)

    def conclude(self, name: str, otherwise: str) -> int:
        """The workflow ends with the next answer of that one, which is printed, or `otherwise`; the
        exit code."""
        said = self.answer(name)
        if said is None:
            return self.failed(otherwise)
        print(said)
        return 0

    def _has_read(self, name: str, event: int) -> bool:
        """Whether the agent knew what it was asked when it did what that event says."""
        with suppress(hcom.HcomError, KeyError):  # it has left, or had when it was asked
            return event > self.asked[name][0] and not hcom.instances(name)["unread"]
        return False

    def turns(self, sql: str, params):
        """The newest event each time that some have matched since it began: for ever."""
        after = self.root
        while self.own.wait(sql, params, float("inf"), after=after):
            [newest] = self.own.events(sql, params, last=1)
            after = newest["id"]
            yield newest

    def _gone(self, name: str, why: str, names) -> None:
        self.tell(f"{name} {why}: {self.title} goes on without", [n for n in names if n != name])

    def tell(self, text: str, names=()) -> None:
        """Those of them who are there know it, and who reads what the workflow prints."""
        print(text, flush=True)
        for name in names:
            with suppress(hcom.HcomError):  # it has left
                self.own.send(text, to=name, intent="inform", thread=self.title)

    def failed(self, text: str) -> int:
        """Whose workflow it is knows why it came to nothing; the exit code."""
        self.tell(f"{self.title}: {text}", [self.boss])
        return 1


def has_ended(event) -> bool:
    """Whether an event that is one of `ENDED`, or else of an agent that is there, is that."""
    return event["type"] == "life" or event["data"].get("context", "").startswith("exit:")


def _kind() -> str:
    return os.path.splitext(os.path.basename(sys.argv[0]))[0]


def _asker(name: str | None) -> str:
    """The agent whose workflow it is, "" for the person."""
    try:
        return hcom.session(name).info["base_name"]
    except hcom.HcomError:
        if name:
            raise
        return ""


def end(tag: str) -> None:
    """No agent with the tag is left, nor its client."""
    own = hcom.session(tag.replace("-", "."), external=True)
    for do in ["kill"] * LOOKS + ["stop"]:
        if not any(one["tag"] == tag for one in hcom.instances()):
            return
        run = [sys.executable, "-I", "-S", PACKAGE, do, f"tag:{tag}"]
        subprocess.run(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        own.wait(f"instance = '' AND {ENDED}", timeout=STARTING_S)


if __name__ == "__main__":
    sys.stdin.read()
    end(sys.argv[1])
