"""What is said of events: one line for what happened, and the notices made of such lines.

Pure. Notices are messages of hcom; none of them, nor what follows from one, may cause another.
"""

from collections import namedtuple

from .render import one_line, quoted

WINDOW_S = 20  # two edits of one file within this are a collision, as the public documentation says
LINE_CHARS = 500  # of one line; all that is quoted in it has bounds of its own
LINES = 8  # of one notice; a burst is summed up, its details are in the log
BURST, BURST_S = 30, 60.0  # a subscription that fires oftener than this is no help to its owner

# What a subscription has to look at: whatever happens, the use of tools, edits of one file by two.
ALL, TOOLS, COLLISIONS = "all", "tools", "collisions"
DEFAULTS = ("collision", "created", "stopped", "blocked")  # the presets that need no name

OWN = "hcom"  # the instance of notices in the log; no agent can have this name


# A file's edit; `path` is its one real path
Edit = namedtuple("Edit", "event_id agent path at")


class Clash(namedtuple("Clash", "path newer older")):
    """Two edits of one file by two agents."""

    __slots__ = ()

    @property
    def pair(self) -> tuple[str, str]:
        """The two agents, in the order of their names."""
        return tuple(sorted((self.newer.agent, self.older.agent)))


# A request that `target` left without an answer; `how` says what it did instead
Silence = namedtuple("Silence", "request requester target text how")


def happened(event) -> str:
    """What `event` (id, timestamp, type, instance, data) says, on one line."""
    said = {"message": _message, "life": _life, "status": _status}[event.type]
    return one_line(said(event.instance, event.data))


def _message(name: str, data: dict) -> str:
    intent = f" ({data['intent']})" if data.get("intent") else ""
    to = ", ".join(data.get("delivered_to") or ()) or "nobody"
    return f"{name} to {to}{intent}: {quoted(data.get('text', ''), 100)}"


def _life(name: str, data: dict) -> str:
    action = data.get("action", "")
    verb = {
        "created": "joined",
        "stopped": "left",
        "ready": "is ready",
        "batch_launched": "launched a batch",
    }.get(action, action)
    notes = [
        f"by {data['by']}" if data.get("by") not in (None, "", name) else "",
        quoted(data["reason"], 60) if data.get("reason") else "",
    ]
    return f"{name} {verb} {' '.join(n for n in notes if n)}".rstrip()


def _status(name: str, data: dict) -> str:
    context, detail = data.get("context") or "", data.get("detail") or ""
    detail = quoted(detail, 120) if detail else ""
    kind, _, what = context.partition(":")
    said = {
        "tool": f"{name} used {what}: {detail}" if detail else f"{name} used {what}",
        "deliver": f"{name} received {data.get('detail')} from {what}",
        "exit": f"{name} ended ({what})",
        "prompt": f"{name} was given a prompt: {detail}",
        "approval": f"{name} is blocked, a person must allow {detail or 'something'}",
        "stop": f"{name} finished its turn and is idle",
        "error": f"{name} is idle, its turn failed {detail}",
    }.get(kind)
    return (said or f"{name} is {data.get('val', '')} {context} {detail}").rstrip()


def notice(label: str, subscription: str, event) -> str:
    """The line of a notice: what happened, its event's id, and which subscription says so."""
    return f"{happened(event)} · event #{event.id} · {subscription} ({quoted(label, 60)})"


def clash_line(clash: Clash, owner: str, subscription: str) -> str:
    """The line that tells `owner` of a collision."""
    newer, older = clash.newer, clash.older
    who = f"{older.agent} and {newer.agent}"
    if owner in clash.pair:
        who = f"you and {newer.agent if owner == older.agent else older.agent}"
    return (
        f"collision: {who} edited {quoted(clash.path)} within {WINDOW_S} s · "
        f"events #{older.event_id}, #{newer.event_id} · {subscription}"
    )


def silence_line(silence: Silence) -> str:
    """The line that tells a requester that there is no answer."""
    return (
        f"{silence.target} {silence.how} without an answer to your request #{silence.request}: "
        f"{quoted(silence.text, 80)}"
    )


def launch_lines(batch: str, launched) -> list[str]:
    """The lines that tell who launched it what became of a batch (of store.launches.Launch)."""
    failed = [one for one in launched if one.state == "failed"]
    ready = ", ".join(one.agent for one in launched if one not in failed) or "none"
    lines = [f"your launch {batch}, ready: {ready}"]
    for one in failed:
        last = one.screen.strip().rpartition("\n")[2]
        lines.append(f"{one.agent} failed: {one.why}" + (f": {quoted(last, 200)}" if last else ""))
    return lines


def off_line(label: str, subscription: str, why: str) -> str:
    """The line that tells an owner that the subscription is switched off."""
    return f"{subscription} ({quoted(label, 60)}) is switched off: {why}"


def gathered(lines: list[str]) -> str:
    """The text of one notice made of `lines`: what is quoted in them makes none of its own."""
    lines = [one_line(line, LINE_CHARS) for line in lines]
    if len(lines) > LINES:
        rest = len(lines) - LINES
        lines = [*lines[:LINES], f"and {rest} more: hcom events --last {min(rest * 4, 1000)}"]
    return "\n".join(lines)


def how_silent(data: dict, event_type: str, at: float, leased_at: float | None) -> str:
    """What an event of a request's target says of it: "" while an answer may still come, else how
    it went without. A turn that ended before the request was handed over says nothing."""
    if event_type == "life":
        return "left" if data.get("action") == "stopped" else ""
    context = data.get("context") or ""
    if context.startswith("exit:"):
        return f"ended ({context[5:]})"
    idle = data.get("val") == "listening" and context not in ("start", "new")
    return "went idle" if idle and leased_at is not None and leased_at < at else ""


def is_echo(earlier, event) -> bool:
    """Whether `event` only follows from a notice: its agent was woken by one and did nothing else.

    `earlier` are the agent's events before it, newest first. Without this rule two agents that
    watch each other would wake each other for ever.
    """
    context = event.data.get("context") or ""
    if event.type != "status":
        return False
    if context in ("woken", f"deliver:{OWN}"):
        return True
    if event.data.get("val") != "listening":
        return False
    woken = False
    for before in earlier:
        # The hook that a wake leads to records what it hands over before that it was woken.
        said = before.data.get("context") or ""
        if said == f"deliver:{OWN}":
            continue
        if said != "woken" or woken:
            return woken and not said.startswith("deliver:")
        woken = True
    return woken


def owner_label(label: str, looks_at: str, owner: str) -> str:
    """The label under which a default subscription is kept: of collisions, the owner's own."""
    return f"{label}:{owner}" if looks_at == COLLISIONS else label
