"""Gemini's generateContent and streamGenerateContent, as Gemini CLI 0.61 speaks them."""

import json
import os
import re
import uuid

from tests.rig.api import Asked, Event, chunks
from tests.rig.script import By, Call, Piece, Step

CWD = re.compile(r"Workspace Directories:\*\*\n\s+- (.+)")
NOT_TYPED = re.compile(r"<session_context>|<hook_context>|<state_snapshot>")


def matches(path: str) -> bool:
    return ":generateContent" in path or ":streamGenerateContent" in path


def read(path: str, headers, body: dict) -> Asked:
    """The request; it names no session: a marker in the prompt or the directory must tell."""
    config = body.get("generationConfig", {})
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    kind = "turn" if body.get("tools") and not schema else "aux"
    told = pieces(body)
    found = CWD.search("\n".join(piece.text for piece in told) + system(body))
    return Asked(
        "gemini",
        kind,
        "",
        "subagent" if "complete_task" in offered(body) else "",
        found[1].strip() if found else "",
        ":stream" in path,
        schema,
        told,
        body,
    )


def pieces(body: dict) -> list[Piece]:
    """The conversation, one piece per content of the model and per part of what it was told."""
    told: list[Piece] = []
    for content in body.get("contents", []):
        texts = [plain(part) for part in content["parts"]]
        if content.get("role") == "model":
            told.append(Piece(By.MODEL, "\n".join(texts)))
            continue
        for part, text in zip(content["parts"], texts):
            typed = "text" in part and not NOT_TYPED.match(text.lstrip())
            told.append(Piece(By.USER if typed else By.CONTEXT, text))
    return told


def plain(part: dict) -> str:
    """The text of a part: said, called or returned."""
    if "text" in part:
        return part["text"]
    if "functionCall" in part:
        return json.dumps(part["functionCall"].get("args"), ensure_ascii=False)
    returned = part.get("functionResponse", {}).get("response", {})
    return "\n".join(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in returned.values()
    )


def system(body: dict) -> str:
    return "\n".join(map(plain, body.get("systemInstruction", {}).get("parts", [])))


def offered(body: dict) -> set[str]:
    """The names of the tools that the model may call."""
    return {
        function["name"]
        for tool in body.get("tools", [])
        for function in tool.get("functionDeclarations", [])
    }


def calls(asked: Asked, step: Step) -> list[dict]:
    if asked.agent and not step.calls:
        # a subagent ends by this tool alone; mere text is answered with a reproach
        return [
            {
                "functionCall": {
                    "id": f"call-{uuid.uuid4().hex[:12]}",
                    "name": "complete_task",
                    "args": {"result": {"response": step.say}},
                }
            }
        ]
    return [function_call(call, asked) for call in step.calls]


def function_call(call: Call, asked: Asked) -> dict:
    path, _, rest = call.arg.partition(" ")
    path = os.path.join(asked.cwd, path)
    old, _, new = rest.partition("=>")
    name, given = {
        "RUN": ("run_shell_command", {"command": call.arg, "description": "a scripted command"}),
        "WRITE": ("write_file", {"file_path": path, "content": rest + "\n"}),
        "EDIT": (
            "replace",
            {
                "file_path": path,
                "old_string": old,
                "new_string": new,
                "instruction": "a scripted edit",
            },
        ),
        "READ": ("read_file", {"file_path": path}),
        "AGENT": ("invoke_agent", {"agent_name": "generalist", "prompt": call.arg}),
    }[call.verb]
    return {"functionCall": {"id": f"call-{uuid.uuid4().hex[:12]}", "name": name, "args": given}}


def candidate(parts: list[dict], end: bool) -> dict:
    reply = {"content": {"role": "model", "parts": parts}, "index": 0}
    count = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110}
    return {
        "candidates": [{**reply, "finishReason": "STOP"} if end else reply],
        "usageMetadata": count,
        "modelVersion": "mock",
    }


def whole(asked: Asked, step: Step) -> dict:
    said = [{"text": step.say}] if step.say or not step.calls else []
    return candidate(said + calls(asked, step), True)


def events(asked: Asked, step: Step) -> list[Event]:
    called = calls(asked, step)
    said = chunks(step.say) if step.say or not called else []
    parts = [[{"text": text}] for text in said] + ([called] if called else [])
    return [("", candidate(part, part is parts[-1])) for part in parts]


def refusal(status: int) -> dict:
    return {
        "error": {
            "code": status,
            "message": f"scripted error {status}",
            "status": "INVALID_ARGUMENT" if status == 400 else "INTERNAL",
        }
    }


def other(path: str) -> dict:
    return {"totalTokens": 100}
