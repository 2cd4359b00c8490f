"""Wire 1, which servers written for the public page speak, from and to wire 2; pure.

What wire 2 has more goes along where a server is likely to hand it on unseen: in an event's data,
in an instance. What others say without that is taken as they mean it.
"""

import re

from ..bus.remote import SHORT, letters
from .rules import ID

# What an instance has there; what we do not tell is empty.
BLANK = {"parent": "", "session_id": "", "agent_id": "", "directory": "", "transcript": ""}
BEAT_S = 60.0  # a state is pushed as often, for no server of wire 1 says how long ago it heard whom


def pushed(device: str, body: dict, now: float) -> dict:
    """The push `body` of wire 2, which has its state. The epoch, which is a number there, seems to
    be a time long ago: who takes it for that of a reset misses nothing after it."""
    instances = {
        name: {**BLANK, **one, "enabled": True, "status_time": now - (one.get("age_s") or 0)}
        for name, one in body["state"]["agents"].items()
    }
    reset = int(body["epoch"], 16) % 10**9
    state = {"instances": instances, "short_id": letters(device)[:SHORT], "reset_ts": reset}
    return {"state": state, "events": [_told(body["epoch"], **one) for one in body["events"]]}


def _told(epoch: str, seq: int, event: dict, mac: None) -> dict:
    data = {**event["data"], "epoch": epoch, "seq": seq}
    if event["type"] == "message":
        data["scope"] = "broadcast" if data.get("all") else "mentions"
    return {**event, "data": data}


def polled(said: dict, now: float) -> dict:
    """The `devices` of a poll's answer, as wire 2 would have them: an event's number is its id
    where it has no other, its epoch when the device was reset; states are as new as they are heard.
    Nothing is checked here; rules.news does."""
    devices = said.get("devices")
    found = {}
    for device, one in devices.items() if isinstance(devices, dict) else ():
        state = one.get("state") if isinstance(one, dict) else None
        if not isinstance(state, dict):
            continue
        epoch = re.sub(r"[^A-Za-z0-9_-]", "_", str(state.get("reset_ts") or 0))[:64]
        instances, listed = state.get("instances"), one.get("events")
        agents = {
            name: {**each, "context": each.get("context") or ""}
            for name, each in (instances.items() if isinstance(instances, dict) else ())
            if isinstance(each, dict) and each.get("enabled")
        }
        found[device] = {
            "state": {"epoch": epoch, "seq": int(now * 1000), "state": {"agents": agents}},
            "events": [
                _event(device, epoch, each)
                for each in (listed if isinstance(listed, list) else ())
                if isinstance(each, dict)
            ],
        }
    return found


def _event(device: str, epoch: str, given: dict) -> dict:
    """A message there may have no address but the scope of one to all, and answer a number of the
    device's own; what wire 2 adds passes through."""
    data = given["data"] if isinstance(given.get("data"), dict) else {}
    own = data.get("epoch")
    if isinstance(own, str) and re.fullmatch(ID, own):
        return {"epoch": own, "seq": data.get("seq"), "event": given}
    if given.get("type") == "message":
        data = {"all": data.get("scope") == "broadcast", "to": [], **data}
        if type(data.get("reply_to")) is int:
            data["reply_to"] = [device, data["reply_to"]]
        given = {**given, "data": data}
    return {"epoch": epoch, "seq": given.get("id"), "event": given}
