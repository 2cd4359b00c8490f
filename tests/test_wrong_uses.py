"""Wrong command lines by the hundred: each is refused in a line that says what is wrong and what to
do, and what it says to run is a command line that hcom takes."""

import json
import re
import shlex
import subprocess
import sys
import unittest

from hcom.adapters import TOOLS
from hcom.cli import model
from hcom.cli.catalog import COMMANDS, find
from tests.sealed import ROOT, Home

# Each in a process forked from one that has hcom loaded: a command may become another program.
RUNNER = """
import json, os, sys, tempfile
sys.path.insert(0, sys.argv[1])
from hcom.cli import main
for argv in json.loads(sys.argv[2]):
    files = [tempfile.TemporaryFile("w+") for _ in range(2)]
    pid = os.fork()
    if not pid:
        for number, file in enumerate(files, 1):
            os.dup2(file.fileno(), number)
        try:
            code = main(argv)
            sys.stderr.flush()
            os._exit(code)
        finally:
            os._exit(70)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = [file.seek(0) or file.read() for file in files]
    print(json.dumps([code, *said]), flush=True)
"""

# luna and nova take part, and belong to no client; what stands here is behind `hcom`.
WRONG = r"""
nosuch | sned x | -x | -- | --nosuch | help nosuch | help claud | 3.5 claude | hcom claude
3 | 0 claude | 51 claude | 9999999 claude | -3 claude | 3 vim | 3 claud | claude --headless

send | send -- | send '' | send @luna | send x
send --name luna @nova | send --name luna '@nobody hi' | send --name luna '@lun hi'
send --name luna @nova:BOXE x | send --name nobody x | send --nosuch x | send --stdin -- x
send --from '' x | send --from luna x | send --from 'a b' x | send --from hcom x | send --from
send --intent shout x | send --intent -- x | send --intent ack x | send --thread 'a b' x
send --reply-to x y | send --reply-to | send --name luna --reply-to 99999 y
send --name luna --reply-to 1:BOXE y | send --name luna --intent ack --reply-to 1 y
send --name luna @nova --file /nowhere | send --name luna @nova --event 99999
send --event x y | send --name luna @nova --transcript x
send --name luna @nova --transcript 5-1 | send --name luna @nova --transcript @nobody:1

listen x | listen x y | listen 1 | listen --timeout x | listen --timeout -1 | listen --timeout
listen --name nobody 1 | listen --sql '1; 2' | listen --sql nosuch:luna | listen --sql idle
listen --sql collision | listen --type nosuch | listen --status nosuch | listen --intent nosuch
listen --after tomorrow | listen --from '' 1 | listen --nosuch

list a b c | list nobody | list lun | list luna nosuch | list self | list --nosuch | list --last 3

start x | start --as | start --as '' | start --as 'a b' | start --as x | start --as bigboss
start --as nobody | start --nosuch

stop | stop nobody | stop tag:nobody | stop --all | stop luna:BOXE | stop --name luna nova:BOXE
kill | kill nobody | kill tag:nobody | kill --force luna | kill luna:BOXE
resume | resume nobody | resume luna | resume --nosuch luna | fork | fork nobody | fork luna
term | term nobody | term luna | term luna extra | term --nosuch luna

events nosuch | events --nosuch | events --last | events --last 0 | events --last x
events --last -5 | events --sql | events --sql '1; 2' | events --sql 'nosuch = 1' | events --sql '('
events --sql '' | events --sql idle | events --sql created:luna:x | events --sql collision
events --wait x | events --wait --follow | events --once | events --for luna
events --type nosuch | events --status nosuch | events --intent nosuch | events --after tomorrow
events --before '' | events --agent '' | events --agent nobody | events --file ''
events --message x | events --message 99999
events launch | events launch nosuch | events launch a b
events sub idle:luna | events sub nosuch:luna | events sub idle | events sub idle:
events sub cmd | events sub cmd: | events sub cmd:git commit | events sub collision extra
events sub "type = 'x" | events sub --name luna 'not sql at all' | events sub --once
events sub --name luna idle:nobody | events sub idle:luna --for nobody
events sub --name luna --agent nova --after 1h
events unsub | events unsub nosuch | events unsub sub-0000 | events unsub idle:luna idle:nova

transcript | transcript nobody | transcript luna | transcript luna 0 | transcript luna x
transcript luna 5-1 | transcript luna 1-2 --last 3 | transcript luna 1 2 | transcript --all luna
transcript luna --last 0 | transcript luna --nosuch | transcript --name luna
transcript timeline x | transcript search | transcript search x --agent nobody
transcript search '/(/'

run nosuch | run clon | run --nosuch | run docs --nosuch | run docs extra | run clone | run debate
run debate --rounds x y

config nosuch | config nosuch x | config ta | config --nosuch | config --info
config --info nosuch | config --reset nosuch | config tag x --reset | config --edit
config --edit tag | config --edit --reset | config tag 'a b' | config tag a b
config subagent_timeout x | config subagent_timeout -1 | config terminal nosuch
config terminal 'nosuch -e {script}' | config terminal 'xterm -e bash'
config relay nosuch | config relay ftp://x | config relay_token - | config relay_token ä
config auto_approve maybe | config default_subscriptions nosuch | config name_export 'a b'
config name_export PATH | config bell loud | config relay_allow nosuch | config claude_args "'"
config -i | config -i nobody | config -i self | config -i luna nosuch | config -i luna tag 'a b'
config -i luna timeout x | config -i luna --reset
config --name luna terminal default | config --name luna --edit

relay | relay nosuch | relay off | relay off x | relay pull | relay invite | relay join
relay ssh | relay ssh 'a b' | relay hf a b | relay --nosuch
relay serve --port x | relay serve --port 99999 | relay serve extra | relay serve --nosuch

archive 1 | archive 0 | archive nosuch | archive 1 nosuch | archive 1 agents x
archive --last 3 | archive --sql "type = 'life'" | archive --nosuch
reset nosuch | reset all all | reset --all | reset --name luna all
hooks frob | hooks add vim | hooks add claude codex | hooks remove vim | hooks --nosuch
status x | status --nosuch | demo x | demo --nosuch
completion | completion nosuch | completion bash zsh | completion --nosuch
"""
# Where one hint would do for many, the one that helps here.
HELPS = {
    "send x": "--from NAME",
    "send --from '' x": "not a sender name: ''",
    "events sub cmd:git commit": "hcom events sub 'cmd:git commit'",
    "run nosuch": "hcom run lists them",
    "listen 1": "hcom start, or --name NAME)",
    "listen --intent nosuch": "no intent 'nosuch'",
    "start --as nobody": "hcom start for",
    "stop --name luna nova:BOXE": "no device 'BOXE' (hcom relay)",
    "resume luna": "hcom start --as luna",
    "fork": "hcom fork NAME",
    "term luna": "hcom transcript @luna",
    "events launch a b": "unexpected argument: 'b'",
    "events sub idle:luna": "--for NAME",
    "events sub cmd": "needs a pattern",
    "run clon": "did you mean clone?",
    "config ta": "did you mean tag?",
    "completion bash zsh": "Not 'bash zsh' (use bash, zsh, fish)",
}
SAID = re.compile(r"hcom[^:\n]*: \S.* \((.+)\)\n")
HINTED = re.compile(r"\bhcom((?: (?:\"[^\"]*\"|[^\s;,:]+(?::(?=\S)\S*)?))+)")
# Where a hint's command line ends and its sentence goes on.
TELLING = {"or", "for", "lists", "reads", "makes", "prints", "shows", "gives", "needs", "<"}


