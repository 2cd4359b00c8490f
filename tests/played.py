"""A client of one of the three kinds as a walk plays it: a process that its hooks are children of,
by recorded payloads, and the transcript that the real one would write.
"""

import contextlib
import json
import os
import time

from tests.acts import Host
from tests.sealed import ROOT

DATA = os.path.join(ROOT, "tests", "data")
EVENTS = {  # of each tool: the recorded payload of each thing that its client tells
    "claude": {
        "start": "SessionStart", "clear": "SessionStart.clear", "compact": "SessionStart.compact",
        "resume": "SessionStart.resume", "fork": "SessionStart.resume",
        "prompt": "UserPromptSubmit", "tool": "PostToolUse", "failed": "PostToolUseFailure",
        "stop": "Stop", "dialog": "PermissionRequest", "end": "SessionEnd",
        "error": "StopFailure", "sub_start": "SubagentStart", "sub_tool": "PostToolUse.subagent",
        "sub_end": "SubagentStop",
    },
    "gemini": {
        "start": "SessionStart", "clear": "SessionStart", "resume": "SessionStart",
        "prompt": "BeforeAgent", "tool": "AfterTool", "failed": "AfterTool", "stop": "AfterAgent",
        "dialog": "Notification", "end": "SessionEnd", "before": "BeforeTool",
    },
    "codex": {
        "start": "SessionStart.startup", "clear": "SessionStart.clear",
        "compact": "SessionStart.compact", "resume": "SessionStart.resume",
        "fork": "SessionStart.fork", "prompt": "UserPromptSubmit", "tool": "PostToolUse.Bash",
        "stop": "Stop", "dialog": "PermissionRequest", "end": "SessionEnd", "esc": "Interrupt",
    },
}  # fmt: skip


def _samples() -> dict:
    found = {}
    for tool, events in EVENTS.items():
        for name in events.values():
            with open(os.path.join(DATA, tool, name + ".json"), encoding="utf-8") as stream:
                found[tool, name] = json.load(stream)
    return found


SAMPLES = _samples()


class Given:
    """A message that was given to an agent: whether a model has answered behind it, and why it may
    be given again."""

    def __init__(self, excuse: str = ""):
        self.asked, self.excuse = False, excuse


class Client:
    """A client's process with its session, and what its model was given."""

    def __init__(self, tool: str, root: str, number: int):
        self.tool, self.root, self.number = tool, root, number
        self.process = Host()
        self.launch = self.agent = ""
        self.alive, self.turn, self.busy = True, False, 0
        self.subs: dict[str, str] = {}  # its subagents' keys, and who they are
        self.count = 0
        self.begin()

    @property
    def pid(self) -> int:
        return self.process.pid

    def begin(self) -> None:
        """A new session, without anything in it."""
        self.count += 1
        self.session = f"s-{self.number}-{self.count}"
        self.path = os.path.join(self.root, self.session + ".jsonl")
        self.open: list[Given] = []  # in the conversation, and not answered yet
        self.last, self.lines = "", 0
        if self.tool == "claude":  # each session has a line before the first prompt
            self.last = self.uuid()
            self.write({"parentUuid": None, "type": "system", "uuid": self.last})
        self.told()

    def told(self) -> None:
        """What Claude says of its process, and what Codex's holds."""
        folder = os.path.join(self.root, ".claude", "sessions")
        locks = os.path.join(self.root, ".codex", "thread-writer-locks")
        for one in (folder, locks):
            os.makedirs(one, exist_ok=True)
        if self.tool == "codex":
            self.process.hold(os.path.join(locks, f"{self.session}.lock"))
        if self.tool == "claude":
            with open(os.path.join(folder, f"{self.pid}.json"), "w") as stream:
                json.dump({"sessionId": self.session}, stream)

    def end(self) -> None:
        self.process.end()
        self.alive = self.turn = False
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.root, ".claude", "sessions", f"{self.pid}.json"))
        self.lose("its session ended")

    def lose(self, why: str) -> None:
        """What stands in the conversation without an answer may be given again."""
        for one in self.open:
            one.excuse = one.excuse or why
        self.open = []

    # -- its transcript --

    def write(self, *lines: dict) -> None:
        at = time.time()
        when = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03d}Z"
        with open(self.path, "a") as stream:
            for line in lines:
                stream.write(json.dumps({**line, "timestamp": when}, separators=(",", ":")) + "\n")

    def uuid(self) -> str:
        self.lines += 1
        return f"u{self.number}-{self.count}-{self.lines}"

    def asked_by_user(self, text: str) -> str:
        """A prompt stands in the transcript; what it hangs on."""
        before, new = self.last, self.uuid()
        if self.tool == "claude":
            said = {"parentUuid": before or None, "type": "user", "uuid": new, "message": text}
            self.write(said)
            self.last = new
        elif self.tool == "gemini":
            self.write({"id": new, "type": "user", "content": [{"text": text}]})
        return before

    def compacts(self) -> None:
        """The conversation goes on with a summary of what was in it."""
        if self.tool == "claude":
            edge, new = self.uuid(), self.uuid()
            self.write({"parentUuid": None, "logicalParentUuid": self.last, "type": "system",
                        "subtype": "compact_boundary", "uuid": edge},
                       {"parentUuid": edge, "type": "user", "uuid": new, "message": "so far",
                        "isCompactSummary": True})  # fmt: skip
            self.last = new

    def hears(self, text: str, ends: bool = False) -> None:
        """The text of a hook is in the conversation; `ends`: it is why the turn goes on."""
        if not text:
            return
        new = self.uuid()
        if self.tool == "claude":
            said = {"type": "hook_additional_context", "content": [text]}
            self.write({"parentUuid": self.last, "attachment": said, "type": "attachment",
                        "uuid": new})  # fmt: skip
            self.last = new
        elif self.tool == "gemini":
            told = text.replace("<", "&lt;").replace(">", "&gt;")
            whole = text if ends else f"<hook_context>{told}</hook_context>"
            self.write({"id": new, "type": "user", "content": [{"text": whole}]})
        else:
            whole = f'<hook_prompt hook_run_id="x">{text}</hook_prompt>' if ends else text
            content = [{"type": "input_text", "text": whole}]
            role = "user" if ends else "developer"
            part = {"type": "message", "role": role, "content": content}
            self.write({"type": "response_item", "payload": part})

    def answers(self) -> None:
        """The model has answered: it had all that was in the conversation."""
        new = self.uuid()
        if self.tool == "claude":
            said = {"id": f"msg_{new}", "model": "m", "role": "assistant"}
            self.write({"parentUuid": self.last, "type": "assistant", "uuid": new, "message": said})
            self.last = new
        elif self.tool == "gemini":
            self.write({"id": new, "type": "gemini", "content": "ok"})
        else:
            part = {"type": "message", "role": "assistant", "content": []}
            self.write({"type": "response_item", "payload": part}, {"type": "token_usage_record"})
        for one in self.open:
            one.asked = True
        self.open = []
