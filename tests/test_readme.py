"""The README says what the commands say. `python3 -m tests.test_readme` rewrites it."""

import unittest
from pathlib import Path

from hcom.cli.help import reference
from hcom.tui import keys

README = Path(__file__).resolve().parent.parent / "README.md"
# What stands between <!-- name --> and <!-- /name -->.
MADE = {
    "keys": lambda: f"```text\n{keys.reference()}\n```",
    "reference": lambda: reference().strip("\n"),
}


def written(text: str) -> str:
    """The README with what is made of declarations made anew."""
    for name, made in MADE.items():
        head, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition(f"<!-- /{name} -->\n")
        text = f"{head}{begin}\n{made()}\n\n{end}{tail}"
    return text


class Readme(unittest.TestCase):
    def test_the_reference_is_what_the_commands_declare(self):
        text = README.read_text(encoding="utf-8")
        self.assertEqual(text, written(text), "run: python3 -m tests.test_readme")

    def test_every_command_is_in_it(self):
        from hcom.cli.catalog import COMMANDS

        for command in COMMANDS:
            self.assertIn(f"hcom {command}", README.read_text(encoding="utf-8"))


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
