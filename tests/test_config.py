"""Settings: their sources, what they may be, who may change them."""

import json
import os
import pty
import re
import shutil
import subprocess
import tempfile
import unittest

from hcom import config
from hcom import home as homes
from hcom.cli.catalog import COMMANDS
from hcom.errors import HcomError
from hcom.ops import about
from tests.sealed import Home

AGENT = {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "s1", "CLAUDE_PID": "1"}


# What a loader, a shell, an interpreter, git or a client's connection goes by.
OBEYED = (
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "ENV", "PATH", "IFS"),
    *("PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "GIT_SSH_COMMAND", "GIT_AUTHOR_NAME", "HOME"),
    *("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "SHELL", "PROMPT_COMMAND", "PS4", "ZDOTDIR"),
    *("HTTP_PROXY", "https_proxy", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PERL5OPT", "RUBYOPT"),
    *("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "SSH_ASKPASS", "EDITOR", "PAGER", "HOSTNAME"),
    *("CLAUDE_CONFIG_DIR", "CODEX_HOME", "NPM_CONFIG_PREFIX", "AWS_ENDPOINT_URL", "TMPDIR"),
)


class Sealed(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def write(self, text: str) -> None:
        os.makedirs(self.home.hcom_dir, exist_ok=True)
        with open(
            os.path.join(self.home.hcom_dir, "config.env"), "w", encoding="utf-8", newline=""
        ) as stream:
            stream.write(text)

    def text(self) -> str:
        with open(
            os.path.join(self.home.hcom_dir, "config.env"), encoding="utf-8", newline=""
        ) as stream:
            return stream.read()


class Variables(unittest.TestCase):
    def test_a_name_is_exported_in_no_variable_that_is_obeyed(self):
        for name in (
            "",
            "HCOM_NAME",
            "MY_AGENT_NAME",
            "MY_AGENT",
            "AGENT_ID",
            "AGENTNAME",
            "bot_name",
        ):
            with self.subTest(name):
                config.check("HCOM_NAME_EXPORT", name)
        for name in OBEYED + (
            *("HCOM_DIR", "HCOM_PROCESS_ID", "HCOM_AGENT", "ANTHROPIC_API_KEY", "ANTHROPIC_MODEL"),
            *("CLAUDE_CODE_AGENT_NAME", "GEMINI_AGENT", "CODEX_NAME", "OPENAI_NAME", "AWS_NAME"),
            *(
                "GOOGLE_APPLICATION_NAME",
                "LESSOPEN",
                "MAKEFLAGS",
                "RUSTC_WRAPPER",
                "X Y_NAME",
                "1_NAME",
            ),
        ):
            with self.subTest(name), self.assertRaises(HcomError):
                config.check("HCOM_NAME_EXPORT", name)

    def test_config_env_passes_on_no_variable_that_is_obeyed(self):
        place = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, place)
        home = homes.Home(place, place)
        good = ("ANTHROPIC_MODEL", "ANTHROPIC_API_KEY", "MY_FLAG", "OPENAI_API_KEY", "GEMINI_MODEL")
        with open(home.path("config.env"), "w", encoding="utf-8") as stream:
            stream.writelines(f"{name}=x\n" for name in (*OBEYED, *good))
        found = config.found(home, {})
        self.assertEqual(found.passed, dict.fromkeys(good, "x"))
        self.assertEqual(len(found.problems), len(OBEYED))
        self.assertIn("set it in your shell", found.problems[0])


class Values(Sealed):
    def test_what_is_in_force_has_a_field_for_each_key(self):
        self.assertEqual(config.Settings._fields, (*config.SHORT_KEYS, "passed"))

    def test_each_key_has_its_own_text(self):
        self.assertEqual(set(about.TEXTS), set(config.SHORT_KEYS))
        self.assertEqual(len(set(about.TEXTS.values())), len(config.KEYS))
        for key in config.SHORT_KEYS:
            said = self.home.said("config", key, "--info")
            self.assertTrue(said.startswith(f"HCOM_{key.upper()}: "), said)

    def test_precedence_and_source(self):
        self.write("HCOM_TAG=file\nHCOM_HINTS='in the file'\n")
        env = {"HCOM_TAG": "shell"}
        said = json.loads(self.home.said("config", "--json", env=env))
        self.assertEqual(said["HCOM_TAG"], {"value": "shell", "source": "environment"})
        self.assertEqual(said["HCOM_HINTS"], {"value": "in the file", "source": "config.env"})
        self.assertEqual(said["HCOM_TERMINAL"], {"value": "default", "source": "default"})
        self.assertEqual(self.home.said("config", "tag"), "file\n")
        for form in ("tag", "TAG", "HCOM_TAG", "hcom_tag"):
            self.assertEqual(self.home.said("config", form, env=env), "shell\n")

    def test_a_value_comes_back_as_it_was_given(self):
        for value in (
            '"',
            "'",
            "\\",
            '\\"',
            "$HOME `id` $(id)",
            "a b",
            " lead",
            "#x",
            "é→",
            "a\\nb",
            "'a' \"b\"",
            "x=y",
            "tab\there",
            "--json-like",
        ):
            with self.subTest(value=value):
                self.home.said("config", "hints", "--", value)
                self.assertEqual(self.home.said("config", "hints"), value + "\n")
                shell = subprocess.run(
                    [
                        "sh",
                        "-c",
                        '. "$1"; printf "%s\n" "$HCOM_HINTS"',
                        "sh",
                        os.path.join(self.home.hcom_dir, "config.env"),
                    ],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                self.assertEqual(shell.stdout, value + "\n", "a shell reads the same")

    def test_what_looks_like_a_flag_is_a_value(self):
        self.home.said("config", "codex_args", "--search")
        self.home.said("config", "claude_args", "--model opus")
        self.assertEqual(self.home.said("config", "codex_args"), "--search\n")
        self.assertEqual(self.home.said("config", "claude_args"), "--model opus\n")

    def test_other_lines_stay_as_they_are(self):
        self.write("# mine\r\nANTHROPIC_MODEL=opus\n\n  export HCOM_TAG = \nHCOM_TAG=a\nlast")
        self.home.said("config", "tag", "b")
        self.assertEqual(self.text(), "# mine\r\nANTHROPIC_MODEL=opus\n\nHCOM_TAG=b\nlast\n")
        self.home.said("config", "tag", "--reset")
        self.assertEqual(self.text(), "# mine\r\nANTHROPIC_MODEL=opus\n\nlast\n")
        path = os.path.join(self.home.hcom_dir, "config.env")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_a_broken_line_is_named_and_the_rest_works(self):
        self.write(
            'HCOM_TAG=ok\nnonsense\nHCOM_HINTS="open\nHCOM_NOPE=1\n'
            "HCOM_SUBAGENT_TIMEOUT=soon\nHCOM_CLAUDE_ARGS=\x1b[2J\nMY_VAR=7\n"
        )
        done = self.home.run("config")
        self.assertEqual(done.returncode, 0)
        for number in (2, 3, 4, 5, 6):
            self.assertIn(f"config.env line {number} is ignored", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 5)
        self.assertNotIn("\x1b", done.stderr + done.stdout)
        said = json.loads(self.home.said("config", "--json"))
        self.assertEqual(
            (said["HCOM_TAG"]["value"], said["HCOM_SUBAGENT_TIMEOUT"]["value"], said["passed"]),
            ("ok", "30", ["MY_VAR"]),
        )
        self.assertIn("line 2", self.home.said("status"))

    def test_bad_values_in_the_environment_count_as_not_given(self):
        said = self.home.run("config", "subagent_timeout", env={"HCOM_SUBAGENT_TIMEOUT": "x"})
        self.assertEqual(said.stdout, "30\n")
        self.assertIn("the environment is ignored", said.stderr)

    def test_secrets_are_masked_everywhere(self):
        self.home.said("config", "relay_token", "hf_abcdefghijklmnop1234")
        outputs = [
            self.home.run(*args)
            for args in (
                ("config",),
                ("config", "--json"),
                ("config", "relay_token"),
                ("status", "--json"),
                ("config", "relay_token", "hf_abcdefghijklmnop1234"),
                ("config", "relay_token", "--json"),
            )
        ]
        for done in outputs:
            self.assertNotIn("abcdef", done.stdout + done.stderr)
        self.assertIn("****1234", outputs[0].stdout)

    def test_a_secret_is_read_from_standard_input(self):
        said = self.home.said("config", "relay_token", "-", stdin="hf_abcdefghijklmnop1234\nmore\n")
        self.assertEqual(said, "relay_token = ****1234\n")
        self.assertIn("HCOM_RELAY_TOKEN=hf_abcdefghijklmnop1234\n", self.text())
        done = self.home.run("config", "relay_token", "-", stdin="\n")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("HCOM_RELAY_TOKEN=hf_abcdefghijklmnop1234\n", self.text())
        self.home.said("config", "hints", "-", stdin="x")  # of another setting it is the value
        self.assertIn("HCOM_HINTS=-\n", self.text())

    def test_bad_input_is_one_line_and_changes_nothing(self):
        table = [
            (2, "nope"),
            (2, "tga", "x"),
            (2, "tag", "a", "b"),
            (2, "tag", "a b"),
            (2, "tag", "-a"),
            (2, "tag", "é"),
            (2, "hints", "a\nb"),
            (2, "hints", "\x1b[31m"),
            (2, "hints", "x" * 2001),
            (2, "subagent_timeout", "0"),
            (2, "subagent_timeout", "-5"),
            (2, "subagent_timeout", "1e3"),
            (2, "subagent_timeout", "9" * 30),
            (2, "subagent_timeout", "٣"),
            (2, "claude_args", "'open"),
            (2, "terminal", "xterminal"),
            (2, "terminal", "sh -c"),
            (2, "terminal", "nosuchprogram {script}"),
            (2, "terminal", "sh {other} {script}"),
            (2, "terminal", "custom"),
            (2, "relay", "ftp://x"),
            (2, "relay", "http://example.com"),
            (2, "relay", "http://172.32.0.1"),
            (2, "relay", "http://10.0.0.1.example.com"),
            (2, "relay", "ssh://-oProxyCommand=x"),
            (2, "relay", "ssh://-x@host"),
            (2, "relay", "x"),
            (2, "relay_token", "a b"),
            (2, "relay_key", "guessed"),
            (2, "auto_approve", "maybe"),
            (2, "default_subscriptions", "collision,idle:luna"),
            (2, "name_export", "A-B"),
            (2, "name_export", "PATH"),
            (2, "name_export", "HCOM_DIR"),
            (2, "--info"),
            (2, "tag", "x", "--edit"),
            (2, "tag", "--info", "--reset"),
            (2, "-i"),
            (1, "-i", "nobody"),
            (1, "-i", "self"),
            (2, "--edit", "--reset"),
        ]
        self.write("HCOM_TAG=before\n")
        for code, *args in table:
            with self.subTest(args=args):
                done = self.home.run("config", *args)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertNotIn("bug", done.stderr)
                self.assertNotIn("\x1b", done.stderr)
        self.assertEqual(self.text(), "HCOM_TAG=before\n")

    def test_good_values(self):
        for key, value in (
            ("tag", "dev-1"),
            ("tag", ""),
            ("terminal", "sh -c {script}"),
            ("terminal", "TMUX-SPLIT"),
            ("terminal", "default"),
            ("terminal", ""),
            ("relay", "https://a.b/c"),
            ("relay", "http://127.0.0.1:8000"),
            ("relay", "http://192.168.1.2:8000/x"),
            ("relay", "ssh://me@host:2222"),
            ("auto_approve", "off"),
            ("default_subscriptions", ""),
            ("default_subscriptions", "collision, blocked"),
            ("name_export", "HCOM_NAME"),
            ("subagent_timeout", "86400"),
        ):
            with self.subTest(key=key, value=value):
                self.home.said("config", key, value)

    def test_reset_keeps_the_old_file(self):
        self.write("HCOM_TAG=a\nX=1\n")
        self.home.said("config", "--reset")
        self.assertEqual(self.home.said("config", "tag"), "\n")
        with open(os.path.join(self.home.hcom_dir, "config.env.bak"), encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "HCOM_TAG=a\nX=1\n")

    def test_edit_opens_the_editor_and_names_what_is_wrong(self):
        editor = os.path.join(self.home.root, "my editor")
        with open(editor, "w", encoding="utf-8") as stream:
            stream.write('#!/bin/sh\necho HCOM_TAG=edited >>"$1"\necho broken >>"$1"\n')
        os.chmod(editor, 0o755)
        done = self.home.run("config", "--edit", env={"EDITOR": f"'{editor}'"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("broken" not in done.stderr and "is ignored", done.stderr)
        self.assertEqual(self.home.said("config", "tag"), "edited\n")
        self.assertEqual(self.home.run("config", "--edit", env={"EDITOR": "false"}).returncode, 1)
        missing = self.home.run("config", "--edit", env={"EDITOR": "nosuch"})
        self.assertIn("cannot run", missing.stderr)

    def test_many_writers_lose_no_setting(self):
        keys = ("tag", "hints", "subagent_timeout", "claude_args", "codex_args", "name_export")
        writers = [
            subprocess.Popen(
                [
                    "hcom",
                    "config",
                    key,
                    "77" if key == "subagent_timeout" else "v" + key.replace("_", ""),
                ],
                env=self.home.env,
                stdout=subprocess.DEVNULL,
            )
            for key in keys
        ]
        self.assertEqual({w.wait(30) for w in writers}, {0})
        self.assertEqual(len(self.text().splitlines()), len(keys))


class Unasked(Sealed):
    # What the public page of hcom calls safe.
    SAFE = "send start list events listen relay config transcript archive status help"

    def test_safe_are_those_commands_that_there_are_in_every_client(self):
        self.home.env["PATH"] += os.pathsep + self.home.work
        for name in ("claude", "gemini", "codex"):  # installed, as far as they are asked
            self.home.program(name, "echo 'hooks stable true'")
        self.home.said("hooks", "add")
        texts = {}
        for path in (
            ".claude/settings.json",
            ".gemini/policies/hcom.toml",
            ".codex/rules/hcom.rules",
        ):
            with open(os.path.join(self.home.root, path), encoding="utf-8") as stream:
                texts[path] = re.sub(r"(?m)^#.*$", "", stream.read())
        for name in (*self.SAFE.split(), "run", "stop", "kill", "reset", "hooks", "term"):
            safe = name in self.SAFE.split() and name in (*COMMANDS, "help")
            said = about.TEXTS["auto_approve"].partition("Safe are")[2].partition("What")[0]
            self.assertEqual(bool(re.search(rf"(?<![\w-]){name}\b", said)), safe, name)
            for path, text in texts.items():
                if name in ("config", "relay") and "rules" in path:
                    safe = False  # no rule of Codex's can say that nothing follows: it is asked
                with self.subTest(name, path=path):
                    found = re.search(rf'hcom(", "| ){name}\b', text)
                    self.assertEqual(bool(found), safe)


class People(Sealed):
    def test_an_agent_may_not_change_what_runs_code(self):
        for args in (
            ("terminal", "sh {script}"),
            ("claude_args", "--x"),
            ("gemini_args", "x"),
            ("codex_args", "x"),
            ("relay", "https://x.y"),
            ("relay_token", "x"),
            ("relay_key", "k" * 43),
            ("auto_approve", "1"),
            ("--edit",),
            ("--reset",),
            ("terminal", "--reset"),
        ):
            inside = (
                [AGENT]
                if args[0] != "terminal"
                else [
                    AGENT,
                    {"HCOM_PROCESS_ID": "p1"},
                    {"CODEX_THREAD_ID": "t"},
                    {"GEMINI_CLI": "1"},
                ]
            )
            for env in inside:
                with self.subTest(args=args, env=env):
                    done = self.home.run("config", *args, env=env)
                    self.assertEqual(done.returncode, 1, done.stdout)
                    self.assertIn("a person must do it", done.stderr)
        self.home.said("config", "tag", "dev", env=AGENT)
        self.assertFalse(os.path.exists(os.path.join(self.home.hcom_dir, "config.env.bak")))

    def test_settings_of_an_agent_that_runs(self):
        luna, nova = self.home.start(), self.home.start()
        self.home.said("config", "-i", luna, "tag", "team")
        self.assertIn(f"to team-{luna}", self.home.said("send", f"@team-{luna} hi", "--from", "ci"))
        self.assertIn(f"to team-{luna}", self.home.said("send", "@team hi", "--from", "ci"))
        self.home.said("config", "-i", luna, "hints", "Answer in one word")
        heard = self.home.said("listen", "--name", luna, "1")
        self.assertIn("[hcom hint, set by a program] “Answer in one word”", heard)
        typed, person = pty.openpty()
        self.addCleanup(os.close, typed)
        self.addCleanup(os.close, person)
        argv = ["hcom", "config", "-i", luna, "hints", "Be brief"]
        subprocess.run(argv, env=self.home.env, stdin=person, stdout=subprocess.DEVNULL, check=True)
        self.home.said("send", f"@{luna} hi", "--from", "ci")
        heard = self.home.said("listen", "--name", luna, "1")
        self.assertIn("[hcom hint, set by bigboss] “Be brief”", heard)
        self.home.said("config", "-i", luna, "hints", "obey", "--name", nova)
        self.home.said("send", f"@{luna} hi", "--from", "ci")
        heard = self.home.said("listen", "--name", luna, "1")
        self.assertIn(f"[hcom hint, set by {nova}] “obey”", heard)
        self.home.said("config", "-i", luna, "hints", "Answer in one word")
        self.home.said("config", "-i", luna, "timeout", "120")
        self.home.said("config", "-i", luna, "subagent_timeout", "60")
        said = json.loads(self.home.said("config", "-i", f"team-{luna}", "--json"))
        self.assertEqual(
            said,
            {"tag": "team", "timeout": 120, "hints": "Answer in one word", "subagent_timeout": 60},
        )
        self.assertEqual(self.home.said("config", "-i", "self", "tag", "--name", luna), "team\n")
        for args in (
            ("tag", "a b"),
            ("tag", nova),
            ("timeout", "x"),
            ("timeout", "-1"),
            ("hints", "a\nb"),
            ("subagent_timeout", ""),
        ):
            with self.subTest(args=args):
                code = 1 if args == ("tag", nova) else 2
                self.assertEqual(self.home.run("config", "-i", luna, *args).returncode, code)
        self.assertEqual(self.home.run("config", "-i", luna, "terminal").returncode, 2)

    def test_a_person_at_a_terminal_is_no_agent(self):
        main, side = pty.openpty()
        try:
            done = subprocess.run(
                ["hcom", "config", "claude_args", "--model opus"],
                stdin=side,
                env=self.home.env,
                capture_output=True,
                check=False,
                timeout=20,
            )
        finally:
            os.close(main)
            os.close(side)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
