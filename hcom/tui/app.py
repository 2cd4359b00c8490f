"""What the dashboard is, and what its keys do to it; what may take long is done beside the loop."""

import math
import sys
import time
from collections.abc import Callable
from importlib import import_module

from .. import config
from ..bus import address
from ..bus.agent import BIGBOSS, Agent, is_far
from ..errors import HcomError
from ..store.deliveries import QUEUED, SEEN
from . import compose, feed, keys, moves, verbs, views
from .draw import Screen
from .keys import View
from .place import Place
from .state import (
    ARCHIVE,
    EVENT,
    FILTER,
    MESSAGE,
    RELAY,
    RUN,
    SETTING,
    TAG,
    THREAD,
    WATCH,
    Data,
    Entry,
    Page,
    Question,
    State,
    event_at,
    event_of,
    named,
    need,
    selected,
)
from .typed import Click, Paste
from .work import Work

# Who types a word where its letters are keys types on within that: none of them is an answer.
MOMENT_S = 0.7
SAID_S = 8.0  # what is said to the person stands so long, a refusal until the next key
BLIND = ("quit", "suspend", "redraw")  # what keys do where there is no room to show anything
LIVE = ("agent", "transcript", "screen", EVENT, SETTING, RUN, RELAY)


def _beside(name: str):
    """`acts` or `pages`: used beside the loop alone, and loaded there, for that takes as long as
    all else."""
    return import_module(f"{__package__}.{name}")


