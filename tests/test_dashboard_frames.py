"""What the dashboard draws, as text: frames of a state and its data, with no terminal."""

import re
import time
import unittest

from hcom.adapters import TOOLS
from hcom.bus.agent import ACTIVE, BLOCKED, INACTIVE, LISTENING
from hcom.cli.catalog import COMMANDS
from hcom.errors import HcomError, UsageError
from hcom.ops.agents import Seen
from hcom.store import agents, events
from hcom.tui import cells, compose, keys, place, prompt, stream, views
from hcom.tui.compose import Wanted
from hcom.tui.keys import View
from hcom.tui.place import Place
from hcom.tui.state import Asked, Data, Entry, Page, Question, State, folded, named, ordered

NOW = 1_800_000_000.0
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J", "\u202egnp.exe", "x" * 10_000, FAMILY * 50, "a" + "\u0301" * 500,
    "\u200b" * 300 + "b", "\U0001f1e9\U0001f1ea" * 60, "漢字" * 90, "\ue000\u0378", "line\u2028two",
    "\t\r\n", "\u1100\u1161\u11a8" * 80, "❤\ufe0f" * 70,
)  # fmt: skip


def agent(name: str, status: str, context: str = "", detail: str = "", ago: float = 0, **facts):
    made = agents.blank(name, facts.pop("tool", "claude"), NOW - 900)
    unread = facts.pop("unread", 0)
    return Seen(
        made._replace(status=status, context=context, detail=detail, status_at=NOW - ago, **facts),
        unread,
    )


def message(number: int, sender: str, to: list[str], text: str, **envelope) -> events.Event:
    said = {"from": sender, "text": text, "delivered_to": to, "scope": "mentions", **envelope}
    return events.Event(number, events.timestamp(NOW), "message", sender, said)


def status(number: int, name: str, val: str, context: str, detail: str) -> events.Event:
    said = {"val": val, "context": context, "detail": detail}
    return events.Event(number, events.timestamp(NOW), "status", name, said)


def shown(state: State, data: Data, cols: int = 80, rows: int = 24) -> str:
    frame, _ = views.frame(state, data, Place(cols, rows, NOW, "/home/dev"))
    return cells.text_of(frame.lines)


ASKS = {"nova": Asked(41, "which branch?", NOW - 1200)}
DATA = Data(
    ordered(
        [
            agent("zara", LISTENING, "stop", ago=180, wake_failure="no"),
            agent("kira", ACTIVE, "tool:Bash", "pytest -q", 42, directory="/home/dev/web"),
            agent("luna", BLOCKED, "approval", "Bash: rm -r build", 60, tag="api", unread=2),
            agent("nova", LISTENING, "stop", ago=240, tool="codex"),
            agent("gone", INACTIVE, "exit:quit", ago=10),
            agent("milo", ACTIVE, "tool:Edit", "/srv/api/src/b.py", 50, directory="/srv/api"),
        ],
        ASKS,
    ),
    (
        message(41, "nova", ["bigboss"], "which branch?", intent="request", thread="auth"),
        status(42, "kira", ACTIVE, "tool:Edit", "src/a.py"),
        status(43, "kira", ACTIVE, "tool:Bash", "pytest"),
        status(44, "luna", BLOCKED, "approval", "Bash: rm -r build"),
        message(45, "bigboss", ["kira", "zara"], "freeze\nat five\nplease\nnow"),
    ),
    {42: ("edit", "/home/dev/src/a.py"), 43: ("command", "pytest -q")},
    {41: {"bigboss": "queued"}, 45: {"kira": "seen", "zara": "queued"}},
    ASKS,
    1,
    names={"luna": "api-luna"},
)


