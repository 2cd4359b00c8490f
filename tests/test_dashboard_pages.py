"""What the dashboard shows whole: the lines of its pages."""

import re
import shlex

from hcom import config
from hcom.errors import HcomError
from hcom.home import locate
from hcom.store import agents, events
from hcom.tui import acts, pages
from hcom.tui.state import EVENT, RELAY, TAG, WATCH, Entry, Page
from tests.devices import Devices
from tests.sealed import Sealed


class Pages(Sealed):
    def setUp(self):
        super().setUp()
        self.luna = self.home.start()

    def page(self, kind: str, of: str, cols: int = 200) -> str:
        return "\n".join(pages.read(locate(self.home.env), Page(kind, of, cols=cols)))

    def test_all_of_an_agent(self):
        nova = self.claude("s1")
        said = self.page("agent", nova)
        self.assertRegex(said, r"(?m)^hooks +none was heard yet \(\[h\]\)$")
        self.hook("s1", "SessionStart", source="startup")
        self.edit("s1", "src/a.py")
        self.home.said("events", "sub", "--name", self.luna, "--agent", nova)
        self.home.said("events", "sub", "idle:" + self.luna, "--for", nova)
        for number in range(pages.MESSAGES + 2):
            self.home.said("send", "--name", self.luna, f"@{nova} number {number}")
        said = self.page("agent", nova)
        command = shlex.quote(self.clients["s1"].args[0])
        for line in (
            r"session id +s1", rf"command +{command} -I -S -c .*", r"unread +10",
            r"status age +\d+s", r"created at +\d{4}-\d\d-\d\d \d\d:\d\d", r"#\d+ edit .*src/a.py",
            rf"subscription +sub-\w+  idle:{self.luna} \(by bigboss\)",
            rf"#\d+ {self.luna} to {nova}: .*number 9.*  \[queued\]",
        ):  # fmt: skip
            with self.subTest(line):
                self.assertRegex(said, f"(?m)^{line}$")
        self.assertNotIn("hooks ", said)
        self.home.said("config", "-i", nova, "tag", "web")
        self.assertRegex(self.page("agent", nova), rf"#\d+ {self.luna} to web-{nova}: ")
        self.assertRegex(self.page(WATCH, nova), rf"(?m)^web-{nova} is told of:")
        (number,) = self.home.sql("SELECT max(id) FROM events WHERE type = 'message'")[0]
        said = self.page(EVENT, str(number))
        self.assertRegex(said, rf"(?ms)^delivered to +web-{nova}\n.*^web-{nova} +queued$")
        self.assertNotIn('number 1"', said)

    def test_the_person_is_told_of_what_is_typed(self):
        home = locate(self.home.env)
        for text, label in (
            ("rebase", "rebase"),
            (f"agent:{self.luna} rebase 'now'", f"--agent {self.luna} rebase now"),
            ("collision", "collision"),
            ("blocked", "blocked"),
            ('cmd-exact:"git push"', 'cmd-exact:"git push"'),
            (f"type:message idle:{self.luna}", f"idle:{self.luna} --type message"),
        ):
            with self.subTest(text):
                said = acts.subscribe(home, {}, Entry(WATCH, text))
                self.assertRegex(said, rf"\Asub-\w+: you are told of {re.escape(label)}\Z")
        self.home.said("send", "--name", self.luna, "I rebase this")
        told = "SELECT count(*) FROM deliveries d JOIN events e ON e.id = d.event_id "
        told += "WHERE d.agent = 'bigboss' AND e.instance = 'hcom'"
        self.home.until(lambda: self.home.sql(told) == [(1,)], "the person is told")
        for text, why in (
            ("kind:edit", "not in a filter: kind:edit"),
            ("before:1d rebase", "no after:, before:"),
            ("end sub-nothing", "no subscription 'sub-nothing'"),
        ):
            with self.subTest(text), self.assertRaisesRegex(HcomError, why):
                acts.subscribe(home, {}, Entry(WATCH, text))
        acts.subscribe(home, {}, Entry(WATCH, "end rebase"))
        self.assertNotIn("  rebase\n", self.page(WATCH, self.luna))

    def test_an_event_says_whom_it_went_to(self):
        others = ", ".join((self.home.start(), self.home.start()))
        self.home.said("send", "--name", self.luna, "hi all")
        said = self.page(EVENT, "4")
        self.assertRegex(said, rf"(?ms)^{self.luna} at \S+\n\nhi all$.*^delivered to +{others}$")


class Elsewhere(Devices):
    def test_an_agent_of_another_device_is_read_and_its_device_asked(self):
        here, there = self.pair()
        name = f"luna:{there.short}"
        said = "\n".join(pages.read(here.home, Page("agent", name, cols=100)))
        self.assertRegex(said, rf"(?s)name +{name}\n.*device +{there.short}\n")
        asked = rf"asked {there.short} \(#\d+\); its answer comes as a message"
        self.assertRegex(acts.stop(here.home, {}, (name, "luna")), rf"\Astopped luna; {asked}\Z")
        self.assertRegex(acts.ask(here.home, "transcript", name), asked)
        texts = [one.data["text"] for one in events.latest(here.db, 9) if one.type == "message"]
        self.assertEqual(texts, ["stop luna", "transcript luna"])
        for refused in (
            lambda: acts.tag(here.home, {}, Entry(TAG, "web", of=name)),
            lambda: acts.again(here.home, {}, (name,), False),
            lambda: acts.end(here.home, {}, (name,)),
            lambda: acts.go(here.home, {}, name),
            lambda: pages.read(here.home, Page("screen", name, cols=100)),
        ):
            with self.assertRaisesRegex(HcomError, "is on another device"):
                refused()
        self.assertEqual(agents.find(here.db, name).tag, "")

    def test_the_relay_and_its_devices(self):
        here, there = self.pair()
        for asked in (
            lambda: pages.read(here.home, Page(RELAY, "", cols=100)),
            lambda: acts.turn(here.home, {}, Entry(RELAY, "on")),
        ):
            with self.assertRaisesRegex(HcomError, "no relay is set"):
                asked()
        config.write_all(here.home, {"HCOM_RELAY": "http://127.0.0.1:9"})
        self.assertEqual(acts.turn(here.home, {}, Entry(RELAY, " off ")), "relay off")
        with self.assertRaisesRegex(HcomError, "neither on nor off: 'of'"):
            acts.turn(here.home, {}, Entry(RELAY, "of"))
        said = "\n".join(pages.read(here.home, Page(RELAY, "", cols=100)))
        self.assertRegex(said, r"relay +http://127.0.0.1:9 \(off \(\[d\] on\); unsigned")
        self.assertRegex(said, rf"device +{there.short}: 1 agents, heard .* ago, unsigned +luna")
