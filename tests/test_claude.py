"""Two real Claude Code sessions that talk through hcom, against a model server on loopback."""

import json
import os
import signal
import time
import unittest

from tests.rig.clients import requires
from tests.rig.room import ANSWER, Room, besides_wrappers, cpu, descendants, entered, is_ours, ours
from tests.rig.settings import Permissions


@requires("claude")
class Talk(unittest.TestCase):
    client = "claude"
    rounds = 20  # in which tools run side by side while mail comes

    def room(self, permissions: Permissions = Permissions.FREE) -> Room:
        return entered(self, Room(permissions, self.client))

    def test_a_request_wakes_the_idle_and_the_answer_comes_mid_turn(self):
        room = self.room()
        luna, nova = room.agent("luna"), room.agent("nova")
        room.world.model.rule(*ANSWER)
        asked = luna.ask(
            "RUN: hcom send @nova --intent request -- ping\n"
            "RUN: until [ -e go ]; do sleep 0.1; done\nSAY: all-ok"
        )
        got = room.world.model.until(
            "from luna · request", 15, since=asked.t, session=room.session("nova")
        )
        self.assertIn("ping", got.fresh)
        room.until(lambda: room.events("type = 'message' AND instance = 'nova'"))
        (room.folder("luna") / "go").touch()
        answer = room.world.model.until("pong-", 20, since=asked.t, session=room.session("luna"))
        self.assertIn("in reply to #", answer.fresh)
        self.assertRegex(answer.fresh, r"from nova")
        luna.until("all-ok")
        # mid-turn: it came with the result of the waiting, before the turn's last reply
        self.assertNotIn("all-ok", answer.text.replace("SAY: all-ok", ""))
        for name in ("luna", "nova"):
            self.assertEqual(len(room.told(room.session(name))), 1)
        del nova

    def test_parallel_tools_get_each_message_once(self):
        room = self.room()
        luna = room.agent("luna")
        round_ = "RUN: echo one\nAND RUN: echo two\nAND RUN: echo three\n"
        luna.submit(round_ * self.rounds + "SAY: all-over")
        sent = []
        while len(sent) < 10 or (len(sent) < 60 and room.listed()["luna"]["status"] != "listening"):
            sent.append(room.send(f"@luna message {len(sent)}"))
        session = room.session("luna")
        room.until(lambda: set(sent) <= set(room.told(session)))
        self.assertEqual(sorted(room.told(session)), sent)

    def test_half_typed_text_stays_in_the_box(self):
        room = self.room()
        nova = room.agent("luna")
        nova.text("half a thought")
        nova.until("❯.half a thought")
        sent = room.send("@luna are you there")
        room.received(room.session("luna"), sent)
        room.until_status("luna", "listening")
        self.assertRegex(nova.settle(), "❯.half a thought")

    def test_a_dialog_is_not_answered_by_mail(self):
        for answer in ("Enter", "Escape"):
            with self.subTest(answer=answer):
                room = self.room(Permissions.ASK)
                luna = room.agent("luna")
                made = room.world.project("p-luna") / "made.txt"
                luna.submit("RUN: touch made.txt\nSAY: over")
                luna.until("Do you want to proceed")
                room.until_status("luna", "blocked")
                sent = room.send("@luna a word")
                room.considered("luna")
                self.assertRegex(luna.screen(), "Do you want to proceed")
                self.assertFalse(made.exists())
                self.assertEqual(room.told(room.session("luna")), [])
                luna.keys(answer)
                room.received(room.session("luna"), sent)
                self.assertEqual(made.exists(), answer == "Enter")
                room.until_status("luna", "listening")
                self.assertEqual(room.told(room.session("luna")), [sent])

    def test_bypassed_permissions_hold_nothing_back(self):
        room = self.room()
        room.agent("luna", "--dangerously-skip-permissions", env={"IS_SANDBOX": "1"})
        sent = room.send("@luna through")
        room.received(room.session("luna"), sent)
        room.until_status("luna", "listening")
        again = room.send("@luna and again")
        room.received(room.session("luna"), again)

    def test_clear_and_compact_keep_the_agent(self):
        room = self.room()
        luna = room.agent("luna")
        luna.ask("SAY: first answer")
        luna.until("first answer")
        first = room.session("luna")
        luna.submit("/clear")
        room.until(lambda: room.session("luna") != first)
        luna.settle()  # the session is new before the command has left the box
        self.assertEqual(list(room.listed()), ["luna"])
        sent = room.send("@luna after clear")
        request = room.received(room.session("luna"), sent)
        self.assertIn("You are 'luna'", request.text)
        room.until_status("luna", "listening")
        for number in range(3):  # too short a conversation is not compacted
            luna.ask(f"SAY: remark {number}")
            luna.until(f"remark {number}$")
        luna.submit("/compact")
        luna.until("ompacted", 30)
        sent = room.send("@luna after compact")
        request = room.received(room.session("luna"), sent)
        self.assertIn("You are 'luna'", request.text)

    def test_quit_and_resume_keep_name_and_mail(self):
        for command in (["hcom", "claude"], ["claude"]):
            with self.subTest(command=command):
                room = self.room()
                luna = room.agent("luna")
                luna.ask("SAY: first answer")
                room.until_status("luna", "listening")
                session = room.session("luna")
                luna.submit("/exit")
                luna.until_ended()
                room.until_status("luna", "inactive")
                sent = room.send("@luna while you were away")
                room.world.pane(
                    "again", [*command, "--resume", session], cwd=room.world.project("p-luna")
                )
                room.received(session, sent)
                room.until_status("luna", "listening")
                self.assertEqual(list(room.listed()), ["luna"])
                self.assertEqual(room.told(session), [sent])

    def test_a_launch_that_goes_on_with_a_known_session_is_that_agent(self):
        room = self.room()
        luna = room.agent("luna")
        luna.ask("SAY: first answer")
        room.until_status("luna", "listening")
        session = room.session("luna")
        luna.submit("/exit")
        luna.until_ended()
        again = room.agent("again", "--continue", cwd=room.folder("luna"))
        room.until(lambda: list(room.listed()) == ["luna"])
        room.until_status("luna", "listening")
        sent = room.send("@luna do you read me")
        room.received(session, sent, 15)
        room.until_status("luna", "listening")
        self.assertIn("❯", room.hcom("term", "luna"))
        woken = [(e["agent"], e["pid"]) for e in room.log("wake.done")]
        self.assertEqual(woken, [("luna", again.pid)])
        self.assertIn("killed luna", room.hcom("kill", "luna"))
        again.until_ended()

    def test_a_fork_is_another_agent(self):
        room = self.room()
        luna = room.agent("luna")
        luna.ask("SAY: first answer")
        room.until_status("luna", "listening")
        session = room.session("luna")
        room.world.claude(
            "fork",
            ["hcom", "claude", "--resume", session, "--fork-session"],
            cwd=room.world.project("p-luna"),
        )
        room.until(lambda: len(room.listed()) == 2)
        fork = next(n for n in room.listed() if n != "luna")
        mine = room.send("@luna for the parent")
        room.received(session, mine)
        other = room.send(f"@{fork} for the fork")
        forked = room.world.model.until(f"[hcom message #{other} ").session
        self.assertNotEqual(forked, session)
        self.assertEqual(room.session(fork), forked)
        self.assertEqual(room.session("luna"), session)
        self.assertEqual(room.told(forked), [other])

    def test_killed_with_a_message_offered_and_unseen(self):
        room = self.room()
        luna = room.agent("luna")
        session = room.session("luna")
        luna.submit("RUN: sleep 3\nSTALL: 60\nSAY: never said")
        room.world.model.until("RUN: sleep 3", session=session)
        sent = room.send("@luna hold on")
        room.received(session, sent)  # offered, on its way to the model, which does not answer
        luna.kill(signal.SIGKILL)
        killed = time.monotonic()
        room.until_status("luna", "inactive", 5)
        self.assertLess(time.monotonic() - killed, 5)
        room.until(lambda: not ours(room.world))
        before = len(room.world.model.requests(session=session))
        room.world.pane(
            "again", ["hcom", "claude", "--resume", session], cwd=room.world.project("p-luna")
        )
        room.until(
            lambda: any(
                f"[hcom message #{sent} " in r.fresh
                for r in room.world.model.requests(session=session)[before:]
            )
        )
        self.assertEqual(list(room.listed()), ["luna"])

    def test_mail_of_a_prompt_that_is_taken_back_comes_again(self):
        room = self.room()
        luna = room.agent("luna")
        session = room.session("luna")
        first = room.send("@luna hello")
        room.received(session, first)
        room.until_status("luna", "listening")
        # An ack wakes nobody: it comes with the prompt.
        sent = room.send("@luna noted", "--intent", "ack", "--reply-to", str(first))
        luna.submit("STALL: 60\nSAY: never said")
        room.received(session, sent)
        luna.until("esc to interrupt")
        luna.keys("Escape")  # before any output: the prompt is back in the box, as if never given
        luna.until(lambda screen: "esc to interrupt" not in screen)
        luna.settle()
        for _ in range(6):
            luna.keys("C-u")
        luna.settle()
        luna.ask("SAY: well")
        room.until(lambda: room.told(session) == [first, sent])
        room.until_status("luna", "listening")

    def test_an_idle_agent_costs_nothing(self):
        room = self.room()
        luna = room.agent("luna")
        sent = room.send("@luna hello")
        room.received(room.session("luna"), sent)
        room.until_status("luna", "listening")
        room.until(lambda: not besides_wrappers(room.world))
        below = descendants(luna.pid)
        spent = {pid: cpu(pid) for pid in [luna.pid, *below] if is_ours(room.world, pid)}
        self.assertTrue(spent)  # the wrapper and its keeper
        known = set(os.listdir("/proc"))
        end = time.monotonic() + 20  # long enough for what happens seldom
        while time.monotonic() < end:
            begun = set(os.listdir("/proc")) - known
            known |= begun
            self.assertFalse([pid for pid in begun if is_ours(room.world, pid)])
            time.sleep(0.02)
        self.assertEqual(descendants(luna.pid), below)
        self.assertEqual(besides_wrappers(room.world), [])
        self.assertEqual({pid: cpu(pid) for pid in spent}, spent)

    def test_start_in_a_session_that_hcom_did_not_launch(self):
        room = self.room()
        claude = room.world.claude("v")
        claude.ask("RUN: hcom start")
        room.until(lambda: "luna" in room.listed())
        claude.until("done")
        room.until_status("luna", "listening")
        # That its mail comes by itself is said by the first hook that is heard, not by the command.
        (asked,) = [r for r in room.world.model.requests() if "Hooks run here" in r.fresh]
        self.assertIn("or by `hcom listen`", asked.fresh)
        sent = room.send("@luna welcome")
        room.received(room.session("luna"), sent)
        room.until(lambda: room.reported()[0]["unread"] == 0)

    def test_where_hooks_are_turned_off_no_turn_is_paid_for(self):
        room = self.room()
        path = room.world.home / ".claude/settings.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "disableAllHooks": True}))
        room.agent("luna")
        room.pays_nothing_for(self, "luna")

    def test_the_hooks_of_another_home_go_with_a_launch_into_a_worktree(self):
        room = self.room()
        project = room.folder("luna")
        room.world.run(["git", "init", "-q"], cwd=project)
        who = ["-c", "user.name=x", "-c", "user.email=x@x"]
        room.world.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "x"], cwd=project)
        room.world.hcom_dir = room.hcom_dir = project / ".hcom"
        luna = room.agent("luna", "--worktree", "there")
        asked = luna.ask("RUN: pwd\nSAY: all-ok")
        self.assertIn("in hcom, a message bus", asked.text)
        luna.until("all-ok")
        told = room.world.model.requests(session=asked.session)[-1].text
        self.assertIn(f"{project}/.claude/worktrees/there", told)
        room.until_status("luna", "listening")
        sent = room.send("@luna hello")
        room.received(room.session("luna"), sent)

    def test_a_session_outside_of_hcom_sees_nothing_of_it(self):
        room = self.room()
        room.hcom("hooks", "add", "claude")
        claude = room.world.claude("v")
        claude.ask("RUN: echo hi\nSAY: all-over")
        claude.until("● all-over")
        for request in room.world.model.requests(kind=""):
            self.assertNotIn("[hcom", json.dumps(request.body))
        self.assertEqual(room.hcom("list"), "")
        self.assertEqual(list((room.world.hcom_dir / "run/spool").iterdir()), [])

    def test_the_turn_can_be_continued_more_often_than_the_client_allows(self):
        room = self.room()
        room.agent("luna")
        session = room.session("luna")
        room.world.model.rule(r"\[hcom message #(\d+) from ci\]\nanswer", r"SAY: I say \1")
        sent = []
        for count in range(14):  # each ends a turn, the next is there before the turn's end
            sent.append(room.send(f"@luna answer {count}"))
            time.sleep(0.3)
        room.until(lambda: set(sent) <= set(room.told(session)), 60)
        self.assertEqual(sorted(room.told(session)), sent)

    def test_status_where_no_hook_fires(self):
        room = self.room()
        luna = room.agent("luna")
        luna.submit("RUN: sleep 30")
        room.until_status("luna", "active")
        luna.until("esc to interrupt")
        luna.keys("Escape")
        room.until_status("luna", "listening")
        sent = room.send("@luna after esc")
        room.received(room.session("luna"), sent)
        room.until_status("luna", "listening")
        luna.submit("ERROR: 400")
        room.world.model.until("ERROR: 400")
        room.until_status("luna", "listening")
        sent = room.send("@luna after an error")
        room.received(room.session("luna"), sent)

    def test_what_an_agent_does_is_in_the_log(self):
        room = self.room()
        luna = room.agent("luna")
        luna.ask("WRITE: a.txt hello\nRUN: false\nSAY: all-over")
        luna.until("● all-over")
        for context in ("tool:Bash", "stop"):  # tools are recorded when there is time
            room.until(lambda context=context: room.events(f"status_context = '{context}'"))
        events = room.hcom("events", "--sql", "type = 'status'")
        found = [
            (e["data"]["context"], e["data"]["detail"])
            for e in map(json.loads, events.splitlines())
        ]
        self.assertIn(("tool:Write", str(room.world.project("p-luna") / "a.txt")), found)
        self.assertIn(("tool:Bash", "false"), found)
        self.assertTrue(any(c == "prompt" and d.startswith("WRITE: a.txt") for c, d in found))
        order = [c for c, _ in found]
        self.assertLess(order.index("tool:Write"), order.index("tool:Bash"))
        self.assertLess(order.index("tool:Bash"), order.index("stop"))


