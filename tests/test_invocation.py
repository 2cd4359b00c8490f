"""How hcom is run: by its path, as it teaches agents, and by a Python that is too old."""

import ast
import os
import re
import shutil
import subprocess
import sys
import unittest

from hcom import home as homes
from hcom.store import kept
from tests.sealed import ROOT
from tests.test_cli import Commands
from tests.test_zipped import zipped


class Invocation(Commands):
    def test_what_an_agent_is_taught_works_in_its_next_shell(self):
        place = self.home.env.pop("HCOM_DIR")
        python = os.path.realpath(sys.executable)
        copy = f"{python} {ROOT}/hcom"
        bare = {**self.home.env, "PATH": "/usr/bin:/bin"}
        for line, env, words in (
            (f"HCOM_DIR={place} {copy} start", bare, f"HCOM_DIR={place} {python} "),
            (f"export HCOM_DIR={place}; {copy} start; true", bare, f"HCOM_DIR={place} "),
            (f"{copy} start", bare, python),
            (f"{copy} start; true", {**bare, "HCOM_DIR": place}, python),
            (f"HCOM_DIR={place} hcom start", self.home.env, f"HCOM_DIR={place} hcom"),
        ):
            with self.subTest(line):
                said = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True)
                (name,) = re.findall(r"You are '(\w+)'", said.stdout)
                (written,) = re.findall(r"where it says hcom, write: (.*)\)", said.stdout)
                self.assertTrue(written.startswith(words), written)
                line = f"{written} list self base_name --name {name}"
                said = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True)
                self.assertEqual(said.stdout, f"{name}\n", said)
        shells = [("hcom start", {})]
        if os.path.isdir("/proc/self"):  # elsewhere nobody tells what the shell had
            shells.append(("hcom start; true", {"HCOM_DIR": place}))
        for line, more in shells:
            env = {**self.home.env, **more}
            said = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True)
            self.assertNotIn("write: ", said.stdout)

    def test_mail_is_said_to_come_by_itself_only_where_a_hook_was_heard(self):
        env = {"CODEX_THREAD_ID": "t1", "CODEX_HOME": f"{self.home.root}/none"}
        said = self.home.run("start", env=env).stdout
        (name,) = re.findall(r"You are '(\w+)'", said)
        self.assertIn("an hcom command, or by `hcom listen`,", said)
        self.assertNotRegex(said, "by themselves|--name")
        self.home.said("send", "--from", "ci", f"@{name} hi")
        self.assertRegex(self.home.run("list", env=env).stdout, "message #2 from ci.*\n.* hi\n")
        kept.note(homes.Home(self.home.hcom_dir, self.home.root), "t1", tool="codex")
        said = self.home.run("start", env=env).stdout
        self.assertIn(f"You are {name!r}", said)
        self.assertIn("arrive by themselves,", said)

    def test_a_directory_of_another_name_is_told_so(self):
        folder = os.path.join(self.home.root, "place")
        other = shutil.copytree(f"{ROOT}/hcom", f"{folder}/other")
        said = f"hcom: its directory has to be called hcom: rename {other}\n"
        os.mkdir(f"{folder}/hcom")  # as a clone of the repository is called
        for words, where in (
            ([other], "/"),
            (["other"], folder),
            (["."], other),
            (["-m", "other"], folder),
        ):
            with self.subTest(words):
                argv = [sys.executable, *words, "list"]
                done = subprocess.run(
                    argv, env=self.home.env, cwd=where, capture_output=True, text=True
                )
                self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", said))
        os.rename(other, f"{folder}/hcom")
        argv = [sys.executable, f"{folder}/hcom", "--version"]
        self.assertEqual(subprocess.run(argv, env=self.home.env, capture_output=True).returncode, 0)

    def test_what_lies_beside_it_is_none_of_the_standard_library(self):
        folder = os.path.join(self.home.root, "place")
        shutil.copytree(f"{ROOT}/hcom", f"{folder}/hcom")
        with open(f"{folder}/json.py", "w", encoding="utf-8") as stream:
            stream.write("raise SystemExit('not the one')\n")
        for words in (["hcom"], [f"{folder}/hcom"], ["-I", "-S", f"{folder}/hcom/__main__.py"]):
            with self.subTest(words):
                done = subprocess.run(
                    [sys.executable, *words, "list"],
                    env=self.home.env,
                    cwd=folder,
                    capture_output=True,
                    text=True,
                )
                self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)


class TooOld(Commands):
    """A Python before 3.10, of which this one only plays the number; the grammar is looked at."""

    def test_one_line_whatever_is_called(self):
        play = (
            "import runpy, sys; package, *sys.argv[1:] = sys.argv[1:]; sys.version_info = (3, 9)\n"
            "run = runpy.run_path if '/' in package else runpy.run_module\n"
            "if package == 'import': run = lambda *_, **more: __import__('hcom.cli')\n"
            "try: run(package, run_name='__main__')\n"
            "finally: assert not [m for m in sys.modules if m.startswith('hcom.')], sys.modules"
        )
        pyz = zipped(self.home.root)
        said = "hcom: needs Python 3.10 or newer, this is 3.9\n"
        for words, code in (
            (("list",), 1),
            (("config",), 1),
            (("claude",), 1),
            (("reset", "all"), 1),
            (("wrapped", "x"), 1),
            (("--version",), 1),
            (("hook", "claude", "Stop", "1"), 0),
            (("hook", "record"), 0),
        ):
            for package in ("hcom", f"{ROOT}/hcom", pyz, "import"):
                with self.subTest(words=words, package=package):
                    argv = [sys.executable, "-c", play, package, *words]
                    done = subprocess.run(argv, env=self.home.env, cwd=ROOT, capture_output=True)
                    shown = (done.returncode, done.stdout, done.stderr.decode())
                    self.assertEqual(shown, (code, b"", said if code else ""))
        self.assertFalse(os.path.exists(self.home.hcom_dir))

    def test_the_entry_reads_in_the_grammar_of_3_6(self):
        for name in ("__init__.py", "__main__.py"):
            with open(f"{ROOT}/hcom/{name}", encoding="utf-8") as stream:
                ast.parse(text := stream.read(), feature_version=(3, 6))
            self.assertNotRegex(text, r"\bf[\"']|\[[^]]*, \*")  # nor what Python 2 cannot read


if __name__ == "__main__":
    unittest.main()