class Cells(unittest.TestCase):
    def test_a_line_has_its_width_whatever_it_says(self):
        for text in HOSTILE:
            for room in (0, 1, 2, 7, 40):
                with self.subTest(text=text[:20], room=room):
                    padded = cells.pad(text, room)
                    self.assertEqual(cells.columns(padded), room)
                    self.assertTrue(padded.isprintable(), ascii(padded))
                    self.assertLessEqual(len(padded), 3 * room)

    def test_what_is_cut_says_so(self):
        for text, room, wanted in (
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("漢字漢", 5, "漢字…"),
            ("漢字漢", 4, "漢…"),
            ("x漢字", 3, "x…"),
            (FAMILY, 6, "\U0001f468\U0001f469\U0001f467"),
            ("a\x1bb", 6, "a\\x1bb"),
        ):
            with self.subTest(text):
                self.assertEqual(cells.fit(text, room), wanted)

    def test_wrapped(self):
        for text, wanted in (
            ("one two three", ["one two", "three"]),
            ("12345678901", ["12345678", "901"]),
            ("漢字漢字漢", ["漢字漢字", "漢"]),
            ("a\n\nb", ["a", "", "b"]),
            ("", [""]),
        ):
            with self.subTest(text):
                self.assertEqual(list(cells.wrapped(text, 8)), wanted)

    def test_what_stands_right_gives_way(self):
        for room, wanted in ((10, "abcdefg xy"), (4, "abc…")):
            line = cells.laid(room, [cells.Span("abcdefg")], [cells.Span(" xy")])
            self.assertEqual(cells.text_of([line]), wanted)


