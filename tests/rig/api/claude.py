"""Anthropic Messages, as Claude Code 2.1 speaks it."""

import json
import os
import re
import uuid

from tests.rig.api import Asked, Event, chunks
from tests.rig.script import By, Call, Piece, Step

CWD = re.compile(r"(?:Primary working|Working) directory: (.+)")
OF_KIND = re.compile(r"(?:\[([\w-]+)\] )?(.*)", re.DOTALL)  # what kind of subagent an AGENT is
SESSION = re.compile(r'session_(?:id": ?")?([0-9a-f-]{36})')
PASTED = re.compile(r'</?pasted_content id="\w+">')  # 2.1.330 wraps a paste of many lines in it
# what the client itself puts in the user's mouth, none of it typed by a person
NOT_TYPED = re.compile(
    r"<system-reminder>|<task-notification>|Stop hook feedback:|\[SYSTEM NOTIF"
    r"|Another Claude session|<local-command|<command-|\[Request interrupted"
    r"|\w+(?::\w+)? hook (?:additional|success|blocking)"
)


def matches(path: str) -> bool:
    return path.split("?")[0] == "/v1/messages"


def read(path: str, headers, body: dict) -> Asked:
    """The request; the session and the subagent stand in headers."""
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    schema = form.get("schema")
    kind = "title" if schema else "turn" if body.get("tools") else "aux"
    system = plain(body.get("system", ""))
    found = CWD.search(system) or CWD.search(plain([m["content"] for m in body["messages"]]))
    return Asked(
        "claude",
        kind,
        headers.get("x-claude-code-session-id", "") or named(body),
        headers.get("x-claude-code-agent-id", ""),
        found[1].strip() if found else "",
        bool(body.get("stream")),
        schema,
        pieces(body),
        body,
    )


def named(body: dict) -> str:
    """The session as a request itself names it: to 2.1.77 no header does."""
    found = SESSION.search(str((body.get("metadata") or {}).get("user_id", "")))
    return found[1] if found else ""


def pieces(body: dict) -> list[Piece]:
    """The conversation, one piece per reply of the model and per block of what it was told."""
    told: list[Piece] = []
    for message in body["messages"]:
        if message["role"] == "assistant":
            told.append(Piece(By.MODEL, plain(message["content"])))
            continue
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            text = plain(block)
            typed = (
                message["role"] == "user"
                and block["type"] == "text"
                and not NOT_TYPED.match(text.lstrip())
            )
            told.append(
                Piece(By.USER, PASTED.sub("", text).strip()) if typed else Piece(By.CONTEXT, text)
            )
    return told


def plain(content) -> str:
    """Every text inside a content value of any shape."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(map(plain, content))
    if content.get("type") == "tool_use":
        return json.dumps(content["input"], ensure_ascii=False)
    return plain(content.get("text") or content.get("content") or "")


def system(body: dict) -> str:
    return plain(body.get("system", ""))


def tool_use(call: Call, asked: Asked) -> dict:
    offered = {tool["name"]: tool.get("input_schema", {}) for tool in asked.body.get("tools", [])}
    path, _, rest = call.arg.partition(" ")
    path = os.path.join(asked.cwd, path)
    old, _, new = rest.partition("=>")
    agent = "Agent" if "Agent" in offered else "Task"
    kind, errand = OF_KIND.fullmatch(call.arg).groups()
    calls: dict[str, tuple[str, dict]] = {
        "RUN": ("Bash", {"command": call.arg, "description": "a scripted command"}),
        "WRITE": ("Write", {"file_path": path, "content": rest + "\n"}),
        "EDIT": ("Edit", {"file_path": path, "old_string": old, "new_string": new}),
        "READ": ("Read", {"file_path": path}),
        "AGENT": (
            agent,
            {
                "description": "a scripted errand",
                "prompt": errand,
                "subagent_type": kind or "general-purpose",
            },
        ),
    }
    name, given = calls[call.verb]
    if "run_in_background" in offered.get(name, {}).get("properties", {}):
        # 2.1.330 has no such choice: always in the background
        given["run_in_background"] = False
    return {
        "type": "tool_use",
        "id": f"toolu_{uuid.uuid4().hex[:24]}",
        "name": name,
        "input": given,
    }


def blocks(asked: Asked, step: Step) -> list[dict]:
    said = [{"type": "text", "text": step.say}] if step.say or not step.calls else []
    return said + [tool_use(call, asked) for call in step.calls]


def whole(asked: Asked, step: Step) -> dict:
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": asked.body.get("model", "mock"),
        "content": blocks(asked, step),
        "stop_reason": "tool_use" if step.calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 10},
    }


def events(asked: Asked, step: Step) -> list[Event]:
    message = whole(asked, step)
    content, reason = message.pop("content"), message.pop("stop_reason")
    begun = {**message, "content": [], "stop_reason": None}
    out: list[Event] = [("message_start", {"message": begun})]
    for index, block in enumerate(content):
        if block["type"] == "text":
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": part} for part in chunks(block["text"])]
        else:
            empty = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        out.append(("content_block_start", {"index": index, "content_block": empty}))
        out += [("content_block_delta", {"index": index, "delta": delta}) for delta in deltas]
        out.append(("content_block_stop", {"index": index}))
    out.append(
        (
            "message_delta",
            {
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": 10},
            },
        )
    )
    out.append(("message_stop", {}))
    return [(name, {"type": name, **data}) for name, data in out]


def refusal(status: int) -> dict:
    kind = "invalid_request_error" if status == 400 else "api_error"
    return {"type": "error", "error": {"type": kind, "message": f"scripted error {status}"}}


def other(path: str) -> dict:
    """The answer to any other path of this API: token counts and probes."""
    return {"input_tokens": 100} if "count_tokens" in path else {"data": [], "has_more": False}
