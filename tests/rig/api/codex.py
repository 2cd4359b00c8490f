"""OpenAI Responses, as Codex 0.169 speaks it."""

import json
import re
import uuid

from tests.rig.api import Asked, Event, chunks
from tests.rig.script import By, Call, Piece, Step

CWD = re.compile(r"<cwd>(.+?)</cwd>")
NOT_TYPED = re.compile(
    r"<environment_context>|<hook_prompt|<user_instructions>|# AGENTS\.md"
    r"|<turn_aborted>|<subagent_notification>|<permissions instructions>"
)
CALLED = ("function_call", "custom_tool_call", "local_shell_call", "reasoning")


def matches(path: str) -> bool:
    return path.split("?")[0].endswith("/responses")


def read(path: str, headers, body: dict) -> Asked:
    """The request; its metadata names the session and, in a subagent, a thread of its own."""
    schema = ((body.get("text") or {}).get("format") or {}).get("schema")
    kind = "title" if schema else "turn" if tools(body) else "aux"
    ids = body.get("client_metadata") or {}
    session, thread = ids.get("session_id", ""), ids.get("thread_id", "")
    told = pieces(body)
    found = CWD.findall("\n".join(piece.text for piece in told))
    return Asked(
        "codex",
        kind,
        session,
        thread if thread != session else "",
        found[-1] if found else "",
        bool(body.get("stream")),
        schema,
        told,
        body,
    )


def tools(body: dict) -> list[dict]:
    """What is offered to the model; where tools are called by a script, that comes as an item."""
    added = [item for item in body.get("input", []) if item.get("type") == "additional_tools"]
    return body.get("tools") or [tool for item in added for tool in item["tools"]]


def pieces(body: dict) -> list[Piece]:
    """The conversation; what the model said and called in one reply is one piece."""
    told: list[Piece] = []
    reply_of_last = ""
    for item in body.get("input", []):
        kind = item.get("type", "message")
        if kind in CALLED or item.get("role") == "assistant":
            reply = item.get("call_id", "").rpartition("_")[0]
            same = (
                told
                and told[-1].by is By.MODEL
                and (not reply or not reply_of_last or reply == reply_of_last)
            )
            before = told.pop().text + "\n" if same else ""
            told.append(Piece(By.MODEL, before + plain(item)))
            reply_of_last = reply
            continue
        if kind == "additional_tools":
            continue
        for part in item["content"] if kind == "message" else [item]:
            text = plain(part)
            typed = item.get("role") == "user" and not NOT_TYPED.match(text.lstrip())
            told.append(Piece(By.USER if typed else By.CONTEXT, text))
    return told


def plain(item) -> str:
    """Every text inside an item of any type."""
    if isinstance(item, str):
        return item
    if isinstance(item, list):
        return "\n".join(map(plain, item))
    for key in ("text", "content", "arguments", "input", "output", "action"):
        if item.get(key):
            return plain(item[key])
    return json.dumps(item)


def system(body: dict) -> str:
    return body.get("instructions") or ""


def patch(call: Call) -> str:
    path, _, rest = call.arg.partition(" ")
    if call.verb == "WRITE":
        deed = f"*** Add File: {path}\n" + "".join(f"+{line}\n" for line in rest.split("\n"))
    else:
        old, _, new = rest.partition("=>")
        deed = f"*** Update File: {path}\n@@\n-{old}\n+{new}\n"
    return f"*** Begin Patch\n{deed}*** End Patch\n"


def call_item(call: Call, asked: Asked, call_id: str) -> dict:
    offered = {tool.get("name"): tool for tool in tools(asked.body)}
    base: dict = {"id": f"fc_{uuid.uuid4().hex[:16]}", "call_id": call_id}
    base["status"] = "completed"
    given: dict
    line = {"RUN": call.arg, "READ": f"cat {call.arg}"}.get(call.verb, "")
    if "functions" in offered and call.verb != "AGENT":
        todo = f"exec_command({json.dumps({'cmd': line, 'yield_time_ms': 30000})})"
        if not line:
            todo = f"apply_patch({json.dumps(patch(call))})"
        script = {"name": "exec", "input": f"text(await tools.{todo});"}
        return {**base, "type": "custom_tool_call", "namespace": "functions", **script}
    if call.verb in ("WRITE", "EDIT"):
        if offered.get("apply_patch", {}).get("type") == "custom":
            return {**base, "type": "custom_tool_call", "name": "apply_patch", "input": patch(call)}
        line = f"apply_patch <<'RIG_PATCH'\n{patch(call)}RIG_PATCH"
    if call.verb == "AGENT":
        home = next(
            (
                name
                for name, tool in offered.items()
                if tool["type"] == "namespace"
                and "spawn_agent" in {part["name"] for part in tool["tools"]}
            ),
            "",
        )
        base["namespace"] = home
        name, given = "spawn_agent", {"message": call.arg}
        if "functions" in offered:
            given["task_name"] = "errand"
    elif "exec_command" in offered:
        name, given = "exec_command", {"cmd": line, "yield_time_ms": 30000}
    else:
        name, given = "shell_command", {"command": line}
    return {**base, "type": "function_call", "name": name, "arguments": json.dumps(given)}


def items(asked: Asked, step: Step) -> list[dict]:
    reply = f"call_{uuid.uuid4().hex[:12]}"
    calls = [call_item(call, asked, f"{reply}_{index}") for index, call in enumerate(step.calls)]
    said = {
        "type": "message",
        "id": f"msg_{reply}",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": step.say, "annotations": []}],
    }
    return ([said] if step.say or not calls else []) + calls


def whole(asked: Asked, step: Step) -> dict:
    usage = {
        "input_tokens": 100,
        "output_tokens": 10,
        "total_tokens": 110,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {
        "id": f"resp_{uuid.uuid4().hex[:16]}",
        "object": "response",
        "status": "completed",
        "model": asked.body.get("model", "mock"),
        "output": items(asked, step),
        "usage": usage,
    }


def events(asked: Asked, step: Step) -> list[Event]:
    response = whole(asked, step)
    output = response["output"]
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    out: list[Event] = [("response.created", {"response": begun})]
    for index, item in enumerate(output):
        # an item is announced empty: Codex shows what it holds there and the deltas too
        bare: dict = {"message": {"content": []}, "function_call": {"arguments": ""}}
        begun_item = {**item, **bare.get(item["type"], {"input": ""}), "status": "in_progress"}
        out.append(("response.output_item.added", {"output_index": index, "item": begun_item}))
        if item["type"] == "message":
            spot = {"item_id": item["id"], "output_index": index, "content_index": 0}
            out += [
                ("response.output_text.delta", {**spot, "delta": part})
                for part in chunks(item["content"][0]["text"])
            ]
        out.append(("response.output_item.done", {"output_index": index, "item": item}))
    out.append(("response.completed", {"response": response}))
    return [
        (name, {"type": name, "sequence_number": number, **data})
        for number, (name, data) in enumerate(out)
    ]


def refusal(status: int) -> dict:
    return {
        "error": {
            "message": f"scripted error {status}",
            "type": "invalid_request_error",
            "code": None,
        }
    }


def other(path: str) -> dict:
    return {
        "object": "list",
        "models": [],
        "data": [{"id": "mock-model", "object": "model", "owned_by": "rig"}],
    }
