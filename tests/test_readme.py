"""The README and the page of troubles say what the commands say. `python3 -m tests.test_readme`
rewrites them."""

import unittest
from pathlib import Path

from hcom.cli.help import reference
from hcom.ops import problems
from hcom.tui import keys

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = (README, ROOT / "docs/troubleshooting.md")
# What stands between <!-- name --> and <!-- /name -->.
MADE = {
    "keys": lambda: f"```text\n{keys.reference()}\n```",
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
        self.assertEqual(sum(p.read_text().count(f"<!-- {n} -->") for p in PAGES for n in MADE), 3)

    def test_every_command_is_in_it(self):
        from hcom.cli.catalog import COMMANDS

        for command in COMMANDS:
            self.assertIn(f"hcom {command}", README.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")
