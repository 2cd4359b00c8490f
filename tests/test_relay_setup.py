"""How a machine is set up for a relay: by ssh, by an invitation."""

import os
import subprocess
import unittest

from hcom import config, home
from hcom.relay import rules
from hcom.relay.rules import Invitation, invited
from tests.hub import having
from tests.relay import TOKEN, Relay
from tests.sealed import Home

KEY = "k" * 43
AGENT = {"GEMINI_CLI": "1"}


class Codes(unittest.TestCase):
    def test_there_and_back(self):
        for said in (
            Invitation("https://a.b", "t", KEY),
            Invitation("ssh://me@host", "", KEY),
            Invitation("", "", ""),
        ):
            code = said.code()
            self.assertRegex(code, r"\Ahcom-join-[\w-]+\Z")
            self.assertEqual(invited(f" {code}\n"), said)

    def test_what_is_none(self):
        code = Invitation("https://a.b", "token", KEY).code()
        deep = "hcom-join-" + "W1tb" * 3000
        for text in ("", "x", "é", code[:-1], code[:-4], code[5:], f"x{code}", "hcom-join-", deep):
            with self.subTest(text[:40]):
                self.assertIsNone(invited(text))
        for said in ("{}", "[]", '["a","b"]', '["a","b",1]', "1"):
            with self.subTest(said):
                text = rules.base64.b64encode(said.encode()).decode()
                self.assertIsNone(invited(f"hcom-join-{text}"))


class Machine(Home):
    """A machine of its own; its settings."""

    def settings(self) -> config.Settings:
        return config.read(home.locate(self.env), {})

    def text(self) -> str:
        with open(os.path.join(self.hcom_dir, "config.env"), encoding="utf-8") as stream:
            return stream.read()


class Case(unittest.TestCase):
    def machine(self) -> Machine:
        found = Machine()
        self.addCleanup(found.remove)
        return found


class BySsh(Case):
    """`ssh` is a stand-in, which keeps its arguments and runs the command as a machine far away."""

    def setUp(self):
        self.far = self.machine()

    def ssh(self, machine: Machine, code: str = "") -> None:
        env = " ".join(f'{name}="{self.far.env[name]}"' for name in ("HOME", "HCOM_DIR", "PATH"))
        code = code or f'for last; do :; done; exec env -i {env} sh -c "$last"'
        machine.program("ssh", f'printf "%s\\n" "$*" >>"{machine.root}/asked"\n{code}')

    def asked(self, machine: Machine) -> "list[str]":
        path = os.path.join(machine.root, "asked")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as stream:
            return stream.read().splitlines()

    def test_two_hear_of_each_other_with_no_server_kept(self):
        here, there = self.machine(), self.machine()
        here.said("config", "relay_token", "-", stdin=TOKEN)  # of a relay before
        for one in (here, there):
            self.ssh(one)
            self.assertEqual(one.said("relay", "ssh", "me@far:2222"), "relay = ssh://me@far:2222\n")
            self.assertEqual(one.text(), "HCOM_RELAY=ssh://me@far:2222\n")
            self.assertRegex(self.asked(one)[0], r" -p 2222 -- me@far hcom relay serve --stdio\Z")
        name = here.start()
        here.said("relay", "pull")
        there.said("relay", "pull")
        self.assertRegex("\n".join(there.names()), rf"(?m)^{name}:[A-Z]{{4}}$")

    def test_no_argument_is_an_option_of_ssh(self):
        here = self.machine()
        self.ssh(here)
        option = "-oProxyCommand=touch${IFS}x"
        for words in (
            (option,),
            ("--", option),
            ("--", f"ssh://{option}"),
            ("--", f"me@{option}"),
            ("--", "-l me@far"),
            ("far -oX=y",),
            ("far;x",),
            ("$(x)@far",),
            ("",),
            (),
            ("a", "b"),
        ):
            with self.subTest(words):
                done = here.run("relay", "ssh", *words)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertEqual(self.asked(here), [])
        self.assertFalse(os.path.exists(os.path.join(here.hcom_dir, "config.env")))

    def test_what_goes_wrong_is_said_and_nothing_set(self):
        here = self.machine()
        for code, wanted in (
            ("echo 'me@far: Permission denied (publickey).' >&2; exit 255", "Permission denied"),
            ("echo 'sh: 1: hcom: not found' >&2; exit 127", "hcom: not found"),
            ("cat >/dev/null & echo hello; exit 0", "no relay at ssh://me@far"),
            ('printf "\\033[2Jnope\\n" >&2; exit 1', r"\x1b[2Jnope"),
        ):
            with self.subTest(wanted):
                self.ssh(here, code)
                done = here.run("relay", "ssh", "me@far")
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(wanted, done.stderr)
                self.assertIn("ssh me@far hcom --version", done.stderr)
                self.assertNotIn("\x1b", done.stderr)
                self.assertFalse(os.path.exists(os.path.join(here.hcom_dir, "config.env")))

    def test_an_agent_may_not(self):
        here = self.machine()
        self.ssh(here)
        done = here.run("relay", "ssh", "me@far", env=AGENT)
        self.assertIn("an agent may not", done.stderr)
        self.assertEqual(self.asked(here), [])


