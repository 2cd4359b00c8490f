"""Where a client's hooks would not run: that is said, or a launch brings them."""

import json
import os
import re
import stat
import unittest

from hcom.adapters import settings
from hcom.adapters.claude import launch as claude
from hcom.adapters.claude import setup
from hcom.adapters.gemini import launch as launch_gemini
from hcom.errors import HcomError
from hcom.ops.setup import SAFE
from tests.sealed import Sealed
from tests.test_settings import FOREIGN, Settings


class TurnedOff(Settings):
    def test_of_several_settings_the_last_says_whether_hooks_run(self):
        env = {"HOME": self.place}
        work, managed = os.path.join(self.place, "work"), os.path.join(self.place, "managed")
        places = {
            "own": os.path.join(self.place, ".claude", "settings.json"),
            "project": os.path.join(work, ".claude", "settings.json"),
            "local": os.path.join(work, ".claude", "settings.local.json"),
            "managed": os.path.join(managed, "managed-settings.json"),
            "more": os.path.join(managed, "managed-settings.d", "a.json"),
        }
        off, on, only = (
            json.dumps({key: value})
            for key, value in (
                ("disableAllHooks", True),
                ("disableAllHooks", False),
                ("allowManagedHooksOnly", True),
            )
        )
        table = (
            ({}, [], ""),
            ({"own": off}, [], "own"),
            ({"own": off, "project": on}, [], ""),
            ({"project": off}, [], "project"),
            ({"project": on, "local": off}, [], "local"),
            ({"own": '{"disableAllHooks": "true"}'}, [], "own"),
            ({"own": '{"disableAllHooks": "false"}'}, [], ""),
            ({"own": only}, [], ""),
            ({"managed": only}, [], "managed"),
            ({"local": on, "managed": off}, [], "managed"),
            ({"more": off}, [], "more"),
            ({}, ["-p", "--settings", off], off),
            ({"own": off}, [f"--settings={on}"], ""),
            ({"own": on}, ["--settings", places["more"]], ""),
            ({"own": on}, ["--settings", "../off.json"], "../off.json"),
            ({}, ["--managed-settings", only], only),
            ({}, ["--bare"], "--bare"),
            ({}, ["--safe-mode", "x"], "--safe-mode"),
            ({"own": off}, ["--setting-sources", "project,local"], ""),
            ({"project": off}, ["--setting-sources", "user,local"], ""),
            ({"local": off}, ["--setting-sources", "user,local"], "local"),
            ({}, ["--", "--bare"], ""),
            ({"managed": json.dumps({"strictPluginOnlyCustomization": True})}, [], "managed"),
            ({"more": json.dumps({"strictPluginOnlyCustomization": ["hooks"]})}, [], "more"),
            ({"more": json.dumps({"strictPluginOnlyCustomization": ["skills"]})}, [], ""),
            ({"managed": json.dumps({"strictPluginOnlyCustomization": False})}, [], ""),
            ({"project": json.dumps({"strictPluginOnlyCustomization": True})}, [], ""),
            ({"managed": json.dumps({"allowManagedHooksOnly": "true"})}, [], "managed"),
        )
        with open(os.path.join(self.place, "off.json"), "w", encoding="utf-8") as stream:
            stream.write(off)
        for texts, args, where in table:
            with self.subTest(texts=texts, args=args):
                for name, path in places.items():
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "w", encoding="utf-8") as stream:
                        stream.write(texts.get(name, "{}"))
                said = setup.off(env, work, args, managed)
                self.assertEqual(
                    said.endswith(places.get(where, where)) if where else not said, True
                )
                if managed not in said:
                    self.assertEqual(
                        setup.warnings(self.home._replace(tools=work), env, work, args), said
                    )

    def test_the_environment_turns_them_off_too(self):
        for name, value, off in (
            ("CLAUDE_CODE_SIMPLE", "1", True),
            ("CLAUDE_CODE_SAFE_MODE", "true", True),
            ("CLAUDE_CODE_SIMPLE", "0", False),
            ("CLAUDE_CODE_SIMPLE", "", False),
        ):
            with self.subTest(name, value=value):
                env = {"HOME": self.place, name: value}
                self.assertEqual(name in setup.advice(self.home, env, self.place), off)
                self.assertEqual(claude.scrubbed(env), env)


