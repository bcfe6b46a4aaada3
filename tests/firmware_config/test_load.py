"""Gate files: shipped ones load, and whatever is wrong in one is told at once, by name, bound and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.load import ConfigError, load_enrolment, load_gate_file, require_private, write_enrolment
from firmware_config.schema import Enrolment, InputsTable

GATES = Path(__file__).parents[2] / "firmware_config" / "gates"
SHIPPED = sorted(GATES.glob("*.toml"))
GOOD = (GATES / "person-gy614v3-modbus.toml").read_text()
TWO_LANES = (GATES / "person-two-lanes-gy614v3-modbus.toml").read_text()
ENROLMENT = Enrolment(
    version=1,
    gate="gate-1",
    site="site-1",
    grid="grid-1",
    grid_path="city/district/grid-1",
    tree_version=3,
    collector_keys=("ab" * 32,),
    root_key="cd" * 32,
    broker_user="gate-1",
    broker_password="horse-battery",
    minimum_versions={"policy": 4},
)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "gate.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusals(path):
    with pytest.raises(ConfigError) as caught:
        load_gate_file(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_gate_file_loads(path):
    assert load_gate_file(path).lanes


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_gate_file_is_named_by_what_is_in_it(path):
    file = load_gate_file(path)
    thermometers = {lane.thermometer.driver for lane in file.lanes if lane.thermometer} or {"none"}
    boards = {board.driver.removesuffix("_relay") for board in file.boards.values()} or {"none"}
    is_carried = path.stem.startswith("handheld-")
    assert is_carried or path.stem.startswith(file.lanes[0].kind)
    assert path.stem.endswith(f"-{thermometers.pop()}-{boards.pop()}")
    assert ("two-lanes" in path.stem) == (len(file.lanes) == 2)


def test_what_is_carried_about_opens_nothing_senses_nobody_and_has_somebody_beside_it():
    carried = [load_gate_file(path) for path in SHIPPED if path.stem.startswith("handheld-")]
    assert carried
    for file in carried:
        assert file.gate.attendance == "guard"
        assert not file.boards
        assert all(lane.barrier is None and lane.inputs == InputsTable() for lane in file.lanes)


def test_paths_are_relative_to_the_gate_file(write):
    path = write(GOOD.replace('"/var/lib/guankou"', '"data"').replace("/etc/guankou/", ""))
    file = load_gate_file(path)
    assert file.gate.data_dir == str(path.parent / "data")
    assert file.gate.enrolment == str(path.parent / "enrolment.json")


def test_everything_wrong_is_told_in_one_go(write):
    text = GOOD.replace('attendance = "guard"', 'attendence = "guard"').replace("pulse_s = 1.0", "pulse_s = 99")
    text = (
        text.replace('phone = "000-0000"', "").replace("port = ", "prot = ", 1).replace("terminal = 0", "terminal = -1")
    )
    assert refusals(write(text)) == [
        "[gate] attendence = 'guard': no such key; did you mean attendance?",
        "[call] phone: is missing; must be a text of 1 to 120 characters",
        "[lanes #1 / barrier] pulse_s = 99: must be a number from 0.1 to 30",
        "[lanes #1 / inputs / presence] terminal = -1: must be a whole number from 0 to 31",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('id = "gate-1"', 'id = "Gate 1"', "[gate] id = 'Gate 1': must be 1 to 32 small letters, digits and hyphens"),
        (
            'id = "gate-1"',
            'id = "gate-1\\n"',
            r"[gate] id = 'gate-1\n': must be 1 to 32 small letters, digits and hyphens",
        ),
        ('direction = "in"', 'direction = "up"', "[lanes #1] direction = 'up': must be 'in' or 'out'"),
        ("pulse_s = 1.0", "pulse_s = nan", "[lanes #1 / barrier] pulse_s = nan: must be a number from 0.1 to 30"),
        ("pulse_s = 1.0", "pulse_s = true", "[lanes #1 / barrier] pulse_s = true: must be a number from 0.1 to 30"),
        ("channel = 0", "channel = 0.5", "[lanes #1 / barrier] channel = 0.5: must be a whole number from 0 to 31"),
        ("inverted = true", "inverted = 1", "[lanes #1 / inputs / fire] inverted = 1: must be true or false"),
        ("[broker]", "[brokr]", "brokr = {'host': '127.0.0.1'}: no such key; did you mean broker?"),
        (
            "[broker]",
            "[screen]\nport = 70000\n[broker]",
            "[screen] port = 70000: must be a whole number from 0 to 65535",
        ),
        (
            "[broker]",
            "[screen]\nguard_pin_hash = '1234'\n[broker]",
            "[screen] guard_pin_hash = (not shown): must be an Argon2 hash ($argon2id$...), never the PIN itself",
        ),
        (
            "attendance =",
            'timezone = "Asia/Shangai"\nattendance =',
            "[gate] timezone = 'Asia/Shangai': no such time zone; write one like 'Asia/Shanghai'",
        ),
        (
            "attendance =",
            'timezone = "../../etc/passwd"\nattendance =',
            "[gate] timezone = '../../etc/passwd': no such time zone; write one like 'Asia/Shanghai'",
        ),
        (
            'barrier = { board = "main"',
            'barrier = { board = "mian"',
            "[lanes #1 / barrier] board = 'mian': no such board; did you mean main?",
        ),
        (
            "terminal = 1 }",
            "terminal = 0 }",
            "[lanes #1 / inputs / crossing] terminal = 0: "
            "[lanes #1 / inputs / presence] uses this terminal of board 'main' already",
        ),
        (
            'direction = "in"',
            'direction = "out"',
            "[lanes #1] barrier: a lane that leads out may not hold people back; "
            "remove the barrier, or attest other_free_exit = true",
        ),
        (
            '"/dev/guankou/thermometer"',
            '"/dev/guankou/board"',
            "[lanes #1 / thermometer / options] port = '/dev/guankou/board': [boards / main] has this port already",
        ),
        (
            "[lanes.inputs]",
            '[lanes.readers.Scanner]\ndriver = "gm65"\n[lanes.inputs]',
            "[lanes #1 / readers] Scanner: its name must be 1 to 32 small letters, digits and hyphens",
        ),
        (
            "[lanes.inputs]",
            "".join(f'[lanes.readers.r{n}]\ndriver = "gm65"\n' for n in range(9)) + "[lanes.inputs]",
            "[lanes #1] readers: has 9 tables; at most 8 are allowed",
        ),
        (
            "[lanes.inputs]",
            '[lanes.readers.scanner]\ndriver = "gm65"\noptions = { port = "/dev/guankou/board" }\n[lanes.inputs]',
            "[lanes #1 / readers / scanner / options] port = '/dev/guankou/board': "
            "[boards / main] has this port already",
        ),
        (
            "[lanes.inputs]",
            "door_open_s = 0\n[lanes.inputs]",
            "[lanes #1] door_open_s = 0: must be a number from 1 to 3600",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_place_and_what_is_allowed(write, old, new, line):
    assert old in GOOD
    assert line in refusals(write(GOOD.replace(old, new, 1)))


def test_lane_names_are_unique(write):
    assert "[lanes #2] name = 'in': another lane has this name; names are unique" in refusals(
        write(TWO_LANES.replace('name = "out"', 'name = "in"'))
    )


def test_two_lanes_never_share_a_relay(write):
    assert refusals(write(TWO_LANES.replace("channel = 1", "channel = 0"))) == [
        "[lanes #2 / barrier] channel = 0: [lanes #1 / barrier] uses this channel of board 'main' already"
    ]


def test_two_readers_may_call_one_host_and_never_listen_on_one_port(write):
    def two(driver, key, address):
        options = f'options = {{ {key} = "{address}", port = 8091 }}'
        tables = "".join(f'[lanes.readers.{name}]\ndriver = "{driver}"\n{options}\n' for name in ("a", "b"))
        return write(GOOD.replace("[lanes.inputs]", tables + "[lanes.inputs]", 1))

    load_gate_file(two("hikvision", "host", "192.0.2.64"))
    assert refusals(two("plate_push", "address", "192.0.2.1")) == [
        "[lanes #1 / readers / b / options] port = '192.0.2.1:8091': [lanes #1 / readers / a] has this port already"
    ]


def test_a_way_out_never_depends_on_a_second_board(write):
    other = '[boards.other]\ndriver = "modbus_relay"\noptions = { port = "/dev/other" }\n[[lanes]]'
    text = GOOD.replace("[[lanes]]", other).replace('exit_button = { board = "main"', 'exit_button = { board = "other"')
    assert refusals(write(text)) == [
        "[lanes #1 / inputs / exit_button] board = 'other': must be on 'main', the board of the barrier that it frees"
    ]


def test_a_gate_has_at_least_one_lane_and_at_most_eight(write):
    head = GOOD[: GOOD.index("[[lanes]]")]
    assert refusals(write(head)) == ["lanes: is missing; must be a list of 1 to 8, each a table"]
    lanes = "".join(f'[[lanes]]\nname = "in-{number}"\ndirection = "in"\n' for number in range(9))
    assert "must be a list of 1 to 8, each a table" in refusals(write(head + lanes))[0]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"[gate\n", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"#" * 300_000, "is larger than"),
        (b"a = " + b"[" * 5000, "is not TOML"),
        (b"", "is missing"),
    ],
)
def test_what_is_no_gate_file_is_told_and_crashes_nothing(write, text, word):
    assert word in refusals(write(text))[0]


def test_a_file_that_is_not_there_is_told(tmp_path):
    assert refusals(tmp_path / "none.toml") == ["cannot be read: No such file or directory"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["gate", "call", "lanes", "broker", "screen", "outbox", "boards", "id", "board", "x"])


@given(tables=st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), max_size=6))
def test_no_table_whatever_is_more_than_a_list_of_problems(tables):
    from msgspec import inspect

    from firmware_config.forms import problems
    from firmware_config.schema import GateFile

    found = list(problems(tables, inspect.type_info(GateFile)))
    assert found
    assert all(str(problem) and "\n" not in str(problem) for problem in found)


def test_an_enrolment_survives_its_file_and_is_the_owners_alone(tmp_path):
    path = tmp_path / "enrolment.json"
    write_enrolment(path, ENROLMENT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_enrolment(path) == ENROLMENT
    assert load_enrolment(path, "gate-1") == ENROLMENT


def test_an_enrolment_is_never_overwritten(tmp_path):
    path = tmp_path / "enrolment.json"
    write_enrolment(path, ENROLMENT)
    with pytest.raises(FileExistsError):
        write_enrolment(path, ENROLMENT)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_secrets_that_others_may_touch_are_refused_with_the_remedy(tmp_path, mode):
    path = tmp_path / "enrolment.json"
    write_enrolment(path, ENROLMENT)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=re.escape(f"run: chmod 600 {path}")):
        load_enrolment(path)
    with pytest.raises(ConfigError, match=f"{mode:04o}"):
        require_private(path)


def test_the_enrolment_of_another_gate_is_refused(tmp_path):
    path = tmp_path / "enrolment.json"
    write_enrolment(path, ENROLMENT)
    with pytest.raises(ConfigError, match="is the enrolment of gate 'gate-1', but the gate file is for 'gate-2'"):
        load_enrolment(path, "gate-2")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("ab" * 32, "ab" * 31, "collector_keys #1 = .*: must be 64 small hexadecimal digits"),
        ('"version": 1', '"version": 2', "version = 2: must be 1"),
        ("city/district", "City", "grid_path = 'City/grid-1': must be 1 to 5 ids"),
        ('"horse-battery"', "17", r"broker_password = \(not shown\): must be a text"),
        ("{", "[", "is not JSON"),
    ],
)
def test_a_wrong_enrolment_is_told_and_its_secrets_are_not(tmp_path, old, new, line):
    path = tmp_path / "enrolment.json"
    write_enrolment(path, ENROLMENT)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=line) as caught:
        load_enrolment(path)
    assert "horse" not in str(caught.value)
