"""The process that runs a mask model: the operator's file reaches native code here, apart from codes and gate.

Runs as `python -m edge.mask_process` with a socket as its standard input: one MaskModel, answered by MaskReady or
MaskFailed, then pictures, each answered by MaskSeen. Ends when the other end closes.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from edge.child_process import die_with_parent, limit_memory
from edge.vision_messages import MaskFailed, MaskModel, MaskReady, MaskSeen, MessageReader, Picture, frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.vision_messages import Message

# OpenCV alone reserves half a gigabyte of addresses.
MEMORY_MIB: Final = 1024
# Codes come first: on a machine with one free core the model takes what the decoders leave.
_NICER: Final = 10


def main() -> None:
    """The whole life of the process."""
    die_with_parent()
    os.nice(_NICER)
    limit_memory(MEMORY_MIB)
    # Native libraries print warnings; there is nothing between messages but on the standard error.
    os.dup2(2, 1)
    with socket.socket(fileno=os.dup(0)) as line:
        _serve(line)


def _serve(line: socket.socket) -> None:
    from drivers.errors import OptionError

    messages = _messages(line)
    asked = next(messages, None)
    if not isinstance(asked, MaskModel):
        return
    try:
        for answer in _answers(asked, messages):
            line.sendall(frame(answer))
    except OptionError as fault:
        line.sendall(frame(MaskFailed("", str(fault))))
    except MemoryError:
        line.sendall(frame(MaskFailed("", f"mask: the model needs more than {MEMORY_MIB} MiB of addresses")))


def _answers(asked: MaskModel, messages: Iterator[Message]) -> Iterator[Message]:
    from drivers.mask import look_of, read_model

    data = read_model(asked.model)
    # Only now the native library: a file that is not there needs none.
    from drivers.mask.judge import MaskJudge

    judge = MaskJudge(data, asked.kind)
    yield MaskReady("", judge.sha256, judge.describe)
    for message in messages:
        if isinstance(message, Picture):
            look = look_of(judge.faces_in_bytes(message.pixels), asked.face_min, asked.score_min)
            yield MaskSeen("", 0, look.state, look.face_share, look.score, look.faces)


def _messages(line: socket.socket) -> Iterator[Message]:
    reader = MessageReader()
    while data := line.recv(65536):
        yield from reader.feed(data)


if __name__ == "__main__":
    main()
