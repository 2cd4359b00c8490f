"""The relay server: what devices push it holds for the others to poll, as docs/protocol.md says.

It runs by itself, also as `python server.py` where nothing else of hcom is: one file, the standard
library, one loop. It keeps nothing that its clients could not give it again, and reads no event.
"""

import argparse
import bisect
import hashlib
import heapq
import hmac
import ipaddress
import json
import math
import os
import re
import secrets
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs

# A Hugging Face Space says what it is, and where it is to listen.
HOST, PORT = ("0.0.0.0", 7860) if "SPACE_ID" in os.environ else ("127.0.0.1", 8765)
TOKEN, TOKEN_SHA256 = "HCOM_RELAY_TOKEN", "HCOM_RELAY_TOKEN_SHA256"
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
HEAD_BYTES = 16 * 1024
HEAD_S, BODY_S, WRITE_S, IDLE_S = 10, 60, 60, 75  # proxies keep a connection for a minute
ALONE_S = 10  # a server behind ssh, once nobody is there: clients fill the next one again
SAVE_S = 30
EPOCHS = 4  # of a device: the one before a reset, and what is late; none needs more


class Limits(NamedTuple):
    """What the server holds and takes; told by GET /version."""

    body_bytes: int = 4 << 20  # a message of 1 MiB, each of whose characters may need an escape
    answer_bytes: int = 1 << 20  # of news in one answer, or one event: the rest comes next
    devices: int = 1024
    device_events: int = 2000
    device_bytes: int = 16 << 20
    total_bytes: int = 128 << 20
    keep_s: int = 7 * 86400
    per_s: int = 10  # requests of a device
    burst: int = 100
    hold_s: int = 25  # below what proxies allow a request to take
    connections: int = 2200


class Refused(Exception):
    """The request is answered with `status` and no more is done."""

    def __init__(self, status: int, error: str, close: bool = False, **facts):
        super().__init__(error)
        self.status, self.close, self.facts = status, close, {"error": error, **facts}


class Push(NamedTuple):
    """The body of a push, checked: `news` are (seq, JSON) without a gap between them."""

    epoch: str
    seq: int
    first: int
    state: str
    news: "list[tuple[int, str]]"


