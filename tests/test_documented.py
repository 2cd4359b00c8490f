"""Every command line of README, CONTRIBUTING and docs/ is run by a test: here, or by the one that
ELSEWHERE names. What the commands' help has is run by test_help.
"""

import importlib
import re
import sys
import unittest
from pathlib import Path

from hcom.demo.terminal import Terminal
from hcom.pty import spawn
from tests.sealed import ROOT
from tests.test_help import Examples

PAGES = ("README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in Path(ROOT, "docs").iterdir()))
PROGRAMS = r"(?:hcom|python3|pipx|pip|export|\.ci/\w+|\./hcom\.pyz|ssh)"
LINE = re.compile(rf"{PROGRAMS}(?: .*)?")
# By how it begins: the test that runs it, or the step of CI (.ci/run) that it is.
ELSEWHERE = {
    "python3 -m hcom demo": "test_demo.Demo.test_each_step_is_shown_with_nothing_but_python",
    "python3 -m unittest": "test_suite.Bare.test_it_leaves_nothing_and_says_what_it_left_out",
    "python3 -m tests.test_readme": "test_readme.Readme",
    "python3 -m tests.rig.record": "test_recorded.Recorded",
    "python3 -m tests": "test_suite.Whole.test_each_test_counts_once_and_what_died_is_a_failure",
    "python3 -m zipapp": "test_zipped.Zipped",
    "python3 docs/pictures.py": "test_pictures.Pictures",
    "python3 tools/vendor_check.py": "CI",
    ".ci/": "CI",
    "pipx install .": "CI",  # the wheel that it installs: vendor_check
    "pipx uninstall hcom": "test_upgrade.Removed.test_no_trace_stays",
    "hcom run clone TASK": "test_workflows.Clone",
    "hcom run confess": "test_workflows.Confess",
    "hcom run debate": "test_workflows.Debate",
    "hcom run ensemble": "test_workflows.Ensemble",
    "hcom run watcher": "test_workflows.Background.test_a_watcher_reviews_each_turn",
    "hcom run glue": "test_workflows.Background.test_glue_tells_each_thing_once",
    "hcom relay": "test_relay_server.Start",
    "hcom config relay": "test_help.Examples.test_all_of_the_settings",
    "ssh HOST hcom relay serve": "test_relay_server.Ssh",
    "hcom resume": "test_help.Examples.test_all",
}
# What stands for something in them.
MEANT = {
    "/where/it/is/hcom": f"{ROOT}/hcom",
    "python3 ": f"{sys.executable} ",
    "NAME": "luna",
    "bench/": f"{ROOT}/bench/",
}


def commands(text: str) -> "list[str]":
    """The command lines in a page, each once, without what is made of the commands' own words."""
    text = re.sub(r"<!-- ([a-z]+) -->.*?<!-- /\1 -->", "", text, flags=re.S)
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    lines = [line.strip() for line in text.split("\n") if line.startswith("    ")]
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text)]
    found = [re.sub(r" {2,}#.*", "", line) for line in lines if LINE.fullmatch(line)]
    # `hcom list` in a sentence is the command's name
    found += [code for code in inline if re.fullmatch(rf"(?!hcom \S+$){PROGRAMS} .+", code)]
    return list(dict.fromkeys(found))


def elsewhere(line: str) -> str:
    """Which test runs it; "" for none."""
    return next((test for begin, test in ELSEWHERE.items() if line.startswith(begin)), "")


class Lines(Examples):
    """As in the examples of help: luna and nova take part, kira is a client."""

    test_all = test_all_of_the_settings = None  # type: ignore[assignment]

    def setUp(self):
        super().setUp()
        for tool in ("gemini", "codex"):
            self.home.stand_in(tool, "exec sleep 60")
        self.home.env["HCOM_TERMINAL"] = "sh {script}"

    def test_each(self):
        given = [line for page in PAGES for line in commands(Path(ROOT, page).read_text())]
        self.assertGreater(len(given), 40)
        # kira is the third name, as long as no launch has it
        for line in sorted(dict.fromkeys(given), key=lambda line: not self.is_of_a_client(line)):
            if not elsewhere(line):
                with self.subTest(line):
                    self.run_line(line)

    def is_of_a_client(self, line: str) -> bool:
        return line.startswith(("hcom transcript", "hcom term"))

    def run_line(self, line: str) -> None:
        if "luna" in line or "NAME" in line or "nova" in line:
            self.world()
        for word, meant in MEANT.items():
            line = line.replace(word, meant)
        if self.is_of_a_client(line):
            self.client("term" in line)
            line = line.replace("luna", "kira")
        line = re.sub(r"(bench/\w+\.py).*", r"\1 --help", line)  # measuring takes minutes
        if line == "hcom listen":
            self.home.said("send", "--name", "luna", "@bigboss hi")
        if line.startswith(("hcom send", "hcom listen")):
            self.on_a_terminal(line)
            return
        done = self.shell(line)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def on_a_terminal(self, line: str) -> None:
        """A person says it."""
        terminal = Terminal(["sh", "-c", line], self.home.env, self.home.work)
        self.addCleanup(terminal.close)
        self.home.until(lambda: terminal.pump() or terminal.ending, line, 60)
        self.assertEqual(terminal.ending, spawn.Exited(0), terminal.output)


class Table(unittest.TestCase):
    def test_what_is_run_elsewhere_is_there(self):
        for begin, test in ELSEWHERE.items():
            with self.subTest(begin):
                module, *names = test.split(".")
                if test != "CI":
                    found = importlib.import_module(f"tests.{module}")
                    for name in names:
                        found = getattr(found, name)

    def test_what_is_a_command(self):
        page = (
            "Run `hcom list -v`.\n\n    hcom    # here\n    not one\n\n```text\n    hcom no\n```\n"
        )
        self.assertEqual(commands(page), ["hcom", "hcom list -v"])


if __name__ == "__main__":
    unittest.main()
