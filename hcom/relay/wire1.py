"""Wire 1, which servers written for the public page speak, from and to wire 2; pure."""

import re

# What an instance has there; what we do not tell is empty.
BLANK = {"parent": "", "session_id": "", "agent_id": "", "directory": "", "transcript": ""}


def pushed(short: str, epoch: str, agents: dict, events: list, now: float) -> dict:
    """The body of a push: `agents` as in a state of wire 2, `events` as they are there. The epoch,
    which is a number here, says when the device was reset."""
    instances = {
        name: {
            "enabled": True,
            "status": one["status"],
            "context": one.get("context", ""),
            "status_time": now - (one.get("age_s") or 0),
            **BLANK,
        }
        for name, one in agents.items()
    }
    state = {"instances": instances, "short_id": short, "reset_ts": int(epoch)}
    return {"state": state, "events": [dict(one) for one in events]}


def polled(said) -> dict:
    """The `devices` of a poll's answer, as wire 2 would have them: an event's number is its id, its
    epoch when the device was reset. Nothing is checked here; rules.news does."""
    devices = said.get("devices") if isinstance(said, dict) else None
    found = {}
    for device, one in devices.items() if isinstance(devices, dict) else ():
        state = one.get("state") if isinstance(one, dict) else None
        if not isinstance(state, dict):
            continue
        epoch = re.sub(r"[^A-Za-z0-9_-]", "_", str(state.get("reset_ts") or 0))[:64]
        instances, listed = state.get("instances"), one.get("events")
        agents = {
            name: {"status": each.get("status"), "context": each.get("context") or ""}
            for name, each in (instances.items() if isinstance(instances, dict) else ())
            if isinstance(each, dict) and each.get("enabled")
        }
        found[device] = {
            "state": {"epoch": epoch, "seq": 0, "state": {"agents": agents}},
            "events": [
                {"epoch": epoch, "seq": each.get("id"), "event": _event(device, each)}
                for each in (listed if isinstance(listed, list) else ())
                if isinstance(each, dict)
            ],
        }
    return found


def _event(device: str, given: dict) -> dict:
    """A message there may have no address but the scope of one to all, and answer a number of the
    device's own; what wire 2 adds passes through."""
    data = given.get("data")
    if given.get("type") != "message" or not isinstance(data, dict):
        return given
    more = {"all": data.get("scope") == "broadcast", "to": [], **data}
    reply = data.get("reply_to")
    if type(reply) is int:
        more["reply_to"] = [device, reply]
    return {**given, "data": more}
