"""A real gate process with one lane whose passes come from readers, each an emulated device behind its real bytes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import seal, topics
from checkpoint.cards import CardRow
from checkpoint.cose import key_id, public_bytes
from checkpoint.documents import Document, DocumentKind, KeyRow, encode_keys, pack_document
from checkpoint.formats import gk1
from checkpoint.passes import Claims
from checkpoint.records import Verdict
from checkpoint.roster import encode_roster
from checkpoint.trust import TrustEntry, encode_trust
from drivers.emulators.catalogue import Emulated, emulate
from edge.downlink import Downlink
from tests.edge.gate_process import GateProcess
from tests.edge.model_collector import COLLECTOR_KEY, GATE_KEY
from tests.waiting import wait_for

ISSUER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HERE = ("gate-7", "garden", "grid-3", "city")
POLICY = """
id = "readers"
version = 1
title_zh = "读卡器"
title_en = "Readers"
authority = "nobody"
valid_from = 2020-01-01T00:00:00+08:00
accept_weak_binding = true
[[rule]]
name = "everybody"
checks = ["pass"{checks}]
[timeouts]
presentation_s = 5.0
measure_s = 4.0
crossing_s = 1.0
verdict_shown_s = 0.5
escalation_s = 0.5
# Where the tests run, nobody vouches for the clock.
[fail.clock_untrusted]
guard = {{ residents = "allow", for_s = 14400 }}
[pass]
{passes}
"""
LANE = """
[boards.relay]
driver = "modbus_relay"
options = {{ port = "{relay}", baud = 38400 }}
[[lanes]]
name = "in"
direction = "in"
kind = "KIND"
barrier = {{ board = "relay", channel = 0, pulse_s = 0.5 }}
[lanes.inputs]
exit_button = {{ board = "relay", terminal = 2 }}
"""


def a_pass(serial: int = 1, **more: Any) -> bytes:
    now_s = int(time.time())
    claims = Claims(
        pass_id=serial.to_bytes(8, "big"), subject=bytes(8), pass_class="resident", scope=("garden",),
        not_before_s=now_s - 7200, expires_s=now_s + 86_400,
    )  # fmt: skip
    return gk1.issue(replace(claims, **more), ISSUER).encode()


class ReaderGate:
    """One gate, its readers by driver, and what is in force there before it starts."""

    def __init__(
        self,
        folder: Path,
        *drivers: str,
        kind: str = "person",
        checks: Iterable[str] = (),
        passes: str = "",
        cards: Iterable[CardRow] = (),
        inputs: str = "",
    ) -> None:
        self._stack = ExitStack()
        self.readers: dict[str, Emulated] = {}
        lane = LANE.replace("KIND", kind) + inputs
        for driver in drivers:
            self.readers[driver] = reader = self._stack.enter_context(emulate("reader", driver, folder))
            lane += f'[lanes.readers.{driver.replace("_", "-")}]\ndriver = "{driver}"\n'
            lane += f"options = {{{{ {_toml(reader.options)} }}}}\n"
        self.gate = GateProcess(folder, lane)
        self._stack.callback(self.gate.close)
        policy = POLICY.format(checks="".join(f', "{check}"' for check in checks), passes=passes)
        install(self.gate.data / "documents", policy, tuple(cards))
        self.gate.start()
        wait_for(lambda: self.lane["state"] == "wait", f"the lane; {self.gate.log[-3:]}", 20)

    def close(self) -> None:
        self._stack.close()

    @property
    def lane(self) -> dict[str, Any]:
        lane: dict[str, Any] = self.gate.page["lanes"][0]
        return lane

    @property
    def verdicts(self) -> list[tuple[str, str]]:
        return [(one.verdict, one.reason) for one in self.gate.payloads(Verdict)]

    def wait_verdicts(self, count: int) -> list[tuple[str, str]]:
        wait_for(lambda: len(self.verdicts) >= count, f"{count} verdicts; {self.gate.log[-3:]}", 20)
        return self.verdicts

    def kept(self) -> bytes:
        """Everything that this gate wrote down: its outbox, its other files and its log."""
        files = (path for path in self.gate.data.rglob("*") if path.is_file() and path.name != "gate.key")
        return b"".join(path.read_bytes() for path in files) + "".join(self.gate.log).encode()


def install(folder: Path, policy: str, cards: tuple[CardRow, ...]) -> None:
    """Puts policy, issuer and cards in force as if they had come down before the gate was started."""
    link = Downlink(folder, public_bytes(COLLECTOR_KEY), HERE, {})
    now_s = int(time.time())
    begins_ms, ends_ms = (now_s - 3600) * 1000, (now_s + 86_400) * 1000
    signer, issuer = public_bytes(GATE_KEY), public_bytes(ISSUER)
    rows = [KeyRow(key_id(signer), signer, ("policy", "trust", "roster"), (), begins_ms, ends_ms)]
    trusted = TrustEntry(key_id(issuer), issuer, "office", frozenset({"resident", "vehicle"}), (), 0, 10**14)
    documents: list[tuple[DocumentKind, str, bytes]] = [
        ("keys", "grid-3", encode_keys(rows)),
        ("policy", "grid-3", policy.encode()),
        ("trust", "grid-3", encode_trust([trusted])),
    ]
    if cards:
        documents.append(("roster", "gate-7", encode_roster((), seal.sealing_public(GATE_KEY), cards)))
    for kind, scope, content in documents:
        key = COLLECTOR_KEY if kind in ("keys", "trust") else GATE_KEY
        document = Document(1, kind, scope, 1, begins_ms, ends_ms, 100, content)
        link.arrived(topics.document(scope, kind), pack_document(key, document), now_s)
        assert [one.version for one in link.in_force(kind)] == [1], kind


def _toml(options: Mapping[str, object]) -> str:
    return ", ".join(f"{key} = {_value(value)}" for key, value in options.items())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
