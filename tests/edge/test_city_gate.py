"""A city's code at a running gate, with a bridge on loopback: what it says, that it is gone, that its thread hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from checkpoint import topics
from checkpoint.cose import key_id, public_bytes
from checkpoint.documents import Document, DocumentKind, KeyRow, encode_keys, pack_document
from checkpoint.records import Cleared, Fault, Verdict
from edge.downlink import Downlink
from tests.edge.gate_process import LANE_OUT, GateProcess
from tests.edge.model_collector import COLLECTOR_KEY, GATE_KEY
from tests.edge.test_city_codes import BridgeServer
from tests.notify_socket import needs_ptrace
from tests.waiting import wait_for
from tools.faults.hang import hung, thread_ids

pytestmark = pytest.mark.end_to_end
SECRET = "the bridge's secret"
SYSTEM = """
[city_codes.demo]
hosts = ["city.example"]
token_key = "token"
url = "{url}"
secret_file = "{secret}"
timeout_s = 1.0
"""
POLICY = """
id = "city"
version = 1
title_zh = "城市码"
title_en = "City codes"
authority = "nobody"
valid_from = 2020-01-01T00:00:00+08:00
[[rule]]
name = "everybody"
checks = ["pass"]
[timeouts]
crossing_s = 1.0
verdict_shown_s = 0.5
escalation_s = 0.5
[pass]
formats = ["GK1", "CITY:demo"]
"""
AS_VISITOR = POLICY + 'foreign = { "CITY:demo" = "visitor" }\n'
HERE = ("gate-7", "garden", "grid-3", "city")


def install(folder: Path, policy: str) -> None:
    """Puts a policy in force as if it had come down before the gate was started."""
    link = Downlink(folder, public_bytes(COLLECTOR_KEY), HERE, {})
    now_s = int(time.time())
    begins_ms, ends_ms = (now_s - 3600) * 1000, (now_s + 86_400) * 1000
    signer = public_bytes(GATE_KEY)
    rows = [KeyRow(key_id(signer), signer, ("policy",), (), begins_ms, ends_ms)]
    documents: tuple[tuple[DocumentKind, bytes], ...] = (("keys", encode_keys(rows)), ("policy", policy.encode()))
    for kind, content in documents:
        key = COLLECTOR_KEY if kind == "keys" else GATE_KEY
        document = Document(1, kind, "grid-3", 1, begins_ms, ends_ms, 100, content)
        link.arrived(topics.document("grid-3", kind), pack_document(key, document), now_s)
    assert [one.version for one in link.in_force("policy")] == [1]


class CityGate:
    """The gate, its bridge, and people with one code after another."""

    def __init__(self, folder: Path, policy: str) -> None:
        self.bridge = BridgeServer()
        (folder / "secret").touch(0o600)
        (folder / "secret").write_text(f"{SECRET}\n")
        self.gate = GateProcess(folder, LANE_OUT + SYSTEM.format(url=self.bridge.url, secret=folder / "secret"))
        install(self.gate.data / "documents", policy)
        self._numbers = count(1)
        self.gate.start()
        wait_for(lambda: self.gate.page["lanes"][0]["state"] == "wait", "the lane")

    def show(self) -> str:
        """Shows a code until it is judged, and gives the token in it."""
        token = f"person-{next(self._numbers):04}"
        before = len(self.verdicts)
        self.gate.street.hold(f"https://city.example/show?token={token}")
        wait_for(lambda: len(self.verdicts) > before, f"a verdict; {self.gate.log[-3:]}", 40)
        self.gate.street.lower()
        wait_for(lambda: self.gate.page["lanes"][0]["state"] == "wait", "the lane", 40)
        return token

    @property
    def verdicts(self) -> list[tuple[str, str]]:
        return [(one.verdict, one.reason) for one in self.gate.payloads(Verdict)]

    def close(self) -> None:
        self.gate.close()
        if not self.bridge.ended.is_set():
            self.bridge.close()


@pytest.fixture
def city(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CityGate]:
    city = CityGate(tmp_path, request.param)
    yield city
    city.close()


@pytest.mark.parametrize("city", [POLICY], indirect=True)
def test_a_code_that_its_server_vouches_for_calls_a_person_and_so_does_silence(city: CityGate) -> None:
    token = city.show()
    ((asked, authorization),) = city.bridge.asked
    assert asked == {"system": "demo", "token": token, "gate": "gate-7"}
    assert authorization == f"Bearer {SECRET}"
    city.bridge.body = b'{"result": "expired"}'
    tokens = [token, city.show()]
    city.bridge.close()
    tokens.append(city.show())
    assert city.verdicts == [
        ("escalate", "city_code_ok"),
        ("deny", "city_code_expired"),
        ("escalate", "city_code_offline"),
    ]
    assert city.gate.openings() == 0
    kept = b"".join(path.read_bytes() for path in city.gate.data.glob("outbox.db*"))
    for private in (*tokens, SECRET):
        assert private.encode() not in kept
        assert not any(private in line for line in city.gate.log)
    assert [one.checks[0].value for one in city.gate.payloads(Verdict)] == ["CITY:demo"] * 3


@pytest.mark.parametrize("city", [AS_VISITOR], indirect=True)
def test_it_opens_where_the_policy_says_so_and_never_without_an_answer(city: CityGate) -> None:
    city.show()
    assert city.verdicts == [("allow", "all_ok")]
    wait_for(lambda: city.gate.openings() == 1, "an opening")
    # An answer that takes several times as long as anybody waits for it.
    city.bridge.drips, city.bridge.body = True, b'{"result": "ok"}' + bytes(100)
    city.show()
    city.bridge.close()
    city.show()
    assert city.verdicts[1:] == [("escalate", "city_code_timeout"), ("escalate", "city_code_offline")]
    assert city.gate.openings() == 1


@needs_ptrace
@pytest.mark.parametrize("city", [POLICY], indirect=True)
def test_the_thread_that_asks_is_replaced_when_it_hangs(city: CityGate) -> None:
    def told(kind: type[Fault | Cleared]) -> list[tuple[str, str]]:
        return [(one.name, one.device) for one in city.gate.payloads(kind)]

    process = city.gate._process
    assert process is not None
    old = thread_ids(process.pid)["city"]
    began_s = time.monotonic()
    with hung(old):
        wait_for(lambda: ("thread_hung", "city") in told(Cleared), "another thread that asks", 90)
        print(f"city: replaced, told and over {time.monotonic() - began_s:.1f} s after its hang")
        # While the old thread still hangs, the new one asks.
        city.show()
        assert city.verdicts == [("escalate", "city_code_ok")]
    wait_for(lambda: old not in thread_ids(process.pid).values(), "the end of the old thread")
    city.show()
    assert city.verdicts == [("escalate", "city_code_ok")] * 2
    assert len(city.bridge.asked) == 2
    assert told(Fault).count(("thread_hung", "city")) == 1
    assert process.poll() is None
