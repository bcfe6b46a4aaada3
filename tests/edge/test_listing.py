"""Risk regions at the gate: which lists count together, when they are too old, and what a lane makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import topics
from checkpoint.cose import key_id, public_bytes
from checkpoint.documents import Document, DocumentKind, KeyRow, encode_keys, pack_document
from checkpoint.passes import Travel
from checkpoint.records import CheckResult, Verdict
from checkpoint.regions import RegionList, RiskRegion, day_number, encode_regions
from edge import facts
from edge.clock import Moment
from edge.downlink import DocumentFact, DocumentRefused, Downlink, RegionsInstalled
from edge.effects import Commit
from edge.listing import join
from edge.rulebook import Rulebook
from tests.edge.lane_bench import POLICY, START_MS, Bench, a_pass

DAY_MS = 86_400_000
ROOT = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
TODAY = day_number(datetime.fromtimestamp(START_MS / 1000, UTC).date())
WUHAN, NANCHANG = 420_100, 360_100
RISKY = RegionList([RiskRegion(WUHAN, "high", TODAY - 20, None)])
TRAVEL = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "travel"]')


def document(scope: str = "city", until_ms: int = START_MS + 30 * DAY_MS, version: int = 1) -> Document:
    return Document(1, "regions", scope, version, START_MS - DAY_MS, until_ms, 100, b"")


class Asked:
    """A lane whose rule asks for travel; `regions` None: no list has come down."""

    def __init__(self, regions: RegionList | None = RISKY, policy: bytes = TRAVEL, **world: object) -> None:
        self.bench = Bench(policy=policy)
        listed = join([(document(), regions)]) if regions is not None else None
        self.bench.lane.enter(replace(self.bench.lane.world, regions=listed, **world))  # type: ignore[arg-type]

    def comes(self, travel: Travel | None) -> tuple[tuple[str, str], CheckResult]:
        self.bench.come()
        self.bench.wait(500, codes=(a_pass(1, travel=travel),))
        verdict = next(
            effect.payload for effect in reversed(self.bench.effects)
            if isinstance(effect, Commit) and isinstance(effect.payload, Verdict)
        )  # fmt: skip
        return (verdict.verdict, verdict.reason), next(check for check in verdict.checks if check.check == "travel")


def test_a_pass_with_travel_in_order_opens() -> None:
    said, check = Asked().comes(Travel(TODAY, (NANCHANG,)))
    assert said == ("allow", "all_ok")
    assert (check.result, check.reason) == ("ok", "travel_ok")


def test_a_stay_in_a_risk_region_is_a_persons_decision_and_the_region_is_in_no_record() -> None:
    asked = Asked()
    said, check = asked.comes(Travel(TODAY, (NANCHANG, WUHAN)))
    assert said == ("escalate", "travel_risk")
    assert check == CheckResult("travel", "enforce", "failed", "travel_risk", "high", "medium")
    assert asked.bench.openings == 0
    assert str(WUHAN) not in repr(asked.bench.effects)


@pytest.mark.parametrize(("travel", "reason"), [(None, "travel_not_stated"), (Travel(TODAY - 20, ()), "travel_old")])
def test_a_pass_without_a_fresh_statement_does_not_open(travel: Travel | None, reason: str) -> None:
    assert Asked().comes(travel)[0] == ("escalate", reason)


def test_without_a_list_nobody_is_said_to_have_travelled_in_order() -> None:
    said, check = Asked(None).comes(Travel(TODAY, ()))
    assert said == ("escalate", "travel_unlisted")
    assert check.result == "not_obtained"


def test_a_list_past_its_end_is_no_list() -> None:
    asked = Asked()
    over = join([(document(), RISKY), (document("garden", START_MS - 1), RegionList())])
    asked.bench.lane.enter(replace(asked.bench.lane.world, regions=over))
    assert asked.comes(Travel(TODAY, ()))[1].reason == "travel_unlisted"


def test_lists_that_nobody_has_confirmed_for_too_long_are_no_lists() -> None:
    assert Asked(lists_age_s=72 * 3600.0 - 1).comes(Travel(TODAY, ()))[1].reason == "travel_ok"
    assert Asked(lists_age_s=72 * 3600.0 + 1).comes(Travel(TODAY, ()))[1].reason == "travel_unlisted"
    assert Asked(lists_age_s=None).comes(Travel(TODAY, ()))[1].reason == "travel_unlisted"


def test_by_a_clock_that_can_not_be_believed_no_day_counts() -> None:
    asked = Asked(clock_untrusted_since_ms=0)
    assert asked.comes(Travel(TODAY, (NANCHANG,)))[1].reason == "travel_undated"


def test_a_rule_that_does_not_ask_for_travel_is_not_held_up_by_it() -> None:
    bench = Bench()
    bench.lane.enter(replace(bench.lane.world, regions=join([(document(), RISKY)])))
    bench.come()
    bench.wait(2000, codes=(a_pass(1, travel=Travel(TODAY, (WUHAN,))),), object_c=36.3)
    assert bench.verdicts == [("allow", "all_ok")]


def test_a_pass_that_is_shown_later_is_judged_by_its_own_statement() -> None:
    asked = Asked()
    assert asked.comes(Travel(TODAY, (WUHAN,)))[0] == ("escalate", "travel_risk")
    asked.bench.tell(facts.PresenceChanged(False))
    asked.bench.wait(8000)
    assert asked.comes(Travel(TODAY, (NANCHANG,)))[0] == ("allow", "all_ok")


# --- what is in force -------------------------------------------------------------------------------------------------


def rulebook(*lists: tuple[Document, RegionList]) -> Rulebook:
    book = Rulebook("guard", ("garden", "city"), START_MS, 30.0)
    for listed in lists:
        book.take(RegionsInstalled(*listed))
    return book


def in_force(book: Rulebook) -> set[int] | None:
    regions = book.world(None, Moment(START_MS, 1, True)).regions
    return None if regions is None else {region.code for region in regions.known.regions}


def test_lists_of_all_scopes_count_together_and_a_newer_one_replaces_its_own() -> None:
    site = RegionList([RiskRegion(NANCHANG, "medium", TODAY, None)])
    book = rulebook((document(), RISKY), (document("garden"), site))
    assert in_force(book) == {WUHAN, NANCHANG}
    book.take(RegionsInstalled(document(version=2), RegionList()))
    assert in_force(book) == {NANCHANG}


def test_no_list_and_a_torn_list_are_not_the_list_of_no_region() -> None:
    assert in_force(rulebook()) is None
    book = rulebook((document(), RegionList()))
    assert in_force(book) == set()
    book.torn_regions = frozenset({"garden"})
    assert in_force(book) is None


def signed(kind: DocumentKind, content: bytes, version: int = 1) -> bytes:
    bounds = START_MS - DAY_MS, START_MS + DAY_MS
    key = ROOT if kind == "keys" else SIGNER
    return pack_document(key, Document(1, kind, "city", version, *bounds, 100, content))


def arrives(link: Downlink, kind: DocumentKind, content: bytes, version: int = 1) -> DocumentFact:
    (fact,) = link.arrived(topics.document("city", kind), signed(kind, content, version), START_MS // 1000)
    return fact


def test_a_list_is_installed_found_again_and_never_replaced_by_bytes_that_are_none(tmp_path: Path) -> None:
    link = Downlink(tmp_path, public_bytes(ROOT), ("gate-1", "garden", "city"), {})
    public = public_bytes(SIGNER)
    arrives(link, "keys", encode_keys([KeyRow(key_id(public), public, ("regions",), (), 0, 10**14)]))
    fact = arrives(link, "regions", encode_regions([RiskRegion(WUHAN, "high", 1, None)]))
    assert isinstance(fact, RegionsInstalled)
    assert [region.code for region in fact.regions.regions] == [WUHAN]
    refused = arrives(link, "regions", b"\x00", 2)
    assert isinstance(refused, DocumentRefused)
    assert "the list of regions is malformed" in refused.why
    again = Downlink(tmp_path, public_bytes(ROOT), ("gate-1", "garden", "city"), {})
    assert [fact.document.version for fact in again.load() if isinstance(fact, RegionsInstalled)] == [1]
    (tmp_path / "regions@city.doc").write_bytes(b"torn")
    torn = Downlink(tmp_path, public_bytes(ROOT), ("gate-1", "garden", "city"), {})
    torn.load()
    assert torn.torn("regions") == {"city"}