def _number(value, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 1 << 53:
        raise ValueError("not a number of the sequence")
    return value


def _name(value) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise ValueError("not an id")
    return value


def _signed(epoch: str, seq: int, key: str, given: dict) -> str:
    """One line of an answer: the object `given[key]` and its signature, as they came."""
    body, mac = given[key], given.get("mac")
    if not isinstance(body, dict) or not (mac is None or isinstance(mac, str) and len(mac) <= 128):
        raise ValueError(f"not a {key}")
    whole = {"epoch": epoch, "seq": seq, key: body, "mac": mac}
    return json.dumps(whole, separators=(",", ":"), allow_nan=False)


def pushed(body: bytes) -> Push:
    """What a push says. Refused when it is malformed."""
    try:
        given = json.loads(body)
        if not isinstance(given, dict) or not isinstance(given.get("events", []), list):
            raise ValueError("not a push")
        epoch, seq = _name(given.get("epoch")), _number(given.get("seq"))
        state = "" if given.get("state") is None else _signed(epoch, seq, "state", given)
        news: list[tuple[int, str]] = []
        for event in given.get("events", []):
            if not isinstance(event, dict) or "event" not in event:
                raise ValueError("not an event")
            number = _number(event.get("seq"), 1)
            if news and number != news[-1][0] + 1:
                raise ValueError("a gap between events")
            news.append((number, _signed(epoch, number, "event", event)))
        return Push(epoch, seq, _number(given.get("first", 1), 1), state, news)
    except (ValueError, RecursionError) as error:
        raise Refused(400, str(error)[:80] or "malformed") from None


class Entry(NamedTuple):
    """Something that came: `at` is its place in all that came, `when` the time of this process."""

    at: int
    when: float
    text: str


class Device:
    """What one device pushed; `epochs` has, for each, its last event and its newest state."""

    def __init__(self, now: float):
        self.heard, self.at, self.bytes = now, 0, 0
        self.epoch = ""
        self.epochs: dict[str, list[int]] = {}
        self.state: list[Entry] = []
        self.events: list[Entry] = []

    def drop(self, count: int) -> int:
        """The `count` oldest events are gone; how many bytes that were."""
        size = sum(len(entry.text) for entry in self.events[:count])
        del self.events[:count]
        self.bytes -= size
        return size


class Room:
    """All that is held; knows no connection and no clock."""

    def __init__(self, limits: Limits):
        self.limits, self.boot = limits, secrets.token_hex(8)
        self.at, self.bytes = 0, 0
        self.devices: dict[str, Device] = {}  # who has the newest is last
        self.tokens: dict[str, tuple[float, float]] = {}

    def allow(self, who: str, now: float) -> None:
        """One request more of `who`. Refused when there were too many."""
        left, since = self.tokens.get(who, (self.limits.burst, now))
        left = min(self.limits.burst, left + (now - since) * self.limits.per_s)
        if left < 1:
            wait = math.ceil((1 - left) / self.limits.per_s)
            raise Refused(429, "too many requests", retry_after=wait)
        self.tokens[who] = left - 1, now

    def _known(self, name: str, now: float) -> Device:
        if name not in self.devices and len(self.devices) >= self.limits.devices:
            raise Refused(429, "too many devices", retry_after=3600)
        return self.devices.setdefault(name, Device(now))

    def push(self, name: str, push: Push, now: float) -> int:
        """What is new of the push is held, once; the last event of the epoch. Refused on a gap."""
        held = self.devices[name].epochs if name in self.devices else {}
        have, newest = held.get(push.epoch, (0, -1))
        have = max(have, push.first - 1)
        if push.news and push.news[0][0] > have + 1:
            raise Refused(409, "a gap", have=have)
        device = self._known(name, now)
        device.heard = now
        news = [text for number, text in push.news if number > have]
        if push.seq > newest:
            device.epoch = push.epoch
            if push.state:
                self.at += 1
                device.state = [Entry(self.at, now, push.state)]
        for text in news:
            self.at += 1
            device.events.append(Entry(self.at, now, text))
            device.bytes += len(text)
            self.bytes += len(text)
        device.epochs.pop(push.epoch, None)  # behind the others: the last one pushed to
        device.epochs[push.epoch] = [have + len(news), max(newest, push.seq)]
        while len(device.epochs) > EPOCHS:
            del device.epochs[next(iter(device.epochs))]
        if news or push.state and push.seq > newest:
            device.at = self.at
            self.devices[name] = self.devices.pop(name)
        self._trim(device)
        return have + len(news)

    def _trim(self, device: Device) -> None:
        while len(device.events) > self.limits.device_events or (
            device.bytes > self.limits.device_bytes
        ):
            self.bytes -= device.drop(1)
        while self.bytes > self.limits.total_bytes:
            most = max(self.devices.values(), key=lambda each: each.bytes)
            self.bytes -= most.drop(1)

    def saved(self, now: float) -> dict:
        """All that is held, as `restore` takes it; times are ages."""
        return {
            name: {
                "heard": now - one.heard,
                "epoch": one.epoch,
                "epochs": one.epochs,
                "state": [(now - entry.when, entry.text) for entry in one.state],
                "events": [(now - entry.when, entry.text) for entry in one.events],
            }
            for name, one in self.devices.items()
        }

    def restore(self, saved: dict, now: float) -> None:
        """What `saved` was `now` is held again; under a boot id of its own, for the newest may be
        missing."""
        for name, one in saved.items():
            device = self.devices[name] = Device(now - one["heard"])
            device.epoch, device.epochs = one["epoch"], one["epochs"]
            for entries, held in ((one["events"], device.events), (one["state"], device.state)):
                for age, text in entries:
                    self.at += 1
                    held.append(Entry(self.at, now - age, text))
            device.at, device.bytes = self.at, sum(len(entry.text) for entry in device.events)
            self.bytes += device.bytes

    def forget(self, now: float) -> None:
        """What is too old is gone, and who was silent for as long."""
        least = now - self.limits.keep_s
        for name, device in list(self.devices.items()):
            old = bisect.bisect_left(device.events, least, key=lambda entry: entry.when)
            self.bytes -= device.drop(old)
            if device.heard < least:
                self.bytes -= device.drop(len(device.events))
                del self.devices[name]
        full = self.limits.burst / self.limits.per_s
        self.tokens = {who: one for who, one in self.tokens.items() if one[1] > now - full}

    def news(self, cursor: str, skip: str, now: float) -> "tuple[str, str]":
        """The cursor after it, and the JSON of the devices with something new behind `cursor`; ""
        for none. A cursor of another boot is none."""
        boot, _, number = cursor.partition(".")
        after = int(number) if boot == self.boot and re.fullmatch("[0-9]{1,18}", number) else 0
        streams = []
        for name, device in reversed(self.devices.items()):
            if device.at <= after:
                break
            if name != skip:
                start = bisect.bisect_right(device.events, after, key=lambda entry: entry.at)
                fresh = [entry for entry in device.state if entry.at > after]
                streams.append([(entry.at, name, "", entry.text) for entry in fresh])
                streams.append(_numbered(device.events, start, name))
        found: dict[str, tuple[list[str], list[str]]] = {}
        size, up_to = 0, self.at
        for at, name, event, text in heapq.merge(*streams):
            if size and size + len(text) > self.limits.answer_bytes:
                break
            size, up_to = size + len(text), at
            found.setdefault(name, ([], []))[bool(event)].append(text)
        else:
            up_to = self.at
        told = ",".join(self._told(name, *each, now) for name, each in found.items())
        return f"{self.boot}.{up_to}", told

    def _told(self, name: str, states: "list[str]", events: "list[str]", now: float) -> str:
        device = self.devices[name]
        age, have = int((now - device.heard) * 1000), device.epochs[device.epoch][0]
        head = f'"{name}":{{"age_ms":{age},"epoch":"{device.epoch}","have":{have},'
        return f'{head}"state":{(states or ["null"])[0]},"events":[{",".join(events)}]}}'

    def ages(self, now: float) -> str:
        """The JSON of all devices, without their news."""
        return ",".join(self._told(name, [], [], now) for name in self.devices)


def _numbered(events: "list[Entry]", start: int, name: str):
    for index in range(start, len(events)):
        yield events[index].at, name, "event", events[index].text


class Head(NamedTuple):
    """The head of a request; the names of `headers` are lower case."""

    method: str
    parts: "list[str]"
    query: "dict[str, str]"
    headers: "dict[str, str]"
    length: int


def head_of(raw: bytes) -> Head:
    """A request's head. Refused when it is malformed, or its body's length is not said."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    found = re.fullmatch(r"([A-Z]{1,10}) (/[!-~]*) HTTP/1\.[01]", first)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if (
            not colon
            or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name)
            or (
                name.lower() in headers
                and name.lower() in ("content-length", "authorization", "host")
            )
        ):
            found = None
        headers[name.lower()] = value.strip(" \t")
    length = headers.get("content-length", "0")
    if not found or not re.fullmatch(r"[0-9]{1,15}", length):
        raise Refused(400, "not HTTP/1.1", close=True)
    if "transfer-encoding" in headers:
        raise Refused(411, "a body needs a Content-Length", close=True)
    path, _, query = found[2].partition("?")
    try:
        asked = {key: values[-1] for key, values in parse_qs(query, max_num_fields=20).items()}
    except ValueError:
        raise Refused(400, "too many fields", close=True) from None
    return Head(found[1], path.strip("/").split("/"), asked, headers, int(length))


class Peer:
    """A connection: what came and waits for its rest, what is to be sent, and its deadline."""

    def __init__(self, sock: socket.socket, address: str, now: float):
        self.sock, self.address, self.until, self.began = sock, address, now + HEAD_S, now
        self.inbox, self.outbox = bytearray(), b""
        self.head: Head | None = None
        self.held: tuple[str, str] | None = None  # the cursor, and the device that asks
        self.is_known = False  # it has shown the token once
        self.closing = False  # once all is sent
        self.lingers = False  # what still comes is thrown away: else it would not read our answer


class Server:
    """The loop: every connection in one selector, so that who is slow holds up nobody."""

    def __init__(self, listener: socket.socket, room: Room, digest: bytes, tls=None, log=None):
        self.listener, self.room, self.digest, self.tls = listener, room, digest, tls
        self.log = log or (lambda line: None)
        self.local = listener.family == socket.AF_UNIX  # who may open it is its owner
        self.peers: set[Peer] = set()
        self.selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self.accepts = True
        self.selector.register(listener, selectors.EVENT_READ, listener)
        self.ending = 0.0
        self.changed = False  # somebody pushed since the held polls were looked at
        self.counts: Counter[str] = Counter()

    # -- the loop

    def run(self, wakeup: socket.socket, save, alone_s: float = 0) -> None:
        """Serves until a signal wrote to `wakeup`, or nobody was there for `alone_s`."""
        self.selector.register(wakeup, selectors.EVENT_READ, None)
        chore = alone = time.monotonic()
        while True:
            now = time.monotonic()
            if self.ending and (now > self.ending or not any(p.outbox for p in self.peers)):
                break
            if self.ending and self.accepts:
                self.selector.unregister(self.listener)
                self.accepts = False
            alone = now if self.peers or not alone_s else alone
            ends = [peer.until for peer in self.peers] + [chore + SAVE_S]
            ends += [alone + alone_s] if alone_s else []
            for key, _ in self.selector.select(max(0, min(ends) - now)):
                self._ready(key.data, wakeup)
            now = time.monotonic()
            self._wake(now)
            if now >= chore + SAVE_S:
                chore = now
                self.room.forget(now)
                save()
            if alone_s and not self.peers and now >= alone + alone_s:
                break
        save()

    def _ready(self, who: Any, wakeup: socket.socket) -> None:
        now = time.monotonic()
        if who is None:
            wakeup.recv(64)
            self.ending = self.ending or now + 2
            return
        if who is self.listener:
            self._accept(now)
        elif who in self.peers:
            try:
                if who.outbox:
                    self._flush(who)
                    self._requests(who, now)
                else:
                    self._read(who, now)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                pass
            except OSError:  # SSLError too: it went, or speaks no TLS
                self._drop(who)
            except Exception as error:  # boundary: of one connection, the others live on
                self.log(f"500 {type(error).__name__}")
                self._drop(who)

    def _accept(self, now: float) -> None:
        try:
            sock, address = self.listener.accept()
        except OSError:  # it went again
            return
        if len(self.peers) >= self.room.limits.connections:
            # Who has shown no token yet goes first, the oldest of them: so nobody without one can
            # keep out who has it, by holding connections open.
            strangers = [peer for peer in self.peers if not peer.is_known]
            if not strangers:
                sock.close()
                return
            self._drop(min(strangers, key=lambda peer: peer.until))
        try:
            sock.setblocking(False)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError:
            sock.close()
            return
        peer = Peer(sock, str(address[0]) if address else "", now)
        self.peers.add(peer)
        self.selector.register(sock, selectors.EVENT_READ, peer)

    def _drop(self, peer: Peer) -> None:
        if peer in self.peers:
            self.peers.remove(peer)
            self.selector.unregister(peer.sock)
            peer.sock.close()

    def _wake(self, now: float) -> None:
        """Every poll that has news or has waited long enough is answered, who is late dropped."""
        for peer in list(self.peers):
            if peer.held:
                if self.changed or self.ending or now >= peer.until:
                    self._news(peer, now, bool(self.ending) or now >= peer.until)
                    self._requests(peer, now)
            elif now >= peer.until:
                self._drop(peer)
        self.changed = False

    # -- bytes

    def _read(self, peer: Peer, now: float) -> None:
        data = peer.sock.recv(65536)
        if not data or len(peer.inbox) > HEAD_BYTES and peer.held:
            self._drop(peer)
            return
        if peer.lingers:
            return
        if not peer.inbox and not peer.head and not peer.held:
            peer.until, peer.began = now + HEAD_S, now
        peer.inbox += data
        self._requests(peer, now)

    def _requests(self, peer: Peer, now: float) -> None:
        """All that has come whole is answered, as far as the one before is."""
        while peer in self.peers and not (peer.held or peer.outbox or peer.closing or self.ending):
            try:
                if peer.head is None:
                    end = peer.inbox.find(b"\r\n\r\n", 0, HEAD_BYTES)
                    if end < 0:
                        if len(peer.inbox) > HEAD_BYTES:
                            raise Refused(431, "the head is too large", close=True)
                        return
                    raw = bytes(peer.inbox[:end])
                    del peer.inbox[: end + 4]
                    peer.head = head = head_of(raw)
                    peer.until = now + BODY_S
                    self._admit(peer, head, now)
                    if head.length and head.headers.get("expect", "").lower() == "100-continue":
                        peer.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                if len(peer.inbox) < peer.head.length:
                    return
                body = bytes(peer.inbox[: peer.head.length])
                del peer.inbox[: peer.head.length]
                self._do(peer, peer.head, body, now)
            except Refused as refused:
                peer.closing = peer.closing or refused.close
                self._answer(peer, refused.status, json.dumps(refused.facts), now)

    def _answer(self, peer: Peer, status: int, text: str, now: float, kind="json") -> None:
        """The answer is on its way, and the request over."""
        body, head = text.encode(), peer.head
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
        lines += [f"Content-Type: {KINDS[kind]}", "Cache-Control: no-store"]
        lines += [f"Retry-After: {json.loads(text)['retry_after']}"] if status == 429 else []
        lines += ["WWW-Authenticate: Bearer"] if status == 401 else []
        if self.ending or (head and head.headers.get("connection", "").lower() == "close"):
            peer.closing = True
        lines += ["Connection: close"] if peer.closing else []
        peer.outbox = "\r\n".join([*lines, "", ""]).encode() + body
        self.counts[str(status)] += 1
        what = " ".join([head.method, _route(head)]) if head else "?"
        self.log(f"{status} {what} {len(body)} bytes {(now - peer.began) * 1000:.0f} ms")
        peer.head, peer.held, peer.until = None, None, now + WRITE_S
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            try:
                self._flush(peer)
            except OSError:
                self._drop(peer)

    def _flush(self, peer: Peer) -> None:
        try:
            sent = peer.sock.send(peer.outbox)
            peer.outbox = peer.outbox[sent:]
        finally:
            wanted = selectors.EVENT_WRITE if peer.outbox else selectors.EVENT_READ
            self.selector.modify(peer.sock, wanted, peer)
        if peer.outbox:
            return
        now = time.monotonic()
        peer.until, peer.began = now + IDLE_S, now
        if peer.closing:
            peer.lingers, peer.until = True, now + 2
            peer.inbox.clear()
            peer.sock.shutdown(socket.SHUT_WR)

    # -- what is asked

    def _admit(self, peer: Peer, head: Head, now: float) -> None:
        """Refused where the request may not be, before anything of its body is read."""
        route, close = _route(head), head.length > 0
        if route == "":
            return
        if not self.local and not self._proven(head):
            raise Refused(401, "the token is wrong or missing", close)
        if not self.digest and not self.local and not _is_here(head):
            raise Refused(403, "for programs of this machine only", close)
        peer.is_known = True
        if route not in METHODS:
            raise Refused(404, "nothing here", close)
        if head.method != METHODS[route]:
            raise Refused(405, f"use {METHODS[route]}", close)
        if head.length > self.room.limits.body_bytes:
            raise Refused(413, "too large", True, limit=self.room.limits.body_bytes)
        who = head.parts[1] if route == "push" else head.query.get("device") or peer.address
        if route == "push" and not ID.fullmatch(who):
            raise Refused(400, "not a device's id", close)
        try:
            self.room.allow(who[:64], now)
        except Refused as refused:
            refused.close = close
            raise

    def _proven(self, head: Head) -> bool:
        """Whether the request has the token; compared as digests, which takes as long for any."""
        scheme, _, given = head.headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(given.strip().encode("latin-1")).digest()
        same = hmac.compare_digest(digest, self.digest or digest)
        return not self.digest or (same and scheme.lower() == "bearer")

    def _do(self, peer: Peer, head: Head, body: bytes, now: float) -> None:
        route, room = _route(head), self.room
        clock = {"boot": room.boot, "now": round(time.time(), 3)}
        if route == "":
            self._answer(peer, 200, "hcom relay\n", now, "text")
        elif route == "version":
            said = {"v": 2, **clock, "limits": room.limits._asdict()}
            self._answer(peer, 200, json.dumps(said), now)
        elif route == "push":
            push, name = pushed(body), head.parts[1]
            have = room.push(name, push, now)
            self.changed = True
            newest = room.devices[name].epochs[push.epoch][1]
            self._answer(peer, 200, json.dumps({"have": have, "seq": newest, **clock}), now)
        else:
            wait = head.query.get("timeout", "0")
            if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", wait):
                raise Refused(400, "not a timeout")
            peer.held = head.query.get("cursor", ""), head.query.get("device", "")
            peer.until = now + min(float(wait), room.limits.hold_s)
            self._news(peer, now, now >= peer.until)

    def _news(self, peer: Peer, now: float, anyway: bool) -> None:
        """The held poll is answered if there is news for it, or `anyway`."""
        if peer.held is None:
            return
        cursor, skip = peer.held
        cursor, devices = self.room.news(cursor, skip, now)
        if skip in self.room.devices:
            self.room.devices[skip].heard = now  # it lives
        if not devices and not anyway:
            return
        if not devices and peer.head and peer.head.query.get("ages"):
            devices = self.room.ages(now)
        clock = f'"boot":"{self.room.boot}","cursor":"{cursor}","now":{time.time():.3f}'
        self._answer(peer, 200, f'{{{clock},"devices":{{{devices}}}}}', now)


METHODS = {"version": "GET", "poll": "GET", "push": "POST"}
KINDS = {"json": "application/json", "text": "text/plain"}


def _route(head: Head) -> str:
    """What is asked for, in a word of ours: nothing of the request's own goes to a log."""
    name, count = head.parts[0], len(head.parts)
    return name if name == "" or (name, count) in WHOLE else "?"


WHOLE = (("version", 1), ("poll", 1), ("push", 2))


def _is_here(head: Head) -> bool:
    """Whether no web page of a browser on this machine asks, by its own name or by ours."""
    host = head.headers.get("host", "localhost")
    return "origin" not in head.headers and is_loopback(host.rpartition(":")[0] or host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return host == "localhost"


def _token(path: str, env, host: str) -> bytes:
    """The digest of the token; empty where none is needed. ValueError when there must be one."""
    if path:
        with open(path, encoding="ascii") as stream:
            given = stream.read(4096).strip()
    else:
        given = env.get(TOKEN, "")
    if given:
        if not re.fullmatch(r"[!-~]{16,512}", given):
            raise ValueError("a token has 16 to 512 characters, and no space")
        return hashlib.sha256(given.encode()).digest()
    if not path and re.fullmatch(r"[0-9a-fA-F]{64}", env.get(TOKEN_SHA256, "")):
        return bytes.fromhex(env[TOKEN_SHA256])
    if path or not is_loopback(host):
        raise ValueError(f"no token, and {host} is not this machine alone: --token-file FILE")
    return b""


def _listener(values) -> socket.socket:
    """Where the server is reached. OSError; SystemExit(0) when another one is there already."""
    if not values.socket:
        family = socket.AF_INET6 if ":" in values.host else socket.AF_INET
        address = (values.host, values.port)
        return socket.create_server(address, family=family, backlog=512)
    import fcntl

    folder, name = os.path.split(os.path.abspath(values.socket))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chdir(folder)  # the path of a socket may have a hundred characters, and no more
    lock = os.open(f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
    except BlockingIOError:
        raise SystemExit(0) from None
    with suppress(FileNotFoundError):
        os.unlink(name)
    found = socket.socket(socket.AF_UNIX)
    found.bind(name)
    os.chmod(name, 0o600)
    found.listen(512)
    return found


def _write(path: str, text: str) -> None:
    """The file is replaced at once, and its owner's alone."""
    fresh = f"{path}.new"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    os.replace(fresh, path)


def _connections() -> int:
    """How many there may be: of the files that may be open, some are for other things."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = Limits().connections
    wanted = most + 64 if hard == resource.RLIM_INFINITY else min(most + 64, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return most if soft == resource.RLIM_INFINITY else min(most, soft - 64)


def serve(values, env, log) -> int:
    """Serves until a signal ends it."""
    digest = b"" if values.socket else _token(values.token_file, env, values.host)
    tls = None
    if values.tls_key and not values.tls_cert:
        raise ValueError("a --tls-key without its --tls-cert")
    if values.tls_cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(values.tls_cert, values.tls_key or None)
    room, saved = Room(Limits(connections=_connections())), ""
    state = os.path.abspath(values.state) if values.state else ""
    if state and os.path.exists(state):
        try:
            with open(state, encoding="ascii") as stream:
                room.restore(json.load(stream), time.monotonic())
        except (ValueError, KeyError, TypeError, AttributeError):
            log(f"begins empty: {state} cannot be read")
            room = Room(room.limits)
    listener = _listener(values)
    waiting, woken = socket.socketpair()
    for end in (waiting, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def save() -> None:
        nonlocal saved
        mark = f"{room.at} {room.bytes} {len(room.devices)}"
        if state and mark != saved:
            try:
                _write(state, json.dumps(room.saved(time.monotonic())))
                saved = mark
            except OSError as error:
                log(f"cannot save to {state}: {error.strerror}")

    if not values.socket:
        if not tls and not is_loopback(values.host):
            log("without TLS: put it behind a proxy that has it, or give --tls-cert")
        host, port = listener.getsockname()[:2]
        where = f"[{host}]" if ":" in host else host
        print(f"listening on {'https' if tls else 'http'}://{where}:{port}", flush=True)
    Server(listener, room, digest, tls, log).run(waiting, save, ALONE_S if values.socket else 0)
    listener.close()
    return 0


def bridge(path: str) -> int:
    """Standard input and output are a connection to the server of the socket `path`, which is
    started where there is none; over once either end is."""
    import threading

    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chdir(folder)
    server = None
    for _ in range(200):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(name)
            break
        except OSError:  # none there yet, or one that has just ended
            connection.close()
        if server is None or server.poll() is not None:
            argv = [sys.executable, "-I", "-S", os.path.abspath(__file__), "--socket", name]
            quiet = subprocess.DEVNULL
            server = subprocess.Popen(
                argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
            )
        time.sleep(0.05)
    else:
        raise OSError(f"no server at {path}")

    def upwards() -> None:
        with suppress(OSError):
            while data := os.read(0, 65536):
                connection.sendall(data)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)

    # A thread: either way may be blocked by its reader, and the other must go on.
    threading.Thread(target=upwards, daemon=True).start()
    with suppress(OSError):
        while data := connection.recv(65536):
            while data:
                data = data[os.write(1, data) :]
    return 0


def main(argv: "list[str]", env) -> int:
    """What `hcom relay serve` and `python server.py` do; the exit code."""
    parser = argparse.ArgumentParser("hcom relay serve", allow_abbrev=False)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=PORT)
    for flag in ("--token-file", "--state", "--tls-cert", "--tls-key", "--socket"):
        parser.add_argument(flag, default="")
    parser.add_argument("--stdio", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    values = parser.parse_args(argv)

    def log(line: str) -> None:
        if not values.quiet:
            with suppress(OSError, ValueError):
                sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}\n")
                sys.stderr.flush()

    try:
        if values.stdio:
            return bridge(values.socket or os.path.expanduser("~/.hcom-relay/socket"))
        return serve(values, env, log)
    except (OSError, ValueError, OverflowError) as error:
        why = str(error)
        if isinstance(error, OSError) and error.filename:
            why = f"{error.filename}: {error.strerror}"
        sys.stderr.write(f"hcom relay serve: {why}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
