"""What the dashboard shows whole: the lines of its pages."""

import shlex

from hcom.home import locate
from hcom.tui import pages
from hcom.tui.state import Page
from tests.sealed import Sealed


class Pages(Sealed):
    def setUp(self):
        super().setUp()
        self.luna = self.home.start()

    def page(self, kind: str, of: str, cols: int = 200) -> str:
        return "\n".join(pages.read(locate(self.home.env), Page(kind, of), cols))

    def test_all_of_an_agent(self):
        nova = self.claude("s1")
        said = self.page("agent", nova)
        self.assertRegex(said, r"(?m)^hooks +none was heard yet \(hcom hooks\)$")
        self.hook("s1", "SessionStart", source="startup")
        self.home.said("events", "sub", "--name", self.luna, "--agent", nova)
        self.home.said("events", "sub", "idle:" + self.luna, "--for", nova)
        for number in range(pages.MESSAGES + 2):
            self.home.said("send", "--name", self.luna, f"@{nova} number {number}")
        said = self.page("agent", nova)
        command = shlex.quote(self.clients["s1"].args[0])
        for line in (
            r"session id +s1", rf"command +{command} -I -S -c .*", r"unread +10",
            rf"subscription +sub-\w+ idle:{self.luna}",
            rf"#\d+ {self.luna} to {nova}: .*number 9.*  \[queued\]",
        ):  # fmt: skip
            with self.subTest(line):
                self.assertRegex(said, f"(?m)^{line}$")
        self.assertNotIn("hooks ", said)
        self.assertNotIn('number 1"', said)
