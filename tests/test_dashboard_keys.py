"""Each key of the dashboard's table, in each view where it works: on a database with nothing in it,
and with many agents."""

import json
import os
import re
import select
import time

from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.delivery import bell
from hcom.home import locate
from hcom.hub import people
from hcom.ops import talk
from hcom.store import agents, events
from hcom.store.connect import open_db
from hcom.tui import cells, keys
from hcom.tui.app import SAID_S, App
from hcom.tui.keys import View
from hcom.tui.loop import Loop
from hcom.tui.state import (
    ARCHIVE,
    EVENT,
    FILTER,
    LAUNCH,
    MESSAGE,
    SETTING,
    STEERS,
    TAG,
    WATCH,
    Entry,
    Page,
    Question,
    State,
)
from tests.sealed import Sealed
from tests.waiting import looks

COLS, ROWS = 80, 24
CROWD, USES = 200, 300
LONG = "\n".join(f"line {n}" for n in range(60))
LINES = {TAG: "web", FILTER: "type:life", LAUNCH: "gemini", WATCH: "idle:a100", SETTING: "tag=x"}
TAKEN = {
    TAG: "a100 is web-a100 now",
    FILTER: "/type:life",
    LAUNCH: "gemini",  # is not there: that is said
    WATCH: "told of idle:a100",
    SETTING: "tag = x",
    ARCHIVE: "no archive",
}
STEERED = {
    "stop": "stopped web-a100",
    "kill": "a100 has no process",
    "resume": "adhoc cannot be started",
    "fork": "adhoc cannot be started",
}


class Glass:
    """What the dashboard is seen on: no terminal, its frames alone."""

    def __init__(self):
        self.shown, self.done, self.cols = None, [], COLS

    def size(self):
        return self.cols, ROWS

    def put(self, frame):
        self.shown = frame

    def renew(self):
        self.done.append("redraw")

    def suspend(self):
        self.done.append("suspend")

    def mouse(self):
        return True

    def send(self, sequence):
        self.done.append(sequence)

    def title(self, text):
        self.titled = text


class Seen:
    """A dashboard of that home, its keys pressed by us."""

    def __init__(self, home):
        self.glass = Glass()
        self.app = App(home, {"HOME": home.tools}, self.glass)
        self.loop = Loop(self.app, -1)
        self.rings = bell.Bell(home, bell.EVERYONE).__enter__()

    def close(self):
        self.app.work.end(20)
        self.rings.__exit__()
        for fd in self.app.work.fds:
            os.close(fd)

    def at(self, state: State) -> None:
        """The person is there, and sees what is so by now."""
        self.app.state, self.app.code, self.app.asked = state, None, None
        self.look()

    def look(self) -> str:
        """What the screen shows once what was done beside the loop is told."""
        if select.select([self.app.work.fd], (), (), 0)[0]:
            os.read(self.app.work.fd, 512)
        self.app.work.finish()
        self.loop.read(self.rings)
        self.app.draw()
        return self.text

    @property
    def text(self) -> str:
        return cells.text_of(self.glass.shown.lines)

    def quiet(self) -> str:
        """What the screen shows once nothing is being done beside the loop."""
        for _ in range(5):  # what is done may begin another thing
            self.app.work.end(20)
            said = self.look()
            if not (self.app.state.page and self.app.state.page.lines == ("...",)):
                break
        return said


def starts(view: View) -> "list[State]":
    """Where the person may be when a key is pressed there."""
    here = State(agent="a100")
    typed = Entry(MESSAGE, "@we one two", 3)
    said = ("sent before", "and after")
    asked = [Question(verb, "a100", ("a100", "a101", "a102"), True) for verb in STEERS]
    lines = [Entry(kind, LINES.get(kind, "10"), at=1, of="a100") for kind in TAKEN]
    pages = [Page(EVENT, str(CROWD + USES + 1), top=5), Page("agent", "a100")]
    return {
        View.AGENTS: [here],
        View.STREAM: [here._replace(view=View.STREAM, event=CROWD + 100)],
        View.PAGE: [here._replace(page=page) for page in pages],
        View.WRITE: [here._replace(entry=typed, sent=said)],
        View.LINE: [here._replace(entry=entry) for entry in lines],
        View.ASK: [here._replace(question=question) for question in asked],
    }.get(view, [])


