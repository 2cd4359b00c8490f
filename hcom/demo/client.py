"""A stand-in for an AI client, small enough to read: an input box, hooks, sessions, subagents, and
a model that does what the prompt says.

A prompt whose first line is a directive is a script, a step for each request to the model: RUN a
command (AND RUN: another beside it), ASK the person before it, EDIT a file (a line is put at its
end), SUB: a line of a subagent's script, SAY the turn's last word. STALL holds the next request
back until its FIFO has had a writer. `{key}` in a command is what the model was told to be called
by. Every request is a line in $STANDIN_LOG, with what has reached the model since the one before;
what was typed is there too.
"""

import argparse
import json
import os
import queue
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import tty
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from .mind import OWN, Mind, Step, handlers, note, opened, script

CAP = 3  # turn ends in a row that hooks may continue, without a tool call between
IDLE, BUSY, ASKING, PANEL = "idle", "busy", "asking", "panel"
PASTE, PASTED = b"\x1b[200~", b"\x1b[201~"


class Interrupted(Exception):
    """The turn is over, and no hook will say so."""


class Told(NamedTuple):
    """What hooks said: context for the model, and why what they belong to is not to be."""

    context: str
    refused: str


class Client:
    """One session at a time, and what it does now."""

    def __init__(self, asked, mind: Mind):
        self.asked, self.mind, self.state = asked, mind, BUSY
        self.pending = [asked.prompt] if asked.prompt else []
        self.box, self.typed, self.question = b"", b"", ""
        self.said: list[str] = []
        self.answers: queue.Queue[str] = queue.Queue()
        self.running: set[subprocess.Popen] = set()
        self.halted = self.over = False
        self.ear, self.mouth = os.pipe()  # tells the loop that something is another way
        self.lock = threading.RLock()
        self.env = {**os.environ, "STANDIN_SESSION": mind.session}
        if asked.push:
            self.env["STANDIN_PUSH"] = "1"
        live = os.path.join(OWN, "live")
        os.makedirs(live, exist_ok=True)
        self.facts, self.inbox = (f"{live}/{os.getpid()}.{end}" for end in ("json", "fifo"))
        self.letters = -1
        if not asked.push:  # what can be woken so needs no hook in the background
            os.mkfifo(self.inbox)
            self.letters = os.open(self.inbox, os.O_RDWR)

    # -- hooks --

    def hook(self, event: str, mind: Mind, **facts) -> Told:
        payload = {
            "event": event,
            "session_id": mind.session,
            "transcript_path": mind.path,
            "cwd": os.getcwd(),
            **({"agent_id": mind.agent} if mind.agent else {}),
            **facts,
        }
        contexts, reasons = [], []
        for handler in handlers(event):
            if handler.get("background"):
                if self.asked.push:
                    self.beside(self.push, handler, payload)
                continue
            said = self.called(handler, payload).stdout
            told = json.loads(said) if said.strip() else {}
            contexts.append(told.get("hookSpecificOutput", {}).get("additionalContext", ""))
            reasons += [told.get("reason", "")] if told.get("decision") == "block" else []
        return Told("\n".join(filter(None, contexts)), "\n".join(reasons))

    def called(self, handler: dict, payload: dict):
        return subprocess.run(
            ["sh", "-c", handler["command"]],
            input=json.dumps(payload),
            env=self.env,
            capture_output=True,
            text=True,
            timeout=handler["timeout"],
        )

    def push(self, handler: dict, payload: dict) -> None:
        """A hook in the background: when it ends with 2, what it says is a prompt."""
        done = self.called(handler, payload)
        if done.returncode == 2:
            self.submit("pushed: " + done.stdout.strip())

    # -- turns --

    def submit(self, prompt: str) -> None:
        self.pending.append(prompt)
        os.write(self.mouth, b".")

    def become(self, state: str) -> None:
        with self.lock:
            self.state = state
            with open(self.facts + ".new", "w", encoding="utf-8") as stream:
                json.dump({"session": self.mind.session, "state": state}, stream)
            os.replace(self.facts + ".new", self.facts)
            self.draw()
        os.write(self.mouth, b".")

    def turn(self, prompt: str) -> None:
        try:
            told = self.hook("Prompt", self.mind, prompt=prompt)
            if not told.refused:
                self.mind.hear("user", prompt)
                self.mind.hear("context", told.context)
                self.said.append(self.work(self.mind, script(prompt), "Done"))
        except Interrupted:
            self.said.append("interrupted")
        self.halted = False
        self.become(IDLE)

    def work(self, mind: Mind, steps: list[Step], end: str) -> str:
        """The model's last word in a turn; the hooks of its `end` may have it go on."""
        streak = 0
        while True:
            while steps and steps[0].verb == "STALL":
                with open(steps.pop(0).words[0], encoding="utf-8") as gate:
                    gate.read()
            step = mind.ask(steps)
            if step.verb == "SAY":
                reason = self.hook(end, mind).refused
                if not reason or streak == CAP:
                    return step.words[0]
                streak += 1
                mind.hear("reason", reason)
                continue
            streak = 0
            if step.verb == "SUB":
                self.delegate(mind, step.words)
                continue
            calls = [self.beside(self.use, mind, step.verb, word) for word in step.words]
            for call in calls:
                call.join()
            if self.halted:
                raise Interrupted

    def use(self, mind: Mind, verb: str, word: str) -> None:
        """A tool has been used, unless a hook or the person has refused it."""
        if verb == "EDIT":
            self.edit(mind, *word.split(" ", 1))
            return
        command = word.replace("{key}", mind.key)
        asked = {"tool_name": "Shell", "tool_input": {"command": command}}
        refused = self.hook("Before", mind, **asked).refused
        if refused:
            mind.hear("tool", refused)
            return
        if verb == "ASK":
            self.ask_person(mind, asked)
        if self.halted:
            return
        env = {**self.env, "STANDIN": "1", "STANDIN_PID": str(os.getpid())}
        shell = subprocess.Popen(
            ["sh", "-c", command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running.add(shell)
        if self.halted:  # meanwhile
            self.halt()
        output = shell.communicate()[0]
        self.running.discard(shell)
        if not self.halted:
            note(ran=command, output=output)
            mind.hear("tool", output)
            mind.hear("context", self.hook("After", mind, **asked, tool_response=output).context)

    def edit(self, mind: Mind, path: str, line: str) -> None:
        """The line stands at the end of the file."""
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        output = f"{path} has one more line"
        mind.hear("tool", output)
        used = {"tool_name": "Edit", "tool_input": {"path": path}, "tool_response": output}
        mind.hear("context", self.hook("After", mind, **used).context)

    def ask_person(self, mind: Mind, asked: dict) -> None:
        self.hook("Dialog", mind, **asked)
        self.question = asked["tool_input"]["command"]
        self.become(ASKING)
        self.halted = self.answers.get() not in ("y", "\r")
        self.become(BUSY)

    def panel(self) -> None:
        """`/panel`: a dialog of the client's own, above the box; no hook tells of it."""
        self.question = "a choice"
        self.become(PANEL)
        self.answers.get()
        self.become(IDLE)

    def delegate(self, mind: Mind, lines: list[str]) -> None:
        sub = Mind(mind.session, uuid.uuid4().hex[:12])
        told = self.hook("SubBegin", sub)
        sub.hear("context", told.context)
        invited = re.search(r"--name (\S+)", told.context)
        sub.key = invited[1] if invited else ""
        said = self.work(sub, script("\n".join(lines)), "SubDone")
        mind.hear("tool", said)
        mind.hear("context", self.hook("After", mind, tool_name="Agent", tool_input={}).context)

    def beside(self, function, *words) -> threading.Thread:
        thread = threading.Thread(target=function, args=words, daemon=True)
        thread.start()
        return thread

    # -- sessions --

    def begin(self, source: str, **facts) -> None:
        self.env["STANDIN_SESSION"] = self.mind.session
        context = self.hook("Begin", self.mind, source=source, **facts).context
        self.mind.hear("context", context)
        self.become(IDLE)

    def clear(self) -> None:
        """`/clear`: another session in the same process."""
        self.hook("End", self.mind, reason="clear")
        self.mind = Mind(str(uuid.uuid4()))
        self.begin("clear")

    # -- the person's side --

    def draw(self) -> None:
        if self.asked.p or self.asked.lines:
            return
        rule = "─" * os.get_terminal_size(1).columns
        box = f"{rule}\r\n> " + self.box.decode(errors="replace").replace("\n", "\r\n  ")
        asks = f"Allow: {self.question}\r\n(y)es, the default, or (n)o "
        shown = {IDLE: [box], BUSY: [box], ASKING: [asks], PANEL: [asks, box]}[self.state]
        state = ASKING if self.state == PANEL else self.state
        frame = "\r\n".join([*self.said[-5:], *shown])
        os.write(1, f"\x1b]0;standin: {state}\x07\x1b[2J\x1b[H{frame}".encode())

    def key(self, data: bytes) -> None:
        """What was typed goes to the box, or to the dialog that stands in its place."""
        note(typed=data.decode(errors="replace"))
        self.typed += data
        while self.typed:
            begun = len(self.typed) > 1 and PASTE.startswith(self.typed)
            if begun or self.typed.startswith(PASTE):
                if PASTED not in self.typed:
                    return  # the rest comes
                pasted, _, self.typed = self.typed.removeprefix(PASTE).partition(PASTED)
                self.box += b"" if self.question else pasted
                continue
            one, self.typed = self.typed[:1], self.typed[1:]
            if self.question:
                self.answer(one.decode(errors="replace"))
            elif one in KEYS:
                KEYS[one](self)
            else:
                self.box += one
        with self.lock:  # else what another thread becomes meanwhile is drawn over
            self.draw()

    def answer(self, char: str) -> None:
        if char in "yn\r":
            note(answered=char)
            self.question = ""
            self.answers.put(char)

    def enter(self) -> None:
        prompt, self.box = self.box.decode(errors="replace"), b""
        if prompt.strip():
            self.submit(prompt)

    def halt(self) -> None:
        self.halted = self.state == BUSY
        for shell in list(self.running):
            with suppress(ProcessLookupError):  # it has just ended
                os.killpg(shell.pid, signal.SIGKILL)

    def end(self) -> None:
        self.over = True

    def line(self, data: bytes) -> None:
        for line in data.splitlines():
            self.submit(json.loads(line)["prompt"])

    def loop(self) -> None:
        """Until the person, or the end of the input, ends it."""
        heard: dict[int, Callable[[bytes], object]] = {self.ear: len}
        if self.letters >= 0:
            heard[self.letters] = lambda data: self.submit(data.decode())
        if not self.asked.p:
            heard[0] = self.line if self.asked.lines else self.key
        while not self.over:
            if self.state == IDLE and self.pending:
                prompt = self.pending.pop(0)
                self.become(BUSY)
                if prompt in COMMANDS:
                    COMMANDS[prompt](self)
                else:
                    self.beside(self.turn, prompt)
            elif self.state == IDLE and 0 not in heard:
                return
            for fd in select.select(list(heard), (), ())[0]:
                data = os.read(fd, 65536)
                if data:
                    heard[fd](data)
                else:
                    del heard[fd]

    def close(self) -> None:
        self.hook("End", self.mind, reason="exit")
        os.unlink(self.facts)
        if self.letters >= 0:
            os.unlink(self.inbox)


COMMANDS = {
    "/exit": Client.end,
    "/clear": Client.clear,
    "/panel": lambda client: client.beside(client.panel),
}
KEYS = {
    b"\r": Client.enter,
    b"\x7f": lambda client: setattr(client, "box", client.box[:-1]),
    b"\x15": lambda client: setattr(client, "box", b""),
    b"\x1b": Client.halt,
    b"\x04": Client.end,
}


def arguments():
    """What the client was started with."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--resume", default="")
    parser.add_argument("--fork", action="store_true")
    parser.add_argument("--push", action="store_true", help="hooks in the background may push")
    parser.add_argument("--model", default="")
    parser.add_argument("-p", action="store_true", help="print the answer and end")
    parser.add_argument("--lines", action="store_true", help="prompts are lines of JSON on stdin")
    parser.add_argument("prompt", nargs="?", default="")
    return parser.parse_args()


def main() -> None:
    """The client has run to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked = arguments()
    if asked.model == "nonesuch":
        print("no model nonesuch")
        sys.exit(3)
    mind, source, facts = opened(asked)
    client = Client(asked, mind)
    on_terminal = not (asked.p or asked.lines)
    before = termios.tcgetattr(0) if on_terminal else []
    if on_terminal:
        tty.setraw(0)
        os.write(1, b"\x1b[?2004h")
    try:
        client.begin(source, **facts)
        client.loop()
        client.close()
    finally:
        if on_terminal:
            os.write(1, b"\x1b[?2004l\x1b[2J\x1b[H")
            termios.tcsetattr(0, termios.TCSADRAIN, before)
    if asked.p:
        print("\n".join(client.said))