def wrong() -> list[list[str]]:
    return [shlex.split(one) for line in WRONG.split("\n") for one in line.split(" | ") if one]


def lines(hint: str) -> list[list[str]]:
    """The command lines in a hint, without the first word."""
    found = [shlex.split(said) for said in HINTED.findall(hint)]
    ends = [next((i for i, word in enumerate(one) if word in TELLING), len(one)) for one in found]
    return [one[:end] for one, end in zip(found, ends)]


class Wrong(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def test_it_is_refused_with_what_to_do(self):
        self.assertEqual([self.home.start(), self.home.start()], ["luna", "nova"])
        before = self.home.sql("SELECT count(*) FROM events")
        given = wrong()
        self.assertGreater(len(given), 200)
        self.assertLessEqual(HELPS.keys(), {shlex.join(argv) for argv in given})
        for argv, (code, out, err) in zip(given, self.ran(given), strict=True):
            with self.subTest(shlex.join(argv)):
                self.assertIn(code, (1, 2), err)
                self.assertEqual(out, "")
                said = SAID.fullmatch(err)
                self.assertTrue(said, err)
                self.assertNotIn("this is a bug", err)
                self.assertIn(HELPS.get(shlex.join(argv), ""), err)
                for line in lines(said[1]):
                    self.taken(line)
        self.assertEqual(self.home.sql("SELECT count(*) FROM events"), before)

    def ran(self, given: list[list[str]]) -> list:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", RUNNER, ROOT, json.dumps(given)],
            env=self.home.env,
            cwd=self.home.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def taken(self, line: list[str]) -> None:
        """hcom takes the command line, as far as that is seen without running it."""
        if line[0].isdecimal() or line[0] in TOOLS:
            self.assertIn(line[-1], TOOLS)
        elif line[0] != "--help":
            self.assertIn(line[0], COMMANDS)
            command = find(line[0])
            if not model.asks_for_help(command, line[1:]):
                model.parse(command, line[1:])

    def test_the_lines_of_a_hint(self):
        for hint, found in (
            ("hcom list", [["list"]]),
            ("hcom start, or --name NAME", [["start"]]),
            ("hcom reset, or hcom reset all", [["reset"], ["reset", "all"]]),
            ("hcom config lists them", [["config"]]),
            ("see hcom events sub --help", [["events", "sub", "--help"]]),
            ("in it: hcom start --as luna", [["start", "--as", "luna"]]),
            ("hcom events --sql \"a = 'b'\"", [["events", "--sql", "a = 'b'"]]),
            ("hcom events sub idle:luna --once", [["events", "sub", "idle:luna", "--once"]]),
            ("use 1 or 0", []),
        ):
            with self.subTest(hint):
                self.assertEqual(lines(hint), found)


if __name__ == "__main__":
    unittest.main()