@requires("claude")
class Subagents(unittest.TestCase):
    client = "claude"

    def room(self, permissions: Permissions = Permissions.FREE) -> Room:
        return entered(self, Room(permissions, self.client))

    def test_a_subagent_speaks_and_hears_under_its_own_name(self):
        room = self.room()
        room.hcom("config", "subagent_timeout", "5")  # it waits that long for mail before it ends
        luna = room.agent("luna")
        nova = room.agent("nova")
        luna.submit(
            "AGENT: WHEN run: hcom start --name (\\w+) RUN: hcom start --name \\1\n"
            "  RUN: hcom send @nova -- as the parent\n"
            "  RUN: hcom send @nova --name luna_general_purpose_1 --intent request "
            "-- as the child\n"
            "  RUN: sleep 6\n  SAY: child-over\nSAY: parent-over"
        )
        refused = room.world.model.until("put --name luna_general_purpose_1 behind")
        self.assertTrue(refused.agent)
        asked = room.world.model.until(
            "from luna_general_purpose_1 · request", session=room.session("nova")
        )
        self.assertNotIn("as the parent", asked.text)
        sent = room.send("@luna_general_purpose_1 for the child")
        mine = room.send("@luna for the parent")
        got = room.world.model.until(f"[hcom message #{sent} ")
        self.assertEqual(got.agent, refused.agent)
        self.assertNotIn(f"[hcom message #{mine} ", got.text)
        got = room.world.model.until(f"[hcom message #{mine} ")
        self.assertEqual(got.agent, "")
        room.until(lambda: "luna_general_purpose_1" not in room.listed(), 60)
        self.assertEqual(room.session("luna"), refused.session)
        del nova

    def test_a_subagent_that_does_not_ask_is_nobody(self):
        room = self.room()
        luna = room.agent("luna")
        luna.submit("AGENT: RUN: echo hi\n  SAY: child-over\nSAY: parent-over")
        luna.until("parent-over")
        self.assertEqual(list(room.listed()), ["luna"])