class Frames(unittest.TestCase):
    def test_who_needs_a_person_comes_first(self):
        names = [seen.agent.name for seen in DATA.agents]
        self.assertEqual(names, ["luna", "nova", "zara", "kira", "milo", "gone"])

    def test_agents_and_stream(self):
        said = shown(State(agent="kira"), DATA)
        self.assertRegex(
            said, r"\A hcom   2 need you   2 working   2 idle   1 unread by you +\? help"
        )
        for line in (
            r"^ ■ api-luna +claude +approve: Bash: rm -r build +1m +2 unread",
            r"^ ◉ nova +codex +asks: which branch\? +20m",
            r"^>▶ kira +claude +Bash pytest -q +40s +~/web$",
            r"^ ▶ milo +claude +Edit src/b.py +50s",
            r"^ ◉ zara +claude +idle +3m +not woken",
            r"^ »#41 \d\d:\d\d nova → bigboss  request th:auth +NEW$",
            r"^ ~#42 \d\d:\d\d kira  edit src/a.py$",
            r"^ \$#43 \d\d:\d\d kira  pytest -q$",
            r"^ ■#44 \d\d:\d\d api-luna  approve: Bash: rm -r build$",
            r"^ »#45 \d\d:\d\d bigboss → kira, zara +✓ kira · zara queued$",
            r"^      please +Enter: all$",
        ):
            with self.subTest(line):
                self.assertRegex(said, "(?m)" + line)
        self.assertRegex(said, r"\n Enter open  m write .* q quit  \? keys\Z")

    def test_every_line_is_as_wide_as_the_screen(self):
        people = [agent(text[:40] or "x", ACTIVE, text, text, directory=text) for text in HOSTILE]
        said = [message(n, text, [text], text, thread=text) for n, text in enumerate(HOSTILE, 1)]
        said += [status(n, text, "?", text, text) for n, text in enumerate(HOSTILE, 50)]
        data = Data(tuple(people), tuple(said), trouble=HOSTILE[0])
        for state in (
            State(), State(view=View.STREAM, event=3), State(page=Page("event", "3", HOSTILE)),
            State(entry=Entry("message", "\n".join(HOSTILE), 40), said=HOSTILE[2]),
            State(entry=Entry("tag", HOSTILE[7], 9, of=HOSTILE[3])),
            State(question=Question("stop", HOSTILE[3], HOSTILE)),
            State(question=Question("kill", HOSTILE[3], HOSTILE, True)),
        ):  # fmt: skip
            for cols, rows in ((80, 24), (60, 15), (400, 120), (30, 5), (1, 1)):
                with self.subTest(state=state.focus, cols=cols):
                    frame, _ = views.frame(state, data, Place(cols, rows, NOW))
                    self.assertEqual(len(frame.lines), rows)
                    for line in frame.lines:
                        text = "".join(span.text for span in line)
                        self.assertEqual(cells.columns(text), cols, ascii(text))
                        self.assertTrue(text.isprintable(), ascii(text))

    def test_what_of_a_message_is_shown(self):
        for text, wanted in (
            ("short", ["short"]),
            ("word " * 20, ["word " * 13 + "word", "word " * 5 + "word"]),
            ("1\n2\n3\n4", ["1", "2", "3" + " " * 60 + "Enter: all"]),
            ("x" * 1000, ["x" * 73, "x" * 73, "x" * 61 + "… Enter: all"]),
        ):
            with self.subTest(text[:9]):
                data = Data(events=(message(1, "ci", ["kira"], text),))
                frame, _ = views.frame(State(), data, Place(80, 24, NOW))
                self.assertEqual(frame.events, (1,))
                lines = cells.text_of(frame.lines).split("\n")
                at = next(n for n, line in enumerate(lines) if "ci → kira" in line) + 1
                shown = [line.strip() for line in lines[at : at + len(wanted)]]
                self.assertEqual(
                    [" ".join(line.split()) for line in shown],
                    [" ".join(line.split()) for line in wanted],
                )
                self.assertEqual(lines[at + len(wanted)].strip(), "")

    def test_only_what_is_on_the_screen_counts_as_seen(self):
        many = tuple(message(n, "ci", ["bigboss"], f"text {n}") for n in range(1, 100))
        frame, _ = views.frame(State(), Data(events=many), Place(80, 24, NOW))
        said = cells.text_of(frame.lines)
        self.assertEqual(frame.events[-1], 99)
        for number in (frame.events[0] - 1, *frame.events):
            whole = f"text {number}\n" in said
            self.assertEqual(whole, number in frame.events, number)

    def test_who_is_on_another_device(self):
        far = agent("rex:BOXE", BLOCKED, "approval", "Bash: make", device="d1")
        said = shown(State(), Data((far, agent("luna", ACTIVE, device=""))))
        self.assertRegex(said, r"(?m)^ hcom +1 need you +1 working +1 other device  ")
        self.assertRegex(said, r"(?m)^>■ rex:BOXE +claude +approve: Bash: make ")

    def test_of_a_directory_its_end_is_shown(self):
        data = Data((agent("kira", ACTIVE, directory="/home/dev/work/projects/web"),))
        self.assertRegex(shown(State(), data), r"(?m) …projects/web$")
        self.assertRegex(shown(State(), data, 170), r"(?m)  ~/work/projects/web$")

    def test_how_far_it_was_looked_is_said(self):
        state, data = State(View.STREAM, filter="zebra"), Data(low=4000)
        said = shown(state, data)
        self.assertRegex(said, r"-- stream, back to #4000 so far \(k: on\) -+ /zebra \(Esc: all\)")
        self.assertRegex(said, r"(?m)^ no such events so far$")
        self.assertIn("-- stream, up to #9 so far (j: on) -", shown(state, Data(high=9)))

    def test_what_a_status_is_about_is_said_in_words(self):
        for context, detail, wanted in (
            ("tool:Bash", "make", "Bash make"),
            ("deliver:nova", "#4", "reads nova #4"),
            ("deliver", "", "reads mail"),
            ("exit:ended_with_3", "", "ended, ended with 3"),
            ("approval", "Bash: make", "approve: Bash: make"),
            ("start", "resume", "has started: resume"),
            ("something new", "", "something new"),
        ):
            with self.subTest(context):
                self.assertEqual(place.said(context, detail), wanted)
                line = status(7, "luna", "active", context, detail)
                self.assertRegex(shown(State(), Data(events=(line,))), f"luna  {wanted}\n")
        raw = re.compile(r"\b(tool|exit|deliver):|listening|status context")
        self.assertNotRegex(shown(State(), DATA), raw)

    def test_a_small_window_says_so(self):
        self.assertIn("hcom needs 60x15, here are 50x10; q quits", shown(State(), DATA, 50, 10))

    def test_an_agent_is_called_the_same_everywhere(self):
        said = message(1, "luna", ["luna", "kira"], "hi")
        data = DATA._replace(events=(said,), receipts={1: {"luna": "seen", "kira": "queued"}})
        here = State(View.STREAM, agent="luna")
        asked = Question("stop", "luna", ("luna", "kira"))
        for state in (
            here,
            here._replace(page=Page("agent", "luna")),
            here._replace(question=asked),
            here._replace(question=asked._replace(open=True)),
            here._replace(entry=Entry("tag", of="luna")),
            here._replace(entry=compose.answering(here, data)),
            here._replace(entry=compose.written(here, data)),
        ):
            with self.subTest(state=state.focus):
                self.assertEqual(shown(state, data).replace("api-luna", "").count("luna"), 0)

    def test_what_is_said_is_said_to_its_end(self):
        why = "the client cannot be found on any of the ways that are known here, for none is"
        said = shown(State(said=f"{why} (install it, or name its place in the settings)"), DATA, 60)
        self.assertRegex(" ".join(said.split()), rf"{why} \(install it, .* in the settings\)\Z")
        self.assertEqual(len(said.split("\n")), 24)
        self.assertTrue(shown(State(said="word " * 99), DATA, 60, 15).endswith("…"))

    def test_nothing_yet(self):
        said = shown(State(), Data())
        self.assertIn("no agents; start one with", said)
        self.assertIn("nothing has happened yet", said)

    def test_the_newest_is_seen_and_the_selected(self):
        many = tuple(status(n, "kira", ACTIVE, "tool:Read", f"file{n}") for n in range(1, 200))
        self.assertIn("file199", shown(State(), DATA._replace(events=many)))
        for event in (1, 50, 199):
            said = shown(State(view=View.STREAM, event=event), DATA._replace(events=many))
            self.assertRegex(said, rf"(?m)^>·#{event} .*file{event}$")

    def test_a_screen_stands_still_for_ten_seconds(self):
        def at(now):
            return views.frame(State(), DATA, Place(80, 24, now))[0]

        base = NOW - NOW % 10
        people = tuple(
            s._replace(agent=s.agent._replace(status_at=base - 30 * n))
            for n, s in enumerate(DATA.agents)
        )
        data = DATA._replace(agents=people)
        before, after = (
            views.frame(State(), data, Place(80, 24, base + late))[0] for late in (0, 9.9)
        )
        self.assertEqual(before, after)

    def test_whom_a_message_reaches(self):
        for entry, wanted in (
            (Entry("message", "@kira hi"), "to @kira"),
            (Entry("message", "@api hi"), "to @api = api-luna"),
            (Entry("message", "hi"), "to nobody yet: @NAME (Tab completes)"),
            (
                Entry("message", "hi", to_all=True),
                "to everyone: 6 (api-luna, nova, zara, kira, milo, gone)",
            ),
            (Entry("message", "hi", of="nova", reply_to="41"), "to nova, #41"),
            (Entry("message", "@nobody hi"), "no agent @nobody"),
        ):
            with self.subTest(entry.text):
                self.assertEqual(prompt.reached(entry, DATA), wanted)

    def test_a_message_reaches_nobody_that_has_left(self):
        here = [seen.agent for seen in DATA.agents]
        here[1] = here[1]._replace(stopped_at=NOW)
        data = DATA._replace(agents=[seen._replace(agent=a) for seen, a in zip(DATA.agents, here)])
        said = prompt.reached(Entry("message", "hi", to_all=True), data)
        self.assertEqual(
            said, f"to everyone: 5 ({', '.join(a.display for a in here if a != here[1])})"
        )

    def test_the_mark_is_at_whom_the_keys_are_about(self):
        on_event = State(View.STREAM, agent="milo", event=42)
        for state, name in ((State(agent="milo"), "milo"), (on_event, "kira")):
            with self.subTest(name):
                found = re.findall(r"(?m)^>. (\w+) +(?:claude|codex)", shown(state, DATA))
                self.assertEqual(found, [name])

    def test_what_is_offered_stands_there_until_something_is_typed(self):
        for text, wanted in (("", "> idle:luna  .*Tab$"), ("x", "> x")):
            entry = Entry("subscribe", text, len(text), offer="idle:luna")
            self.assertRegex(shown(State(entry=entry), DATA), f"(?m)^{wanted}$")

    def test_threads_are_folded_to_their_newest(self):
        said = [
            message(1, "nova", ["luna"], "a", thread="auth"),
            message(2, "luna", ["nova"], "b"),
            status(3, "nova", ACTIVE, "tool:Read", "x"),
            message(4, "luna", ["bigboss"], "c", thread="auth"),
            message(5, "luna", ["nova"], "d", thread="ui"),
            message(6, "nova", ["luna"], "e", thread="auth"),
        ]
        left, counts = folded(said, ())
        self.assertEqual(([e.id for e in left], counts), ([2, 3, 5, 6], {6: 2}))
        left, counts = folded(said, [4])
        self.assertEqual(([e.id for e in left], counts), ([2, 3, 4, 5, 6], {6: 1}))
        self.assertRegex(
            shown(State(folds=True), Data(events=tuple(left), folded=counts)),
            r"(?m)^ »#6 \d\d:\d\d nova → luna +th:auth \(\+1\)",
        )

    def test_what_a_message_is_about(self):
        for text, answers, wanted in (
            ("done", None, 0), ("done", 41, 41), ("done", "42:BOXE", 0), ("see #7, #8", None, 7),
            ('luna to nova: "see #3" · event #5 · sub-1 (all)', None, 5),
            ("collision: luna and nova edited a.py within 20 s · events #7, #9 · sub-2", None, 7),
            ('nova left without an answer to your request #6: "#1?"', None, 6),
            ("#" + "9" * 30, None, 0),
        ):  # fmt: skip
            with self.subTest(text):
                self.assertEqual(named(message(9, "hcom", [], text, reply_to=answers)), wanted)

    def test_who_has_seen_a_message(self):
        for states, room, wanted in (
            ({}, 30, "to nobody"),
            ({"luna": "seen"}, 30, "✓ seen"),
            ({"luna": "queued"}, 30, "queued"),
            ({"luna": "queued", "nova": "seen", "kira": "seen"}, 30, "✓ nova, kira · luna queued"),
            ({"luna": "queued", "nova": "seen", "kira": "seen"}, 25, "✓ 2/3 seen, luna queued"),
            ({"luna": "delivered", "nova": "queued"}, 20, "1/2 there, nova queued"),
            ({"luna": "queued", "nova": "queued"}, 9, "0/2 there"),
        ):
            with self.subTest(states, room=room):
                self.assertEqual(stream.receipt(states, room), wanted)

    def test_the_cursor_is_where_the_next_letter_comes(self):
        for text, at, wanted in (
            ("", 0, (22, 2)), ("漢x", 1, (22, 4)), ("a\nbc", 3, (22, 3)), ("x" * 77, 77, (22, 3)),
        ):  # fmt: skip
            with self.subTest(text[:5]):
                frame, _ = views.frame(
                    State(entry=Entry("message", text, at)), DATA, Place(80, 24, NOW)
                )
                self.assertEqual(frame.cursor, wanted)


