"""`guankou-central policy` on real files and a real store: nothing goes out that was not looked at."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from central import policy_commands
from central.cli import main
from central.store.sqlite import SqliteStore
from checkpoint.documents import open_document
from checkpoint.local_order import parse_either
from tests.central.policy_texts import EVERYBODY, LOCAL, NOW_S, ORDER, rule, text
from tests.central.sim import TREE, Gate

CONFIG = '[collector]\ndata_dir = "data"\ntree = "tree.toml"\n'
NOW_MS = int(NOW_S * 1000)
MASKS = rule("visitors", 'class = ["visitor"]', 'direction = "in"', 'checks = ["pass", "mask"]')


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    (tmp_path / "central.toml").write_text(CONFIG)
    (tmp_path / "tree.toml").write_text(TREE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUANKOU_CENTRAL", "central.toml")
    monkeypatch.setattr(policy_commands, "utc_ms", lambda: NOW_MS)
    run("keys", "keys")
    return tmp_path


def run(*words: str, code: int = 0, typed: str = "") -> str:
    result = CliRunner().invoke(main, list(words), input=typed)
    assert result.exit_code == code, result.output
    return result.output


def write(name: str, source: str) -> str:
    Path(name).write_text(source, encoding="utf-8")
    return name


def publish(scope: str, source: str, *more: str, code: int = 0) -> str:
    return run("policy", "publish", write("new.toml", source), "--scope", scope, "--yes", *more, code=code)


def published(home: Path) -> dict[str, tuple[int, bytes]]:
    """Scope -> version of the document and its content."""
    with closing(SqliteStore(home / "data" / "central.db")) as store:
        rows = [row for row in store.documents() if row[1] == "policy"]
    return {scope: (version, open_document(data).content) for scope, _, version, data in rows}


def test_check_says_what_is_odd_and_goes_on(home):
    told = run("policy", "check", write("a.toml", text(MASKS, last=f"{EVERYBODY}[quota]\nevery_days = 2\n")))
    assert "[quota]" not in told
    assert "  第 19 行 line 19  quota\n    没有规则查外出次数：此表不起作用\n" in told


def test_check_needs_no_collector(home, monkeypatch):
    monkeypatch.delenv("GUANKOU_CENTRAL")
    source = text(last=f'{EVERYBODY}[zones]\nnowhere = "high"\n')
    assert "nowhere" not in run("policy", "check", write("a.toml", source))
    assert "no grid nowhere in the tree" in run("policy", "check", "a.toml", "-c", "central.toml")


def test_a_wrong_policy_is_refused_with_file_line_and_remedy(home):
    file = write("a.toml", text(rule("typo", 'checks = ["pass", "temprature"]')))
    told = run("policy", "check", file, code=2)
    assert told.startswith("a.toml: policy: rule[0].checks[1] = 'temprature' (line 12): ")
    made = json.loads(run("policy", "check", file, "--json", code=2))
    assert (made["ok"], made["line"]) == (False, 12)


@pytest.mark.parametrize("command", ["check", "diff", "publish"])
def test_a_file_that_is_not_there_is_one_clear_line(home, command):
    words = {"check": ["no.toml"], "diff": ["no.toml", "no.toml"], "publish": ["no.toml", "--scope", "donghu"]}[command]
    told = run("policy", command, *words, code=2)
    assert "no.toml" in told
    assert "Traceback" not in told


def test_two_files_are_compared_without_a_collector(home, monkeypatch):
    monkeypatch.delenv("GUANKOU_CENTRAL")
    told = run("policy", "diff", write("a.toml", text()), write("b.toml", text(MASKS)))
    assert "  1. [更严] 低风险区，访客，进\n     原：查通行码\n     现：查通行码、口罩\n" in told
    assert "is no file" in run("policy", "diff", "a.toml", "donghu", code=2)
    made = json.loads(run("policy", "diff", "a.toml", "b.toml", "--json"))
    assert [(group["sense"], group["classes"]) for group in made["people"] if group["now"]] == [
        ("stricter", ["visitor"])
    ]


def test_what_a_scope_follows_is_compared(home):
    publish("donghu", text(version=3))
    told = run("policy", "diff", "donghu-7", write("b.toml", text(MASKS, version=4)))
    assert told.startswith("样例 Sample（sample 3）→ 样例 Sample（sample 4）")
    assert "日常通行 Everyday（everyday 1）→" in run("policy", "diff", "luojia", "b.toml")
    assert "is no grid or site of the tree and no enrolled gate" in run("policy", "diff", "nowhere", "b.toml", code=2)


def test_publishing_shows_everything_and_asks(home):
    file = write("b.toml", text(MASKS))
    told = run("policy", "publish", file, "--scope", "donghu", code=1, typed="n\n")
    for words in ("b.toml：sample 1", "访客，进", "重判", "Publish for donghu?", "Nothing was published."):
        assert words in told
    assert published(home) == {}
    run("policy", "publish", file, "--scope", "donghu", code=1)
    assert published(home) == {}
    assert "已发布 Published: donghu, sample 1, document 1" in run(
        "policy", "publish", file, "--scope", "donghu", typed="y\n"
    )
    assert published(home)["donghu"] == (1, Path(file).read_bytes())


def test_without_replay_nothing_is_tried(home):
    assert "重判" not in publish("donghu", text(MASKS), "--without-replay")


def test_the_next_policy_is_compared_with_the_one_before(home):
    publish("donghu", text())
    told = publish("donghu", text(MASKS, version=2))
    assert "（sample 1）→" in told
    assert published(home)["donghu"][0] == 2


def test_one_version_has_one_content(home):
    publish("donghu", text())
    told = publish("donghu", text(MASKS), code=2)
    assert "sample 1 was published with another content: give it 2" in told
    assert publish("luojia", text())
    assert published(home)["donghu"] == (1, text().encode())


def test_narrower_places_that_keep_their_own_are_named(home, monkeypatch):
    publish("donghu-7", text(id="own"))
    assert "keep it: donghu-7" in publish("donghu", text())
    assert "keep it: donghu-7\n" in publish("donghu", text())
    assert "keep it" not in publish("donghu-8", text())
    monkeypatch.setattr(policy_commands, "utc_ms", lambda: NOW_MS + 30 * 86_400_000)
    assert "keep it" not in publish("donghu", text(version=2))


def test_a_place_that_is_not_known_gets_nothing(home):
    assert "'dongu' is no grid" in publish("dongu", text(), code=2)
    assert published(home) == {}


def test_a_gate_is_a_place_and_follows_what_is_around_it(home):
    gate = Gate()
    publish("wuchang", text(version=7))
    with closing(SqliteStore(home / "data" / "central.db")) as store, store.transaction():
        store.enrol(gate.name, gate.public, gate.grid, "east", 0)
    assert "（sample 7）→" in run("policy", "diff", gate.name, write("b.toml", text(version=8)))
    assert publish(gate.name, text(MASKS, version=8))


def test_until_a_policy_begins_its_place_follows_the_one_before(home):
    publish("donghu", text(version=1))
    later = text(version=2).replace("2026-11-01", "2026-11-30")
    told = publish("donghu", later)
    assert "in force from 2026-11-30 00:00+08:00, the present one until then" in told
    with closing(SqliteStore(home / "data" / "central.db")) as store:
        [(_, _, data)] = store.newest_documents("policy")
    # A document that is early is kept beside the present one: a gate is never without either.
    assert open_document(data).not_before == 1_795_968_000_000
    assert open_document(data).standing(NOW_MS) == "early"
    assert "（sample 1）→" in run("policy", "diff", "donghu-7", write("b.toml", text(version=3)))


def test_a_new_gate_can_take_a_policy_for_as_long_as_others_follow_it(home):
    def taken_until_ms(source: str, *more: str) -> int:
        return int(json.loads(publish("donghu", source, "--json", *more))["not_after"])

    assert taken_until_ms(text().replace("2026-12-01", "2027-02-01")) == 1_801_411_200_000
    assert taken_until_ms(text(version=2), "--valid-days", "3") == NOW_MS + 3 * 86_400_000
    endless = text(version=3).replace("valid_until = 2026-12-01T00:00:00+08:00\n", "")
    assert taken_until_ms(endless) == NOW_MS + 30 * 86_400_000


def test_a_policy_that_is_published_as_a_document_is_taken_as_long(home, monkeypatch):
    monkeypatch.setattr("central.cli.utc_ms", lambda: NOW_MS)

    def taken_until_ms(kind: str, file: str, *more: str) -> int:
        words = ("document", "publish", "--kind", kind, "--scope", "donghu", "--json", *more, file)
        return int(json.loads(run(*words))["not_after"])

    long = write("long.toml", text().replace("2026-12-01", "2027-02-01"))
    assert taken_until_ms("policy", long) == 1_801_411_200_000
    assert taken_until_ms("policy", long, "--valid-days", "3") == NOW_MS + 3 * 86_400_000
    endless = text(version=3).replace("valid_until = 2026-12-01T00:00:00+08:00\n", "")
    assert taken_until_ms("policy", write("endless.toml", endless)) == NOW_MS + 30 * 86_400_000
    assert taken_until_ms("notice", long) == NOW_MS + 30 * 86_400_000
    order = write("order.toml", ORDER)
    ends_ms = round(parse_either(ORDER.encode()).valid_until.timestamp() * 1000)
    words = ("document", "publish", "--kind", "policy", "--scope", "donghu-7", "--json", order)
    assert json.loads(run(*words))["not_after"] == ends_ms


def test_a_policy_whose_time_is_over_is_no_longer_what_a_place_follows(home, monkeypatch):
    publish("donghu", text(version=1))
    assert "（sample 1）→" in run("policy", "diff", "donghu", write("b.toml", text(version=2)))
    monkeypatch.setattr(policy_commands, "utc_ms", lambda: NOW_MS + 30 * 86_400_000)
    assert "（everyday 1）→" in run("policy", "diff", "donghu", "b.toml")


def test_a_local_order_is_compared_with_what_it_comes_on_top_of(home):
    publish("donghu", text(last=EVERYBODY + LOCAL))
    told = run("policy", "diff", "donghu-7", write("order.toml", ORDER))
    assert "现：查通行码、口罩" in told
    made = publish("donghu-7", ORDER)
    assert "（sample 1）→ 东区一周 A week in the east（sample.1+east-week 1）" in made
    assert published(home)["donghu-7"] == (1, ORDER.encode())
    assert "东区一周" in run("policy", "diff", "donghu-7", "donghu").splitlines()[0]


def test_an_order_that_the_wider_policy_does_not_take_is_not_published(home):
    publish("donghu", text())
    assert "takes no local order" in publish("donghu-7", ORDER, code=2)
    assert "donghu-7" not in published(home)


def test_an_order_that_would_lose_its_ground_is_named(home):
    publish("donghu", text(last=EVERYBODY + LOCAL))
    publish("donghu-7", ORDER)
    assert "local order for" not in publish("donghu", text(version=2, last=EVERYBODY + LOCAL))
    told = publish("donghu", text(version=3))
    assert "The local order for donghu-7 would no longer be followed:\n  local order east-week" in told
    assert "keep it" not in told


def test_an_order_never_takes_the_place_of_a_policy(home):
    publish("donghu", text(last=EVERYBODY + LOCAL))
    assert "has a policy of its own" in publish("donghu", ORDER, code=2)
    assert published(home)["donghu"][0] == 1


def test_an_order_may_take_the_place_of_a_policy_that_holds_around_it_too(home):
    publish("donghu", text(last=EVERYBODY + LOCAL))
    publish("wuhan", text(last=EVERYBODY + LOCAL))
    publish("donghu", ORDER)
    assert published(home)["donghu"] == (2, ORDER.encode())
    # An older policy around it may ask for less.
    publish("luojia", text(version=2, last=EVERYBODY + LOCAL))
    assert "has a policy of its own" in publish("luojia", ORDER.replace("east-week", "west-week"), code=2)


def test_an_order_takes_no_policys_place_unlooked_at_either(home):
    publish("donghu", text(last=EVERYBODY + LOCAL))
    order = ("document", "publish", "--kind", "policy", "--scope", "donghu", write("order.toml", ORDER))
    assert "whose place this local order would take" in run(*order, code=2)
    assert published(home)["donghu"][0] == 1


def test_an_order_of_a_wider_place_counts_on_a_narrower_policy_as_at_the_gate(home):
    publish("wuhan", text(last=EVERYBODY + LOCAL))
    publish("donghu", ORDER)
    publish("donghu-7", text(version=2, last=EVERYBODY + LOCAL))
    assert "（sample.2+east-week 1）→" in run("policy", "diff", "donghu-7", write("b.toml", text(version=3)))


def test_what_was_looked_at_beside_another_policy_is_not_published(home, monkeypatch):
    def somebody_else(scope: str) -> bool:
        write("other.toml", text(MASKS, version=5))
        return bool(run("policy", "publish", "other.toml", "--scope", "wuhan", "--yes"))

    file = write("b.toml", text())
    monkeypatch.setattr(policy_commands, "_agreed", somebody_else)
    assert "was published meanwhile" in run("policy", "publish", file, "--scope", "donghu", code=2)
    assert list(published(home)) == ["wuhan"]


def test_a_file_that_changes_while_it_is_looked_at_is_not_published(home, monkeypatch):
    file = write("b.toml", text())
    monkeypatch.setattr(policy_commands, "_agreed", lambda scope: bool(write("b.toml", text(MASKS))))
    assert "was written to meanwhile" in run("policy", "publish", file, "--scope", "donghu", code=2)
    assert published(home) == {}


def test_programs_get_one_object_and_answer_nothing(home):
    file = write("b.toml", text(MASKS))
    assert "add --yes" in run("policy", "publish", file, "--scope", "donghu", "--json", code=2)
    made = json.loads(publish("donghu", text(MASKS), "--json"))
    assert made["check"]["id"] == "sample"
    assert made["replay"]["records"] == 0
    assert (made["scope"], made["document"], made["replaces"]) == ("donghu", 1, "")
