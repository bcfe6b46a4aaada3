"""What a verdict rests on beside its checks: outcome, policy, rule, zone level, attendance, lane, pass, tags."""

from __future__ import annotations

import msgspec

from checkpoint import explain_words as words
from checkpoint.explain_rule import conditions, passed_over
from checkpoint.explain_words import Said, joined, plain, reason_said, said, tag_said
from checkpoint.policy_schema import Policy, Rule
from checkpoint.records import OutcomeOf, Override, Verdict


class FactLine(msgspec.Struct, frozen=True):
    """One thing that the verdict rests on, by name."""

    name: Said
    value: Said


def facts_of(
    verdict: Verdict, outcome: OutcomeOf | None, override: Override | None, policy: Policy | None, rule: Rule | None
) -> tuple[FactLine, ...]:
    """In the order in which people ask; lines without a value are left out."""
    lines = (
        *_fact("结果", "outcome", _outcome(outcome)),
        *_fact("人工", "by hand", _override(override)),
        *_fact("策略", "policy", _policy(verdict, policy)),
        *_fact("规则", "rule", _rule(rule)),
        *_fact("未用规则", "rules before it", _passed_over(verdict, policy, rule)),
        *_fact("区域等级", "zone level", said(words.LEVELS, verdict.zone_level)),
        *_fact("值守", "attendance", said(words.ATTENDANCE, verdict.attendance)),
        *_fact("通道", "lane", _lane(verdict)),
        *_fact("人员", "who", _who(verdict)),
        *_fact("标记", "tags", joined(tuple(tag_said(tag) for tag in verdict.tags))),
        *_fact("复测自", "measured again after", _passage(verdict.retest_of)),
        *_fact("所乘车辆通行", "sits in the vehicle of passage", _passage(verdict.of_vehicle)),
        *_fact("呼叫", "called", _called(verdict.call)),
    )
    return tuple(lines)


def _fact(zh: str, en: str, value: Said) -> tuple[FactLine, ...]:
    return (FactLine(Said(zh, en), value),) if value.zh else ()


def _called(call: str) -> Said:
    """A verdict may call several, with a space between them."""
    return joined(tuple(said(words.CALLS, role) for role in call.split()))


def _outcome(outcome: OutcomeOf | None) -> Said:
    if outcome is None:
        return Said("尚无", "none yet")
    ended = reason_said(outcome.outcome)
    return joined((ended, reason_said(outcome.reason)), "，") if outcome.reason else ended


def _override(override: Override | None) -> Said:
    if override is None:
        return Said()
    act, why = said(words.ACTS, override.act), reason_said(override.reason)
    return Said(f"{act.zh}：{why.zh}", f"{act.en}: {why.en}")


def _policy(verdict: Verdict, policy: Policy | None) -> Said:
    name = f"{plain(verdict.policy)} v{verdict.policy_version}"
    if policy is None:
        return Said(name, name)
    return Said(
        f"{name} {plain(policy.title_zh)}（{plain(policy.authority)}）",
        f"{name} {plain(policy.title_en)} ({plain(policy.authority)})",
    )


def _rule(rule: Rule | None) -> Said:
    if rule is None:
        return Said()
    name, whom = plain(rule.name), conditions(rule)
    return Said(f"{name}（{whom.zh}）", f"{name} ({whom.en})")


def _passed_over(verdict: Verdict, policy: Policy | None, rule: Rule | None) -> Said:
    return joined(passed_over(verdict, policy, rule)) if policy is not None and rule is not None else Said()


def _lane(verdict: Verdict) -> Said:
    where = verdict.where
    direction, kind = said(words.DIRECTIONS, where.direction), said(words.KINDS, where.lane_kind)
    name, site = plain(where.lane), plain(where.site)
    return Said(f"{name}，{direction.zh}，{kind.zh}，{site}", f"{name}, {direction.en}, {kind.en}, {site}")


def _who(verdict: Verdict) -> Said:
    held = verdict.pass_facts
    if held is None:
        return words.NOBODY
    kind, tail = said(words.CLASSES, verdict.pass_class), held.pass_id.hex()[-4:].upper()
    if held.party_size <= 1:
        return Said(f"{kind.zh} …{tail}", f"{kind.en} …{tail}")
    return Said(f"{kind.zh} …{tail}，{held.party_size} 人", f"{kind.en} …{tail}, party of {held.party_size}")


def _passage(passage: bytes | None) -> Said:
    return Said() if passage is None else Said(plain(passage.hex()), plain(passage.hex()))