class Said(Sealed):
    """Each way to turn a client's hooks off is said at a launch and in `status`."""

    def setUp(self):
        super().setUp()
        self.home.program("claude", "[ $1 = --version ] && exec echo 2.1.332; exec sleep 60")
        self.home.program("gemini", "[ $1 = --version ] && exec echo 0.61.0; exec sleep 60")
        self.addCleanup(self.home.run, "kill", "all")

    def write(self, path: str, text: str) -> str:
        path = os.path.join(self.home.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def test_by_files(self):
        off, gemini_off = '{"disableAllHooks": true}', '{"hooksConfig": {"enabled": false}}'
        self.write(".gemini/trustedFolders.json", json.dumps({self.home.work: "TRUST_FOLDER"}))
        table = (
            ("claude", ".claude/settings.json", off),
            ("claude", "work/.claude/settings.json", off),
            ("claude", "work/.claude/settings.local.json", off),
            ("gemini", ".gemini/settings.json", gemini_off),
            ("gemini", ".gemini/settings.json", '{"hooksConfig": {"disabled": ["hcom"]}}'),
            ("gemini", "work/.gemini/settings.json", gemini_off),
            ("gemini", ".gemini/trustedFolders.json", "{}"),
        )
        for tool, name, text in table:
            with self.subTest(name, text=text):
                path = self.write(name, text)
                said = "trust" if name.endswith("Folders.json") else path
                done = self.home.run(tool, "--headless")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stderr, f"hcom: {tool} [^\n]*{re.escape(said)}")
                if said == path:
                    self.assertRegex(self.home.said("status"), f"to do +{tool}: .*{path}")
                os.unlink(path)

    def test_by_words(self):
        for words, env, said in (
            (["--bare"], {}, "--bare"),
            (["--safe-mode"], {}, "--safe-mode"),
            (["--settings", '{"disableAllHooks": true}'], {}, "disableAllHooks"),
            ([], {"CLAUDE_CODE_SIMPLE": "1"}, "CLAUDE_CODE_SIMPLE"),
        ):
            with self.subTest(words, env=env):
                done = self.home.run("claude", "--headless", *words, env=env)
                self.assertRegex(done.stderr, f"hcom: claude runs no hooks[^\n]*{said}")
        self.assertNotIn("runs no hooks", self.home.run("claude", "--headless").stderr)


class Brought(Settings):
    """Hooks that a client would not find in its settings files go with the launch."""

    def setUp(self):
        super().setUp()
        self.files_of_a_launch()

    def files_of_a_launch(self) -> None:
        settings.put(setup.launch_files(self.home, {"CLAUDE_CONFIG_DIR": self.place}, SAFE, SAFE))

    def plan(self, *args: str, cwd: str = "", env=None) -> list[str]:
        return claude.plan(list(args), self.home, env or {}, cwd or self.place).args

    def test_only_where_they_are_not_found(self):
        path = setup.brought(self.home)
        table = (
            ((), "", False),
            (("do it", "--model", "x"), "", False),
            (("--worktree", "x"), "", True),
            (("-w",), "", True),
            (("--setting-sources", "user"), "", True),
            (("--setting-sources=user,project",), "", False),
            (("--restricted",), "", True),
            (("x",), os.path.dirname(self.place), True),
        )
        for args, cwd, brings in table:
            with self.subTest(args=args, cwd=cwd):
                wanted = ["--settings", path, *args] if brings else [*args]
                self.assertEqual(self.plan(*args, cwd=cwd), wanted)
        self.assertEqual(self.plan(env={"CLAUDE_CODE_RESTRICTED": "1"})[0], "--settings")
        with open(path, encoding="utf-8") as stream:
            said = json.load(stream)
        self.assertEqual(said, json.loads(self.text()))

    def test_where_the_file_could_not_be_changed(self):
        self.write("{ // mine\n}")
        self.assertEqual(self.plan("x"), ["--settings", setup.brought(self.home), "x"])

    def test_beside_what_the_persons_own_say(self):
        own = {"hooks": {"Stop": [FOREIGN], "PreCompact": [FOREIGN]}, "model": "x"}
        given = os.path.join(self.place, "given.json")
        for text in (json.dumps(own), "\ufeff" + json.dumps(own, indent=1)):
            with open(given, "w", encoding="utf-8") as stream:
                stream.write(text)
            for value in (json.dumps(own), given, "given.json"):
                with self.subTest(value=value):
                    args = self.plan("-p", "-w", "--settings", value, "--model", "x", "do")
                    self.assertEqual(
                        args[:3] + args[4:],
                        ["-p", "-w", "--settings", "--model", "x", "do"],
                    )
                    with open(args[3], encoding="utf-8-sig") as stream:
                        said = json.load(stream)
                    self.assertEqual(stat.S_IMODE(os.stat(args[3]).st_mode), 0o600)
                    ours = json.loads(self.text())
                    self.assertEqual(said["model"], "x")
                    self.assertEqual(said["permissions"], ours["permissions"])
                    self.assertEqual(said["hooks"].pop("PreCompact"), [FOREIGN])
                    ours["hooks"]["Stop"].insert(0, FOREIGN)
                    self.assertEqual(said["hooks"], ours["hooks"])

    def test_what_cannot_be_read_is_refused(self):
        for value in ("{ // mine\n}", "[]", self.place):
            with self.subTest(value), self.assertRaises(HcomError):
                self.plan("--worktree", "--settings", value)

    def test_a_client_that_takes_none_is_refused_elsewhere(self):
        for args, cwd in (([], os.path.dirname(self.place)), (["--worktree", "x"], self.place)):
            with self.subTest(args), self.assertRaisesRegex(HcomError, f"only in {self.place}"):
                launch_gemini.plan(args, self.home, {}, cwd)
        launch_gemini.plan([], self.home, {}, self.place)


if __name__ == "__main__":
    unittest.main()