class Completion(unittest.TestCase):
    def test_the_word_before_the_cursor(self):
        here = [seen.agent for seen in DATA.agents]
        lines = ("survey           Ask them all", "and surely more", "sub-1a2b  idle:nova")
        for kind, text, wanted, shown in (
            ("message", "hi @ki", "hi @kira ", ["@kira"]),
            ("message", "(@ap", "(@api", ["@api", "@api-luna"]),
            ("message", "ki", "ki", []),
            ("message", "@kira ", "@kira ", []),
            ("filter", "ag", "agent:", [f"agent:{n}" for n in ("", "api-luna", "gone", "kira")]),
            ("filter", "type:life agent:k", "type:life agent:kira ", ["agent:kira"]),
            ("filter", "thr", "thread:", ["thread:"]),
            ("subscribe", "idle:z", "idle:zara ", ["idle:zara"]),
            ("subscribe", "cmd-e", "cmd-exact:", ["cmd-exact:"]),
            ("launch", "2 cl", "2 claude ", ["claude"]),
            ("launch", "2 claude ta", "2 claude tag:", ["tag:", "tag:api"]),
            ("settings", "be", "bell ", ["bell"]),
            ("archive", "1", "1", []),
            ("run", "sur", "survey ", ["survey"]),
            ("subscribe", "end sub", "end sub-1a2b ", ["sub-1a2b"]),
            ("subscribe", "", "idle:luna", []),
        ):
            with self.subTest(text):
                entry = Entry(kind, text, len(text), offer="idle:luna" * (kind == "subscribe"))
                made, found = compose.completed(entry, compose.offered(kind, here, lines))
                self.assertEqual((made.text, made.at), (wanted, len(wanted)))
                self.assertEqual(found[:4], shown)


