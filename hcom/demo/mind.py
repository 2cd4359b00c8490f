"""What a stand-in keeps: its conversations with the model, which does what the prompt says, and the
hooks in its settings. client.py says which prompts are scripts."""

import json
import os
import re
import shutil
import sys
import threading
import time
import uuid
from typing import NamedTuple

OWN = os.path.join(os.environ["HOME"], ".standin")
DIRECTIVE = re.compile(r"(AND )?(RUN|ASK|EDIT|SUB|STALL|SAY): ?(.*)")


class Step(NamedTuple):
    verb: str
    words: list[str]


def script(prompt: str) -> list[Step]:
    """What the model is to do; [] when the prompt is none."""
    found = [DIRECTIVE.fullmatch(line) for line in prompt.splitlines()]
    steps: list[Step] = []
    for match in filter(None, found if found and found[0] else []):
        beside, verb, word = match.groups()
        if steps and steps[-1].verb == verb and (beside or verb == "SUB"):
            steps[-1].words.append(word)
        else:
            steps.append(Step(verb, [word]))
    return steps


def note(**facts) -> None:
    """A line in the log of the tests."""
    line = json.dumps({"at": time.time(), "pid": os.getpid(), **facts}) + "\n"
    with open(os.environ.get("STANDIN_LOG", os.devnull), "ab", buffering=0) as stream:
        stream.write(line.encode())


def transcript(session: str) -> str:
    """Where the session is recorded."""
    return os.path.join(OWN, "sessions", session + ".jsonl")


class Mind:
    """A conversation with the model: the session's, or the one of a subagent `agent` of it."""

    def __init__(self, session: str, agent: str = ""):
        self.session, self.agent, self.key = session, agent, ""
        self.path = transcript(f"{session}.{agent}" if agent else session)
        self.fresh: list[dict] = []
        self.lock = threading.Lock()
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "a", encoding="utf-8"):
            pass  # there from the start

    def hear(self, by: str, text: str) -> None:
        """`text` goes to the model with the next request."""
        if text:
            with self.lock:
                self.fresh.append({"by": by, "text": text})
                self.write(by, text)

    def write(self, by: str, text: str) -> None:
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"type": by, "text": text}) + "\n")

    def ask(self, steps: list[Step]) -> Step:
        """The model's answer to all it has heard."""
        note(session=self.session, agent=self.agent, fresh=self.fresh)
        self.fresh = []
        step = steps.pop(0) if steps else Step("SAY", ["done"])
        self.write("assistant", f"{step.verb}: {' | '.join(step.words)}")
        return step


def handlers(event: str) -> list[dict]:
    """The hooks of an event, by the person's settings and the project's."""
    found = []
    for folder in dict.fromkeys((OWN, os.path.abspath(".standin"))):
        try:
            with open(os.path.join(folder, "settings.json"), encoding="utf-8") as stream:
                groups = json.load(stream)["hooks"].get(event, [])
        except (OSError, ValueError, KeyError):
            continue
        found += [handler for group in groups for handler in group["hooks"]]
    return found


def opened(asked) -> tuple[Mind, str, dict]:
    """The session that is asked for, how it begins, and what more is said of that."""
    if not asked.resume:
        return Mind(str(uuid.uuid4())), "startup", {}
    if not os.path.exists(transcript(asked.resume)):
        sys.exit(f"no session {asked.resume}")
    if not asked.fork:
        return Mind(asked.resume), "resume", {}
    copy = Mind(str(uuid.uuid4()))
    shutil.copyfile(transcript(asked.resume), copy.path)
    return copy, "fork", {"forked_from": asked.resume}
