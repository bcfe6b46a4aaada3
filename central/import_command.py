"""`people import` and `pass import`: a spreadsheet of people gets into the register, with passes for them if asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from central.command_parts import (
    config_option,
    fail,
    file_path,
    json_option,
    opened,
    page_url,
    show,
    url_option,
    utc_ms,
)
from checkpoint.passes import PassClass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from central.people.importing import BadRowsError, Given, Imported

_BAD_ROWS = 1
_OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    config_option,
    click.argument("file", type=file_path),
    click.option("--site", required=True),
    click.option(
        "--class",
        "pass_class",
        type=click.Choice(get_args(PassClass)),
        default="resident",
        show_default=True,
        help="Of rows that name none.",
    ),
    click.option("--ignore", multiple=True, help="Heading of a column to leave out; may be given several times."),
    click.option("--links", "links_file", type=file_path, help="New CSV file with the link of every pass given."),
    url_option,
    click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
    json_option,
)


def _shared_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("import")
@_shared_options
@click.option("--issue", is_flag=True, help="Give a pass to everybody in FILE who has none.")
def people_import(
    config_file: Path, file: Path, site: str, pass_class: PassClass, ignore: tuple[str, ...], issue: bool,
    links_file: Path | None, url: str | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import people from FILE (.csv in UTF-8 or GB18030, or .xlsx): all of it, or nothing. Exit code 1 when cells are
    wrong; each is named with its line and column."""
    if links_file is not None and not issue:
        fail("--links needs --issue: links are given with passes")
    _import(config_file, file, site, pass_class, ignore, issue, links_file, url, dry_run, as_json)


@click.command("import")
@_shared_options
def pass_import(
    config_file: Path, file: Path, site: str, pass_class: PassClass, ignore: tuple[str, ...], links_file: Path | None,
    url: str | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Give a pass to everybody in FILE (.csv in UTF-8 or GB18030, or .xlsx) who has none: `people import --issue`.

    All of it, or nothing. Exit code 1 when cells are wrong; each is named with its line and column."""
    _import(config_file, file, site, pass_class, ignore, True, links_file, url, dry_run, as_json)


def _import(
    config_file: Path, file: Path, site: str, pass_class: PassClass, ignore: tuple[str, ...], issue: bool,
    links_file: Path | None, url: str | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    from central.people.importing import BadRowsError, import_people

    with opened(config_file) as (config, store):
        base_url = page_url(config, url) if links_file is not None else ""
        if links_file is not None and links_file.exists():
            fail(f"{links_file} exists; name a file that does not")
        try:
            done = import_people(
                config, store, file, site, utc_ms(), default_class=pass_class, ignore=ignore, issue=issue,
                dry_run=dry_run, hand_out=lambda given: _write_links(links_file, given, base_url),
            )  # fmt: skip
        except BadRowsError as error:
            _show_bad(error, as_json)
            sys.exit(_BAD_ROWS)
    _show_import(done, dry_run, as_json)


def _write_links(file: Path | None, given: Sequence[Given], base_url: str) -> None:
    """Only its owner may read it: each line is somebody's pass."""
    if file is None:
        return
    import csv
    import io

    from central.keys import write_secret
    from central.people.links import link_to

    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(("房号 unit", "姓名 name", "车牌 plate", "链接 link"))
    for one in given:
        plate = one.held.claims.plate or ""
        rows.writerow((one.held.unit_label, one.held.name, plate, link_to(base_url, one.token)))
    # The mark at the start tells spreadsheet programs that it is UTF-8.
    write_secret(file, "\ufeff" + text.getvalue())


def _show_import(done: Imported, dry_run: bool, as_json: bool) -> None:
    renew = [pass_id.hex() for pass_id in done.to_renew]
    show(as_json, {"form": done.form, "added": done.added, "changed": done.changed, "same": done.same,
                   "passes": len(done.given), "to_renew": renew if as_json else len(renew),
                   "dry_run": dry_run})  # fmt: skip
    if renew and not as_json:
        click.echo(f"{len(renew)} passes to renew: pass renew {' '.join(renew)}")


def _show_bad(error: BadRowsError, as_json: bool) -> None:
    if as_json:
        rows = [
            {"line": cell.line, "column": cell.column, "value": cell.value, "why": cell.why} for cell in error.cells
        ]
        click.echo(json.dumps({"imported": False, "bad": rows}, ensure_ascii=False))
        return
    for cell in error.cells:
        click.echo(str(cell), err=True)
    click.echo(str(error), err=True)
