"""Makes the pictures of the documents: from running servers, or from made-up moments with `--states`."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from central.keys import load_key
from central.resident import ResidentServer
from central.resident.server import Door
from central.screen import OperatorsServer
from edge.screen import ScreenServer
from edge.status import LaneView, Snapshot
from tests.browser import ARGUMENTS, CHROMIUM, KIOSK, PHONE
from tests.central.resident.sample_desk import TOKEN, SampleDesk
from tools import screen_samples
from tools.board_samples import SampleViews
from tools.demo.office import Office
from tools.demo.people import confirm_fever, go_through
from tools.demo.processes import Town

DESK: Final[ViewportSize] = {"width": 1440, "height": 900}
IMAGES: Final = Path("docs/images")
_STATES: Final = ("wait", "allow", "deny", "escalate", "fault")
_COMMUNITY: Final = "#jiangcheng%2Fwuchang%2Fluojia%2Fguangba"


def main(gate_url: str, collector_url: str, out_dir: Path, watch_s: float = 60.0) -> list[Path]:
    """Pictures of running servers: each state of the gate that comes up while watching, then the operators' page."""
    out_dir.mkdir(parents=True, exist_ok=True)
    with _browser() as browser:
        made = _watch_gate(browser, gate_url, out_dir, watch_s)
        made.append(_picture_board(browser, collector_url, out_dir))
    return made


def states(out_dir: Path) -> list[Path]:
    """Pictures of every state from made-up moments: the same ones each time."""
    out_dir.mkdir(parents=True, exist_ok=True)
    with _browser() as browser:
        made = _picture_states(browser, out_dir)
        server = OperatorsServer("127.0.0.1", 0, SampleViews())
        made.append(_picture_board(browser, f"http://127.0.0.1:{server.start()}/{_COMMUNITY}", out_dir))
        server.stop()
        made.append(_picture_resident(browser, out_dir))
    return made


@contextmanager
def _browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        raise click.ClickException(f"{CHROMIUM} is not installed: apt install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


def _shot(page: Page, path: Path, full: bool = False) -> Path:
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path, full_page=full)
    return path


def _watch_gate(browser: Browser, url: str, out_dir: Path, watch_s: float) -> list[Path]:
    page = browser.new_page(viewport=KIOSK)
    page.goto(url)
    page.locator(".lane").first.wait_for()
    page.mouse.click(5, 5)  # A touch allows sound: without it the footer says that sound is off.
    made: dict[str, Path] = {}
    until_s = time.monotonic() + watch_s
    while time.monotonic() < until_s and len(made) < len(_STATES):
        for state in page.evaluate("[...document.querySelectorAll('.lane')].map(lane => lane.dataset.state)"):
            if state not in made:
                made[state] = _shot(page, out_dir / f"guard-{state}.png")
        page.wait_for_timeout(100)
    page.close()
    return list(made.values())


def _picture_board(browser: Browser, url: str, out_dir: Path) -> Path:
    page = browser.new_page(viewport=DESK)
    page.goto(url)
    page.locator("#tree tr").first.wait_for()
    path = _shot(page, out_dir / "operators.png", full=True)
    page.close()
    return path


def _picture_resident(browser: Browser, out_dir: Path) -> Path:
    desk = SampleDesk()
    server = ResidentServer(Door("127.0.0.1", 0), desk, lambda: desk.now_s() * 1000)
    page = browser.new_page(viewport=PHONE)
    page.goto(f"http://127.0.0.1:{server.start()}/#k={TOKEN}")
    page.locator("#pass[data-mode=online]").wait_for()
    path = _shot(page, out_dir / "resident-pass.png")
    page.close()
    server.stop()
    return path


class _Moment:
    """A gate that lives and shows what it is told."""

    def __init__(self) -> None:
        self.shown: Snapshot = screen_samples.gate(screen_samples.LANES["wait"])
        self.alive = True

    def snapshot(self) -> Snapshot:
        if self.alive:
            self.shown = msgspec.structs.replace(self.shown, at_ms=self.shown.at_ms + 1)
        return self.shown


def _picture_states(browser: Browser, out_dir: Path) -> list[Path]:
    moment = _Moment()
    # A hash in the right form that no PIN matches: the keys look as they do at a gate with a PIN.
    nobody = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    server = ScreenServer("127.0.0.1", 0, moment.snapshot, lambda act: "", nobody)
    page = browser.new_page(viewport=KIOSK)
    page.goto(f"http://127.0.0.1:{server.start()}/")
    page.locator(".lane").wait_for()
    page.mouse.click(5, 5)
    page.locator("#sound:not(.bad)").wait_for()
    made = [_picture_state(page, moment, state, out_dir) for state in _STATES]
    made.append(_picture_lanes(page, moment, out_dir))
    moment.alive = False
    page.wait_for_timeout(4_000)
    made.append(_shot(page, out_dir / "guard-curtain.png"))
    page.close()
    server.stop()
    return made


def _picture_state(page: Page, moment: _Moment, state: str, out_dir: Path) -> Path:
    lane: LaneView = screen_samples.LANES[state]
    moment.shown = screen_samples.troubled_gate(lane) if state == "fault" else screen_samples.gate(lane)
    page.locator(f".lane[data-state={state}]").wait_for()
    return _shot(page, out_dir / f"guard-{state}.png")


def _picture_lanes(page: Page, moment: _Moment, out_dir: Path) -> Path:
    moment.shown = screen_samples.gate(screen_samples.LANES["escalate"], screen_samples.OUTWARD)
    page.locator(".lane").nth(1).wait_for()
    return _shot(page, out_dir / "guard-two-lanes.png")


def of_a_town(out_dir: Path) -> list[Path]:
    """Pictures of a real town: broker, collector and gates with people who come to the east gate meanwhile."""
    with tempfile.TemporaryDirectory(prefix="guankou-pictures-") as folder:
        Path(folder).chmod(0o711)
        town = Town(Path(folder))
        try:
            town.set_up()
            town.start()
            office = Office(load_key(town.folder / "central" / "keys", "issuer"))
            coming = threading.Thread(target=_people_come, args=(town, office), daemon=True)
            coming.start()
            gate = f"http://127.0.0.1:{town.gate_ports['garden-east']}/"
            made = main(gate, f"http://127.0.0.1:{town.screen_port}/", out_dir, watch_s=75.0)
            coming.join()
        finally:
            town.close()
    return made


def _people_come(town: Town, office: Office) -> None:
    """Enough people for every state of the screen."""
    east, west = town.streets["east"], town.streets["west"]
    for _ in range(3):
        go_through(west, office.resident(site="lakeside"))
        go_through(east, office.resident())
    go_through(east, office.visitor(expired=True))
    confirm_fever(east, office.resident())
    east.thermometer.set(fault="unplug")
    time.sleep(6.0)
    east.thermometer.set(fault="replug")
    go_through(west, office.resident(site="lakeside"))


@click.command()
@click.option("--states", "only_states", is_flag=True, help="Made-up moments instead of a running town.")
@click.option("--gate", "gate_url", help="Take a gate that runs already, and --collector.")
@click.option("--collector", "collector_url")
@click.option("--out", "out_dir", default=IMAGES, show_default=True, type=click.Path(path_type=Path))
def command(only_states: bool, gate_url: str | None, collector_url: str | None, out_dir: Path) -> None:
    """Make the pictures of the documents anew."""
    if only_states:
        made = states(out_dir)
    elif gate_url and collector_url:
        made = main(gate_url, collector_url, out_dir)
    else:
        made = of_a_town(out_dir)
    for path in made:
        click.echo(path)


if __name__ == "__main__":
    command()
