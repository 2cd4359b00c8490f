"""What is installed for each version of Claude Code, and what is said of those that are too old."""

import json
import os
import tempfile
import unittest
from pathlib import Path

from hcom import home as homes
from hcom.adapters import settings
from hcom.adapters.claude import launch, screen, setup
from hcom.errors import HcomError
from tests.sealed import Sealed

ALWAYS = {"SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SubagentStop"}
ALWAYS |= {"SessionEnd"}
# Our events that came later, the oldest first.
LATER = ("SubagentStart", "PermissionRequest", "PostToolUseFailure", "StopFailure")


class Installed(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(dir=os.environ.get("HCOM_TEST_PLACE"))
        self.addCleanup(place.cleanup)
        self.root = Path(place.name)
        self.bins = [self.root / "bin", self.root / "other"]
        self.env = {"HOME": str(self.root), "PATH": os.pathsep.join(map(str, self.bins))}
        self.home = homes.locate(self.env)
        homes.create(self.home)
        self.settings = self.root / ".claude" / "settings.json"

    def claude(self, version: str, where: int = 0) -> Path:
        """npm's package of that version is in a folder of the PATH; what it starts would fail."""
        package = self.root / f"lib-{version}" / "claude-code"
        package.mkdir(parents=True, exist_ok=True)
        said = {"name": setup.PACKAGE, "version": version}
        (package / "package.json").write_text(json.dumps(said))
        return self.program(package / "cli.js", "exit 9", where)

    def program(self, file: Path, code: str, where: int = 0) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(f"#!/bin/sh\n{code}\n")
        file.chmod(0o755)
        link = self.bins[where] / "claude"
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(file)
        return link

    def add(self) -> bool:
        return settings.put(setup.files(self.home, self.env, (), ()))

    def said(self) -> dict:
        return json.loads(self.settings.read_text())["hooks"]

    def waits(self) -> bool:
        return "asyncRewake" in self.settings.read_text()

    def test_what_each_version_is_given(self):
        for version, later, waits in (
            ("1.0.85", 0, False),
            ("2.0.0", 0, False),
            ("2.0.44", 1, False),
            ("2.0.45", 2, False),
            ("2.0.56", 3, False),
            ("2.1.77", 3, False),
            ("2.1.78", 4, False),
            ("2.1.119", 4, False),
            ("2.1.120", 4, True),
            ("2.1.332", 4, True),
            ("3.0.0", 4, True),
        ):
            with self.subTest(version):
                self.claude(version)
                self.add()
                self.assertEqual(set(self.said()), ALWAYS | set(LATER[:later]))
                self.assertEqual(self.waits(), waits)

    def test_a_downgrade_takes_out_what_the_older_does_not_bear(self):
        self.settings.parent.mkdir()
        self.settings.write_text('{"model": "opus", "hooks": {}}\n')
        self.claude("2.1.332")
        self.add()
        self.claude("2.1.77")
        self.assertIn("not those for this claude", setup.advice(self.home, self.env, "/"))
        self.assertTrue(self.add())
        self.assertEqual(setup.advice(self.home, self.env, "/"), "")
        self.assertNotIn("StopFailure", self.said())
        self.assertEqual(json.loads(self.settings.read_text())["model"], "opus")

    def test_versions_that_share_the_file(self):
        self.claude("2.1.332")
        other = self.claude("2.1.77", 1)
        self.add()
        self.assertNotIn("StopFailure", self.said())
        self.env["PATH"] = str(self.bins[0])  # as of another node: the other one is still there
        self.assertFalse(self.add())
        self.assertNotIn("StopFailure", self.said())
        other.unlink()
        self.assertTrue(self.add())
        self.assertIn("StopFailure", self.said())

    def test_one_that_its_own_installer_put_beside_the_path(self):
        self.claude("2.1.332")
        native = self.root / ".local" / "share" / "claude" / "versions" / "2.1.77"
        link = self.program(native, "exit 9", 1)
        (self.root / ".local" / "bin").mkdir()
        link.rename(self.root / ".local" / "bin" / "claude")
        self.add()
        self.assertNotIn("StopFailure", self.said())

    def test_one_that_does_not_tell_its_version(self):
        for code, later in (("echo '2.1.330 (Claude Code)'", 4), ("echo hello", 0), ("exit 1", 0)):
            with self.subTest(code):
                self.program(self.root / f"script-{later}", code)
                self.add()
                self.assertEqual(set(self.said()), ALWAYS | set(LATER[:later]))
                self.assertEqual(setup.lacks(self.home, self.env), "")
                self.assertFalse(setup.typed(self.home, self.env))

    def test_it_is_asked_once(self):
        asked = self.root / "asked"
        self.program(self.root / "script", f"echo >>{asked}; echo 2.1.332")
        for _ in range(3):
            self.add()
            self.assertEqual(setup.own(self.home, self.env), (2, 1, 332))
        self.assertEqual(asked.read_text(), "\n")
        self.program(self.root / "another", "echo 2.1.77")
        self.assertEqual(setup.own(self.home, self.env), (2, 1, 77))

    def test_what_is_not_on_the_path_any_more_is_not_run(self):
        self.claude("2.1.332")
        asked = self.root / "asked"
        self.program(self.root / "script", "echo 2.1.77", 1)
        self.add()
        self.assertNotIn("StopFailure", self.said())
        self.env["PATH"] = str(self.bins[0])
        self.program(self.root / "inmates", f"echo >{asked}; echo 2.1.332", 1)
        self.add()
        self.assertFalse(asked.exists())
        self.assertNotIn("StopFailure", self.said())

    def test_who_only_looks_makes_no_folder(self):
        self.claude("2.1.332")
        home = self.home._replace(root=str(self.root / "new" / ".hcom"))
        self.assertEqual(setup.own(home, self.env), (2, 1, 332))
        self.assertFalse((self.root / "new").exists())

    def test_one_that_cannot_take_part(self):
        self.claude("1.0.84")
        with self.assertRaises(HcomError) as caught:
            self.add()
        for said in (
            caught.exception.message,
            setup.advice(self.home, self.env, "/"),
            setup.warnings(self.home, self.env, "/", []),
            launch.plan([], self.home, self.env, "/").client["lacks"],
        ):
            self.assertIn("claude 1.0.84", said)
            self.assertIn("1.0.85 or later", said)
        self.assertFalse(self.settings.exists())

    def test_who_is_woken_by_typing(self):
        for version, typed in (("1.0.85", True), ("2.1.162", True), ("2.1.163", False)):
            self.claude(version)
            with self.subTest(version):
                client = launch.plan([], self.home, self.env, "/").client
                self.assertEqual(screen.types(client), typed)


class Unwoken(Sealed):
    def test_a_session_outside_hcom_that_has_no_way_to_be_woken(self):
        name = self.claude("s1")
        self.hook("s1", "Stop")
        done = self.home.run("send", "--from", "ci", f"@{name} hello")
        said = "the client has no messaging socket: 2.1.330 or later has"
        self.assertIn(f"hcom: not woken: {name}: the wake cannot be sent: {said}", done.stderr)
        self.assertIn(f"not woken: the wake cannot be sent: {said}", self.home.said("list"))

    def test_one_whose_waiter_is_yet_to_come(self):
        name = self.claude("s1")
        waits = {"AI_AGENT": "claude-code_2-1-163_harness", "CLAUDE_CODE_ENTRYPOINT": "cli"}
        payload = {"session_id": "s1", "cwd": self.home.work, "hook_event_name": "Stop"}
        self.home.hook("claude", "Stop", payload, pid=self.clients["s1"].pid, env=waits)
        done = self.home.run("send", "--from", "ci", f"@{name} hello")
        self.assertEqual(done.stderr, "")
