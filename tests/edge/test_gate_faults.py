"""Bad codes and failing surroundings, met by the running gate: nothing opens that should not, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from checkpoint import topics
from checkpoint.records import Cleared, Egress, Fault, Note, OutcomeOf, Override, Verdict
from firmware_config.load import write_enrolment
from tests.edge.broker import Broker
from tests.edge.gate_process import UNLIMITED, GateProcess, enrolment, read_records
from tests.edge.model_collector import COLLECTOR_KEY, GATE_KEY, ModelCollector
from tests.waiting import wait_for
from tools.demo.street import EXIT_BUTTON

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[GateProcess]:
    gate = GateProcess(tmp_path)
    yield gate
    gate.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.kill()


def verdicts(gate: GateProcess) -> list[str]:
    return [verdict.verdict for verdict in gate.payloads(Verdict)]


def next_person(gate: GateProcess) -> None:
    """Shows a code until the gate has judged it, and goes on."""
    before = len(verdicts(gate))
    gate.show_code()
    wait_for(lambda: len(verdicts(gate)) > before, "a verdict")
    gate.street.lower()


# --- codes -----------------------------------------------------------------------------------------------------------

FOLDER_LANE = """
[[lanes]]
name = "lane-{number}"
direction = "in"
camera = {{ driver = "folder", options = {{ path = "{photos}", hold_ms = 6000, loop = false }} }}
"""
# A refusal is shown for five seconds, and only then is the next code looked at: so the photos are shared out.
LANES = 4
# What is on the photo, and what the record says of it: reason and value of the check `pass`.
CODES: list[tuple[str, bytes | str, str, str]] = [
    ("health", "HC1:6BFOXN*TS0BI$ZD.P9UQ", "format_not_enabled", "HC1"),
    ("smart", "shc:/5676290952432060346029", "format_not_enabled", "SHC"),
    ("step", "GK1T:ABC", "pass_malformed", "GK1T"),
    ("device", "GK1K:ABC", "pass_malformed", "GK1K"),
    ("broken", "GK1:NOT BASE45 ~", "pass_malformed", "GK1"),
    ("long", "GK1:" + "A" * 1200, "pass_too_long", "GK1"),
    ("menu", "https://example.org/menu", "not_a_pass", "hmac:"),
    ("chinese", "请出示通行码", "not_a_pass", "hmac:"),
    ("bytes", bytes(range(128, 228)), "not_a_pass", "hmac:"),
    ("largest", "9" * 5000, "not_a_pass", "hmac:"),
    ("bomb", b"\x28\xb5\x2f\xfd" + bytes(200), "not_a_pass", "hmac:"),
]


def lay_out(folder: Path) -> str:
    """One folder of photos for each lane; gives the lanes of the gate file."""
    lanes = ""
    for lane in range(LANES):
        photos = folder / f"photos-{lane}"
        photos.mkdir()
        for number, (name, content, _, _) in list(enumerate(CODES))[lane::LANES]:
            code = segno.make(content, micro=False, error="l", boost_error=False)
            code.save(str(photos / f"{number:02}-{name}.png"), scale=4 if name == "largest" else 6, border=4)
        lanes += FOLDER_LANE.format(number=lane, photos=photos).replace("{", "{{").replace("}", "}}")
    last = folder / f"photos-{LANES - 1}"
    parts = segno.make_sequence("https://example.org/in-two-parts-that-belong-together", symbol_count=2)
    parts[0].save(str(last / "80-part.png"), scale=6, border=4)
    (last / "01-torn.png").write_bytes((folder / "photos-0" / "00-health.png").read_bytes()[:60])
    (last / "02-text.png").write_text("no picture")
    return lanes


def test_every_code_that_is_no_pass_is_turned_away_and_recorded_without_its_text(tmp_path: Path) -> None:
    gate = GateProcess(tmp_path, lay_out(tmp_path))
    try:
        gate.start()
        assert gate.page["lanes"][0]["notes"] == [{"zh": "无法确认为同一人", "en": "Can't tell that it is one person"}]
        wait_for(lambda: len(verdicts(gate)) > len(CODES), "a verdict on every code and on the part of one", 60)
    finally:
        gate.close()
    found = {
        f"lane-{lane}": [v for v in gate.payloads(Verdict) if v.where.lane == f"lane-{lane}"] for lane in range(LANES)
    }
    for number, (name, _, reason, value) in enumerate(CODES):
        verdict = found[f"lane-{number % LANES}"][number // LANES]
        kept = verdict.checks[0].value
        assert (name, verdict.verdict, verdict.reason, kept[: len(value)]) == (name, "deny", reason, value)
        assert len(kept) == (len("hmac:") + 16 if value == "hmac:" else len(value))
    # One part of a code that spans several is no code of its own.
    assert found[f"lane-{LANES - 1}"][-1].reason == "not_a_pass"
    secret = gate.data / "blind.key"
    assert (secret.stat().st_mode & 0o777, secret.stat().st_size) == (0o600, 32)
    assert b"example.org" not in b"".join(path.read_bytes() for path in gate.data.glob("outbox.db*"))
    assert not any("example.org" in line for line in gate.log)


# --- the disk --------------------------------------------------------------------------------------------------------


def assert_degraded(gate: GateProcess, why: str) -> None:
    """The screen is up and says so; nobody is let through by itself; the guard and the exit button still open."""
    before = gate.openings()
    # Whoever comes now is the first that can't be recorded.
    gate.show_code()
    wait_for(lambda: gate.page.get("recording") is False, f"the screen to say 'not recorded'; {gate.log[-3:]}")
    wait_for(lambda: gate.shows_fault(why), f"the fault on the screen, which shows {gate.faults()}")
    lane = gate.page["lanes"][0]
    assert (lane["state"], lane["reason"]["en"]) == ("fault", "Nothing can be recorded")
    gate.show_code()
    # That nothing opens can only be seen by waiting for longer than an opening takes.
    time.sleep(2.0)
    gate.street.lower()
    assert gate.openings() == before
    gate.street.guard_acts("open", "known_resident")
    wait_for(lambda: gate.openings() == before + 1, "the guard's opening")
    wait_for(lambda: not gate.street.is_open(), "the end of the guard's opening")
    gate.street.press(EXIT_BUTTON)
    wait_for(lambda: gate.openings() == before + 2, "the exit button's opening")


def assert_healed(gate: GateProcess) -> None:
    """It records again by itself, tells what was missed, and lets people through."""
    wait_for(lambda: gate.page.get("recording") is True, "recording")
    wait_for(lambda: [note.code for note in gate.notes("reconstructed")] == ["override", "egress"], "what was missed")
    (by_guard, _) = gate.notes("reconstructed")
    assert (by_guard.facts["act"], by_guard.facts["reason"]) == ("open", "known_resident")
    wait_for(lambda: gate.page["lanes"][0]["state"] == "wait", "a lane that is free")
    before = gate.openings()
    next_person(gate)
    wait_for(lambda: gate.openings() == before + 1, "an opening by itself")
    assert verdicts(gate)[-1] == "allow"


def test_a_gate_starts_on_a_disk_that_takes_nothing_and_heals_by_itself(gate: GateProcess) -> None:
    gate.start(most_file_bytes=0)
    assert_degraded(gate, "Disk failing")
    assert gate.records() == []
    gate.limit_files(UNLIMITED)
    assert_healed(gate)
    assert [fault.name for fault in gate.payloads(Fault) if fault.device == "outbox"] == ["disk_failing"]
    assert [over.name for over in gate.payloads(Cleared) if over.device == "outbox"] == ["disk_failing"]


def test_a_disk_that_fails_while_the_gate_runs_costs_no_record(gate: GateProcess) -> None:
    gate.start()
    next_person(gate)
    wait_for(lambda: gate.openings() == 1, "an opening")
    wait_for(lambda: gate.payloads(OutcomeOf), "its outcome")
    before = len(gate.records())
    gate.limit_files(0)
    assert_degraded(gate, "Disk failing")
    assert len(gate.records()) == before
    gate.limit_files(UNLIMITED)
    assert_healed(gate)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB for the gate's data, mounted by root."""
    disk = tmp_path / "data"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk; the limit on file sizes above is its unprivileged twin")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this machine may not mount a small disk: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_told_while_the_reserve_lasts_then_nothing_opens_and_space_heals_it(
    small_disk: Path, gate: GateProcess
) -> None:
    gate.start()
    wait_for(lambda: gate.page.get("recording") is True, "the screen")
    ballast = small_disk / "ballast"

    def fill() -> None:
        space = os.statvfs(small_disk)
        with ballast.open("ab") as file:
            file.write(bytes(space.f_bavail * space.f_frsize))

    fill()
    # The next records need the reserve, and that is an alarm while there is still something to be done.
    for _ in range(60):
        gate.street.guard_acts("acknowledge", "")
        if gate.payloads(Fault):
            break
    wait_for(lambda: gate.shows_fault("Disk full"), f"the alarm; {gate.faults()}")
    assert gate.page["recording"] is True
    assert [fault.name for fault in gate.payloads(Fault) if fault.device == "outbox"] == ["disk_full"]
    fill()
    until_s = time.monotonic() + 60
    while gate.page["recording"] and time.monotonic() < until_s:
        gate.street.guard_acts("acknowledge", "")
    assert_degraded(gate, "Disk full")
    ballast.unlink()
    assert_healed(gate)


