"""Facts about the operators' page without a browser: no sum without its completeness."""

from __future__ import annotations

import msgspec
import pytest

from central.screen.view import MOST_ALARMS, MOST_GATES, BoardPage, board_page
from central.views import Completeness
from tools.board_samples import HOUR_MS, NOON_MS, SampleViews

COMMUNITY = "jiangcheng/wuchang/luojia/guangba"


def _page(views: SampleViews | None = None, path: str = "") -> BoardPage:
    return board_page(views or SampleViews(), path, "build")


def test_every_row_has_its_completeness() -> None:
    rows = {node.path: node.complete.text.zh for node in _page(path=COMMUNITY).nodes}
    assert rows["jiangcheng"] == "38/40 关口完整至 10:00"
    assert rows[f"{COMMUNITY}/grid-08"] == "2/2 关口完整至 10:00"
    assert all("关口完整至" in text for text in rows.values())


def test_a_row_with_a_gate_missing_is_not_whole() -> None:
    whole = {node.path: node.complete.whole for node in _page(path=COMMUNITY).nodes}
    assert not whole["jiangcheng"]
    assert whole["jiangcheng/hanyang"]


def test_a_place_without_gates_is_not_called_complete() -> None:
    views = SampleViews()
    views.nodes = (msgspec.structs.replace(views.nodes[0], completeness=Completeness(0, 0, NOON_MS)),)
    page = _page(views)
    assert page.nodes[0].complete.text.zh == "无关口"
    assert not page.nodes[0].complete.whole


def test_two_cities_are_only_as_complete_as_both() -> None:
    views = SampleViews()
    city = views.nodes[0]
    other = msgspec.structs.replace(city, path="other", completeness=Completeness(5, 5, NOON_MS - 5 * HOUR_MS))
    views.nodes = (city, other)
    assert _page(views).complete.text.zh == "43/45 关口完整至 07:00"


def test_only_the_way_to_the_chosen_node_and_its_children_are_shown() -> None:
    assert [node.path for node in _page().nodes] == ["jiangcheng"]
    assert [node.path for node in _page(path="jiangcheng").nodes] == [
        "jiangcheng",
        "jiangcheng/hanyang",
        "jiangcheng/wuchang",
    ]


def test_an_unknown_path_shows_the_whole_tree() -> None:
    page = _page(path="<script>")
    assert (page.path, page.name.zh) == ("", "全部")


def test_refusals_of_both_kinds_stand_in_one_column_and_nothing_is_dropped() -> None:
    views = SampleViews()
    outcomes = {"passed": 1, "opened_unconfirmed": 2, "turned_back": 4, "refused_by_guard": 8, "abandoned": 16}
    outcomes |= {"admitted_by_guard": 32, "egress": 64, "fire": 128}
    views.nodes = (msgspec.structs.replace(views.nodes[0], outcomes=outcomes),)
    shown = _page(views).nodes[0].outcomes
    assert shown["turned"] == 12
    assert sum(shown.values()) == sum(outcomes.values())


def test_an_hour_is_sure_only_when_every_gate_has_told_all_of_it() -> None:
    assert not any(hour.sure for hour in _page(path=COMMUNITY).hours)
    sure = [hour.label for hour in _page(path="jiangcheng/hanyang").hours if hour.sure]
    assert sure[-1] == "09:00"


def test_what_needs_a_look_comes_first_among_the_gates() -> None:
    assert [(gate.id, gate.mood) for gate in _page().gates] == [
        ("gate-002", "faulty"),
        ("gate-003", "offline"),
        ("gate-001", "good"),
        ("gate-004", "good"),
    ]


def test_a_tile_tells_age_backlog_and_faults_in_words() -> None:
    gate = _page().gates[0]
    assert (gate.seen.zh, gate.backlog, gate.policy) == ("8 秒前", 2, "everyday v3")
    assert gate.faults[0].zh == "测温仪无读数"


def test_a_gate_that_was_never_seen_says_so() -> None:
    views = SampleViews()
    views.gate_views = (msgspec.structs.replace(views.gate_views[0], link_age_s=None, online=False),)
    assert _page(views).gates[0].seen.zh == "从未上报"


def test_an_alarm_names_its_grid_and_its_age() -> None:
    alarm = _page().alarms[0]
    assert (alarm.priority, alarm.name.zh, alarm.grid.zh, alarm.age.zh) == (1, "需要人工复测", "第七网格", "42 秒")
    assert _page().alarms[2].marks[0].zh == "迟到"


@pytest.mark.parametrize("many", [1000])
def test_a_flood_is_counted_in_full_and_listed_in_part(many: int) -> None:
    views = SampleViews()
    views.open_alarms *= many
    views.gate_views *= many
    page = _page(views)
    assert (page.alarm_count, len(page.alarms)) == (3 * many, MOST_ALARMS)
    assert (page.gate_count, len(page.gates), page.online) == (4 * many, MOST_GATES, 3 * many)
