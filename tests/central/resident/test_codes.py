"""Facts about what the page's own script makes: the same QR codes and the same texts as the project's Python."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page

from central.passes import new_claims
from checkpoint import cose
from checkpoint.formats import gk1
from checkpoint.formats.gk1_variants import device_text, pass_key, step_text
from drivers.decoder.decoder import Decoder
from tests.central.resident.conftest import Served, phone
from tests.central.resident.sample_desk import KEY, SITE, SampleDesk, secret_of

pytestmark = pytest.mark.end_to_end
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
NOW_S = 1_790_000_000
STEP = NOW_S // 30


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page that has the scripts at hand."""
    served = Served(SampleDesk())
    with phone(browser) as held:
        held.open(served.url)
        yield held.page
    served.stop()


def _draws(page: Page, texts: list[list[str]]) -> list[dict[str, Any]]:
    made = page.evaluate(
        "texts => import('/static/qr.js').then(qr => JSON.stringify(texts.map(pair => qr.encode(...pair))))", texts
    )
    return json.loads(made)


def _picture(code: dict[str, Any]) -> np.ndarray:
    modules = np.pad(np.array(code["modules"], np.uint8), 4)
    return np.kron(np.where(modules, 0, 255).astype(np.uint8), np.ones((4, 4), np.uint8))


def _texts() -> list[list[str]]:
    chance = random.Random(20)
    lengths = [1, 2, 3, 25, 26, 60, 99, 150, 204, 222, 261, 303, 331, 349, 388, 424, 470, 502]
    short = [["".join(chance.choices(ALPHABET, k=length)), level] for length in lengths for level in ("L", "M")]
    links = [[f"https://pass.example.cn/#k={'aB_-' * length}", level] for length in (1, 6, 30) for level in ("L", "M")]
    return short + links


def test_every_code_is_read_back_by_the_gates_decoder(page: Page) -> None:
    texts = _texts()
    for (text, _), code in zip(texts, _draws(page, texts), strict=True):
        [found] = Decoder().decode_thoroughly(_picture(code)).codes
        assert found.payload.decode() == text


def test_codes_are_those_of_another_encoder_to_the_module(page: Page) -> None:
    texts = _texts()
    compared = 0
    for (text, level), code in zip(texts, _draws(page, texts), strict=True):
        other = segno.make_qr(text, error=level, boost_error=False, mask=code["mask"])
        assert other.version == code["version"]
        # segno adds a zero byte where the terminator ends on a byte (ISO/IEC 18004, 7.4.10 wants none).
        if _ends_on_a_byte(text, code["version"]):
            continue
        compared += 1
        assert [list(row) for row in other.matrix] == code["modules"], (text, level)
    assert compared >= 30


def _ends_on_a_byte(text: str, version: int) -> bool:
    if not set(text) <= set(ALPHABET):
        return True
    return (4 + (9 if version < 10 else 11) + len(text) // 2 * 11 + len(text) % 2 * 6 + 4) % 8 == 0


def test_a_long_code_is_drawn_with_less_correction_so_that_its_squares_stay_large(page: Page) -> None:
    short, long = _draws(page, [["A" * 311], ["A" * 424]])
    assert (short["version"], short["level"]) == (10, "M")
    assert (long["version"], long["level"]) == (11, "L")


def test_a_text_that_fits_no_version_is_refused(page: Page) -> None:
    with pytest.raises(Exception, match="do not fit"):
        _draws(page, [["A" * 700]])


@pytest.mark.parametrize("seed", range(4))
def test_the_phones_step_code_is_the_gates_own(page: Page, seed: int) -> None:
    claims = replace(new_claims("resident", (SITE,), NOW_S, None), pass_id=sha256(b"%d" % seed).digest()[:8])
    text = gk1.issue(claims, KEY)
    key = pass_key(secret_of(5), claims.pass_id)
    made = page.evaluate(
        """async ([text, id, key, step]) => {
          const codes = await import('/static/codes.js');
          return codes.stepCode(text, codes.fromHex(id), await codes.stepKey(key), step);
        }""",
        [text, claims.pass_id.hex(), key.hex(), STEP],
    )
    assert made == step_text(text, claims.pass_id, key, STEP)


def test_the_phones_device_code_is_the_gates_own(page: Page) -> None:
    key = Ed25519PrivateKey.from_private_bytes(sha256(b"phone").digest())
    claims = replace(new_claims("resident", (SITE,), NOW_S, None), device_key=cose.public_bytes(key))
    text = gk1.issue(claims, KEY)
    # RFC 8410, section 7: a private key as PKCS#8.
    pkcs8 = bytes.fromhex("302e020100300506032b657004220420") + key.private_bytes_raw()
    made = page.evaluate(
        """async ([text, pkcs8, step]) => {
          const codes = await import('/static/codes.js');
          const key = await crypto.subtle.importKey("pkcs8", codes.fromHex(pkcs8), "Ed25519", false, ["sign"]);
          return codes.deviceCode(text, key, step);
        }""",
        [text, pkcs8.hex(), STEP],
    )
    assert made == device_text(text, key, STEP)


def test_keys_in_the_phone_can_be_used_and_not_read(page: Page) -> None:
    readable = page.evaluate(
        """async () => {
          const codes = await import('/static/codes.js');
          const step = await codes.stepKey("00".repeat(32)), device = await codes.newDeviceKey();
          return [step.extractable, device.key.extractable, device.public.length];
        }"""
    )
    assert readable == [False, False, 64]


def test_base45_goes_there_and_back_and_refuses_the_rest(page: Page) -> None:
    samples = [random.Random(seed).randbytes(seed) for seed in range(1, 40)]
    back = page.evaluate(
        """all => import('/static/codes.js').then(codes =>
             all.map(hex => codes.hexOf(codes.fromBase45(codes.base45(codes.fromHex(hex))))))""",
        [sample.hex() for sample in samples],
    )
    assert back == [sample.hex() for sample in samples]
    for wrong in ("A", "GGW", ":::", "a0", "ÄÖ"):
        with pytest.raises(Exception, match="not base45"):
            page.evaluate("text => import('/static/codes.js').then(codes => codes.fromBase45(text))", wrong)