def test_a_gate_starts_on_a_disk_that_is_mounted_read_only(small_disk: Path, gate: GateProcess) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    gate.start()
    assert_degraded(gate, "Disk failing")
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert_healed(gate)


# --- devices ---------------------------------------------------------------------------------------------------------


def test_an_allow_whose_pulse_fails_is_turned_back_and_the_screen_says_so(gate: GateProcess) -> None:
    gate.start()
    gate.street.relay.unplug()
    wait_for(lambda: gate.shows_fault("Barrier board unplugged"), "the fault")
    next_person(gate)
    wait_for(lambda: gate.payloads(OutcomeOf), "the outcome")
    (outcome,) = gate.payloads(OutcomeOf)
    assert (verdicts(gate), outcome.outcome, outcome.reason) == (["allow"], "turned_back", "barrier_not_moved")
    wait_for(lambda: gate.page["lanes"][0]["reason"]["en"] == "The barrier did not move", "the screen")
    assert gate.openings() == 0
    gate.street.relay.replug()
    wait_for(lambda: not gate.shows_fault("Barrier board unplugged"), "the board")
    wait_for(lambda: gate.page["lanes"][0]["state"] == "wait", "the lane", 40)
    next_person(gate)
    wait_for(lambda: gate.openings() == 1, "an opening")