def entry(**wanted):
    """A sign: what is typed is so."""
    return lambda seen, _: {n: getattr(seen.app.state.entry, n) for n in wanted} == wanted


def page(top: int):
    """A sign: the page shows what is behind so many lines of it."""
    return lambda seen, was: (
        not seen.app.state.page
        or (seen.app.state.page.top == (top if was.page and was.page.kind == EVENT else 0))
    )


def at_newest(seen, _) -> bool:
    """A sign: the stream follows what comes."""
    return not seen.app.state.event


# What a person sees of each verb, by the view, where that is not only: another screen than before.
SIGNS: dict = {
    "down": {View.AGENTS: "^>. web-a101 ", View.STREAM: "^>.#301 ", View.PAGE: page(6)},
    "up": {View.AGENTS: "^>. a099 ", View.STREAM: "^>.#299 ", View.PAGE: page(4)},
    "page_down": {View.AGENTS: "^>. a116 ", View.STREAM: "^>.#316 ", View.PAGE: page(21)},
    "page_up": {View.AGENTS: "^>. a084 ", View.STREAM: "^>.#284 ", View.PAGE: page(0)},
    "first": {View.AGENTS: "^>. a000 ", View.STREAM: r"^>.#1 .* a000", View.PAGE: page(0)},
    "last": {
        View.AGENTS: "^>. a199 ",
        View.STREAM: lambda seen, _: not seen.app.state.event,
        View.PAGE: r" (\d+)/\1$|-- agent",
    },
    "open": {View.AGENTS: "-- agent web-a100 --", View.STREAM: "-- event 300 --"},
    "back": "-- agents --",
    "write": r"^> @(web-)?a1?\d\d ?",
    "everyone": "to everyone: 200",
    "reply": r"^>",
    "transcript": "-- transcript (web-)?a",
    "screen": "-- screen (web-)?a",
    "launch": "^ launch: ",
    "tag": "^ tag of (web-)?a",
    "subscribe": r"(?s)-- subscribe (web-)?a.*you are told of:.*^ be told of",
    "settings": r"(?s)-- settings --.*^ setting: KEY",
    "relay": r"(?s)-- relay --.*no relay is set.*^ relay: on\|off",
    "archive": r"(?s)-- archive --.*^ archive: ",
    "filter": "^ filter",
    "help": "-- help --",
    **{verb: rf"{verb} (web-)?a\d\d\d\? \.\.\.$" for verb in STEERS},
    "redraw": lambda seen, _: seen.glass.done[-1] == "redraw",
    "suspend": lambda seen, _: seen.glass.done[-1] == "suspend",
    "quit": lambda seen, _: seen.app.code == 0,
    "send": "no agent @we$",
    "newline": entry(text="@we\n one two"),
    "intent": entry(intent="request"),
    "complete": lambda seen, was: seen.changed or was.entry.kind == ARCHIVE,  # a number
    "mouse": "^ the mouse is hcom's",
    "fold": "^ threads are folded",
    "follow": "no event is named there",
    "window": "has no window that hcom knows",
    "earlier": entry(text="and after"),
    "later": entry(text="@we one two"),
    "left": lambda seen, was: seen.app.state.entry.at == max(was.entry.at - 1, 0),
    "right": lambda seen, was: seen.app.state.entry.at == was.entry.at + 1,
    "begin": entry(at=0),
    "unfilter": lambda seen, _: not seen.app.state.filter,
    "cancel": "^ Enter open ",
    "yes": lambda seen, was: re.search(STEERED[was.question.verb], seen.text),
    "take": lambda seen, was: re.search(TAKEN[was.entry.kind], seen.text),
}


