"""Our entries in a client's settings: put in and taken out, everything else byte for byte."""

import json
import os
import re
import shutil
import stat
import tempfile
import unittest
from itertools import product

from hcom import home as homes
from hcom.adapters import jsontext, launcher, settings
from hcom.adapters.claude import setup
from hcom.adapters.codex import setup as codex
from hcom.adapters.gemini import setup as gemini
from hcom.errors import HcomError
from hcom.home import Home, create
from hcom.ops import setup as ops
from hcom.ops.setup import SAFE
from tests import odd

FOREIGN = {"hooks": [{"type": "command", "command": "echo hcom_dir hcom hook; hcom list"}]}
ODD = (
    "", "\n", "  \n", "{}", "{ }", "{\n}", '{"a":1}', '{"a": 1}\n', '{\n  "a": 1\n}',
    '{\n\t"a": 1\n}\n',
    '{\r\n  "a": [1,\r\n 2],\r\n  "b": {}\r\n}\r\n', '\n\n{"a": [ ] ,\n"b" : { } }\n\n',
    '{"hooks": {}}', '{"hooks":{"Stop":[]}}',
    '{"hooks": {"Stop": [ ]}, "permissions": {"allow":[ ]}}',
    '{"a": 1, "a": 2, "hooks": {"x": []}, "hooks": {"Stop": [1, "[hooks]", {"hooks": 3}]}}',
    '{"é\\u00e9🎉": "\\"{[,]}\\\\", "n": -1.5e+10, "t": [true,false,null]}',
    json.dumps({"hooks": {"Stop": [FOREIGN], "PreToolUse": [FOREIGN, FOREIGN]},
                "permissions": {"allow": ["Bash(hcom send:*)", "Bash(ls)"], "deny": []}}),
    json.dumps({"permissions": {"allow": ["Bash(ls)"]}, "model": "x"}, indent=8),
    f'{{"a": {"[" * 300}1{"]" * 300}}}', '{"x": NaN}', '{"hooks" :\n{"Stop"\n:[\n]\n}\n}',
)  # fmt: skip
MARKED = ("\ufeff{}", '\ufeff{"model": "opus"}\n', '\ufeff{\r\n"é🎉": [1, 2]\r\n}')
BAD = (
    "{",
    "[1, 2",
    '{"a": 1} x',
    '{"a": 1,}',
    '// c\n{"a": 1}',
    '{"a": 1 /* c */}',
    "\ufeff\ufeff{}",
    "[]",
    "3",
    '"text"',
    "null",
    '{"hooks": []}',
    '{"hooks": {"Stop": {}}}',
    "{'a': 1}",
    '{"permissions": {"allow": "x"}}',
    '{"a": %s}' % ("[" * 100_000 + "]" * 100_000),
)


def comments(text: str) -> list[str]:
    """The comments in the text, or what looks like some, in their order."""
    return [token for token in jsontext._TOKENS.findall(text) if token[0] == "/"]