@requires("claude-before")
class TalkBefore(unittest.TestCase):
    """The pin before this one: what a delivery needs."""

    client = "claude-before"
    rounds = 3
    test_a_request_wakes = Talk.test_a_request_wakes_the_idle_and_the_answer_comes_mid_turn
    test_parallel_tools = Talk.test_parallel_tools_get_each_message_once
    test_turn_end = Talk.test_the_turn_can_be_continued_more_often_than_the_client_allows

    def room(self, permissions: Permissions = Permissions.FREE) -> Room:
        return entered(self, Room(permissions, self.client))


@requires("claude-old")
class TalkWithoutSocket(unittest.TestCase):
    """2.1.197 has no messaging socket: a waiter wakes it."""

    client = "claude-old"
    rounds = 6
    test_parallel_tools = Talk.test_parallel_tools_get_each_message_once
    test_turn_end = Talk.test_the_turn_can_be_continued_more_often_than_the_client_allows

    def room(self, permissions: Permissions = Permissions.FREE) -> Room:
        return entered(self, Room(permissions, self.client))

    test_a_request_wakes = Talk.test_a_request_wakes_the_idle_and_the_answer_comes_mid_turn
    test_half_typed = Talk.test_half_typed_text_stays_in_the_box
    test_a_dialog = Talk.test_a_dialog_is_not_answered_by_mail
    test_clear_and_compact = Talk.test_clear_and_compact_keep_the_agent
    test_quit_and_resume = Talk.test_quit_and_resume_keep_name_and_mail
    test_killed = Talk.test_killed_with_a_message_offered_and_unseen
    test_start = Talk.test_start_in_a_session_that_hcom_did_not_launch

    def test_one_waiter_that_ends_with_its_client(self):
        room = self.room()
        luna = room.agent("luna")
        for _ in range(3):
            luna.ask("SAY: well")
            room.until_status("luna", "listening")
        room.until(lambda: len([p for p in ours(room.world) if "hook wait" in p]) == 1)
        luna.kill(signal.SIGKILL)
        room.until(lambda: not ours(room.world))


