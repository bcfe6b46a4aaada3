"""Makes docs/presets.md, what each shipped policy asks of whom, from the policies themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from checkpoint.passes import PassClass
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Policy, Rule
from checkpoint.policy_time import LocalTime

FOLDER: Final = Path(__file__).resolve().parent.parent / "firmware_config" / "policies"
_WEDNESDAY_NOON: Final = LocalTime(2, 12 * 60)
_WEDNESDAY_NIGHT: Final = LocalTime(2, 23 * 60)
_SIGNS: Final = {
    "pass": "码", "temperature": "温", "mask": "罩", "travel": "行", "document": "证", "vehicle": "车", "quota": "次",
    "watch": "名",
}  # fmt: skip
# Heading of a column, class and kind of lane.
_WHO: Final[tuple[tuple[str, PassClass | None, str], ...]] = (
    ("居民 resident", "resident", "person"),
    ("工作 worker", "worker", "person"),
    ("访客 visitor", "visitor", "person"),
    ("配送 courier", "courier", "person"),
    ("车辆 vehicle", "vehicle", "vehicle"),
    ("应急 emergency", "emergency", "vehicle"),
    ("无码 no pass", None, "person"),
)
_WORDS: Final = {"enforce": "", "warn": " (told)", "record": " (written down)"}
_SAYS: Final = {
    "deny": "refused 拒绝",
    "escalate": "waits for a person 上报",
    "warn": "let in, and somebody is told 放行并告知",
}
_HEAD: Final = """# Policies that come with Guankou

What each policy in `firmware_config/policies/` asks of whom. Made from the policies by `python -m tools.reference`; a
test keeps it fresh. [policy.md](policy.md) explains every key.

The city's notice asks every gate for five things: mask, temperature, pass, 14 days of travel and a valid document, of
people and vehicles, with zones treated differently. It refers to a provincial order for what each zone is to do. **That
order was not at hand**: how the levels below differ is a proposal. Copy the file that is nearest, put in your own
authority, dates, zones and hours, try it on last week's records, and have it signed.

Of residents no document is asked: their pass was given for one, and names its digest. Where nobody is at the gate,
nobody who lives there is kept from home for a mask that nobody saw or a statement that nobody gave: somebody is told.

The four kinds of key persons that the notice names are found by four checks: from a key epidemic area by `travel`;
suspected and close contact by `watch`, a list that an authority answers for ([lists.md](lists.md)); feverish by
`temperature`, and whoever says so by the guard's *Symptoms declared*. Each calls the health officer and waits; none is
refused, and the screen never says which it was.

Before one of them comes into force: publish a list of risk regions and a watch list, empty or not, where it asks for
them; have passes say where their holders were (`people confirm --region`); and see that a gate that asks for a mask has
a guard or a model. What a gate can't answer is missing, and then people wait.

**Crews come through by a rule of their own in every policy but the everyday one**, at every zone level, and there their
pass opens like anybody's; for an ambulance without a pass the guard has a key (*Let in*, 就医急救 *Medical need*).

**Whoever is refused or has to wait sees whom to ask**: the role and phone number of the gate file's `[call]` stand on
the screen beside every refusal and every escalation. The guard can always let somebody in, with a reason that is
written down.

What each policy does is written down by hand, situation by situation with its reason, in
`tests/situations/notice.md`, `tests/situations/faults.md` and `tests/situations/places.md`. The gates' rules and a
second opinion made from the documents must both agree with every line, and with each other on cases drawn at random.

## At a glance

Coming in on a weekday, with a guard: what is asked in this order. In brackets: asked, but nobody is held for it.

{signs}

{glance}

拒 = refused by the rule itself, and the screen says whom to ask; 告 = let in, and somebody is told.

## Rule by rule

The first rule that fits is used. *Told*: opens all the same, and the reason's call is made. *Written down*: opens.
"""


def page() -> str:
    """docs/presets.md."""
    policies = [parse_policy(path.read_bytes()) for path in sorted(FOLDER.glob("*.toml"))]
    signs = "，".join(f"{sign} {check}" for check, sign in _SIGNS.items())
    glance = "\n".join(_glance(policies))
    return _HEAD.format(signs=signs, glance=glance) + "".join(map(_section, policies))


def _glance(policies: list[Policy]) -> Iterator[str]:
    yield f"| policy | {' | '.join(name for name, _, _ in _WHO)} |"
    yield "|" + "---|" * (len(_WHO) + 1)
    for policy in policies:
        for moment, when in ((_WEDNESDAY_NOON, "noon"), (_WEDNESDAY_NIGHT, "23:00")):
            cells = [_cell(policy, who, lane, moment) for _, who, lane in _WHO]
            if when == "noon" or cells != [_cell(policy, who, lane, _WEDNESDAY_NOON) for _, who, lane in _WHO]:
                yield f"| `{policy.id}`{'' if when == 'noon' else ' ' + when} | {' | '.join(cells)} |"


def _cell(policy: Policy, who: PassClass | None, lane: str, moment: LocalTime) -> str:
    rule = policy.rule_for(policy.zone_level, who, "in", "guard", lane, moment)
    asked = ((check, rule.mode_of(check)) for check in rule.checks)
    signs = " ".join(
        _SIGNS[check] if mode == "enforce" else f"({_SIGNS[check]})" for check, mode in asked if mode != "off"
    )
    mark = {"deny": " 拒", "escalate": " 报", "warn": " 告"}.get(rule.verdict or "", "")
    return f"{signs}{mark}" if signs else f"-{mark}"


def _section(policy: Policy) -> str:
    ends = f"until {policy.valid_until:%Y-%m-%d}" if policy.valid_until else "without an end"
    head = (
        f"\n### `{policy.id}.toml`\n\n{policy.title_zh} *{policy.title_en}*. Zone level `{policy.zone_level}`, {ends}; "
    )
    weak = "a lane without a presence sensor will do" if policy.accept_weak_binding else "needs a presence sensor"
    told = [f"`{code}`: {_roles(roles)}" for code, roles in policy.told.items()]
    calls = f"\nWho is told, beside the table of reasons: {'; '.join(told)}.\n" if told else ""
    rows = "".join(f"| {rule.name} | {_applies(rule)} | {_asks(rule)} |\n" for rule in policy.rules)
    return f"{head}{weak}.\n\n| rule | for | asks |\n|---|---|---|\n{rows}{calls}"


def _roles(roles: str | tuple[str, ...]) -> str:
    return roles if isinstance(roles, str) else " and ".join(roles)


def _applies(rule: Rule) -> str:
    days = f"on {' '.join(rule.days)}" if rule.days else ""
    parts = (
        ", ".join(rule.classes or ()),
        {"in": "coming in", "out": "going out"}.get(rule.direction or "", ""),
        f"{rule.lane_kind} lane" if rule.lane_kind else "",
        f"{rule.begins} to {rule.ends}" if rule.begins else "",
        days,
        f"at the gate: {', '.join(rule.attendance)}" if rule.attendance else "",
        f"level {', '.join(rule.level)}" if rule.level and len(rule.level) < 4 else "",
    )
    return "; ".join(part for part in parts if part) or "everybody"


def _asks(rule: Rule) -> str:
    modes = ((check, rule.mode_of(check)) for check in rule.checks)
    asked = ", ".join(f"{check}{_WORDS[mode]}" for check, mode in modes if mode != "off") or "nothing"
    each = "; in a vehicle, of everybody in it" if rule.occupants == "each" else ""
    said = f"; **{_SAYS[rule.verdict]}**, `{rule.reason}`" if rule.verdict else ""
    return asked + each + said
