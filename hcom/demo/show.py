"""hcom demo: agents message, wake, warn, read and ask each other while a person looks on. What is
printed of them is what their models were given, and what their tools gave back.
"""

import re
import sys
import time

from ..bus.render import clean
from ..errors import HcomError
from .place import LOOK_S, PATIENCE_S, Gate, Place

SHOWN = 12  # lines of a text; of what is more, the number
ANSWER = "yes, go ahead"
DOES = {"RUN": "runs", "EDIT": "edits"}


def mark(sent: str) -> str:
    """What the message begins with where a model reads it, by what `hcom send` printed."""
    found = re.search(r"#\d+", sent)
    return f"[hcom message {found.group() if found else '?'} "


class Show:
    """The steps, in their order; `say` prints a line, `ask` has the person's word, None for nobody
    to ask."""

    def __init__(self, place: Place, say, ask):
        self.place, self.say, self.ask, self.steps = place, say, ask, 0

    def run(self) -> None:
        """All has been shown. HcomError where a step did not come to its end."""
        self.title("Two agents start, each in a terminal of its own, as `hcom claude` starts one.")
        self.luna, self.nova = (self.place.launch() for _ in range(2))
        for name in (self.luna, self.nova):
            self.until(lambda name=name: self.place.is_idle(name), f"{name} is idle")
        self.show(self.place.hcom("list"))
        for step in (self.mid_turn, self.idle, self.collision, self.transcript, self.person):
            step()

    def mid_turn(self) -> None:
        """A message comes with the result of a tool."""
        self.title(f"{self.nova} works: {self.luna}'s message comes with its tool's result.")
        gate = Gate(self.place.path("work", "build"))
        self.prompt(self.nova, "RUN: echo built; read word <build")
        self.until(gate.is_held, f"{self.nova} runs its tool")
        message = self.sends("the API is now v2")
        gate.open()
        self.reads(self.nova, message)

    def idle(self) -> None:
        """A message wakes who has nothing to do."""
        self.title(f"{self.nova} is idle: a typed line wakes it, and its hook brings the text.")
        self.until(lambda: self.place.is_idle(self.nova), f"{self.nova} is idle")
        self.reads(self.nova, self.sends("do the tests pass with it?"))

    def collision(self) -> None:
        """Who edits a file that another one edits is told."""
        self.title("Both edit one file: each is told of the other, without having asked.")
        for name in (self.luna, self.nova):
            self.uses(name, f"EDIT: notes.md {name} was here")
        for name in (self.luna, self.nova):
            self.reads(name, "collision: ")

    def transcript(self) -> None:
        """One agent reads what the other did."""
        self.title(f"{self.nova} looks up what {self.luna} was asked and did.")
        self.show(self.uses(self.nova, f"RUN: hcom transcript @{self.luna} --last 3"))

    def person(self) -> None:
        """An agent has the person's answer."""
        self.title(f"{self.luna} asks the person, @bigboss, and waits for the answer.")
        listen = "hcom listen --timeout 3600"
        self.show(
            self.uses(
                self.luna,
                f"RUN: hcom send @bigboss --intent request -- may I merge?\nRUN: {listen}",
            )
        )
        answer = self.ask(f"   your answer to {self.luna} [{ANSWER}]: ")
        words = [f"@{self.luna}", "--", answer or ANSWER]
        if answer is None:  # nothing is said in the name of a person who is not there
            self.say("   Nobody is at this terminal: the demo answers in its own name.")
            sent = self.place.hcom("send", "--from", "demo", *words)
        else:
            sent = self.place.hcom("send", *words, stdin=sys.stdin)
        self.reads(self.luna, mark(sent))

    # -- what agents do, and what their models were given --

    def prompt(self, name: str, prompt: str) -> None:
        """The agent is asked for that, a step a line."""
        for line in prompt.split("\n"):
            verb, _, word = line.partition(": ")
            self.say(f"   {name} {DOES[verb]}: {word}")
        self.place.terminals[name].prompt(prompt)

    def sends(self, text: str) -> str:
        """luna has sent that to nova; what the message begins with where a model reads it."""
        said = self.uses(self.luna, f"RUN: hcom send @{self.nova} -- '{text}'")
        self.show(said)
        return mark(said)

    def uses(self, name: str, prompt: str) -> str:
        """What the first tool of the prompt gave back, once it has."""
        self.until(lambda: self.place.is_idle(name), f"{name} is idle")
        before = len(self.place.heard(name))
        self.prompt(name, prompt)

        def returned() -> str:
            new = self.place.heard(name)[before:]
            return next((text for by, text in new if by == "tool"), "")

        return self.until(returned, f"{name} has done: {prompt}")

    def reads(self, name: str, sign: str) -> None:
        """The model of the agent has been asked with a text that has the sign; it is shown."""

        def found() -> str:
            return next((text for _, text in self.place.heard(name) if sign in text), "")

        text = self.until(found, f"{name} reads {sign}")
        self.say(f"   what {name}'s model was given:")
        self.show(text[max(text.rfind("[hcom message", 0, text.index(sign) + len(sign)), 0) :])

    # -- what the person sees --

    def title(self, text: str) -> None:
        """What comes now, in a line."""
        self.steps += 1
        self.say(f"\n{self.steps}. {text}")

    def show(self, text: str) -> None:
        """The text, as something that was said or given."""
        lines = clean(text).strip().split("\n")
        for line in lines[:SHOWN]:
            self.say(f"   | {line}".rstrip())
        if lines[SHOWN:]:
            self.say(f"   | ... {len(lines) - SHOWN} lines more")

    def until(self, true, what: str):
        """What `true()` says, once it says something. HcomError when it never does."""
        end = time.monotonic() + PATIENCE_S
        self.place.pump()
        while not (found := true()):
            if time.monotonic() > end:
                hint = "hcom demo --keep, and look into its directory"
                raise HcomError(f"the demo waited in vain: {what}", hint)
            time.sleep(LOOK_S)
            self.place.pump()
        return found
