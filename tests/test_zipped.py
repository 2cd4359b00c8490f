"""hcom as one zip file, made by the README's line: all of it runs, from a copy of its own."""

import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.sealed import ROOT, Sealed


def zipped(place: str) -> str:
    """The path of such a file, in `place`."""
    readme = Path(ROOT, "README.md").read_text(encoding="utf-8")
    line = next(line for line in readme.split("\n") if line.startswith("    python3 -m zipapp "))
    words = shlex.split(line)
    made = words[words.index("-o") + 1] = os.path.join(place, words[words.index("-o") + 1])
    subprocess.run([sys.executable, *words[1:]], cwd=ROOT, check=True)
    return made


class Zipped(Sealed):
    def setUp(self):
        super().setUp()
        self.file = zipped(self.home.root)
        self.home.program("hcom", f'exec "{sys.executable}" "{self.file}" "$@"')
        self.kept = Path(self.home.hcom_dir, ".agents")

    def test_status_and_a_hook_that_delivers(self):
        self.assertIn("database   ok", self.home.said("status"))
        self.home.stand_in("claude", "exec sleep 60")
        self.home.said("hooks", "add", "claude")
        luna = self.claude("s1")
        self.home.said("send", "--from", "ci", f"@{luna} the build is red")
        os.unlink(self.file)  # what is installed does without it
        text = Path(self.home.root, ".claude/settings.json").read_text()
        (hook,) = json.loads(text)["hooks"]["UserPromptSubmit"][0]["hooks"]
        payload = {"session_id": "s1", "cwd": self.home.work, "prompt": "go on"}
        payload["hook_event_name"] = "UserPromptSubmit"
        said = self.home.within(
            self.clients["s1"], "sh", "-c", hook["command"], session="s1", given=json.dumps(payload)
        )
        self.assertIn("the build is red", said.stdout)
        self.assertEqual(said.stderr, "")

    def test_a_launch(self):
        self.home.stand_in("claude", "exec sleep 60")
        name = self.home.new(lambda: self.home.said("claude", "--headless"))
        self.assertIn(name, self.home.said("list"))
        self.home.said("kill", name)

    def test_the_demo_and_a_workflow(self):
        self.assertRegex(self.home.said("demo"), r"(?m)^6\. ")
        self.assertIn("from hcom.scripts", self.home.said("run", "clone", "--source"))
        self.assertIn("task", self.home.said("run", "clone", "--help"))

    def test_it_is_unpacked_once_and_anew_from_another(self):
        at_once = [
            subprocess.Popen(["hcom", "--version"], env=self.home.env, stdout=subprocess.DEVNULL)
            for _ in range(4)
        ]
        self.assertEqual([one.wait(60) for one in at_once], [0] * 4)
        self.assertEqual(os.listdir(self.kept), ["zipped"])
        first = os.stat(self.kept / "zipped").st_ino
        self.home.said("list")
        self.assertEqual(os.stat(self.kept / "zipped").st_ino, first)
        with zipfile.ZipFile(self.file, "a") as more:
            more.writestr("newer.py", "")
        self.home.said("list")
        self.assertTrue((self.kept / "zipped/hcom/newer.py").exists())
        self.assertEqual(len(os.listdir(self.kept / "zipped")), 2)
        self.assertEqual(os.listdir(self.kept), ["zipped"])

    def test_where_it_cannot_be_unpacked(self):
        done = self.home.run("list", env={"HCOM_DIR": "/proc/nowhere"})
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(
            done.stderr, r"\Ahcom: cannot unpack itself: .*/proc/nowhere \(export HCOM_DIR=.*\)\n\Z"
        )
