"""What a client says that has no terminal of its own: in words in its log, and shown by `term`."""

import json
import unittest

from hcom.adapters.claude import stream
from tests.sealed import Home

LINES = [
    {"type": "system", "subtype": "init"},
    {"type": "assistant", "message": {"content": [{"type": "text", "text": "I look.\nThen"}]}},
    {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": "Bash"}]}},
    {"type": "user", "message": {"content": [{"type": "tool_result", "content": "x"}]}},
    {"type": "assistant", "message": {"content": [{"type": "text", "text": "It is 42."}]}},
    {"type": "assistant", "message": {"content": [{"type": "text", "text": ""}]}},
    {"type": "assistant", "message": {"content": [{"type": "text", "text": "Ja \u2192 \ud83d"}]}},
    {"type": "result", "is_error": False, "result": "It is 42."},
]
SAID = "I look.\nThen\n[Bash]\nIt is 42.\nJa \u2192 \\ud83d\n"


class Words(unittest.TestCase):
    def test_table(self):
        said = ["", "I look.\nThen", "[Bash]", "", "It is 42.", "", "Ja \u2192 \ud83d", ""]
        error = {"type": "result", "is_error": True}
        table = [
            *zip(map(json.dumps, LINES), said),
            ("error: unknown option", "error: unknown option"),
            ("", ""), ("[1, 2]", "[1, 2]"), ("null", "null"), ('{"a": 1}', '{"a": 1}'),
            (json.dumps({**error, "subtype": "error_max_turns"}), "error: error_max_turns"),
            (json.dumps({**error, "result": "no"}), "error: no"),
            ('{"type": "assistant", "message": null}', ""),
            ('{"type": "assistant", "message": {"content": "text"}}', ""),
            ('{"type": "assistant", "message": {"content": 1}}', ""),
            ('{"type": "assistant", "message": {"content": [{"text": ""}]}}', ""),
            ('{"type": "assistant", "message": {"content": [{"text": 1}]}}', "1"),
            ("[" * 99_999, "[" * 99_999),
            ('{"type": "assistant", "message": {"content": [1, {"type": "thinking"}]}}', ""),
        ]  # fmt: skip
        for line, words in table:
            with self.subTest(line):
                self.assertEqual(stream.words(line), words)


class Logs(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def log(self, tool: str, code: str, *words: str) -> str:
        """The log that the launch of such a client names."""
        self.home.stand_in(tool, code)
        done = self.home.run(tool, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return next(x for x in done.stdout.splitlines() if x.startswith("log: "))[5:]

    def until(self, path: str, wanted: str) -> None:
        def there() -> bool:
            with open(path, encoding="utf-8", newline="") as log:
                return log.read().replace("\r\n", "\n") == wanted

        self.home.until(there, wanted)

    def test_a_fed_client_is_put_into_words(self):
        lines = "\n".join(map(json.dumps, LINES))
        path = self.log("claude", f"cat <<'END'\n{lines}\nEND\nexec cat >/dev/null", "-p", "x")
        self.until(path, SAID)
        self.assertEqual(self.home.said("term", self.home.names()[0]), SAID)
        self.home.said("kill", "all")

    def test_one_that_prints_and_is_not_fed(self):
        text = ("claude", "-p", "--output-format", "text", "x")
        for tool, *words in (text, ("gemini", "-p", "x")):
            with self.subTest(tool):
                path = self.log(tool, "echo 42; exec sleep 600", *words)
                self.until(path, "42\n")
                self.assertEqual(self.home.said("term", self.home.names()[0]), "42\n")
                self.home.said("kill", "all")

    def test_one_that_has_printed_more_than_is_read_whole(self):
        path = self.log("gemini", "echo 42; exec sleep 600", "-p", "x")
        self.until(path, "42\n")
        with open(path, "a", encoding="utf-8") as log:
            log.writelines("x" * 99 + "\n" for _ in range(50_000))
        self.assertEqual(self.home.said("term", self.home.names()[0]).count("x"), 99 * 50_000)
        self.home.said("kill", "all")

    def test_a_client_that_closes_its_output_costs_nothing(self):
        self.log("claude", "echo 42; exec sleep 600 >/dev/null 2>&1", "-p", "x")
        name = self.home.names()[0]
        self.assertEqual(self.home.said("term", name), "42\n")
        self.home.said("kill", "all")


if __name__ == "__main__":
    unittest.main()
