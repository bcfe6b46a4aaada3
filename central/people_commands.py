"""`guankou-central people`: who lives and works here, imported, applied, listed, and given links to their passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click

from central.command_parts import config_option, file_path, json_option, opened, page_url, show, url_option, utc_ms
from central.import_command import people_import
from central.pass_commands import asked_number, days_option, seconds, show_passes
from checkpoint.passes import PassClass

_STATUS = {None: "-", 0: "valid", 1: "revoked", 2: "suspended", 3: "ask"}
_class_option = click.option(
    "--class", "pass_class", type=click.Choice(get_args(PassClass)), default="resident", show_default=True
)


@click.group()
def people() -> None:
    """Units, households and residents of a site."""


people.add_command(people_import)


@people.command("add")
@config_option
@click.option("--site", required=True)
@_class_option
@click.option("--unit", default="", help="As the site calls it, such as 3-2-501.")
@click.option("--name", default="")
@click.option("--phone", default="")
@click.option("--plate", default="")
@click.option("--party", type=click.IntRange(1, 20), default=1, show_default=True)
@click.option("--ask-number", is_flag=True, help="Read the ID number from standard input.")
@json_option
def people_add(
    config_file: Path, site: str, pass_class: PassClass, unit: str, name: str, phone: str, plate: str, party: int,
    ask_number: bool, as_json: bool,
) -> None:  # fmt: skip
    """Add one person."""
    from central.people.office import enter_person
    from central.people.registering import Entry

    entry = Entry(
        site=site, pass_class=pass_class, unit_label=unit, name=name, phone=phone, plate=plate, party_size=party,
        id_number=asked_number() if ask_number else "",
    )  # fmt: skip
    with opened(config_file) as (config, store):
        person = enter_person(config, store, entry, utc_ms())
    show(as_json, {"person": person.no, "pass_id": person.pass_id.hex()})


@people.command("list")
@config_option
@click.option("--site", help="Only this site.")
@click.option("--unit", help="Only this unit.")
@json_option
def people_list(config_file: Path, site: str | None, unit: str | None, as_json: bool) -> None:
    """Everybody in the register, with what gates are told of their passes."""
    from central.people.office import listed

    with opened(config_file) as (_, store):
        for one in listed(store, site, unit):
            person, issued = one.person, one.issued
            values: dict[str, Any] = {
                "person": person.no,
                "site": person.site,
                "unit": one.unit_label,
                "household": person.household.hex() if person.household else None,
                "class": person.pass_class,
                "name": person.name,
                "phone": person.phone,
                "plate": person.plate,
                "has_id_number": person.id_mac is not None,
                "pass_id": issued.pass_id.hex() if issued else None,
                "expires": issued.expires_s if issued else None,
                "status": _STATUS[one.status],
            }
            _line(values, as_json)


@people.command("pending")
@config_option
@click.option("--site", help="Only this site.")
@json_option
def people_pending(config_file: Path, site: str | None, as_json: bool) -> None:
    """Who registered by themselves and waits for an answer, oldest first."""
    with opened(config_file) as (_, store):
        for row in store.pending(site):
            values = {
                "application": row.no,
                "site": row.site,
                "unit": row.unit_label,
                "class": row.pass_class,
                "name": row.name,
                "phone": row.phone,
                "plate": row.plate,
                "party": row.party_size,
                "has_id_number": row.id_mac is not None,
                "applied_ms": row.applied_ms,
                "declared": row.declared,
            }
            _line(values, as_json)


@people.command("confirm")
@config_option
@click.argument("application", type=click.IntRange(1))
@click.option("--unit", help="The unit, where the applicant wrote it in another way than the register has it.")
@click.option("--region", "regions", type=click.IntRange(1, 999_999), multiple=True,
              help="GB/T 2260 code of a region the holder was in during the last 14 days; several times.")  # fmt: skip
@days_option
@click.option("--by", help="Your name, kept with the decision; default the login name.")
@json_option
def people_confirm(
    config_file: Path, application: int, unit: str | None, regions: tuple[int, ...], valid_days: float | None,
    by: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Take an applicant into the register and give them their pass: the link that they have leads to it."""
    from getpass import getuser

    from central.people.applications import Decision, confirm

    decision = Decision(by or getuser(), unit, seconds(valid_days), regions or None)
    with opened(config_file) as (config, store):
        show_passes(config, [confirm(config, store, application, decision, utc_ms())], as_json)


@people.command("refuse")
@config_option
@click.argument("application", type=click.IntRange(1))
@click.option("--why", required=True, help="The applicant reads this.")
@click.option("--by", help="Your name, kept with the decision; default the login name.")
@json_option
def people_refuse(config_file: Path, application: int, why: str, by: str | None, as_json: bool) -> None:
    """Close an application. What it said of the person is deleted."""
    from getpass import getuser

    from central.people.applications import refuse

    with opened(config_file) as (_, store):
        refuse(store, application, by or getuser(), why, utc_ms())
    show(as_json, {"application": application, "state": "refused"})


@people.command("link")
@config_option
@click.argument("person", type=click.IntRange(1))
@url_option
@click.option("--out", type=file_path, help="PNG or SVG file for the code; without it the code is drawn here.")
@json_option
def people_link(config_file: Path, person: int, url: str | None, out: Path | None, as_json: bool) -> None:
    """A new link to the pass of PERSON, as text and as QR code; the link given before leads nowhere from now on.

    Whoever has the link has the pass: hand it over in person."""
    from central.passes import save_code, terminal_code
    from central.people.links import link_to
    from central.people.office import link_person

    with opened(config_file) as (config, store):
        base_url = page_url(config, url)
        held, token = link_person(store, person)
        link = link_to(base_url, token)
        if out is not None:
            save_code(link, out)
    show(as_json, {"url": link, "pass_id": held.pass_id.hex()})
    if out is None and not as_json:
        click.echo(terminal_code(link))


def _line(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False))
    else:
        click.echo("  ".join("-" if value in (None, "") else str(value) for value in values.values()))