class EveryKey(Sealed):
    def setUp(self):
        super().setUp()
        self.place = locate(self.home.env)

    def seen(self) -> Seen:
        found = Seen(self.place)
        self.addCleanup(found.close)
        return found

    def crowd(self) -> None:
        """Many agents, of whom three have a tag; what they did, and a long message of the last."""
        now = time.time()
        with open_db(self.place) as db:
            for number in range(CROWD):
                name = f"a{number:03}"
                people.join(db, "adhoc", now - number, name=name, directory="/srv")
                agents.set_status(db, name, "listening", "stop", "", now - number)
            for number in range(USES):
                who = f"a{number % CROWD:03}"
                events.append_tool(db, who, "active", "tool:Read", f"file{number}", (), "", now)
            sender = Sender("a100", EXTERNAL)
            talk.send(db, sender, f"@a101 {LONG}", "@a101", Envelope(), now)
        self.again()

    def again(self) -> None:
        """Those of the tag take part as before."""
        self.home.change(
            "UPDATE agents SET stopped_at = NULL, tag = 'web' WHERE name BETWEEN 'a100' AND 'a102'"
        )

    def pressed(self, seen: Seen, start: State, name: str) -> str:
        """What the screen shows by the time that nothing is done any more for that key."""
        seen.at(start)
        seen.quiet()
        if start.page:  # whose lines are there only now
            whole = seen.app.state.page._replace(top=start.page.top)
            seen.app.state = seen.app.state._replace(page=whole)
            seen.app.draw()
        was = seen.glass.shown
        seen.app.press(name)
        said = seen.quiet()
        self.assertEqual(
            [cells.columns("".join(s.text for s in line)) for line in seen.glass.shown.lines],
            [COLS] * ROWS,
        )
        self.assertNotIn("this is a bug", said)
        seen.changed = was != seen.glass.shown
        return said

    def test_a_typed_word_answers_no_question(self):
        self.crowd()
        seen = self.seen()
        for word, asked in (("xy", "stop"), ("text", "stop"), ("Xyt", "kill"), ("fly", "fork")):
            with self.subTest(word):
                seen.at(State(agent="a100"))
                for letter in word:
                    seen.app.press(letter)
                self.assertRegex(seen.look(), rf"(?m)^ {asked} web-a100\? \.\.\.$")
                self.assertIn("a100", self.home.known())
                seen.app.press("Esc")
                self.assertNotIn(" a100?", seen.look())
        seen.app.press("x")
        for _ in looks(10):
            if "y/n" in seen.look():
                break
        seen.app.press("y")
        self.assertIn("stopped web-a100", seen.quiet())

    def test_no_answer_counts_that_is_not_offered(self):
        luna = self.home.start()
        seen = self.seen()
        seen.at(State(agent=luna))
        seen.app.press("x")
        seen.app.opens_at = 0
        for key in "t", "Enter":
            self.assertRegex(seen.look(), rf"(?m)^ stop {luna}\? y/n$")
            seen.app.press(key)
        seen.quiet()
        self.assertIn(luna, self.home.known())

    def test_nothing_is_done_that_is_not_seen(self):
        seen = self.seen()
        seen.at(State())
        seen.glass.cols = 59
        for key in ("b", "h", "i", "Enter", "n", "s", "Tab"):
            seen.app.press(key)
        self.assertEqual(seen.app.state.focus, View.AGENTS)
        seen.app.press("q")
        self.assertEqual(seen.app.code, 0)

    def test_nobody_writes_to_everyone_by_surprise(self):
        luna, nova = self.home.start(), self.home.start()
        with open_db(self.place) as db:
            said = f"@{luna} freeze"
            talk.send(db, Sender("bigboss", EXTERNAL), said, said, Envelope(), time.time())
        seen = self.seen()
        sent = "SELECT json_extract(data, '$.delivered_to') FROM events WHERE type = 'message'"
        for key, text, shown in (
            ("m", "hi", "to nobody yet: @NAME"),
            ("b", f"@{nova} hi", f"to @{nova}"),
            ("r", "hi", f"to {nova}, #4"),
            ("b", "hi", rf"to everyone: 2 \({nova}, {luna}\)"),
        ):
            seen.at(State(View.STREAM))
            for one in (key, *text):
                seen.app.press(one)
            with self.subTest(key):
                self.assertRegex(seen.look(), f"(?m)^ {shown}")
            seen.app.press("Enter")
            if shown.startswith("to everyone"):
                self.assertRegex(seen.look(), f"(?m)^ {shown} .*Enter again sends it")
                seen.app.press("x")
                self.assertNotIn("Enter again", seen.look())
                seen.app.press("Enter")
                seen.app.press("Enter")
            seen.quiet()
        found = [json.loads(row[0]) for row in self.home.sql(sent)]
        self.assertEqual(found, [[luna], [nova], [nova], [luna, nova]])

    def test_what_is_said_is_over_and_a_refusal_stays(self):
        seen = self.seen()
        for begin, text, stays in (("a", "nobody needs", False), ("m@x y\r", "no agent @x", True)):
            seen.at(State())
            for key in begin:
                seen.app.press("Enter" if key == "\r" else key)
            self.assertIn(text, seen.quiet())
            seen.app.said_until -= SAID_S
            seen.app.draw()
            self.assertEqual(text in seen.text, stays, seen.text)

    def test_a_page_is_wrapped_for_the_screen_that_there_is(self):
        with open_db(self.place) as db:
            text = " ".join(f"word{number}" for number in range(2000))
            sent = talk.send(db, Sender("ci", EXTERNAL), text, text, Envelope(), time.time())
        seen = self.seen()
        seen.at(State(page=Page(EVENT, str(sent.id))))
        seen.quiet()
        for _ in range(3):
            seen.app.press("PgDn")
        first = list[list[str]]()
        for cols in (80, 61, 140, 80):
            seen.glass.cols = cols
            seen.quiet()  # what was being read for the other size
            lines = seen.quiet().split("\n")[2:-1]
            self.assertNotIn("…", "".join(lines))
            self.assertGreater(len(lines[3]), cols - 10)
            first.append(re.findall(r"word\d+", lines[0]))
            with self.subTest(cols):
                self.assertTrue({*first[-1]} & {*first[0]}, first)

    def test_on_an_empty_database(self):
        seen = self.seen()
        for key in keys.KEYS:
            for start in (start for view in key.views for start in starts(view)):
                for name in key.names:
                    with self.subTest(name, view=start.focus):
                        self.pressed(seen, start._replace(agent=""), name)
                        if seen.app.code is None and seen.app.state.focus != View.WRITE:
                            seen.at(State())
                            seen.app.press("?")
                            self.assertIn("-- help --", seen.quiet())

    def test_with_many_agents(self):
        self.crowd()
        seen = self.seen()
        for key in keys.KEYS:
            for start in (start for view in key.views for start in starts(view)):
                sign = SIGNS.get(key.verb)
                sign = sign.get(start.focus) if isinstance(sign, dict) else sign
                for name in key.names:
                    with self.subTest(name, view=start.focus, verb=key.verb):
                        said = self.pressed(seen, start, name)
                        if sign is None:
                            self.assertTrue(seen.changed, said)
                        elif isinstance(sign, str):
                            self.assertRegex(said, re.compile(sign, re.MULTILINE))
                        else:
                            self.assertTrue(sign(seen, start), f"{seen.app.state}\n{said}")
                        if key.verb in ("yes", "all_tagged", "take"):
                            self.again()