class Launches(unittest.TestCase):
    def test_what_is_asked_for(self):
        for text, wanted in (
            ("claude", Wanted("claude")),
            ("2 codex tag:web headless fix it", Wanted("codex", 2, "web", "", True, "fix it")),
            (
                "gemini in:~/api  look\nhere ",
                Wanted("gemini", 1, None, "~/api", False, "look\nhere"),
            ),
            (
                "codex terminal:tmux-window headless",
                Wanted("codex", headless=True, terminal="tmux-window"),
            ),
            ("claude tag: go", Wanted("claude", 1, "", "", False, "go")),
            ("claude headlessly tag:x", Wanted("claude", prompt="headlessly tag:x")),
        ):
            with self.subTest(text):
                self.assertEqual(compose.wanted(text), wanted)
        for text in ("", "2", "claudette", "tag:web claude"):
            with self.subTest(text), self.assertRaises(UsageError):
                compose.wanted(text)


class Keys(unittest.TestCase):
    def test_a_hint_names_the_key(self):
        for hint, wanted in (
            ("hcom hooks add claude", "[h] add claude"),
            ("hcom term luna shows it; hcom kill luna", "[v] luna shows it; [X] luna"),
            ("see hcom events sub --help", "see [s]"),
            ("hcom config lists them", "[c] lists them"),
            ("start one with: hcom claude", "start one with: [n] claude"),
            ("hcom config terminal --info", "[c] terminal"),
            *((same, same) for same in ("hcom reset makes one", "hcom relay --help")),
            *((same, same) for same in ("hcom config -i luna tag x", "hcom config relay - < FILE")),
        ):
            with self.subTest(hint):
                self.assertEqual(keys.told(HcomError("no", hint)), f"no ({wanted})")
        self.assertEqual(keys.told(HcomError("no hcom kill")), "no hcom kill")
        self.assertLessEqual({word.split()[0] for word in keys.COMMANDS}, {*COMMANDS, *TOOLS})

    def test_no_key_means_two_things_in_a_view(self):
        for view in View:
            names = [name for key in keys.KEYS if view in key.views for name in key.names]
            self.assertEqual(len(names), len(set(names)), names)

    def test_every_view_has_a_line_and_a_way_out(self):
        for view in View:
            with self.subTest(view):
                self.assertTrue(keys.line(view, 59))
                self.assertIn(keys.verb(view, "Esc"), ("unfilter", "back", "cancel"))
                self.assertLess(len(keys.line(view, 59)), 60)

    def test_on_a_narrow_line_the_most_needed_keys_stay(self):
        for view, room, wanted in (
            (View.AGENTS, 59, "Enter open  m write  r reply  a answer  q quit  ? keys"),
            (
                View.AGENTS,
                79,
                "Enter open  m write  r reply  a answer  x stop  n launch  q quit  ? keys",
            ),
            (View.PAGE, 59, "Esc back  m write  r reply  a answer  q quit  ? keys"),
            (View.WRITE, 59, "Enter send  Tab complete  Ctrl-T intent  Esc leave"),
        ):
            with self.subTest(view, room=room):
                self.assertEqual(keys.line(view, room), wanted)


if __name__ == "__main__":
    time.tzset()
    unittest.main()
