"""`guankou-central pass card`: which cards and number plates stand for which pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from central.command_parts import clear_errors, config_option, fail, hex_bytes, json_option, opened, show, utc_ms

if TYPE_CHECKING:
    from central.people.cards import CardNumber, GivenCard

_STATUS: Final = {0: "valid", 1: "revoked", 2: "suspended", 3: "ask"}


def _number_options(command: Callable[..., None]) -> Callable[..., None]:
    """The ways to say which card or plate; one of them."""
    for decorate in (
        click.option("--plate", help="A number plate, such as 赣A12345."),
        click.option("--uid", help="UID of an ISO 14443 A card (13.56 MHz) in hex: 8, 14 or 20 digits."),
        click.option("--em4100", help="Number of a 125 kHz card as a reader gives it: 10 hex digits."),
        click.option("--printed", help="The ten digits on a 125 kHz card, such as 0006547886."),
    ):
        command = decorate(command)
    return command


@click.group("card")
def card() -> None:
    """Cards and number plates that stand for a pass. Anybody can copy them: policies say what they are worth."""


@card.command("add")
@config_option
@click.argument("pass_id")
@_number_options
@click.option("--by", help="Your name, kept with the card; default the login name.")
@json_option
def card_add(config_file: Path, pass_id: str, by: str | None, as_json: bool, **which: str | None) -> None:
    """Give a card or plate to PASS_ID (16 hex digits; `people list` shows them).

    The gates of its site are told, and judge the pass whenever the card is shown: revoked, suspended and expired
    passes stay so. A number belongs to one pass of a site."""
    from getpass import getuser

    from central.people.cards import give_card
    from central.people.rosters import check_room, publish_rosters

    given = _given(which)
    with opened(config_file) as (config, store):
        with store.transaction():
            row = give_card(store, hex_bytes("PASS_ID", pass_id), given, by or getuser(), utc_ms())
            check_room(config, store, row.site, utc_ms())
        gates = publish_rosters(config, store, utc_ms(), site=row.site)
    _told(as_json, given, row.pass_id, row.site, gates)


@card.command("remove")
@config_option
@_number_options
@click.option("--site", help="Where it ends, if several sites know it.")
@json_option
def card_remove(config_file: Path, site: str | None, as_json: bool, **which: str | None) -> None:
    """Take a card or plate back, because it was lost, say. Its pass stays."""
    from central.people.cards import take_card
    from central.people.rosters import publish_rosters

    given = _given(which)
    with opened(config_file) as (config, store):
        with store.transaction():
            row = take_card(store, given, site)
        gates = publish_rosters(config, store, utc_ms(), site=row.site)
    _told(as_json, given, row.pass_id, row.site, gates)


@card.command("list")
@config_option
@click.argument("pass_id", required=False)
@click.option("--site", help="Only this site.")
@json_option
def card_list(config_file: Path, pass_id: str | None, site: str | None, as_json: bool) -> None:
    """Cards and plates, of PASS_ID or of all, with what gates are told of their passes."""
    from central.people.cards import given_cards

    wanted = None if pass_id is None else hex_bytes("PASS_ID", pass_id)
    with opened(config_file) as (_, store):
        for one in given_cards(store, site, wanted):
            values = _values(one)
            line = (
                json.dumps(values, ensure_ascii=False)
                if as_json
                else "  ".join(str(value) for value in values.values())
            )
            click.echo(line)


def _values(one: GivenCard) -> dict[str, Any]:
    return {
        "technology": one.card.technology,
        "number": one.number.shown,
        "pass_id": one.card.pass_id.hex(),
        "site": one.card.site,
        "unit": one.held.unit_label or "-",
        "name": one.held.name or "-",
        "expires": one.held.issued.expires_s,
        "status": _STATUS[one.status],
        "by": one.card.by,
    }


def _given(which: dict[str, str | None]) -> CardNumber:
    """The one number that was named; anything else ends the command."""
    from central.people.cards import hex_number, plate_of, printed_number

    named = [(option, text) for option, text in which.items() if text is not None]
    if len(named) != 1:
        fail("name one card or plate: --printed, --em4100, --uid or --plate")
    [(option, text)] = named
    with clear_errors():
        if option == "printed":
            return printed_number(text)
        if option == "plate":
            return plate_of(text)
        return hex_number("em4100" if option == "em4100" else "iso14443a", text)


def _told(as_json: bool, given: CardNumber, pass_id: bytes, site: str, gates: list[str]) -> None:
    values = {"technology": given.technology, "number": given.shown, "pass_id": pass_id.hex(), "site": site}
    show(as_json, {**values, "gates": gates if as_json else ", ".join(gates) or "-"})
