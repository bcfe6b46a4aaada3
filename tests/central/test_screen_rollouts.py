"""A roll-out on the operators' page: what needs a look first, figures in words, no table without one."""

from __future__ import annotations

import msgspec

from central.rollout_view import FigureView, RolloutGateView, RolloutView
from central.screen.rollouts import MOST_ROWS, rollout_page
from central.screen.view import board_page
from tools.board_samples import NOON_MS, SampleViews


def gate(name: str, state: str, version: str = "2", *, online: bool = True, why: str = "") -> RolloutGateView:
    return RolloutGateView(name, state, version, online, why, 40, 1, 2)


VIEW = RolloutView(
    no=1, scope="jiangcheng", policy="winter", policy_version=2, state="running", stage=1,
    stages=("gate:gate-001+gate:gate-002", "all"), version=2, base_version=1, changed_ms=NOON_MS, jumped="",
    figures=(FigureView("escalate", 2, 40, 1.2, 4.5, True, False), FigureView("deny", 1, 12, 1.0, 3.0, False, False)),
    gates=(
        gate("gate-001", "in_force"),
        gate("gate-002", "refused", "1", why="policy is not TOML"),
        gate("gate-003", "outside", "1", online=False),
    ),
    acts=(),
)  # fmt: skip


def test_a_page_without_rollouts_has_no_table() -> None:
    assert board_page(SampleViews(), "", "build").rollouts == ()


def test_what_was_refused_comes_first_with_its_reason() -> None:
    views = SampleViews()
    views.rollout_views = (VIEW,)
    [page] = board_page(views, "", "build").rollouts
    assert [row[0].zh for row in page.rows] == ["gate-002", "gate-001", "gate-003"]
    assert page.rows[0][-1].zh == "policy is not TOML"
    assert page.rows[2][2].zh == "未到其阶段（离线）"
    assert "已生效 1/3" in page.title.zh


def test_figures_say_what_they_are_compared_with_or_that_they_are_not() -> None:
    told, few = rollout_page(VIEW).notes
    assert told.zh == "上报 2/40，照以往应有 1.2，停止线 4.5"
    assert "尚不比较" in few.zh


def test_a_stop_by_itself_is_said_before_all_figures() -> None:
    page = rollout_page(msgspec.structs.replace(VIEW, state="stopped", jumped="escalate 21/81"))
    assert page.notes[0].zh == "已自动停止：escalate 21/81"
    assert page.name == "stopped"


def test_a_city_is_listed_in_part_and_counted_in_full() -> None:
    many = tuple(gate(f"gate-{number:04}", "in_force") for number in range(500))
    page = rollout_page(msgspec.structs.replace(VIEW, gates=many))
    assert len(page.rows) == MOST_ROWS
    assert "已生效 500/500" in page.title.zh
