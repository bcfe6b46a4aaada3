"""`guankou-central issuer`: whose passes count. `document draft|show|sign|take`: with the root key elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import click

from central.command_parts import (
    DAY_S,
    SKEW_MS,
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
from checkpoint.passes import PassClass

if TYPE_CHECKING:
    from checkpoint.documents import DocumentKind

# Year 10000.
_NO_END_MS: Final = 253_402_300_800_000
_key_id = click.argument("kid")


@click.group()
def issuer() -> None:
    """Issuers whose passes count. What changes here counts at gates with the next `document publish --kind trust`."""


@issuer.command("list")
@config_option
@json_option
def issuer_list(config_file: Path, as_json: bool) -> None:
    """Every registered key: id, issuer, classes, places, until when."""
    import json

    from central.config import load_config
    from central.trust_keys import issuers

    with clear_errors():
        rows: list[dict[str, Any]] = [
            {"kid": entry.kid.hex(), "public": entry.public.hex(), "issuer": entry.issuer,
             "classes": sorted(entry.classes), "scopes": list(entry.scopes), "not_after": entry.not_after_ms}
            for entry in issuers(load_config(config_file).keys_dir)
        ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['kid']}: {row['issuer']}; {', '.join(row['classes'])}; {', '.join(row['scopes']) or '*'}")


@issuer.command("add")
@config_option
@click.option("--public", help="64 hex digits; default the collector's own issuer key.")
@click.option("--issuer", "name", required=True, help="A name for people.")
@click.option("--class", "classes", type=click.Choice(get_args(PassClass)), multiple=True, required=True)
@click.option("--scope", "scopes", multiple=True, help="Site or grid ids it may give passes for; default every place.")
@json_option
def issuer_add(
    config_file: Path, public: str | None, name: str, classes: tuple[PassClass, ...], scopes: tuple[str, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Register a key whose passes are to count."""
    from central import keys
    from central.config import load_config
    from central.trust_keys import register
    from checkpoint import cose
    from checkpoint.trust import TrustEntry, TrustList

    with clear_errors():
        folder = load_config(config_file).keys_dir
        raw = hex_bytes("--public", public) if public else cose.public_bytes(keys.load_key(folder, "issuer"))
        entry = TrustEntry(cose.key_id(raw), raw, name, frozenset(classes), scopes, 0, _NO_END_MS)
        # What is no key is told here and not at the gates.
        TrustList([entry])
        register(folder, entry)
    show(as_json, {"kid": entry.kid.hex(), "issuer": name})


@issuer.command("remove")
@config_option
@_key_id
@json_option
def issuer_remove(config_file: Path, kid: str, as_json: bool) -> None:
    """No pass of key KID counts any more, once the next trust list is out: for a key that was stolen."""
    from central.config import load_config
    from central.trust_keys import remove

    with clear_errors():
        gone = remove(load_config(config_file).keys_dir, hex_bytes("KID", kid))
    show(as_json, {"kid": gone.kid.hex(), "issuer": gone.issuer, "removed": True})


@issuer.command("next")
@config_option
@json_option
def issuer_next(config_file: Path, as_json: bool) -> None:
    """Make and register the issuer's next key. Publish the trust list, then `switch`."""
    from central.config import load_config
    from central.trust_keys import make_next

    with clear_errors():
        entry = make_next(load_config(config_file).keys_dir)
    show(as_json, {"kid": entry.kid.hex(), "issuer": entry.issuer})


@issuer.command("switch")
@config_option
@click.option("--anyway", is_flag=True, help="Also while some gates may not know the next key yet.")
@json_option
def issuer_switch(config_file: Path, anyway: bool, as_json: bool) -> None:
    """Sign passes with the next key from now on. Those of the old one count as long as they live."""
    from central.trust_keys import next_kid, not_told, switch

    with opened(config_file) as (config, store):
        waiting = not_told(store, next_kid(config.keys_dir))
        if waiting is None:
            fail("no trust list names the next key: `document publish --kind trust` first")
        if waiting and not anyway:
            fail(f"not heard since the trust list with the next key: {', '.join(waiting)}; wait, or --anyway")
        done = switch(config.keys_dir, utc_ms())
    show(as_json, {"kid": done.kid.hex(), "old_kid": done.old_kid.hex(), "old_ends": done.old_ends_ms})


@click.command("draft")
@config_option
@click.option("--kind", type=click.Choice(("keys", "trust")), required=True)
@click.option("--scope", required=True, help="Grid, site or gate id.")
@click.option("--valid-days", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True)
@click.option("--out", type=file_path, required=True, help="New file, to be carried to the machine with the root key.")
@click.argument("file", type=file_path, required=False)
def document_draft(config_file: Path, kind: str, scope: str, valid_days: float, out: Path, file: Path | None) -> None:
    """Write the next version of a document that only the root may sign, without a signature."""
    from central.drafts import draft

    now_ms = utc_ms()
    until_ms = now_ms + int(valid_days * DAY_S * 1000)
    with opened(config_file) as (config, store):
        data = draft(config, store, cast("DocumentKind", kind), scope, file, now_ms - SKEW_MS, until_ms)
        _write_new(out, data)
    click.echo(str(out))


@click.command("show")
@click.argument("file", type=file_path)
@json_option
def document_show(file: Path, as_json: bool) -> None:
    """What the draft or signed document in FILE says. No signature is judged."""
    from central.drafts import described, read_any

    with clear_errors():
        said = described(read_any(file.read_bytes()))
    _say(as_json, said)


@click.command("sign")
@click.argument("file", type=file_path)
@click.option("--key", "key_file", type=file_path, required=True, help="The root's key file.")
@click.option("--out", type=file_path, required=True, help="New file, to be carried back.")
@click.option("--yes", is_flag=True, help="Sign without asking.")
def document_sign(file: Path, key_file: Path, out: Path, yes: bool) -> None:
    """Sign the draft in FILE with the root key, after showing what it says. Needs no network and no configuration."""
    from central.drafts import described, read_draft, sign_draft
    from central.keys import load_key_file

    with clear_errors():
        data, key = file.read_bytes(), load_key_file(key_file)
        _say(False, described(read_draft(data)))
        if not yes and not click.confirm("Sign this?"):
            fail("not signed")
        _write_new(out, sign_draft(data, key))
    click.echo(str(out))


@click.command("take")
@config_option
@click.argument("file", type=file_path)
@json_option
def document_take(config_file: Path, file: Path, as_json: bool) -> None:
    """Keep the signed document in FILE; the running collector publishes it."""
    from central.drafts import take

    with opened(config_file) as (config, store):
        taken = take(config, store, file.read_bytes(), utc_ms())
    show(as_json, {"kind": taken.kind, "scope": taken.scope, "version": taken.version, "not_after": taken.not_after})


def _write_new(out: Path, data: bytes) -> None:
    with out.open("xb") as stream:
        stream.write(data)


def _say(as_json: bool, said: dict[str, Any]) -> None:
    if as_json:
        show(True, said)
        return
    show(False, {name: value for name, value in said.items() if name != "rows"})
    for row in said["rows"]:
        click.echo(f"  {row}")