def test_a_fault_that_ends_while_the_gate_is_dead_is_cleared_after_the_restart(gate: GateProcess) -> None:
    gate.start()
    gate.street.thermometer.set(fault="unplug")
    wait_for(lambda: gate.shows_fault("Thermometer unplugged"), "the fault")
    gate.kill()
    gate.street.thermometer.set(fault=None)
    gate.start()
    wait_for(lambda: [c.name for c in gate.payloads(Cleared)] == ["thermometer_gone"], f"its end; {gate.faults()}")


# --- broker and collector --------------------------------------------------------------------------------------------


class Collector:
    """The model of the contract behind a real client."""

    def __init__(self, port: int) -> None:
        self.model = ModelCollector("gate-7", GATE_KEY.public_key(), COLLECTOR_KEY)
        self.model.now_ms = time.time_ns() // 1_000_000
        self.sent: list[bytes] = []
        self._lock = threading.Lock()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="collector", protocol=MQTTv5)
        self.client.on_message = self._take
        self.client.on_connect = lambda *_: self.listen()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def listen(self) -> None:
        self.client.subscribe("guankou/1/gate/+/+", 1)

    def turn_away(self) -> None:
        self.client.unsubscribe("guankou/1/gate/+/+")

    def _take(self, client: Client, _data: object, message: MQTTMessage) -> None:
        kind = message.topic.rsplit("/", 1)[1]
        if kind not in ("records", "alarm", "state") or message.retain:
            return
        with self._lock:
            for answer in self.model.receive(kind, bytes(message.payload)):
                self.sent.append(answer)
                client.publish(topics.watermark("gate-7"), answer, qos=1)

    def has_all_of(self, gate: GateProcess) -> bool:
        with self._lock:
            stored = {(epoch, number) for epoch, kept in self.model.epochs.items() for number in kept.heads if number}
        return {(header.epoch, header.number) for header, _ in gate.records()} <= stored

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_without_a_broker_the_gate_works_says_so_and_sends_everything_later(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.kill()
    gate = GateProcess(tmp_path, broker_port=broker.port)
    gate.start()
    try:
        wait_for(lambda: gate.shows_fault("Broker unreachable"), "the fault")
        next_person(gate)
        wait_for(lambda: gate.openings() == 1, "an opening")
        broker.start()
        wait_for(lambda: gate.shows_fault("collector does not answer"), "the next fault", 40)
        assert not gate.shows_fault("Broker unreachable")
        collector = Collector(broker.port)
        wait_for(lambda: not gate.faults(), "the end of all faults", 40)
        wait_for(lambda: collector.has_all_of(gate), "everything at the collector")
        told = [fault.name for fault in gate.payloads(Fault) if fault.device == "uplink"]
        assert told == ["broker_unreachable", "collector_absent"]
        collector.stop()
    finally:
        gate.close()
        broker.kill()


def test_a_broker_that_refuses_the_password_is_named_and_the_gate_works(tmp_path: Path) -> None:
    broker = Broker(tmp_path, {"gate-7": "right"})
    gate = GateProcess(tmp_path, broker_port=broker.port)
    gate.start()
    try:
        wait_for(lambda: gate.shows_fault("Broker refused this gate"), f"the fault; {gate.faults()}")
        next_person(gate)
        wait_for(lambda: gate.openings() == 1, "an opening")
        gate.stop()
        (tmp_path / "enrolment.json").unlink()
        write_enrolment(tmp_path / "enrolment.json", enrolment("right"))
        gate.start()
        wait_for(lambda: not gate.shows_fault("Broker refused"), "the right password to be taken", 40)
    finally:
        gate.close()
        broker.kill()


def test_forged_and_replayed_answers_and_a_retained_command_change_nothing(tmp_path: Path, broker: Broker) -> None:
    stranger = Client(CallbackAPIVersion.VERSION2, client_id="stranger", protocol=MQTTv5)
    stranger.connect("127.0.0.1", broker.port)
    stranger.loop_start()
    stranger.publish(topics.command("gate-7"), b"open the barrier", qos=1, retain=True).wait_for_publish(10)
    collector = Collector(broker.port)
    gate = GateProcess(tmp_path, broker_port=broker.port)
    gate.start()
    try:
        wait_for(lambda: collector.has_all_of(gate) and len(gate.records()) > 1, "everything at the collector")
        wait_for(lambda: "retained_command_refused" in [note.code for note in gate.notes("note")], "the note")
        old = list(collector.sent)
        collector.turn_away()
        forged = [answer[:-1] + bytes([answer[-1] ^ 1]) for answer in old]
        for answer in [*old, *forged, b"", bytes(70_000)]:
            stranger.publish(topics.watermark("gate-7"), answer, qos=1)
        # Nobody answers now: if any of those counted, the gate would believe that somebody did.
        wait_for(lambda: gate.shows_fault("collector does not answer"), "the fault", 60)
        next_person(gate)
        wait_for(lambda: gate.openings() == 1, "an opening")
        collector.listen()
        wait_for(lambda: collector.has_all_of(gate), "everything at the collector", 60)
        assert [note for note in gate.notes("note") if note.code == "command_refused"] == []
        assert not gate.shows_fault("Records differ")
    finally:
        gate.close()
        stranger.disconnect()
        stranger.loop_stop()
        collector.stop()


def test_the_records_of_all_this_are_one_chain(gate: GateProcess) -> None:
    gate.start()
    next_person(gate)
    wait_for(lambda: gate.openings() == 1, "an opening")
    gate.kill()
    gate.start()
    wait_for(lambda: gate.payloads(OutcomeOf), "the outcome of the passage that was cut short")
    kinds = [header.kind for header, _ in read_records(gate.data / "outbox.db")]
    assert kinds.count("opened") == 2
    assert kinds.count("verdict") == kinds.count("outcome")
    assert gate.payloads(Override) == []
    assert gate.payloads(Egress) == []
    assert gate.payloads(Note) == []
