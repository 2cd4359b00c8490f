"""What the bundled workflows have in common: their options, who asks for them, and a crew of agents
that are asked and answer by messages. No task of a workflow is here.

A workflow begins with a message, its root. Who is asked answers with a reply to that, which the
workflow waits for. A second process ends those launched once the workflow has ended, however.
"""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress

import hcom

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ANSWER_S = 900.0  # a task of some size; each answer is waited for so long
STARTING_S = 1.0  # a client that has just been started is not to be found yet: look again
LOOKS = 10
CUT = 20_000  # characters of an answer that are handed on: a command line holds some of them
ENDED = "(life_action = 'stopped' OR status_context LIKE 'exit:%')"


def options(about: str | None) -> argparse.ArgumentParser:
    """The options that each workflow has."""
    parser = argparse.ArgumentParser(
        prog=f"hcom run {_kind()}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--name", help="whose workflow it is: an agent (default: who runs it)")
    parser.add_argument("--tool", help="what it launches: claude (default), gemini or codex")
    wait = "seconds to wait for each answer (%(default)g)"
    parser.add_argument("--timeout", type=float, default=ANSWER_S, metavar="SEC", help=wait)
    parser.add_argument("--keep", action="store_true", help="leave running what it launches")
    return parser


def run(work, parser: argparse.ArgumentParser) -> int:
    """`work(crew, args)` is done, and nobody whom it launched is left; the exit code."""
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        with Crew(args) as crew:
            return work(crew, args) or 0
    except hcom.HcomError as error:
        print(
            f"{_kind()}: {error.message}", *filter(None, [error.hint]), sep="\n  ", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


class Crew:
    """Who takes part in a workflow, by names without tags; `boss` is whose workflow it is."""

    def __init__(self, args):
        self.args, self.title = args, f"{_kind()}-{secrets.token_hex(2)}"
        self.agent = _asker(args.name)
        self.boss = self.agent or "bigboss"
        # a dot is in no tag, and a program may not be called as one
        self.own = hcom.session(self.title.replace("-", "."), external=True)
        self.keeper = None

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
            self.keeper.wait()

    def command(self, *to: str) -> str:
        """What an agent runs to answer; the answer also goes to those."""
        whom = "".join(f"@{name} " for name in to)
        return f"`hcom send {whom}--reply-to {self.root} -- TEXT` (long TEXT: --stdin, a heredoc)"

    def launch(self, role: str, prompt: str, background=True, **more) -> str:
        """An agent of that role has been launched with the prompt; its name."""
        if self.args.tool:
            more.setdefault("tool", self.args.tool)
        told = hcom.launch(1, tag=self.title, prompt=prompt, background=background, **more)
        name = told["handles"][0]["instance_name"]
        print(f"{role}: {name} ({told['tool']}), for {self.boss}", flush=True)
        return hcom.instances(name)["base_name"]

    def ask(self, text: str, *names: str) -> int:
        """They are asked; the id of the message, behind which they answer. Who has left is told to
        the others by `answers`."""
        asked = []
        for name in names:
            with suppress(hcom.HcomError):  # it has left
                sent = self.own.send(text, to=name, intent="request", thread=self.title)
                asked.append(sent.id)
        return min(asked, default=self.root)

    def answers(self, names, asked: int = 0) -> dict[str, str]:
        """What each of them answered behind the message `asked` (0: since the beginning). The
        others are told who has ended, and who has been silent for too long."""
        found: dict[str, str] = {}
        waiting, after = list(names), self.root
        end = time.monotonic() + self.args.timeout
        while waiting:
            marks = ", ".join("?" * len(waiting))
            event = self.own.wait(
                f"(msg_reply_to = ? AND msg_from IN ({marks}) AND id > ?) "
                f"OR (instance IN ({marks}) AND {ENDED})",
                [self.root, *waiting, asked, *waiting],
                max(0.0, end - time.monotonic()),
                after=after,
            )
            if event is None:
                break
            after, name = event["id"], event["instance"]
            waiting.remove(name)
            if event["type"] == "message":
                found[name] = event["data"]["text"][:CUT]
            else:
                self._gone(name, "has ended", names)
        for name in waiting:
            self._gone(name, f"has not answered in {self.args.timeout:g} s", names)
        return found

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
