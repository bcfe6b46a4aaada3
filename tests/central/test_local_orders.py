"""Local orders at the collector: taken as documents of kind `policy`, found again by what a record names, and told."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.cases import alarm_of
from central.documents import content_of
from central.explaining import explained, orders_in, policies_in
from checkpoint.documents import Document, pack_document
from checkpoint.explain import Explanation
from checkpoint.policy import PolicyError
from checkpoint.records import CheckResult
from tests.central import sim
from tests.checkpoint.test_local_order import CITY, HEAD, NIGHT

ORDER = HEAD + NIGHT
REFUSED = msgspec.structs.replace(
    sim.verdict("deny", "curfew", call="guard"),
    pass_class="visitor",
    policy="city.7+night",
    policy_version=2,
    zone_level="low",
    checks=(
        CheckResult("pass", "enforce", "ok", "pass_valid", None, None),
        *(CheckResult(check, "enforce", "skipped", "", None, None) for check in ("temperature", "watch", "mask")),
    ),
)


def publish(core, content: str, scope: str) -> None:
    document = Document(1, "policy", scope, 1, 0, 2**50, 100, content.encode())
    data = pack_document(Ed25519PrivateKey.from_private_bytes(bytes(32)), document)
    core.store.save_document(scope, "policy", 1, data, core.now_ms)


def test_what_an_order_had_a_part_in_is_explained_with_it(core, gate) -> None:
    publish(core, CITY, "wuhan")
    publish(core, ORDER, "donghu-7")
    assert "city" in {policy.id for policy in policies_in(core.store)}
    assert [order.id for order in orders_in(core.store)] == ["night"]
    gate.append("verdict", REFUSED, sim.passage_id(1))
    core.send(gate)
    found = explained(core.store, sim.passage_id(1).hex())
    assert isinstance(found, Explanation)
    assert (found.rule, found.policy) == ("night", "city.7+night")


def test_an_order_is_a_policy_document_and_a_wrong_one_is_refused_before_it_is_signed(tmp_path) -> None:
    file = tmp_path / "night.toml"
    file.write_text(ORDER, encoding="utf-8")
    assert content_of(None, "policy", file, 0, 1) == ORDER.encode()  # type: ignore[arg-type]
    file.write_text(ORDER.replace("valid_until", "until"), encoding="utf-8")
    with pytest.raises(PolicyError, match="local order"):
        content_of(None, "policy", file, 0, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "call", "priority"),
    [("mask_none", "guard", 2), ("mask_none", "guard police", 1), ("fever", "head", 1), ("mask_none", "", 2)],
)
def test_an_alarm_names_everybody_who_is_called_and_is_as_urgent_as_the_most_urgent_of_them(
    gate, reason: str, call: str, priority: int
) -> None:
    verdict = sim.verdict("escalate", reason, call=call)
    found = alarm_of(gate.append("verdict", verdict, sim.passage_id(1)).link.header, verdict)
    assert found == (reason, priority, f"{verdict.where.lane} {call}".strip())