def full(value):
    """The value without what holds nothing: what was empty before us cannot be told from what we
    made."""
    if isinstance(value, list):
        return [full(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {k: v for k, v in ((k, full(v)) for k, v in value.items()) if v not in (None, {}, [])}


class Settings(unittest.TestCase):
    def setUp(self):
        self.place = os.path.realpath(tempfile.mkdtemp(prefix="hcom-settings-"))
        self.addCleanup(shutil.rmtree, self.place, True)
        self.home = Home(os.path.join(self.place, ".hcom"), self.place)
        create(self.home)
        self.env = {"HOME": self.place}
        self.path = self.files()[0].path
        os.mkdir(os.path.dirname(self.path))

    def write(self, text: str) -> None:
        with open(self.path, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)

    def text(self) -> str:
        with open(self.path, encoding="utf-8", newline="") as stream:
            return stream.read()

    def files(self, allowed=SAFE) -> list:
        return setup.files(self.home, self.env, allowed, SAFE)

    def add(self, allowed=SAFE) -> bool:
        return settings.put(self.files(allowed))

    def remove(self) -> bool:
        return bool(settings.take(self.files()))

    def owned(self, home: Home) -> settings.Owned:
        (file,) = setup.files(home, self.env, SAFE, SAFE)
        assert isinstance(file, settings.Owned)
        return file

    def installed(self) -> bool:
        return self.owned(self.home).installed

    def forget(self) -> None:
        """The record of what was there before is lost."""
        os.unlink(self.owned(self.home)._record())


class RoundTrip(Settings):
    def test_forty_files_of_each_client_come_back_byte_for_byte(self):
        adapters = {"claude": setup, "gemini": gemini, "codex": codex}
        for tool, texts in odd.FILES.items():
            self.assertGreaterEqual(len(texts), 40)
            [file, *_] = adapters[tool].files(self.home, self.env, SAFE, SAFE)
            file = file._replace(able=lambda: None)
            os.makedirs(os.path.dirname(file.path), exist_ok=True)
            for name, data in texts.items():
                with self.subTest(name, tool=tool):
                    self.put(file.path, data)
                    self.assertTrue(settings.put([file]))
                    self.assertTrue(file.installed)
                    once = self.got(file.path)
                    self.assertNotEqual(once, data)
                    if b"\r\n" in data and not re.search(rb"[^\r]\n", data):
                        self.assertNotRegex(once, rb"[^\r]\n")
                    self.assertFalse(settings.put([file]))
                    self.assertEqual(self.got(file.path), once)
                    self.assertTrue(settings.take([file]))
                    self.assertEqual(self.got(file.path), data)
                    self.assertFalse(settings.take([file]))

    def test_and_without_the_record_nobody_elses_is_touched(self):
        adapters = {"claude": setup, "gemini": gemini, "codex": codex}
        for tool, texts in odd.FILES.items():
            file = adapters[tool].hooks_file(self.home, self.env)._replace(able=lambda: None)
            os.makedirs(os.path.dirname(file.path), exist_ok=True)
            for name, data in texts.items():
                with self.subTest(name, tool=tool):
                    self.put(file.path, data)
                    settings.put([file])
                    os.unlink(file._record())
                    self.assertTrue(settings.take([file]))
                    left = settings.text_of(file.path)
                    text = data.decode(settings._encoding(data))
                    self.assertEqual(comments(left), comments(text))
                    self.assertEqual(
                        full(settings.object_of(left)),
                        full(settings.object_of(text)),
                    )

    def put(self, path: str, data: bytes) -> None:
        with open(path, "wb") as stream:
            stream.write(data)

    def got(self, path: str) -> bytes:
        with open(path, "rb") as stream:
            return stream.read()

    def test_a_byte_order_mark_and_utf_16_stay(self):
        for text, encoding in product(MARKED, ("utf-8", "utf-16-le")):
            with self.subTest(text=text, encoding=encoding):
                data = text.encode(encoding)
                with open(self.path, "wb") as stream:
                    stream.write(data)
                self.assertTrue(self.add())
                self.assertTrue(self.installed())
                with open(self.path, "rb") as stream:
                    written = stream.read().decode(encoding)
                self.assertEqual(written.count("\ufeff"), 1)
                self.assertTrue(written.startswith("\ufeff{"))
                self.assertFalse(self.add())
                self.forget()
                self.assertTrue(self.remove())
                with open(self.path, "rb") as stream:
                    self.assertEqual(
                        json.loads(stream.read().decode(encoding)[1:]), json.loads(text[1:])
                    )

    def test_no_file_leaves_no_file(self):
        self.assertTrue(self.add())
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertTrue(self.remove())
        self.assertFalse(os.path.exists(self.path))
        self.assertFalse(self.remove())

    def test_without_the_record_only_ours_are_cut_out(self):
        for text in ODD:
            # Containers that were empty before us cannot be told from those we made.
            if (
                any(empty in text.replace(" ", "").replace("\n", "") for empty in ("{}", "[]"))
                or not text.strip()
                or "hcom send" in text
            ):
                continue
            with self.subTest(text[:60]):
                self.write(text)
                self.add()
                self.forget()
                self.assertTrue(self.remove())
                self.assertEqual(self.text(), text)

    def test_foreign_parts_keep_their_bytes_while_we_are_in(self):
        for text in ODD:
            if not text.strip() or jsontext.parsed(text) == {}:
                continue
            with self.subTest(text[:60]):
                self.write(text)
                self.add()
                rest = iter(self.text())
                # all of it is there in its order, with ours in between
                self.assertTrue(all(char in rest for char in text), text)

    def test_a_file_of_one_line_is_not_indented_away(self):
        self.write('{"hooks": {"Stop": [ ]}, "permissions": {"allow":[ ]}}')
        self.add()
        self.assertLess(max(len(x) - len(x.lstrip()) for x in self.text().split("\n")), 16)

    def test_mode_and_symlink_are_kept(self):
        real = os.path.join(self.place, "dotfiles.json")
        with open(real, "w", encoding="utf-8") as stream:
            stream.write('{"a": 1}')
        os.chmod(real, 0o640)
        os.symlink(real, self.path)
        self.add()
        self.assertTrue(os.path.islink(self.path))
        self.assertEqual(stat.S_IMODE(os.stat(real).st_mode), 0o640)
        self.assertIn("hcom_dir", self.text())
        self.remove()
        self.assertTrue(os.path.islink(self.path))
        self.assertEqual(self.text(), '{"a": 1}')

    def test_a_dangling_symlink_is_followed_and_dangles_again(self):
        os.symlink(os.path.join(self.place, "later.json"), self.path)
        self.add()
        self.assertTrue(os.path.islink(self.path))
        self.assertTrue(self.installed())
        self.remove()
        self.assertTrue(os.path.islink(self.path))
        self.assertFalse(os.path.exists(self.path))


class ForeignEdits(Settings):
    def edited(self, change) -> dict:
        """What is left after: add, `change(document)` by somebody else, remove."""
        self.write('{"model": "x"}')
        self.add()
        document = json.loads(self.text())
        change(document)
        self.write(json.dumps(document, indent=2))
        self.assertTrue(self.remove())
        self.assertNotIn("hcom_dir=", self.text())
        return json.loads(self.text())

    def test_what_others_added_stays(self):
        self.assertEqual(
            self.edited(lambda d: d.update(theme="dark")), {"model": "x", "theme": "dark"}
        )
        self.assertEqual(
            self.edited(lambda d: d["hooks"]["Stop"].insert(0, FOREIGN)),
            {"model": "x", "hooks": {"Stop": [FOREIGN]}},
        )
        self.assertEqual(
            self.edited(lambda d: d["hooks"].update(PreCompact=[FOREIGN])),
            {"model": "x", "hooks": {"PreCompact": [FOREIGN]}},
        )
        self.assertEqual(
            self.edited(lambda d: d["permissions"]["allow"].insert(3, "Bash(ls)")),
            {"model": "x", "permissions": {"allow": ["Bash(ls)"]}},
        )

    def test_a_handler_that_others_put_into_our_group_stays(self):
        for where in (0, 1, 99):
            with self.subTest(where):
                left = self.edited(
                    lambda d, where=where: d["hooks"]["Stop"][0]["hooks"].insert(
                        where, FOREIGN["hooks"][0]
                    )
                )
                self.assertEqual(left, {"model": "x", "hooks": {"Stop": [FOREIGN]}})

    def test_ours_in_a_group_with_others_stay_there_and_are_brought_up_to_date_there(self):
        for adapter, event in ((setup, "Stop"), (codex, "Stop"), (gemini, "BeforeAgent")):
            file = adapter.hooks_file(self.home, self.env)._replace(able=lambda: None)
            os.makedirs(os.path.dirname(file.path), exist_ok=True)
            for where in (0, 1, 99):
                with self.subTest(adapter.__name__, where=where):
                    self.put(file, "{}")
                    said = json.loads(self.got(file))
                    said["hooks"][event][0]["hooks"].insert(where, FOREIGN["hooks"][0])
                    said["hooks"][event].append(FOREIGN)
                    self.put(file, json.dumps(said))
                    self.assertEqual(json.loads(self.got(file)), said)
                    self.assertTrue(file.installed)
                    self.put(file, json.dumps(said).replace("; exit 0", "; exit 9"))
                    self.assertEqual(json.loads(self.got(file)), said)
                    self.assertTrue(settings.take([file]))
                    left = {"hooks": {event: [FOREIGN, FOREIGN]}}
                    self.assertEqual(json.loads(self.got(file)), left)

    def test_ours_in_a_group_that_narrows_them_get_one_of_their_own(self):
        self.write("{}")
        self.add()
        document = json.loads(self.text())
        [group] = document["hooks"]["Stop"]
        ours = dict(group)
        group["hooks"] = [FOREIGN["hooks"][0], *group["hooks"]]
        group["matcher"] = "x"
        self.write(json.dumps(document))
        self.assertTrue(self.add())
        stop = json.loads(self.text())["hooks"]["Stop"]
        self.assertEqual(stop, [{**FOREIGN, "matcher": "x"}, ours])

    def test_entries_of_a_package_that_moved(self):
        self.write('{"model": "x"}')
        old = Home("/gone/it's here/.hcom", "/gone/it's here")
        for where, element in self.owned(old).entries:
            self.write(jsontext.add(self.text(), where, element, "  "))
        self.assertFalse(self.installed())
        self.assertTrue(self.add())
        self.assertNotIn("/gone", self.text())
        self.assertFalse(self.add())
        self.assertTrue(self.remove())
        self.assertEqual(json.loads(self.text()), {"model": "x"})

    def test_rules_that_were_there_before_us_stay(self):
        for change in ("", " "):
            self.write('{"permissions": {"allow": ["Bash(hcom send:*)", "Bash(ls)"]}}')
            self.add()
            self.write(self.text() + change)
            self.remove()
            self.assertEqual(
                json.loads(self.text()),
                {"permissions": {"allow": ["Bash(hcom send:*)", "Bash(ls)"]}},
            )

    def test_without_approval_there_are_no_rules(self):
        self.write('{"permissions": {"allow": ["Bash(ls)"]}}')
        self.add()
        self.assertIn("Bash(hcom send:*)", self.text())
        self.assertTrue(self.add(()))
        self.assertEqual(json.loads(self.text())["permissions"], {"allow": ["Bash(ls)"]})
        self.assertTrue(self.installed())
        self.assertFalse(self.add(()))
        self.remove()
        self.assertEqual(self.text(), '{"permissions": {"allow": ["Bash(ls)"]}}')

    def test_two_homes_that_share_a_file_keep_their_own(self):
        other = Home(os.path.join(self.place, "other"), self.place)
        create(other)
        launcher.write(self.home, [])
        launcher.write(other, [])
        a, b = (self.owned(home)._replace(path=self.path) for home in (self.home, other))
        for first, second in ((a, b), (b, a)):
            self.write('{"model": "x"}')
            self.assertTrue(settings.put([a]))
            self.assertTrue(settings.put([b]))
            self.assertTrue(a.installed and b.installed)
            self.assertFalse(settings.put([a]) or settings.put([b]))
            self.assertTrue(settings.take([first]))
            self.assertFalse(first.installed)
            self.assertTrue(second.installed)
            self.assertIn("Bash(hcom send:*)", self.text())
            self.assertTrue(settings.take([second]))
            self.assertEqual(json.loads(self.text()), {"model": "x"})

    def test_an_update_stands_where_it_stood_and_keeps_the_timeout(self):
        for adapter, event in ((setup, "Stop"), (codex, "UserPromptSubmit"), (gemini, "AfterTool")):
            with self.subTest(adapter.__name__):
                file = adapter.hooks_file(self.home, self.env)._replace(able=lambda: None)
                os.makedirs(os.path.dirname(file.path), exist_ok=True)
                self.put(file, "{}")
                said = json.loads(self.got(file))
                said["hooks"][event].insert(0, FOREIGN)
                said["hooks"][event].append(FOREIGN)
                wanted = json.loads(json.dumps(said))
                for group in said["hooks"][event][1:-1]:
                    for handler in group["hooks"]:
                        handler.update(command=handler["command"] + "; # older", timeout=33)
                for group in wanted["hooks"][event][1:-1]:
                    for handler in group["hooks"]:
                        handler["timeout"] = 33
                with open(file.path, "w", encoding="utf-8") as stream:
                    json.dump(said, stream)
                self.assertTrue(file.stale)
                self.assertTrue(settings.put([file]))
                self.assertEqual(json.loads(self.got(file)), wanted)
                self.assertTrue(file.installed)
                self.assertFalse(settings.put([file]))
                self.assertTrue(settings.take([file]))
                self.assertEqual(json.loads(self.got(file)), {"hooks": {event: [FOREIGN, FOREIGN]}})

    def put(self, file, text: str) -> None:
        with open(file.path, "w", encoding="utf-8") as stream:
            stream.write(text)
        settings.put([file])

    def got(self, file) -> str:
        with open(file.path, encoding="utf-8") as stream:
            return stream.read()


class LeftAlone(Settings):
    def refused(self, verb, text: str | None) -> str:
        with self.assertRaises(HcomError) as caught:
            verb()
        self.assertNotIn("\n", caught.exception.message)
        self.assertIn(self.path, caught.exception.message)
        if text is not None:
            self.assertEqual(self.text(), text)
        self.assertEqual([f for f in os.listdir(os.path.dirname(self.path)) if "tmp" in f], [])
        return caught.exception.message

    def test_what_is_no_plain_json_object(self):
        for text in BAD:
            with self.subTest(text[:40]):
                self.write(text)
                self.refused(self.add, text)

    def test_removing_from_what_is_no_plain_json(self):
        for text in ("{", "// c\n{}", '{"a": 1,}'):
            with self.subTest(text):
                self.write(text)
                self.refused(self.remove, text)

    def test_read_only(self):
        for text in ("{}", '{"a": 1}'):
            self.write(text)
            os.chmod(self.path, 0o444)
            self.assertIn("read-only", self.refused(self.add, text))
            os.chmod(self.path, 0o600)
        self.add()
        inside = self.text()
        os.chmod(self.path, 0o444)
        self.refused(self.remove, inside)

    def test_not_text_and_not_a_file(self):
        with open(self.path, "wb") as stream:
            stream.write(b'{"a": "\xff"}')
        self.refused(self.add, None)
        os.unlink(self.path)
        os.mkdir(self.path)
        self.refused(self.add, None)
        os.rmdir(self.path)
        os.symlink(self.path, self.path)
        self.refused(self.add, None)


class Reserved(Settings):
    def test_no_hooks_go_into_a_folder_that_clients_keep_for_themselves(self):
        for folder in (".git", ".claude", ".codex", os.path.join(".gemini", "a")):
            with self.subTest(folder):
                for root in (os.path.join(self.place, folder, "hcom"), f"{self.place}/{folder}"):
                    env = {"HOME": self.place, "HCOM_DIR": root}
                    with self.assertRaisesRegex(HcomError, "keep for themselves"):
                        ops.add(homes.locate(env), env, "claude")
                    self.assertFalse(os.path.exists(os.path.join(root, ".agents")))


class Known(unittest.TestCase):
    def test_the_launcher_is_filled_with_the_names_that_python_uses(self):
        self.assertNotRegex(launcher.SCRIPT, r"/run/\w")
        with tempfile.TemporaryDirectory() as place:
            home = Home(os.path.join(place, ".hcom"), place)
            launcher.write(home, ["A_SESSION"])
            with open(home.kept("hook"), encoding="utf-8") as stream:
                text = stream.read()
        self.assertNotRegex(text, "@[A-Z]+@")
        self.assertEqual(
            set(re.findall(r"/run/(\w+)", text)),
            {homes.MARKS, homes.MAIL, homes.SPOOL, homes.RECORDER},
        )

    def test_ours_among_others(self):
        home = Home("/x/.hcom", "/x")
        for tool in ("claude", "gemini", "codex"):
            self.assertTrue(launcher.is_ours({"command": launcher.command(home, tool, "Stop")}))
        for command in ("hcom hook", "hcom_dir=/x; ls", ". /x/.hcom/hook", "", 3, None):
            self.assertFalse(launcher.is_ours({"command": command}), command)
        self.assertFalse(launcher.is_ours("hcom_dir"))


if __name__ == "__main__":
    unittest.main()
