"""The gate put together: the one place that names concrete classes. Everything below it is handed what it needs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoint import cose, seal
from checkpoint.formats.city import CityCode
from checkpoint.policy_schema import Policy
from checkpoint.reasons import OVERRIDES
from checkpoint.records import ClockSet, Kind, Payload
from edge import facts
from edge.blind import Blind
from edge.city_codes import CityReason
from edge.city_wiring import city_desk
from edge.clock import Moment, SystemClock, read_boot_id
from edge.clock_trust import ClockKeeper, kernel_synchronised
from edge.core import Core, FaultSeen, LaneFact, Noted, Ports, Run
from edge.document_desk import DocumentDesk
from edge.downlink import Downlink
from edge.drill import DrillDesk
from edge.effects import ClearPass, TellSite
from edge.faults import FaultBook
from edge.keys import load_key, load_or_make_secret
from edge.lane_mask import wants_looks
from edge.lanes import build_lanes, place_codes, save_levels
from edge.link_watch import LinkWatch
from edge.mqtt import LinkSettings
from edge.outbox import Identity, Outbox, Stored
from edge.outbox_reader import OutboxReader
from edge.parts import Replaced, build_parts
from edge.rulebook import Rulebook
from edge.screen.server import ScreenServer
from edge.screen.why import recorded_why
from edge.site import Site
from edge.site_ledger import SiteLedger
from edge.site_use import SiteUse
from edge.snapshot import LinkView, snapshot_of
from edge.standing import is_meant
from edge.status import SOMEBODY_ELSE, GuardAct, Snapshot
from edge.uplink import UplinkCore
from edge.uplink_runner import (
    CommandArrived,
    Delivered,
    DocumentArrived,
    RetainedCommand,
    SiteHeard,
    UplinkRunner,
    subscriptions,
)
from edge.uplink_values import Conflict, Damaged, Keys, Settings, SignedTime
from edge.watchdog import GateWatch, LastWords
from firmware_config.schema import Enrolment, GateFile
from webscreen.heart import Heart
from webscreen.supervisor import Ward

_log = structlog.get_logger(__name__)

SOFTWARE: Final = f"guankou {version('guankou')}"
_SAVE_LEVELS_MS: Final = 60_000
# Documents whose time comes, and those that the disk did not take, wait so long at most.
_PROMOTE_MS: Final = 5_000
_SNAPSHOT_MS: Final = 250
# What a guard does only with a reason from the table.
_GIVES_REASON: Final = frozenset({"admit", "open", "clear_passback", "walk_up"})
# Without an answer for so many heartbeats the gate works by itself, and says so.
_SILENT_HEARTBEATS: Final = 3


class Gate:
    """One running gate. `start` and `stop` from the main thread."""

    def __init__(self, file: GateFile, enrolment: Enrolment) -> None:
        self._file = file
        self._enrolment = enrolment
        self._folder = Path(file.gate.data_dir)
        boot_id = read_boot_id()
        self._keeper = ClockKeeper(self._folder / "clock.json", boot_id, kernel_synchronised)
        self._clock = SystemClock(boot_id, self._keeper.believe, self._keeper.stamp)
        now = self._clock.now()
        grids = tuple(reversed(enrolment.grid_path.split("/")))
        here = (enrolment.gate, enrolment.site, *grids)
        root = bytes.fromhex(enrolment.root_key)
        self._downlink = Downlink(self._folder / "documents", root, here, enrolment.minimum_versions)
        silent_s = _SILENT_HEARTBEATS * file.broker.heartbeat_s
        zone = ZoneInfo(file.gate.timezone)
        self._rulebook = Rulebook(file.gate.attendance, here, self._keeper.agreed_ms, silent_s, zone)
        key = load_key(self._folder / "gate.key")
        self._ledger = SiteLedger(enrolment.gate, self._folder / "site.db")
        self._site = Site(enrolment.site, enrolment.gate, file.broker.heartbeat_s, self._ledger, key, self._say)
        self._documents = DocumentDesk(self._downlink, self._rulebook, key, self._site.link, self._record)
        refused = self._documents.load()
        path = self._folder / "outbox.db"
        self._outbox = self._open_outbox(path)
        blind = Blind(load_or_make_secret(self._folder / "blind.key"))
        site_use = SiteUse(enrolment.gate, self._ledger, zone)
        place = place_codes(file, self._folder)
        lanes = build_lanes(file, enrolment, self._rulebook.world(None, now), self._folder, blind, site_use, place)
        self._link_watch = LinkWatch(silent_s, now.mono_ms)
        self._uplink = self._build_uplink(key, boot_id, path, here)
        self._parts = build_parts(file, self._post)
        self._city = city_desk(file, self._city_answered) if file.city_codes else None
        ports = Ports(
            self._parts.move,
            self._copy,
            self._complete,
            self._uplink.wake,
            self._every_turn,
            self._at_site,
            self._ask_city,
        )
        self._core = Core(lanes, self._outbox, self._clock, FaultBook(self._folder / "faults.msgpack"), ports)
        self._core.undated = self._keeper.undated
        # A torn file is on record before anybody wonders what this gate goes by.
        self._documents.put_on_record(refused)
        self._drill = DrillDesk(self._folder, boot_id, self._recorded, self._uplink.version)
        self._thread = threading.Thread(target=self._core.run, name="core", daemon=True)
        self._last_words = LastWords(self._folder / "hung")
        self._snapshot = self._make_snapshot(now)
        self._snapshot_ms = self._saved_ms = self._promoted_ms = 0
        self._told: Policy | None = None
        self._screen = ScreenServer(
            file.screen.host,
            file.screen.port,
            lambda: self._snapshot,
            self._guard_acts,
            file.screen.guard_pin_hash,
            why=partial(recorded_why, self._folder),
        )
        self._watch = GateWatch(
            self._core.heart, self._screen.heart, self._uplink, self._parts, self._post, self._city_heart
        )

    def start(self) -> int:
        """Everything runs on return; gives the screen's port."""
        # First what can fail: an address that is taken.
        port = self._screen.start()
        self._last_words.tell(self._post)
        self._thread.start()
        self._uplink.start()
        self._parts.start()
        if self._city is not None:
            self._city.start()
        return port

    def wards(self) -> list[Ward]:
        """Every thread, for the supervisor."""
        return self._watch.wards()

    def hung(self, name: str) -> None:
        """This thread ends the process; the next run records it."""
        self._last_words.say(name)

    def stop(self) -> None:
        """Devices first, then the core, the epoch's end, and the last words to the collector."""
        self._parts.stop()
        if self._city is not None:
            self._city.stop()
        self._core.stop()
        self._thread.join()
        self._outbox.close("stopped")
        self._ledger.close()
        self._save_levels()
        self._uplink.stop()
        self._screen.stop()

    def _open_outbox(self, path: Path) -> Outbox:
        identity = Identity(self._enrolment.gate, self._enrolment.grid, self._enrolment.tree_version)
        reserve_mib = self._file.outbox.reserve_mib
        outbox, failing = Outbox.open_or_failing(path, identity, self._clock, SOFTWARE, "start", reserve_mib)
        if failing is not None:
            _log.error("starts_without_recording", error=str(failing))
        return outbox

    def _build_uplink(self, key: Ed25519PrivateKey, boot_id: bytes, path: Path, here: tuple[str, ...]) -> UplinkRunner:
        enrolment, broker = self._enrolment, self._file.broker
        collector = [bytes.fromhex(public) for public in enrolment.collector_keys]
        keys = Keys(key, {cose.key_id(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in collector})
        settings = Settings(
            enrolment.gate, self._file.outbox.retain_days, heartbeat_ms=round(broker.heartbeat_s * 1000)
        )
        reader = OutboxReader(path)
        versions = {"software": SOFTWARE, "seal": seal.sealing_public(key).hex()}
        core = UplinkCore(settings, keys, reader, lambda: os.urandom(8), boot_id, versions)
        link = LinkSettings(
            broker.host,
            broker.port,
            f"guankou-{enrolment.gate}",
            enrolment.broker_user,
            enrolment.broker_password,
            broker.keepalive_s,
        )
        listen = subscriptions(enrolment.gate, here, enrolment.site)
        return UplinkRunner(enrolment.gate, core, reader, link, listen, self._clock, self._delivered)

    # --- what other threads say ----------------------------------------------------------------------------------

    def _post(self, item: object) -> None:
        self._core.post(item)  # type: ignore[arg-type]

    def _say(self, topic: str, data: bytes) -> None:
        self._uplink.say(topic, data)

    def _copy(self, stored: Stored) -> None:
        self._uplink.copy(stored.epoch, stored.number)

    def _delivered(self, what: Delivered) -> None:
        """In the uplink's thread."""
        match what:
            case DocumentArrived(topic, data):
                self._post(Run(lambda: self._document(topic, data)))
            case SiteHeard(topic, data):
                self._site.heard(topic, data)
            case SignedTime(at_ms):
                self._post(Run(lambda: self._signed_time(at_ms)))
            case Conflict(epoch, number) | Damaged(epoch, number):
                name = "epoch_conflict" if isinstance(what, Conflict) else "record_damaged"
                self._post(FaultSeen(name, "outbox", "", f"{epoch.hex()}/{number}", 2))
            case RetainedCommand():
                self._post(Noted("note", "retained_command_refused", {}))
            case CommandArrived():
                self._post(Noted("note", "command_refused", {"why": "no command is known"}))

    def _city_answered(self, lane: str, number: int, reason: CityReason) -> None:
        """In the thread that asks, or at once in the core's."""
        self._post(LaneFact(lane, facts.CityAnswered(number, reason)))

    def _city_heart(self) -> tuple[tuple[Heart, Callable[[], Replaced]], ...]:
        return ((self._city.heart, self._replace_city),) if self._city is not None else ()

    def _replace_city(self) -> Replaced:
        """A name that is looked up for ever hangs the thread that asks: nobody else waits for it."""
        if self._city is not None:
            self._city.stop()
        self._city = fresh = city_desk(self._file, self._city_answered)
        fresh.start()
        return Replaced("city", "", fresh.heart)

    def _guard_acts(self, act: GuardAct) -> str:
        """In the screen's thread; an empty answer means taken."""
        if act.lane not in self._core.lanes:
            return f"lane {act.lane!r} is unknown"
        if act.act in _GIVES_REASON and act.reason not in OVERRIDES:
            return f"reason {act.reason!r} is none of {', '.join(OVERRIDES)}"
        if act.act == "measured" and act.object_c is None:
            return "a measurement needs its value: give object_c in degrees Celsius"
        if act.act == "occupants" and act.count is None:
            return "a count needs its number: give count, the people in the vehicle with its driver"
        if not is_meant(act, self._snapshot.lanes):
            return SOMEBODY_ELSE
        if act.act == "assist":
            self._post(LaneFact(act.lane, facts.AssistPressed()))
        elif act.act == "drill_stop":
            self._post(Run(lambda: self._drill.stop("guard")))
        elif act.act == "acknowledge":
            self._post(Noted("note", "acknowledged", {"lane": act.lane, "passage": act.passage}))
        else:
            decided = facts.GuardDecided(
                act.act,
                act.passage,
                act.reason,
                "guard",
                act.object_c,
                act.plate,
                act.visited,
                act.number,
                act.count,
                act.stands,
            )
            self._post(LaneFact(act.lane, decided))
        return ""

    # --- in the core's thread ------------------------------------------------------------------------------------

    def _complete(self, at_ms: int, epoch: bytes, number: int) -> None:
        self._keeper.told(at_ms)
        self._uplink.complete(at_ms, epoch, number)

    def _record(self, kind: Kind, payload: Payload) -> None:
        self._core.record(kind, payload)

    def _recorded(self, kind: Kind, payload: Payload) -> bool:
        self._core.record(kind, payload)
        return self._core.recording

    def _document(self, topic: str, data: bytes) -> None:
        self._documents.arrived(topic, data)
        self._documents.take_waiting(self._known_ms(self._clock.now()))

    def _known_ms(self, now: Moment) -> int | None:
        """The time, as far as anybody can be believed about it."""
        return now.at_ms if now.trusted else self._keeper.signed_now_ms(now)

    def _at_site(self, effect: TellSite | ClearPass) -> None:
        """Somebody went through, or was cleared: into the ledger, from which the site's other gates are told."""
        match effect:
            case TellSite(crossing, dated):
                self._ledger.take(crossing, dated)
            case ClearPass(pass_id, passage, at_ms):
                self._ledger.clear(pass_id, passage, at_ms)

    def _ask_city(self, lane: str, number: int, code: CityCode) -> None:
        if self._city is not None:
            self._city.ask(lane, number, code)

    def _signed_time(self, at_ms: int) -> None:
        now = self._clock.now()
        self._rulebook.confirmed(now)
        self._clock_record(self._keeper.signed_time(at_ms, now, self._core.undated))

    def _clock_record(self, record: ClockSet | None) -> None:
        if record is not None:
            self._core.record("clock", record)
            self._ledger.correct(record.offset_ms)

    def _every_turn(self, now: Moment) -> None:
        """After each item and tick: the world that lanes see, and the snapshot that screens show."""
        age_s = self._uplink.age_s(now)
        self._drill.turn(now)
        world = replace(self._rulebook.world(age_s, now, bool(self._site.link.apart(now))), drill=self._drill.now)
        for name, lane in self._core.lanes.items():
            lane.enter(world)
            self._parts.want_mask(name, wants_looks(lane))
        for item in self._link_watch.items(self._uplink.word(now), age_s, now.mono_ms):
            self._post(item)
        if world.policy is not self._told:
            self._told = world.policy
            self._uplink.version("policy", f"{world.policy.id} v{world.policy.version}")
        for part, text in self._documents.news().items():
            self._uplink.version(part, text)
        if now.mono_ms - self._saved_ms >= _SAVE_LEVELS_MS:
            self._saved_ms = now.mono_ms
            self._save_levels()
        if now.trusted and now.mono_ms - self._promoted_ms >= _PROMOTE_MS:
            self._promoted_ms = now.mono_ms
            self._documents.promote(now.at_ms // 1000)
        self._site.turn(now, self._uplink.connected, world.policy)
        self._documents.take_waiting(self._known_ms(now))
        if self._core.recording:
            self._clock_record(self._keeper.settled(now, self._core.undated))
        fresh = self._make_snapshot(now)
        if now.mono_ms - self._snapshot_ms >= _SNAPSHOT_MS or _differs(fresh, self._snapshot):
            self._snapshot, self._snapshot_ms = fresh, now.mono_ms
            self._uplink.faults(tuple(fault.name for fault in self._core.book.open))

    def _save_levels(self) -> None:
        try:
            save_levels(self._core.lanes, self._folder)
        except OSError as error:
            _log.warning("level_not_saved", error=str(error))

    def _make_snapshot(self, now: Moment) -> Snapshot:
        silent_s = _SILENT_HEARTBEATS * self._file.broker.heartbeat_s
        link = LinkView(self._uplink.age_s(now), self._uplink.word(now), self._uplink.depth, silent_s)
        return snapshot_of(
            self._file,
            self._enrolment,
            self._core.lanes,
            self._core.book,
            link,
            self._rulebook.policy(now),
            self._core.recording,
            now,
            self._drill.view(now),
        )


def _differs(one: Snapshot, other: Snapshot) -> bool:
    """Whether the screen would look different, apart from the time."""
    same = msgspec.structs.replace(one, at_ms=other.at_ms, mono_ms=other.mono_ms, link_age_s=other.link_age_s)
    return same != other