@requires("claude-older")
class TalkByTyping(unittest.TestCase):
    """2.1.77 skips a settings file with what it does not know, and only typing wakes it."""

    client = "claude-older"

    def room(self, permissions: Permissions = Permissions.FREE) -> Room:
        return entered(self, Room(permissions, self.client))

    test_a_dialog = Talk.test_a_dialog_is_not_answered_by_mail

    def test_idle_and_at_the_end_of_a_turn(self):
        room = self.room()
        luna = room.agent("luna")
        self.assertNotIn("Settings Error", luna.history())
        first = room.send("@luna before any prompt")
        session = room.until(lambda: room.session("luna"))
        room.received(session, first)
        room.until_status("luna", "listening")
        woken = len(room.log("wake.done"))
        luna.ask("STALL: 5\nSAY: last-words")
        second = room.send("@luna before you end")
        request = room.received(session, second)
        self.assertIn("last-words", request.text.replace("SAY: last-words", ""))
        room.until_status("luna", "listening")
        self.assertEqual(len(room.log("wake.done")), woken)
        self.assertEqual(room.told(session), [first, second])

    def test_a_draft_is_waited_for_and_kept(self):
        room = self.room()
        luna = room.agent("luna")
        luna.text("half a thought")
        luna.until("❯.half a thought")
        sent = room.send("@luna are you there")
        room.considered("luna")
        self.assertRegex(luna.settle(), "❯.half a thought")
        self.assertEqual(room.world.model.requests(), [])
        luna.keys("C-u")
        room.received(room.session("luna"), sent)


if __name__ == "__main__":
    unittest.main()
