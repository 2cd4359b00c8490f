"""The pictures in the README can be made again, and show the dashboard."""

import re
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.sealed import ROOT, Sealed

DOCS, SVG = Path(ROOT, "docs"), "{http://www.w3.org/2000/svg}"
WORDS = {
    "agents": ("2 need you", "approve: Bash: rm -r build", "~/web", "web-kira → web-milo"),
    "stream": ("nova → bigboss", "✓ seen", "edit src/login.ts", "to nova, #", "2.x first"),
}


def text(path: Path) -> str:
    """What is written in the picture."""
    found = ElementTree.parse(path).iter(SVG + "text")
    return "\n".join(one.text or "" for one in found)


class Pictures(Sealed):
    def test_they_can_be_made_again(self):
        done = subprocess.run(
            [sys.executable, "-I", str(DOCS / "pictures.py"), self.home.work],
            env=self.home.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in WORDS:
            with self.subTest(name):
                self.shows(Path(self.home.work, f"{name}.svg"))

    def test_those_of_the_readme_are_right(self):
        shown = re.findall(r"!\[.+?\]\((\S+?)\)", Path(ROOT, "README.md").read_text())
        self.assertEqual(shown, [f"docs/{name}.svg" for name in WORDS])
        for name in WORDS:
            with self.subTest(name):
                self.shows(DOCS / f"{name}.svg")

    def shows(self, path: Path) -> None:
        said = text(path)
        for word in WORDS[path.stem]:
            self.assertIn(word, said)
        self.assertNotRegex(path.read_text(), "/tmp|/home|/root|/Users")


if __name__ == "__main__":
    unittest.main()
