"""The README and the page of troubles say what the commands say. `python3 -m tests.test_readme`
rewrites them."""

import os
import time
import unittest
from pathlib import Path
from unittest import mock

from hcom.cli.help import reference
from hcom.ops import problems
from hcom.tui import keys
from hcom.tui.state import State
from tests import test_dashboard_frames as frames

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = (README, ROOT / "docs/troubleshooting.md")


def screen() -> str:
    """What the dashboard draws of the agents and events of its own tests."""
    with mock.patch.dict(os.environ, {"TZ": "UTC"}):
        time.tzset()
        drawn = frames.shown(State(agent="kira"), frames.DATA, rows=15)
    time.tzset()
    return f"```text\n{drawn}\n```"


# What stands between <!-- name --> and <!-- /name -->.
MADE = {
    "keys": lambda: f"```text\n{keys.reference()}\n```",
    "screen": screen,
    "problems": problems.page,
    "reference": lambda: reference().strip("\n"),
}


def written(text: str) -> str:
    """The page with what is made of declarations made anew."""
    for name, made in MADE.items():
        head, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition(f"<!-- /{name} -->\n")
        text = f"{head}{begin}\n{made()}\n\n{end}{tail}" if end else text
    return text


class Readme(unittest.TestCase):
    def test_the_reference_is_what_the_commands_declare(self):
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            self.assertEqual(text, written(text), "run: python3 -m tests.test_readme")
        self.assertEqual(
            sum(p.read_text().count(f"<!-- {n} -->") for p in PAGES for n in MADE), len(MADE)
        )

    def test_its_first_part_is_short_and_begins_with_the_two_commands(self):
        text = README.read_text(encoding="utf-8").partition("## Reference\n")[0]
        self.assertLess(text.count("\n"), 250)
        code = [line.strip() for line in text.split("\n") if line.startswith("    ")]
        self.assertEqual(code[:2], ["python3 -m hcom demo", "python3 -m unittest"])

    def test_every_command_is_in_it(self):
        from hcom.cli.catalog import COMMANDS

        for command in COMMANDS:
            self.assertIn(f"hcom {command}", README.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")