class Inviting(Case):
    def setUp(self):
        self.relay = Relay()
        self.addCleanup(self.relay.stop)
        self.here, self.there = self.machine(), self.machine()
        self.here.said("config", "relay", self.relay.url)
        self.here.said("config", "relay_token", "-", stdin=TOKEN)

    def test_both_are_in_one_signed_room(self):
        first = self.here.run("relay", "invite")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("A secret", first.stderr)
        self.assertIn("has not joined is dropped", first.stderr)
        again = self.here.run("relay", "invite")
        self.assertEqual(again.stdout, first.stdout)
        self.assertNotIn("is dropped", again.stderr)
        joined = self.there.run("relay", "join", "-", stdin=first.stdout)
        self.assertEqual(joined.stdout, f"joined {self.relay.url}\n", joined.stderr)
        self.assertEqual(self.there.settings(), self.here.settings())
        self.assertEqual(self.there.settings().relay_token, TOKEN)
        path = os.path.join(self.there.hcom_dir, "config.env")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        key = self.there.settings().relay_key
        for words in (("config",), ("config", "--json"), ("status", "--json")):
            said = self.there.run(*words)
            self.assertNotIn(key, said.stdout + said.stderr)

    def test_a_code_in_the_arguments_is_there_no_longer(self):
        code = self.here.said("relay", "invite").strip()
        joined = self.there.run("relay", "join", code)
        self.assertEqual(joined.returncode, 0, joined.stderr)
        self.assertIn("shell's history", joined.stderr)
        self.assertNotIn(code, joined.stderr)

    @unittest.skipUnless(os.path.isdir("/proc/self"), "no /proc here")
    def test_nobody_reads_it_there_while_it_is_asked_about(self):
        self.there.program("ssh", "exec sleep 60")
        code = Invitation("ssh://far", "", KEY).code()
        argv, quiet = ["hcom", "relay", "join", code], subprocess.DEVNULL
        with subprocess.Popen(argv, env=self.there.env, stdin=quiet, stderr=quiet) as begun:
            self.addCleanup(begun.kill)
            self.there.until(lambda: str(begun.pid) in having(b"\0join\0-\0"), "it began anew")
            self.assertEqual(having(code.encode()), set())
            begun.kill()

    def test_refused_it_changes_nothing(self):
        self.there.said("config", "tag", "before")
        before = self.there.text()
        url = self.relay.url
        for code, wanted in (
            ("nonsense", "that is no invitation"),
            (Invitation(url, "wrong-token-of-the-tests", KEY).code(), "token is wrong"),
            (Invitation("http://127.0.0.1:9", TOKEN, KEY).code(), "no relay at"),
            (Invitation("http://example.com", TOKEN, KEY).code(), "not a URL of a relay"),
            (Invitation("https://x\x1b[2J", TOKEN, KEY).code(), "control character"),
            (Invitation(url, "to ken", KEY).code(), "no spaces"),
            (Invitation(url, TOKEN, "ke y").code(), "no spaces"),
            (Invitation(url, TOKEN, KEY + "\nHCOM_TAG=x").code(), "control character"),
        ):
            with self.subTest(wanted):
                done = self.there.run("relay", "join", "-", stdin=code)
                self.assertIn(done.returncode, (1, 2))
                self.assertEqual((done.stdout, self.there.text()), ("", before))
                self.assertIn(wanted, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                for secret in (TOKEN, KEY, "wrong-token", "\x1b"):
                    self.assertNotIn(secret, done.stderr)

    def test_of_what_is_no_code_nothing_else_is_said(self):
        wrong = Invitation("http://example.com", TOKEN, KEY).code()
        for words in (("join", "nonsense"), ("join", wrong), ("hf", "no token")):
            done = self.there.run("relay", *words)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertNotIn("history", done.stderr)

    def test_who_may_not(self):
        code = Invitation(self.relay.url, TOKEN, KEY).code()
        for words, env, wanted in (
            (("invite",), AGENT, "an agent may not"),
            (("join", "-"), AGENT, "an agent may not"),
            (("join",), {}, "by which code"),
            (("join", "a", "b"), {}, "unexpected argument"),
            (("invite", "x"), {}, "unexpected argument"),
        ):
            with self.subTest(words, env=env):
                done = self.there.run("relay", *words, env=env, stdin=code)
                self.assertEqual((bool(done.returncode), done.stdout), (True, ""))
                self.assertIn(wanted, done.stderr)
        done = self.there.run("relay", "invite")
        self.assertIn("there is no relay to invite to", done.stderr)


if __name__ == "__main__":
    unittest.main()