class App:
    """The person's dashboard on this screen; the loop ends once there is a `code`."""

    def __init__(self, home, env, screen: Screen):
        self.home, self.env, self.screen = home, env, screen
        self.state, self.data = State(), Data()
        self.file: object = None  # which database the data is of
        self.work = Work()
        self.code: int | None = None
        self.needy, self.rings = sys.maxsize, config.read(home, env).bell
        self.read_at, self.rung = 0.0, True  # of the bus, and whether something happened since
        # When (monotonic) what is asked may be answered, and what is said is over.
        self.opens_at = self.said_until = math.inf
        self.asked: Page | None = None  # the page that is being read
        self.ended: dict[str, str] | None = None  # workflows, once one was run from here
        self.verbs = verbs.of(self)

    def draw(self) -> None:
        """The screen shows what is so."""
        cols, rows = self.screen.size()
        if self.state.page and self.state.page.cols not in (0, cols):
            self.refresh()
        place = Place(cols, rows, time.time(), self.env.get("HOME", "/"))
        if time.monotonic() >= self.opens_at:
            self.opens_at, asked = math.inf, self.state.question
            self.state = self.state._replace(question=asked and asked._replace(open=True))
        if time.monotonic() >= self.said_until:
            self.say("", math.inf)
        frame, self.state = views.frame(self.state, self.data, place)
        self.screen.put(frame)
        wanted = views.needy(self.data)
        if wanted > self.needy and self.rings:
            self.screen.send("\a")
        self.needy = wanted
        self.screen.title(f"hcom: {wanted} need you" if wanted else "hcom")

    def press(self, key: "str | Paste | Click") -> None:
        """What the key is for is done. Whoever presses one has seen what stands there."""
        self.saw()
        focus, asked = self.state.focus, self.state.question
        if not views.fits(*self.screen.size()):  # nothing is done that is not seen
            if (verb := keys.verb(View.AGENTS, str(key))) in BLIND:
                self.verbs[verb]()
            return
        if asked and not asked.open and len(key) == 1:
            self.opens_at = time.monotonic() + MOMENT_S
            return
        if isinstance(key, Click):
            self.click(key)
            return
        if isinstance(key, Paste):
            if self.state.entry:
                self.insert(key.text)
            return
        verb = keys.verb(focus, key)
        if verb:
            self.state = self.state._replace(said="")
            self.verbs[verb]()
        elif self.state.entry and len(key) == 1:
            self.insert(key)

    # -- moving and typing --

    def click(self, key: Click) -> None:
        """What was clicked at is selected; what was selected before is opened."""
        state, shown = self.state, self.screen.shown
        if state.focus not in keys.LISTS or not shown or key.row not in shown.rows:
            return
        view, of = shown.rows[key.row]
        event = self.data.events[event_at(state, self.data)].id if self.data.events else 0
        if (view, of) == (state.view, event if view == View.STREAM else state.agent):
            self.open()
        elif view == View.STREAM:
            newest = of == self.data.events[-1].id
            self.state = state._replace(view=view, event=0 if newest else int(of))
        else:
            self.state = state._replace(view=view, agent=str(of))

    def mouse(self) -> None:
        on = self.screen.mouse()
        self.say("the mouse is hcom's, with Shift the terminal's" if on else "the mouse is free")

    @property
    def entry(self) -> Entry:
        """What is being typed; there is one wherever keys say what becomes of it."""
        assert self.state.entry
        return self.state.entry

    def move(self, name: str) -> None:
        state = moves.MOVES[name](self.state, self.data, self.screen.size()[1])
        if (state.event, state.filter) != (self.state.event, self.state.filter):
            at = event_at(state, self.data)
            if min(at, len(self.data.events) - 1 - at) < feed.COUNT // 3 or state.event == 1:
                self.look(state)  # what is known ends near there
        self.state = state

    def look(self, state: State) -> None:
        """The person is there, and the bus is read at once for what stands there."""
        self.state, self.rung, self.read_at = state, True, 0.0

    def fold(self) -> None:
        folds = not self.state.folds
        self.look(self.state._replace(folds=folds))
        self.say("threads are folded; Enter shows a whole one" if folds else "nothing is folded")

    def follow(self) -> None:
        event = event_of(self.state, self.data)
        number = named(event) if event else 0
        if number:
            self.look(State(View.STREAM, self.state.agent, number, sent=self.state.sent))
        else:
            self.say("no event is named there")

    def typing(self, entry: Entry) -> None:
        if not self.entry.busy:
            self.begin(entry._replace(sure=False))

    def edit(self, name: str) -> None:
        self.typing(compose.EDITS[name](self.entry))

    def insert(self, text: str) -> None:
        self.typing(compose.inserted(self.entry, text))

    def recall(self, by: int) -> None:
        self.typing(compose.recalled(self.entry, self.state.sent, by))

    def complete(self) -> None:
        page, kind = self.state.page, self.entry.kind
        lines = page.lines if page and page.kind == kind else ()
        words = compose.offered(kind, [seen.agent for seen in self.data.agents], lines)
        entry, found = compose.completed(self.entry, words)
        shown = entry.text == self.entry.text and len(found) > 1
        self.typing(entry)
        self.say("  ".join(found) if shown else "")

    def begin(self, entry: Entry) -> None:
        self.state = self.state._replace(entry=entry, said="")

    def busy(self, act: Callable[[], object]) -> None:
        """What was typed is done with beside the loop; it stays as long."""
        if not self.entry.busy:
            self.begin(self.entry._replace(busy=True))
            self.work.do(act, self.taken, self.refused)

    def does(self, act: Callable[[], str]) -> None:
        """It is done beside the loop, and what it says is said."""
        self.work.do(act, self.say, self.insist)

    def taken(self, said: str) -> None:
        """What was typed has been done with: that is said, and the page it is of read again."""
        entry, sent, page = self.state.entry, self.state.sent, self.state.page
        if entry and entry.busy:
            sent = (*sent, entry.text) if entry.kind == MESSAGE else sent
            if page and page.kind == entry.kind:
                self.show(page.kind, page.of)
            entry = None
        self.state = self.state._replace(entry=entry, sent=sent)
        self.say(said)

    def refused(self, why: str) -> None:
        """What was typed stays, with the reason."""
        entry = self.state.entry
        if entry and entry.busy:
            self.begin(entry._replace(busy=False))
        self.insist(why)

    def say(self, text: str, lasts: float = SAID_S) -> None:
        self.state, self.said_until = self.state._replace(said=text), time.monotonic() + lasts

    def insist(self, text: str) -> None:
        """That stands there until a key is pressed."""
        self.say(text, math.inf)

    # -- messages --

    def saw(self) -> None:
        """What is on the screen for the person has been seen."""
        shown, receipts = self.screen.shown, self.data.receipts
        there = shown.events if shown else ()
        mine = [n for n in there if receipts.get(n, {}).get(BIGBOSS) == QUEUED]
        if mine:
            seen = {n: {**receipts[n], BIGBOSS: SEEN} for n in mine}
            unread = self.data.unread - len(mine)
            self.data = self.data._replace(receipts={**receipts, **seen}, unread=unread)
            self.work.do(lambda: _beside("acts").see(self.home, mine), lambda _: None, self.insist)

    def chosen(self) -> Agent | None:
        """The selected agent; where there is none that is said."""
        found = selected(self.state, self.data)
        if found is None:
            self.say("no agent is selected")
        return found and found.agent

    def answer(self) -> None:
        """An agent that needs the person is selected, another than the one on the page: with what
        it asks and an answer begun, or with the dialog that its terminal shows."""
        names = [seen.agent.name for seen in self.data.agents if need(seen, self.data.asks) < 2]
        if not names:
            self.say("nobody needs you")
            return
        state, name = self.state, names[0]
        if state.view == View.AGENTS and state.agent in names:
            name = names[(names.index(state.agent) + bool(state.page)) % len(names)]
        self.state = self.state._replace(view=View.AGENTS, agent=name)
        asked = self.data.asks.get(name)
        if asked:
            self.show(EVENT, str(asked.id))
            self.begin(Entry(MESSAGE, of=self.data.called(name), reply_to=str(asked.id)))
        else:
            self.show("agent" if is_far(name) else "screen", name)
            (detail,) = [s.agent.detail for s in self.data.agents if s.agent.name == name]
            said = f"{self.data.called(name)} waits for an answer in its own window (o) {detail}"
            self.insist(said.rstrip())

    def send(self) -> None:
        entry = self.entry
        if address.mentions(entry.text) or entry.reply_to or entry.sure:
            self.busy(lambda: _beside("acts").send(self.home, entry))
        elif entry.to_all:  # who types a word where its letters are keys may have come here
            self.begin(entry._replace(sure=bool(entry.text.strip())))
        else:
            self.insist("to whom? begin with @NAME; to everyone: Esc b")

    def take(self) -> None:
        """What was typed on one line is taken; nothing, where that says nothing, is left."""
        entry = self.entry
        if entry.kind not in (TAG, FILTER) and not entry.text.strip():
            self.state = self.state._replace(entry=None)
            return
        is_setting = entry.kind == SETTING
        of, value = compose.setting(entry.text) if is_setting else (entry.text.strip(), "")
        if entry.kind == ARCHIVE or (is_setting and not value):
            left = Entry(SETTING, f"{of} ", len(of) + 1) if is_setting else None
            self.state = self.state._replace(entry=left)
            self.show(entry.kind, of)
            return
        if entry.kind == RUN and self.ended is None:
            self.ended = _beside("pages").ended(self.home)
        if entry.kind != FILTER:
            self.begin(entry)
            self.busy(lambda: _beside("acts").TAKES[entry.kind](self.home, self.env, entry))
            return
        state = self.state._replace(filter=entry.text.strip(), event=0, entry=None)
        try:
            self.data, self.file = feed.read(self.home, state, time.time())
            self.state = state
        except HcomError as error:
            self.insist(keys.told(error))

    # -- steering --

    def ask(self, verb: str) -> None:
        agent = self.chosen()
        if agent:
            there = [seen.agent for seen in self.data.agents]
            alike = [a.name for a in there if agent.tag and a.tag == agent.tag]
            question = Question(verb, agent.name, tuple(alike))
            self.state = self.state._replace(question=question)
            self.opens_at = time.monotonic() + MOMENT_S

    def ask_tag(self) -> None:
        agent = self.chosen()
        if agent:
            self.begin(Entry(TAG, agent.tag, len(agent.tag), of=agent.name))

    def subscribe(self) -> None:
        found = selected(self.state, self.data)
        name = found.agent.name if found else ""
        self.show(WATCH, name)
        self.begin(Entry(WATCH, offer=self.state.filter or (f"idle:{name}" if name else "")))

    def confirmed(self, tagged: bool) -> None:
        asked = self.state.question
        assert asked
        if tagged and len(asked.tagged) < 2:  # not offered
            return
        names = asked.tagged if tagged else (asked.name,)
        self.state = self.state._replace(question=None)
        self.insist(f"{asked.verb} {self.data.called(*names)} ...")
        self.does(lambda: _beside("acts").STEERS[asked.verb](self.home, self.env, names))

    # -- pages --

    def open(self) -> None:
        if self.state.view == View.AGENTS:
            self.show_of("agent")
        elif self.data.events:
            event = self.data.events[event_at(self.state, self.data)]
            folded = event.id in self.data.folded
            self.show(
                THREAD if folded else EVENT, event.data["thread"] if folded else str(event.id)
            )

    def go(self) -> None:
        """The person is in the selected agent's window."""
        agent = self.chosen()
        if agent:
            self.does(lambda: _beside("acts").go(self.home, self.env, agent.name))

    def show_of(self, kind: str) -> None:
        agent = self.chosen()
        if agent and agent.device and kind == "transcript":  # its device is asked for it
            self.does(lambda: _beside("acts").ask(self.home, kind, agent.name))
        elif agent:
            self.show(kind, agent.name)

    def show(self, kind: str, of: str) -> None:
        self.state = self.state._replace(page=Page(kind, of))
        self.refresh()

    def show_to(self, kind: str) -> None:
        """A page, and a line below it that says what is wanted of it."""
        self.show(kind, "")
        self.begin(Entry(kind))

    def refresh(self) -> None:
        """The page is read again, unless that is still being done; how a workflow ended is said."""
        if self.ended is not None:
            before, self.ended = self.ended, _beside("pages").ended(self.home)
            for run, code in self.ended.items() - before.items():
                self.say(f"{run} ended with {code}; w shows what it said")
        page = self.state.page
        cols = self.screen.size()[0]
        if page and self.asked is None and (page.kind in LIVE or page.cols != cols):
            self.asked = asked = page._replace(cols=cols)
            self.work.do(
                lambda: _beside("pages").read(self.home, asked),
                self.shown,
                lambda why: self.shown((why,)),
            )

    def shown(self, lines: tuple[str, ...]) -> None:
        page, asked, self.asked = self.state.page, self.asked, None
        if page and asked and (page.kind, page.of) == (asked.kind, asked.of):
            top = moves.kept(page, lines, asked.cols)
            self.state = self.state._replace(page=asked._replace(lines=lines, top=top))
        else:
            self.refresh()

    # -- going --

    def quit(self) -> None:
        self.code = 0
