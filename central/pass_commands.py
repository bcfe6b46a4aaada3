"""`guankou-central pass`: passes are issued, renewed and printed here; `revoke` and its like lie beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from central.card_commands import card
from central.command_parts import (
    DAY_S,
    clear_errors,
    config_option,
    fail,
    file_path,
    hex_bytes,
    json_option,
    opened,
    show,
    utc_ms,
)
from central.import_command import pass_import
from central.print_command import pass_print
from central.revocation_commands import resume, revoke, suspend
from checkpoint.passes import PassClass

if TYPE_CHECKING:
    from central.config import Config
    from central.people.credentials import Credential

_some_config = click.option(
    "-c", "--config", "config_file", type=file_path, envvar="GUANKOU_CENTRAL", help="The collector's file."
)
days_option = click.option(
    "--valid-days", type=click.FloatRange(min=0, min_open=True), help="Default: the longest of its class."
)


@click.group("pass")
def pass_() -> None:
    """Passes."""


pass_.add_command(revoke)
pass_.add_command(suspend)
pass_.add_command(resume)
pass_.add_command(pass_print)
pass_.add_command(pass_import)
pass_.add_command(card)


@pass_.command("issue")
@_some_config
@click.option("--person", type=click.IntRange(1), help="Number in the register (`people list`); needs --config.")
@click.option("--again", is_flag=True, help="Under a new id, when the person's last pass was revoked.")
@click.option("--ask-number", is_flag=True, help="With --again: read the ID number from standard input.")
@click.option("--paper", is_flag=True, help="To be printed, not shown by phone.")
@click.option("--class", "pass_class", type=click.Choice(get_args(PassClass)))
@click.option("--scope", "scopes", multiple=True, help="Site or grid id; may be given several times.")
@click.option("--key", "key_file", type=file_path, help="The issuer's key file.")
@days_option
@click.option("--not-before", type=click.DateTime(), help="UTC; default now.")
@click.option("--household", help="8 hex digits.")
@click.option("--subject", help="Pseudonym of the holder, 16 hex digits; default a new one.")
@click.option("--party", type=click.IntRange(1, 20), default=1, show_default=True)
@click.option("--plate")
@json_option
def pass_issue(
    config_file: Path | None, person: int | None, again: bool, ask_number: bool, paper: bool, as_json: bool,
    valid_days: float | None, not_before: datetime | None, **loose: Any,
) -> None:  # fmt: skip
    """Print the text of a new pass: of a person in the register (--config and --person), where it can be revoked; or
    of nobody in particular (--class, --scope and --key), which is kept nowhere."""
    start_s = int(not_before.replace(tzinfo=UTC).timestamp()) if not_before else None
    if person is None:
        if again or ask_number or paper:
            fail("--again, --ask-number and --paper are for a person of the register: name one with --person")
        _issue_loose(start_s, seconds(valid_days), as_json, **loose)
        return
    if config_file is None:
        fail("--person needs --config, the collector's file")
    from central.people.office import issue_to_person

    number = asked_number() if ask_number else ""
    with opened(config_file) as (config, store):
        held = issue_to_person(
            config, store, person, utc_ms(), lifetime_s=seconds(valid_days), not_before_s=start_s, again=again,
            id_number=number, carrier="paper" if paper else "phone",
        )  # fmt: skip
        show_passes(config, [held], as_json)


def _issue_loose(
    start_s: int | None, lifetime_s: int | None, as_json: bool, *, pass_class: PassClass | None,
    scopes: tuple[str, ...], key_file: Path | None, household: str | None, subject: str | None, party: int,
    plate: str | None,
) -> None:  # fmt: skip
    from central.passes import issue, new_claims

    if pass_class is None or not scopes or key_file is None:
        fail("name --class, --scope and --key; or --config and --person for somebody in the register")
    with clear_errors():
        claims = new_claims(
            pass_class,
            scopes,
            utc_ms() // 1000 if start_s is None else start_s,
            lifetime_s,
            household=hex_bytes("--household", household) if household else None,
            subject=hex_bytes("--subject", subject) if subject else None,
            party_size=party,
            plate=plate,
        )
        text = issue(claims, key_file)
    if as_json:
        show(True, {"pass": text, "pass_id": claims.pass_id.hex(), "subject": claims.subject.hex(),
                    "not_before": claims.not_before_s, "expires": claims.expires_s})  # fmt: skip
    else:
        click.echo(text)


@pass_.command("renew")
@config_option
@click.argument("pass_ids", nargs=-1)
@click.option(
    "--ending-within-days", type=click.FloatRange(min=0), help="Every pass of the register that ends by then."
)
@click.option("--site", help="With --ending-within-days: only of this site.")
@days_option
@json_option
def pass_renew(
    config_file: Path, pass_ids: tuple[str, ...], ending_within_days: float | None, site: str | None,
    valid_days: float | None, as_json: bool,
) -> None:  # fmt: skip
    """Make passes valid from now on, under the same ids: PASS_IDS of 16 hex digits, or all that end soon.

    Printed ones have to be printed again. What the register says by now (unit, plate, party) gets into the pass. Of
    many, those are left out that were revoked, suspended or cut off."""
    from central.people.office import ending_soon, renew_passes

    if bool(pass_ids) == (ending_within_days is not None):
        fail("name either the passes or --ending-within-days")
    with opened(config_file) as (config, store):
        if ending_within_days is None:
            wanted = [hex_bytes("PASS_ID", word) for word in pass_ids]
        else:
            wanted = ending_soon(store, utc_ms() // 1000, int(ending_within_days * DAY_S), site)
        show_passes(config, renew_passes(config, store, wanted, utc_ms(), seconds(valid_days)), as_json)


@pass_.command("walk-up")
@config_option
@click.option("--site", required=True)
@click.option("--class", "pass_class", type=click.Choice(get_args(PassClass)), default="visitor", show_default=True)
@click.option("--name", help="As the guard is told.")
@click.option("--plate", default="")
@click.option("--unit", default="", help="Whom they visit: the unit as the register calls it.")
@click.option("--party", type=click.IntRange(1, 20), default=1, show_default=True)
@click.option("--hours", type=click.FloatRange(min=0, max=24, min_open=True), default=4.0, show_default=True)
@click.option("--out", type=file_path, help="PNG or SVG file for the code; without it the code is drawn here.")
@json_option
def pass_walk_up(
    config_file: Path, site: str, pass_class: PassClass, name: str | None, plate: str, unit: str, party: int,
    hours: float, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """A pass for one entry, for somebody who stands there without a pass or a phone."""
    from central.passes import save_code, terminal_code
    from central.people.minting import held_text
    from central.people.registering import Entry
    from central.people.visitors import walk_up

    entry = Entry(site=site, pass_class=pass_class, unit_label=unit, name=name or "访客", plate=plate, party_size=party)
    with opened(config_file) as (config, store):
        held = walk_up(config, store, entry, utc_ms() // 1000, int(hours * 3600))
        show_passes(config, [held], as_json)
        if out is not None:
            save_code(held_text(config, held), out)
        elif not as_json:
            click.echo(terminal_code(held_text(config, held)))


def show_passes(config: Config, passes: Sequence[Credential], as_json: bool) -> None:
    """A line for each: for a program everything about it, for a person its text."""
    from central.people.minting import held_text

    for held in passes:
        text = held_text(config, held)
        if as_json:
            show(True, {"pass": text, "pass_id": held.pass_id.hex(), "person": held.issued.person,
                        "class": held.claims.pass_class, "not_before": held.claims.not_before_s,
                        "expires": held.claims.expires_s, "list": held.issued.list_scope,
                        "status_index": held.issued.status_index})  # fmt: skip
        else:
            click.echo(text)


def asked_number() -> str:
    """An ID number from standard input: an argument would stay in the shell's history and in the list of processes."""
    if sys.stdin.isatty():
        return str(click.prompt("ID number", hide_input=True))
    return sys.stdin.readline(200).strip()


def seconds(days: float | None) -> int | None:
    return None if days is None else int(days * DAY_S)
