"""What `hcom list` says an agent does, by its hooks and by its client's own word."""

import json
import os
import unittest
from pathlib import Path

from tests.sealed import Sealed


class Blocked(Sealed):
    def says(self, session: str, **facts) -> None:
        """The session's Claude Code says so of itself."""
        pid = self.clients[session].pid
        path = Path(self.home.root, ".claude", "sessions", f"{pid}.json")
        os.makedirs(path.parent, exist_ok=True)
        path.write_text(json.dumps({"sessionId": session, **facts}), encoding="utf-8")

    def test_the_detail_is_what_is_asked_about(self):
        luna = self.claude("s1")
        self.hook("s1", "SessionStart", source="startup")
        self.hook("s1", "UserPromptSubmit", prompt="tidy up")
        self.command("s1", "git status")
        self.says("s1", status="waiting", waitingFor="approve Bash")
        said = json.loads(self.home.said("list", luna, "--json"))
        self.assertEqual(
            [said[f"status{key}"] for key in ("", "_context", "_detail")],
            ["blocked", "approve Bash", ""],
        )
        self.hook("s1", "PermissionRequest", tool_name="Bash", tool_input={"command": "rm x"})
        said = json.loads(self.home.said("list", luna, "--json"))
        self.assertEqual(said["status_detail"], "Bash: rm x")


if __name__ == "__main__":
    unittest.main()
