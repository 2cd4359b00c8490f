"""Codex's rollout file: what the model saw, and the conversation in it."""

from ..base import STANDING, Given, Part, mark_answered, nothing
from ..jsonl import parse, placed, shown, texts


def fates(path: str, given: dict[int, Given]) -> dict[int, str]:
    """What became of each message, see interface.Transcript.

    Context is recorded as a developer message, a turn end's reason as a user message
    <hook_prompt>, both when they are put into the conversation. Only what the model wrote in a
    later response says that it got them; one under way ends with a token_usage_record.
    """
    found: dict[int, str] = {}
    late: set[int] = set()  # shown while a response is under way
    answering = False
    for place, line in placed(path):
        item = parse(line)
        what, part = item.get("type"), item.get("payload")
        if what == "token_usage_record":
            answering, late = False, set()
        if what != "response_item" or not isinstance(part, dict):
            continue
        if part.get("role") == "assistant" or part.get("type") in MODEL_ITEMS:
            answering = True
            mark_answered(found, late)
            continue
        here = shown(item, place, given, _told(part), _printed(part))
        late |= here if answering else set()
        found.update(dict.fromkeys(here, STANDING))
    return found


def _told(part: dict) -> list[str]:
    """What hooks said to the model: context, or why a turn goes on."""
    said = texts(part.get("content"))
    if part.get("role") == "developer":
        return said
    ours = part.get("role") == "user" and "".join(said[:1]).startswith("<hook_prompt ")
    return [text.partition(">")[2] for text in said] if ours else []


def _printed(part: dict) -> str:
    """What a tool returned to the model; some tools wrap it in an object of their own."""
    said = "\n".join(texts(part.get("output"))) if part.get("type") in OUTPUTS else ""
    return str(parse(said.encode()).get("output", said)) if said.startswith("{") else said


# What the model writes when it is no message.
MODEL_ITEMS = (
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "reasoning",
    "web_search_call",
)
OUTPUTS = ("function_call_output", "custom_tool_call_output")


# -- the conversation: not read yet --

SIGNS: tuple[bytes, ...] = ()
within = nothing  # its subagents have no identity


def note(_line: bytes, _place: int, _index) -> None:
    """What the line says of exchanges, see interface.Transcript."""


def parts(_line: bytes, _facts: dict) -> list[Part]:
    """What the line says, see interface.Transcript."""
    return []
