"""Facts about the words and colours of the guard's page, without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from checkpoint.reasons import OVERRIDES
from edge.screen.texts import PICTOGRAMS
from edge.screen.view import GuardPage, LanePage, guard_page
from edge.status import LaneView, Snapshot
from tools.screen_samples import LANES, NOON_MS, gate, ticks, troubled_gate

CSS = (Path(__file__).parents[2] / "edge" / "screen" / "static" / "guard.css").read_text()


def _page(snapshot: Snapshot) -> GuardPage:
    return guard_page(snapshot, "build", True)


def _lane(lane: LaneView) -> LanePage:
    return _page(gate(lane)).lanes[0]


@pytest.mark.parametrize(
    ("state", "word"),
    [("wait", "请扫码"), ("allow", "放行"), ("deny", "禁止"), ("escalate", "上报"), ("fault", "设备故障")],
)
def test_each_state_has_its_word(state: str, word: str) -> None:
    assert _lane(LANES[state]).word.zh == word


def test_of_a_name_its_last_sign_stands_beside_the_class() -> None:
    lane = msgspec.structs.replace(
        LANES["escalate"], pass_class="visitor", tail="A1B2", name_tail="明", plate="", party_size=1
    )
    assert _lane(lane).holder.zh.endswith("…A1B2 *明")


def test_a_verdict_says_why_and_what_to_do_in_both_languages() -> None:
    lane = _lane(LANES["deny"])
    assert (lane.reason.zh, lane.todo.zh) == ("通行码签名不符", "请出示本人有效通行码")
    assert (lane.reason.en, lane.todo.en) == ("The signature of the pass is wrong", "Show your own valid pass")


def test_a_refusal_without_a_prompt_tells_the_resident_what_its_reason_asks_for() -> None:
    assert LANES["deny"].prompt == ""
    assert _lane(LANES["deny"]).prompt.zh == "请出示本人有效通行码"


def test_nobody_is_told_to_scan_again_while_a_passage_is_under_way() -> None:
    begun = msgspec.structs.replace(LANES["wait"], ticks=ticks("waiting", "waiting", "done", "waiting", "waiting"))
    assert _lane(begun).word.zh == "查验中"


def test_whom_the_policy_names_is_said_after_what_to_do_and_alone_where_nobody_may_know_why() -> None:
    refused = msgspec.structs.replace(LANES["deny"], reason="curfew", call="first_head head")
    todo = _lane(refused).todo
    assert todo.zh == "如有急需，请询问屏上所示工作人员；请联系第一网格长、网格长"
    assert todo.en.endswith("; Call the first grid head and the grid head")
    assert _lane(msgspec.structs.replace(refused, reason="wait_staff")).todo.zh == "请联系第一网格长、网格长"


def test_a_code_without_a_row_stands_for_itself() -> None:
    assert _lane(msgspec.structs.replace(LANES["deny"], reason="brand_new")).reason.zh == "brand_new"


def test_the_steps_stand_in_policy_order_with_their_states() -> None:
    steps = _lane(LANES["escalate"]).steps
    assert [step.name.zh for step in steps] == ["口罩", "体温", "通行码", "14 天行程", "证件"]
    assert [step.word.zh for step in steps] == ["完成", "未通过", "完成", "缺失", "注意"]


def test_a_reading_is_shown_with_its_place_on_the_body() -> None:
    reading = _lane(LANES["escalate"]).reading
    assert reading is not None
    assert (reading.object_c, reading.ambient_c, reading.site.zh) == ("38.1", "22.1", "额头")


def test_the_holder_is_a_class_and_a_tail_never_a_name() -> None:
    assert _lane(LANES["escalate"]).holder.zh == "访客 …9C01 · 3 人, 已过 1"


def test_how_long_an_escalation_has_waited_is_told() -> None:
    assert _lane(LANES["escalate"]).since_s == 47


@pytest.mark.parametrize(
    ("age_s", "depth", "text", "bad"),
    [
        (3.4, 0, "上报 3 秒前", False),
        (29.0, 2, "上报 29 秒前, 待传 2", False),
        (31.0, 0, "离线 31 秒", True),
        (61.0, 0, "离线 1 分钟", True),
        (740.0, 37, "离线 12 分钟, 待传 37", True),
        (90_000.0, 9, "离线 1 天, 待传 9", True),
        (None, 5, "尚未连接, 待传 5", True),
    ],
)
def test_the_footer_tells_the_age_of_the_collectors_answer(
    age_s: float | None, depth: int, text: str, bad: bool
) -> None:
    page = _page(msgspec.structs.replace(gate(), link_age_s=age_s, outbox_depth=depth))
    assert (page.link.text.zh, page.link.bad) == (text, bad)


def test_an_offline_verdict_is_marked_as_checked_here() -> None:
    assert _page(troubled_gate(LANES["allow"])).local
    assert not _page(gate(LANES["allow"])).local


def test_a_fault_names_its_part_and_its_age() -> None:
    assert _page(troubled_gate()).faults[0].zh == "测温仪无读数 thermo-1 2 分钟"


def test_times_are_shown_in_the_sites_zone() -> None:
    assert _page(gate()).clock.text.zh == "12:00:00"
    elsewhere = msgspec.structs.replace(gate(), timezone="Asia/Urumqi")
    assert _page(elsewhere).clock.text.zh == "10:00:00"


def test_a_clock_that_is_not_trusted_and_a_policy_that_ends_soon_take_colour() -> None:
    page = _page(msgspec.structs.replace(gate(), clock_trusted=False, policy_until_ms=NOON_MS + 86_400_000))
    assert page.clock.bad
    assert page.policy.bad
    assert not _page(gate()).policy.bad


def test_a_guard_chooses_among_at_most_eight_reasons() -> None:
    codes = [choice.code for choice in _page(gate()).overrides]
    assert codes == list(OVERRIDES)
    assert len(codes) <= 8


def test_every_pictogram_is_drawn_in_the_page() -> None:
    html = (Path(__file__).parents[2] / "edge" / "screen" / "pages" / "guard.html").read_text()
    assert {f'id="p-{name}"' for name in PICTOGRAMS.values()} <= set(re.findall(r'id="p-\w+"', html))


def _colour(name: str) -> tuple[float, float, float]:
    found = re.search(rf"--{name}: #([0-9A-F]{{6}});", CSS)
    assert found, f"--{name} is not in guard.css"
    red, green, blue = (int(found[1][at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _luminance(colour: tuple[float, float, float]) -> float:
    """Relative luminance after WCAG 2.2."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours of the style sheet after WCAG 2.2."""
    dark, light = sorted((_luminance(_colour(one)), _luminance(_colour(other))))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("allow-ink", "allow"),
        ("deny-ink", "deny"),
        ("escalate-ink", "escalate"),
        ("fault-ink", "fault"),
        ("fault-ink", "fault-hatch"),
        ("wait-ink", "wait"),
        ("ink", "ground"),
        ("quiet", "ground"),
        ("quiet", "panel"),
        ("warn", "ground"),
        ("bad", "ground"),
        ("curtain-ink", "curtain"),
    ],
)
def test_every_text_has_a_contrast_of_at_least_4_5(ink: str, ground: str) -> None:
    assert contrast(ink, ground) >= 4.5


def test_the_neutral_state_is_never_green() -> None:
    red, green, blue = _colour("wait")
    assert green <= max(red, blue)


def test_a_household_that_has_used_its_ways_out_reads_when_the_next_one_is() -> None:
    used = msgspec.structs.replace(LANES["deny"], reason="quota_used", next_exit="2020-02-12T00:00+08:00")
    lane = _lane(used)
    assert (lane.reason.zh, lane.prompt.zh) == ("本户出门次数已用完", "下次可出门时间 02-12 00:00")
    assert lane.prompt.en == "Next way out from 02-12 00:00"
    assert _lane(msgspec.structs.replace(used, next_exit="")).prompt.zh == "请减少外出人数或改日再来"
