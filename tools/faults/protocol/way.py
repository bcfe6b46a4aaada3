"""What a schedule does to messages: the broker loses, doubles, reorders and replays them; others forge them."""

from __future__ import annotations

from typing import Final

from central.store.base import Gap
from checkpoint import records, wire
from checkpoint.chain import Link, link
from tools.faults.protocol.computers import Computer
from tools.faults.protocol.ground import Ground, Place, Up, must
from tools.faults.protocol.samples import KNOWN_KEYS, forgery, key_of, tampered

_TICKS_MS: Final = (1, 100, 600, 2_000)


class Way(Ground):
    """Acts take two numbers that choose among what there is."""

    def turn(self, a: int, b: int) -> None:
        """One gate gets a moment to send."""
        self.pass_time(_TICKS_MS[b % len(_TICKS_MS)])
        self.send(self.computer(a))

    def exchange(self, a: int, b: int) -> None:
        """A good moment of the link: all that is on its way arrives, in order, some times over."""
        for _ in range(b % 3 + 1):
            self.turn(a, 3)
            self.carry_all(a, 1)
            self.hear_all(a, 1)

    def carry(self, a: int, b: int) -> None:
        """One message arrives at the collector; b divisible by 3: and stays on its way as well."""
        if self.up:
            at = a % len(self.up)
            self.seen["carried out of order"] += at > 0
            self.to_collector(self.up[at] if b % 3 == 0 else self.up.pop(at))

    def carry_all(self, a: int, b: int) -> None:
        waiting, self.up = self.up, []
        for item in reversed(waiting) if b % 4 == 0 else waiting:
            self.to_collector(item)

    def hear(self, a: int, b: int) -> None:
        """One answer arrives at its gates."""
        if self.down:
            at = a % len(self.down)
            self.to_gates(*(self.down[at] if b % 3 == 0 else self.down.pop(at)))

    def hear_all(self, a: int, b: int) -> None:
        waiting, self.down = self.down, []
        for item in reversed(waiting) if b % 4 == 0 else waiting:
            self.to_gates(*item)

    def lose(self, a: int, b: int) -> None:
        """Everything on its way in one direction is lost."""
        lost = self.up if b % 2 else self.down
        self.seen["lost"] += bool(lost)
        lost.clear()

    def reconnect(self, a: int, b: int) -> None:
        self.computer(a).core.on_connected()

    def old_message(self, a: int, b: int) -> None:
        """Anything that any gate ever sent, once more."""
        if self.sent:
            self.seen["old message"] += 1
            self.to_collector(self.sent[a * 31 % len(self.sent)], retained=b % 2 == 1)

    def old_answer(self, a: int, b: int) -> None:
        if self.answers:
            self.seen["old answer"] += 1
            self.to_gates(*self.answers[a * 31 % len(self.answers)])

    def forge_answer(self, a: int, b: int) -> None:
        if not self.answers:
            return
        self.seen["forged answer"] += 1
        gate, data = self.answers[-1 - a % min(8, len(self.answers))]
        forged = forgery(wire.unpack_answer(data, KNOWN_KEYS), b)
        for computer in self.computers:
            before = {state.epoch: state for state in computer.epochs()}
            if computer.gate == gate:
                effect = self.hear_one(computer, forged)
                must(effect in ("refused", "ignored"), "a false answer changes nothing", effect)
            must(before == {state.epoch: state for state in computer.epochs()}, "a false answer changes nothing")

    def tamper(self, a: int, b: int) -> None:
        """A batch that was changed on its way: nothing of it may be stored and nobody is answered."""
        batches = [item for item in self.sent if item[1] == "records"]
        if not batches:
            return
        self.seen["changed batch"] += 1
        gate, _, data = batches[a * 31 % len(batches)]
        before = self.stored()
        for topic_gate, changed in tampered(gate, wire.unpack_batch(data), b):
            must(self.ingest.batch(topic_gate, changed) == [], "a changed batch gets no answer", b % 6)
        must(before == self.stored(), "nothing of a changed batch is stored", b % 6)

    # Gate to collector

    def send(self, computer: Computer) -> None:
        for message in computer.due():
            item = (computer.gate, message.topic, message.payload)
            if message.retain:
                self.retained[computer.gate] = message.payload
            if message.topic == "records":
                self._check_order(computer, message.payload)
            self.up.append(item)
            self.sent.append(item)

    def _check_order(self, computer: Computer, data: bytes) -> None:
        """I3: of everything that waits on this disk, the oldest epoch goes first."""
        epoch = wire.unpack_batch(data).epoch
        for state in computer.epochs():
            if state.epoch == epoch:
                break
            must(not state.unsent, "older epochs are sent before newer ones", state.epoch, epoch)

    def to_collector(self, item: Up, *, retained: bool = False) -> None:
        gate, topic, payload = item
        if topic == "alarm":
            self.ingest.alarm(gate, payload)
            self._check_alarm(gate, payload)
            return
        if topic == "state":
            answers = self.ingest.hello(gate, payload, retained=retained)
        else:
            answers = self._batch(gate, payload)
        self.answered(gate, answers)

    def _check_alarm(self, gate: str, payload: bytes) -> None:
        """I4: the copy of an alarm opens its case, or finds it there."""
        copy = wire.unpack_alarm(payload, key_of(gate).public_key())
        header = records.decode_header(bytes(copy.header))
        case = self.store.case(self.gate_no(gate), header.epoch, header.number, "gate")
        must(header.kind != "fault" or case is not None, "I4: a copy opens its case at once", header.number)

    def answered(self, gate: str, answers: list[wire.Answer]) -> None:
        self.ever |= self.stored()
        for answer in answers:
            self._check_answer(answer)
            packed = (gate, self.ingest.sign(answer))
            self.genuine[packed[1]] = answer
            self.down.append(packed)
            self.answers.append(packed)

    def _batch(self, gate: str, payload: bytes) -> list[wire.Answer]:
        batch = wire.unpack_batch(payload)
        links = [link(bytes(raw)) for raw in batch.headers]
        places = {(gate, batch.epoch, item.header.number, item.head) for item in links}
        before, gaps = self.stored(), self._gaps(gate, batch.epoch)
        answers = self.ingest.batch(gate, payload)
        must(len(answers) == 1, "a batch of an honest gate is answered once", len(answers))
        must(answers[0].stored_through <= links[-1].header.number, "an answer names no more than the question")
        if joins(gate, links, before, gaps):
            must(places <= self.stored(), "a batch that joins what is known is stored whole", links[0].header.number)
        else:
            self.seen["batch too early"] += 1
            must(self.stored() == before, "a batch that starts too early is not stored", links[0].header.number)
        return answers

    def _gaps(self, gate: str, epoch: bytes) -> list[Gap]:
        state = self.store.epoch(self.gate_no(gate), epoch)
        return self.store.gaps(state.id) if state else []

    def _check_answer(self, answer: wire.Answer) -> None:
        """It claims nothing that is neither stored nor noted as a gap, and its head is the one there."""
        state = self.store.epoch(self.gate_no(answer.gate), answer.epoch)
        if state is None:
            raise AssertionError("an answer about an epoch that the collector does not know")
        heads: dict[int, bytes | None] = {
            number: head for number, side, head in self.store.lines(state.id, 1, answer.stored_through) if not side
        }
        for gap in self.store.gaps(state.id):
            heads |= dict.fromkeys(range(gap.first, gap.last))
            heads[gap.last] = gap.head_after
        claimed = set(range(1, answer.stored_through + 1))
        must(claimed <= set(heads), "an answer claims only what is stored or noted as a gap", answer.stored_through)
        here = heads[answer.stored_through] if answer.stored_through else records.ZERO_HEAD
        must(answer.head == here, "an answer names the head that is stored there", answer.stored_through)

    # Collector to gate

    def to_gates(self, gate: str, data: bytes) -> None:
        for computer in self.computers:
            if computer.gate == gate:
                self.hear_one(computer, data)

    def hear_one(self, computer: Computer, data: bytes) -> str:
        """Give an answer to one gate, and keep our own book of what it may believe."""
        asked = computer.asked
        watermarks = {state.epoch: state.watermark for state in computer.epochs()}
        effect = computer.core.answer(data, computer.now())
        self.seen[f"answer {effect}"] += 1
        if effect == "refused":
            return effect
        answer = self.genuine.get(data) or wire.unpack_answer(data, KNOWN_KEYS)
        if effect == "counted":
            must(answer.echo_nonce in asked.true_ms, "an answer that counts echoes a question of this process")
            counted = asked.counted.setdefault(answer.epoch, {})
            must(answer.echo_nonce >= max(counted, default=b""), "no answer counts after one to a later question")
            counted[answer.echo_nonce] = answer.stored_through
            self.seen["watermark set back"] += answer.stored_through < watermarks[answer.epoch]
        elif effect == "ignored" and answer.stored_through < watermarks.get(answer.epoch, 0):
            asked.doubted = max(asked.true_ms, default=b"")
        return effect


def joins(gate: str, links: list[Link], stored: set[Place], gaps: list[Gap]) -> bool:
    """Whether a run begins at 1 or at something stored, or joins a gap at either end."""
    first = links[0].header
    epoch, number = first.epoch, first.number
    if number == 1 or {(gate, epoch, number, links[0].head), (gate, epoch, number - 1, first.prev)} & stored:
        return True
    for gap in gaps:
        if (number, first.prev) in ((gap.first, gap.head_before), (gap.last + 1, gap.head_after)):
            return True
        if gap.first < number and any((gap.last, gap.head_after) == (i.header.number, i.head) for i in links):
            return True
    return False
