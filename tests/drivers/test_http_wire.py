"""HTTP as cameras speak it: messages, digests and parts, from bytes that may be anything."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.reader.http_digest import best_challenge
from drivers.reader.http_wire import MAX_HEAD_BYTES, Body, Head, HttpError, MessageReader
from drivers.reader.multipart import MAX_TEXT_BYTES, PartScanner, boundary_of

REQUEST = b"POST /plate HTTP/1.1\r\nHost: gate\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"


def read(reader: MessageReader, data: bytes, size: int) -> tuple[list[Head], bytes, int]:
    """Heads, body bytes, and how many messages were complete."""
    heads, body, complete = [], b"", 0
    for at in range(0, len(data), size):
        for piece in reader.feed(data[at : at + size]):
            if isinstance(piece, Head):
                heads.append(piece)
            else:
                body += piece.data
                complete += piece.last
    return heads, body, complete


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("data", [REQUEST, CHUNKED])
def test_a_message_is_the_same_in_whatever_pieces_it_comes(data: bytes, size: int) -> None:
    heads, body, complete = read(MessageReader("request"), data * 3, size)
    assert (len(heads), body, complete) == (3, b"hello" * 3, 3)


def test_a_request_without_a_body_is_complete_with_its_head() -> None:
    assert MessageReader("request").feed(b"GET / HTTP/1.1\r\n\r\n") == [Head("GET / HTTP/1.1", ()), Body(b"", True)]


def test_an_answer_without_a_length_has_no_end() -> None:
    heads, body, complete = read(MessageReader("response"), STREAM + b"x" * 100_000, 4096)
    assert (heads[0].status, len(body), complete) == (200, 100_000, 0)


def test_a_heads_field_is_found_in_any_case_and_each_of_several() -> None:
    head = MessageReader("request").feed(b"GET / HTTP/1.1\r\nWWW-Authenticate: a\r\nwww-authenticate: b\r\n\r\n")[0]
    assert isinstance(head, Head)
    assert (head.every("www-authenticate"), head.get("absent")) == (["a", "b"], "")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999\r\n\r\n",
        # Two lengths for one body are how one request is smuggled in another.
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        b"x" * MAX_HEAD_BYTES,
    ],
)
def test_what_is_no_http_is_refused(data: bytes) -> None:
    with pytest.raises(HttpError):
        read(MessageReader("request"), data, 1000)


@pytest.mark.parametrize("line", [b"", b"ICY 200 OK", b"HTTP/2 200", b"HTTP/1.1 2000 OK"])
def test_an_answer_begins_with_a_status(line: bytes) -> None:
    with pytest.raises(HttpError):
        _ = Head(line.decode(), ()).status


@given(st.lists(st.binary(max_size=300), max_size=20), st.sampled_from(["request", "response"]))
def test_whatever_comes_is_bounded_and_raises_nothing_else(pieces: list[bytes], side: str) -> None:
    reader = MessageReader(side)  # type: ignore[arg-type]
    try:
        for piece in (REQUEST[:30], *pieces):
            reader.feed(piece)
            assert reader.waiting_bytes <= MAX_HEAD_BYTES
    except HttpError:
        return


# RFC 7616 section 3.9.1, both of them published there.
MUFASA = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
RFC_7616 = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


@pytest.mark.parametrize("algorithm", RFC_7616)
def test_the_proof_is_the_one_that_rfc_7616_computes(algorithm: str) -> None:
    challenge = best_challenge([MUFASA.format(algorithm)])
    assert challenge is not None
    answer = challenge.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", CNONCE)
    assert f'response="{RFC_7616[algorithm]}"' in answer
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in answer


def test_the_stronger_of_two_challenges_is_answered() -> None:
    challenge = best_challenge([MUFASA.format("MD5"), MUFASA.format("SHA-256")])
    assert challenge is not None
    assert challenge.algorithm == "SHA-256"


def test_an_old_camera_without_qop_is_answered_as_rfc_2069_says() -> None:
    # Computed: MD5(MD5("gate:cam:secret") ":n:" MD5("GET:/x")).
    challenge = best_challenge(['Digest realm="cam", nonce="n"'])
    assert challenge is not None
    answer = challenge.answer("gate", "secret", "GET", "/x", "unused")
    assert 'response="322641f20b53ced1d3a61edfb07e7a81"' in answer
    assert "unused" not in answer


@pytest.mark.parametrize(
    "header",
    [
        "",
        'Basic realm="cam"',
        "Digest",
        'Digest realm="cam"',
        'Digest realm="cam", nonce="n", algorithm=SHA-512-256',
        'Digest realm="cam", nonce="n", algorithm=MD5-sess',
        'Digest realm="cam", nonce="n", qop="auth-int"',
        'Digest realm="cam", nonce="n", ' + "x" * 5000,
    ],
)
def test_what_cannot_be_answered_with_a_digest_is_not_answered(header: str) -> None:
    assert best_challenge([header]) is None


@given(st.text(max_size=200))
def test_any_header_can_be_looked_at(header: str) -> None:
    best_challenge([header, f"Digest {header}", f'Digest realm="a", nonce="b", {header}'])


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/mixed; boundary=boundary", b"boundary"),
        ('Multipart/Mixed; charset=x; boundary="MIME_boundary"', b"MIME_boundary"),
        ("multipart/form-data; boundary=---------------------------7e13971310878", b"7e13971310878"),
        ("multipart/mixed", None),
        ("application/xml; boundary=x", None),
        ("multipart/mixed; boundary=----", None),
    ],
)
def test_the_boundary_is_found(kind: str, boundary: bytes | None) -> None:
    assert boundary_of(kind) == boundary


def a_part(kind: str, data: bytes, length: int | None = -1) -> bytes:
    said = b"" if length is None else b"Content-Length: %d\r\n" % (len(data) if length < 0 else length)
    return b"--b\r\nContent-Type: " + kind.encode() + b"\r\n" + said + b"\r\n" + data + b"\r\n"


def parts_of(data: bytes, size: int = 1000) -> list[bytes]:
    scanner = PartScanner(b"b")
    return [part.data for at in range(0, len(data), size) for part in scanner.feed(data[at : at + size])]


@pytest.mark.parametrize("size", [1, 3, 64, 100_000])
def test_texts_come_out_and_pictures_do_not(size: int) -> None:
    picture = a_part("image/jpeg", b"\xff\xd8--b\r\n" + bytes(50_000))
    data = a_part("application/xml", b"<a/>") + picture + a_part("application/json", b"{}")
    assert parts_of(data, size) == [b"<a/>", b"{}"]


def test_a_part_without_a_length_ends_at_the_next_boundary() -> None:
    data = a_part("application/xml", b"<a/>", None) + a_part("image/jpeg", bytes(9000), None)
    assert parts_of(data + a_part("text/xml", b"<c/>", None) + b"--b--", 7) == [b"<a/>", b"<c/>"]


@pytest.mark.parametrize("length", [0, 2, 400])
def test_a_length_that_is_wrong_costs_no_more_than_its_own_part(length: int) -> None:
    data = a_part("application/xml", b"<a/>", length) + a_part("application/xml", b"<b/>") * 2
    assert parts_of(data)[-2:] == [b"<b/>", b"<b/>"]


def test_a_part_too_long_for_an_alert_is_not_kept() -> None:
    scanner = PartScanner(b"b")
    for piece in (a_part("application/xml", b"", MAX_TEXT_BYTES + 1), *[bytes(60_000)] * 20):
        assert scanner.feed(piece) == []
        assert scanner.waiting_bytes < 100_000
    endless = [a_part("application/xml", b"", None), *[b"<" * 60_000] * 20]
    assert max(bool(scanner.feed(piece)) + scanner.waiting_bytes for piece in endless) < MAX_TEXT_BYTES + 70_000
    assert scanner.rejected == 2
    assert [part.data for part in scanner.feed(a_part("application/xml", b"<a/>"))] == [b"<a/>"]


def test_a_name_tells_a_text_whose_type_does_not() -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="anpr.xml"\r\nContent-Type: application/octet-stream\r\n'
    assert parts_of(head + b"Content-Length: 4\r\n\r\n<a/>\r\n") == [b"<a/>"]


def test_a_scanner_in_a_stream_of_anything_finds_the_next_part_and_forgets_the_rest() -> None:
    rng = random.Random(5)
    scanner = PartScanner(b"b")
    for _ in range(3000):
        piece = bytearray(a_part("application/xml", b"<a/>") + rng.randbytes(40) + b"--b" * rng.randrange(3))
        piece[rng.randrange(len(piece))] = rng.randrange(256)
        scanner.feed(bytes(piece[rng.randrange(8) :]))
        assert scanner.waiting_bytes < MAX_TEXT_BYTES + len(piece)
    found = [part.data for _ in range(3) for part in scanner.feed(b"\r\n" * 2200 + a_part("application/xml", b"<z/>"))]
    assert b"<z/>" in found


def test_a_challenge_written_to_be_slow_holds_nobody_up() -> None:
    began_s = time.process_time()
    assert best_challenge(["Digest " + "a" * 2000] * 4) is None
    assert time.process_time() - began_s < 0.1
