"""`guankou-central pass print`: the code of a pass in the terminal or as a picture, and whole cards as PDF."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from central.command_parts import clear_errors, fail, file_path, hex_bytes, opened, utc_ms

if TYPE_CHECKING:
    from central.config import Config
    from central.printing.card import Card
    from central.printing.printer import Layout
    from central.store.sqlite import SqliteStore

_LAYOUTS: Final = ("sheet", "card", "large")
_MAX_STDIN: Final = 10_000


@click.command("print")
@click.argument("text", required=False)
@click.option("--out", type=file_path, help="PNG, SVG or PDF file; without it the code is drawn in the terminal.")
@click.option("-c", "--config", "config_file", type=file_path, envvar="GUANKOU_CENTRAL", help="The collector's file.")
@click.option("--pass", "pass_ids", multiple=True, help="A pass of the register, 16 hex digits; several times.")
@click.option("--site", help="Every valid pass of a site, by unit.")
@click.option("--unit", help="With --site: only of this unit.")
@click.option("--layout", type=click.Choice(_LAYOUTS), default="sheet", show_default=True, help="Of a PDF.")
@click.option("--contact", default="", help="On every card of a PDF: whom to call.")
def pass_print(
    text: str | None, out: Path | None, config_file: Path | None, pass_ids: tuple[str, ...], site: str | None,
    unit: str | None, layout: Layout, contact: str,
) -> None:  # fmt: skip
    """Draw the QR code of the pass TEXT (`-`: from standard input), or print passes of the register as PDF: sheet (A4,
    ten cards), card (one each page), large (large print)."""
    if bool(text) == bool(pass_ids or site):
        fail("give the text of one pass; or --pass or --site for passes of the register")
    if text:
        _draw(text, out)
        return
    if config_file is None or out is None or out.suffix.lower() != ".pdf":
        fail("passes of the register are printed as PDF: name --config and --out FILE.pdf")
    from central.printing.printer import print_passes

    with opened(config_file) as (config, store):
        cards = _cards(config, store, pass_ids, site, unit, contact)
        pages = print_passes(cards, layout)
        # Whoever can read these has the passes.
        out.touch(mode=0o600)
        out.write_bytes(pages)
    click.echo(f"{len(cards)}: {out}")


def _draw(text: str, out: Path | None) -> None:
    from central.passes import save_code, terminal_code

    content = sys.stdin.read(_MAX_STDIN).rstrip("\r\n") if text == "-" else text
    with clear_errors():
        if out is None:
            click.echo(terminal_code(content))
        elif out.suffix.lower() == ".pdf":
            fail(f"{out}: cards name the place: print a pass of the register (--pass), or draw a .png or .svg")
        else:
            save_code(content, out)


def _cards(
    config: Config, store: SqliteStore, pass_ids: tuple[str, ...], site: str | None, unit: str | None, contact: str
) -> list[Card]:
    from central.people.credentials import credential_of
    from central.people.minting import held_text
    from central.people.office import valid_passes
    from central.printing.card import card_of
    from central.registry import load_tree

    tree, _ = load_tree(config.tree)
    held = [credential_of(store, hex_bytes("--pass", word)) for word in pass_ids]
    if site is not None:
        held += valid_passes(store, site, unit, utc_ms() // 1000)
    if not held:
        fail("no valid pass to print: `people list` shows who has one")
    cards = []
    for one in held:
        place = tree.sites.get(one.site)
        cards.append(
            card_of(
                held_text(config, one, device=True),
                place_zh=place.name_zh if place else one.site,
                place_en=place.name_en if place else "",
                name=one.name,
                zone=config.content.zones.get(one.site, config.content.collector.zone),
                contact=contact,
            )
        )
    return cards
