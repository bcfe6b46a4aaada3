"""The verdict's first step: the pass. Genuine, for here, in its time, not withdrawn, and not in two hands."""

from __future__ import annotations

from checkpoint.foreign.policy_rules import broken_rule
from checkpoint.passes import Pass, PassClass, Presented, in_scope
from checkpoint.policy_schema import Policy, Stands
from checkpoint.reasons import ALL
from checkpoint.status_list import ASK, REVOKED, SUSPENDED
from checkpoint.verdict_case import (
    Case,
    Finding,
    by_default,
    conditional,
    in_mode,
    is_foreign,
    of_rule,
    past,
    worth_of,
)


def check_pass(case: Case) -> list[Finding]:
    """What is wrong with the pass, and whether clock and lists are good enough to say that nothing is."""
    presented = case.presented
    if presented is None or presented.reason == "pass_missing":
        return [Finding("pass", "missing", "pass_missing", "escalate")]
    if is_foreign(presented):
        return [_foreign(case, presented)]
    refusal = pass_refusal(case, presented)
    hangs_on_clock = not refusal or (presented.by_clock and refusal == presented.reason)
    if hangs_on_clock and case.state.clock_untrusted_for_s is not None:
        doubt = conditional("pass", "clock_untrusted", "clock_untrusted", case.state.clock_untrusted_for_s, case)
        # A clock that can't be believed hides no revocation.
        return [doubt, *(_of_status(case) if doubt.verdict else _standing(case))]
    if refusal:
        return _refused(case, presented, refusal)
    return _with_good_word(_standing(case), case)


def _refused(case: Case, presented: Presented, refusal: str) -> list[Finding]:
    """What fresh lists or the right time could still turn is a person's decision, who is told of a revocation."""
    by_old_lists = refusal == "key_unknown" and lists_are_stale(case)
    by_wrong_week = refusal == "step_stale" and case.state.clock_untrusted_for_s is not None
    verdict = "escalate" if by_old_lists or by_wrong_week else by_default(refusal)
    stop = Finding("pass", "failed", refusal, verdict, presented.shown)
    return [stop, *_of_status(case)] if verdict == "escalate" else [stop]


def stops_at_pass(case: Case) -> bool:
    """Whether the pass itself, or the rule for such a pass, ends this passage, so that nothing else need be asked.

    What only lists or the clock leave open, and what a look at a document settles, does not: a person will decide, and
    the other checks help.
    """
    found = [in_mode(finding, case.rule.mode_of("pass")) for finding in check_pass(case)]
    if any(finding.verdict and finding.result == "failed" for finding in found):
        return True
    return any(finding.verdict == "deny" for finding in of_rule(case))


def lists_are_stale(case: Case) -> bool:
    age_s = case.state.lists_age_s
    return age_s is None or age_s > case.policy.fail.lists_stale.after_s


def pass_refusal(case: Case, presented: Presented) -> str:
    """Code of what is wrong with the pass, the clock aside; empty if nothing is."""
    held = presented.pass_
    if held is not None and (presented.valid or presented.by_clock or presented.reason == "step_unknown"):
        if held.format not in case.policy.passes.formats:
            return "format_not_enabled"
        if not in_scope(held, case.state.here):
            return "out_of_scope"
        if refusal := _variant_refusal(case, presented, held):
            return refusal
    if presented.valid:
        return "" if held is not None else "unexplained"
    row = ALL.get(presented.reason)
    return presented.reason if row is not None and row.step in ("pass", "policy") else "unexplained"


def _variant_refusal(case: Case, presented: Presented, held: Pass) -> str:
    settings = case.policy.passes
    if presented.variant == "card" or presented.variant == "plate":
        return f"{presented.variant}_off" if _stands(case, presented) == "off" else ""
    if is_static(presented, held):
        classes = settings.static
        return "" if classes is None or held.pass_class in classes else "device_proof_missing"
    variant = "rotating" if presented.variant == "static" else presented.variant
    return "" if variant in settings.phone else "format_not_enabled"


def _stands(case: Case, presented: Presented) -> Stands:
    """What a number that stands for the pass is worth; of a plate, where vehicles go through."""
    settings = case.policy.passes
    if presented.variant == "card":
        return settings.card
    return settings.plate if case.state.lane_kind == "vehicle" else "off"


def is_static(presented: Presented, held: Pass) -> bool:
    """Something that a copy of it is as good as: a printed code, a card's number, a plate."""
    return presented.variant in ("card", "plate") or (presented.variant == "static" and not held.rotates)


def _foreign(case: Case, presented: Presented) -> Finding:
    """A genuine pass of another system: it proves who somebody is at most, never that they live here."""
    if (presented.format or "") not in case.policy.passes.formats:
        return Finding("pass", "failed", "format_not_enabled", "deny", presented.shown)
    worth, rules = worth_of(presented, case.policy), _rules_for(presented, case)
    if worth == "deny":
        return Finding("pass", "failed", presented.reason, worth, presented.shown)
    untrusted_for_s = case.state.clock_untrusted_for_s
    if presented.foreign is not None and untrusted_for_s is not None and (worth == "visitor" or rules):
        return conditional("pass", "clock_untrusted", "clock_untrusted", untrusted_for_s, case)
    if rules and (against := _against(rules, presented, case)):
        return against
    if worth == "visitor":
        # A city's server has answered just now; every other word rests on a key of the trust list.
        old = _old_lists(case) if presented.foreign is not None else []
        return old[0] if old else Finding("pass", "ok", presented.reason, None, presented.shown)
    return Finding("pass", "failed", presented.reason, worth, presented.shown)


def _rules_for(presented: Presented, case: Case) -> str:
    """The policy's rules about the content of such a pass, as text; empty if it has none."""
    return next((rules for name, rules in case.policy.passes.rules.items() if name == presented.format), "")


def _against(rules: str, presented: Presented, case: Case) -> Finding | None:
    """The first rule that this certificate breaks, or that nobody can judge it by; named in the record."""
    claims = presented.foreign.claims if presented.foreign else {}
    broken = broken_rule(rules, case.policy.passes.value_sets, claims, int(case.now_s))
    return broken and Finding("pass", "failed", broken.reason, by_default(broken.reason), broken.rule)


def _standing(case: Case) -> list[Finding]:
    """What is held against a good pass: withdrawn, lists too old, used up, in two hands, only printed."""
    return [*_of_status(case), *_old_lists(case), *_of_use(case), *_of_static(case)]


def _of_status(case: Case) -> list[Finding]:
    """What the status lists say. That no list knows a pass which should be in one is no good sign."""
    held, answer = case.holder, case.state.status
    if held is None:
        return []
    value = answer.value if answer else None
    if (answer and answer.cut_off) or value == REVOKED:
        return [Finding("pass", "failed", "pass_revoked", "deny")]
    if value in (SUSPENDED, ASK):
        return [Finding("pass", "failed", "pass_suspended" if value == SUSPENDED else "status_ask", "escalate")]
    if value is None and held.status_index is not None:
        return [conditional("pass", "status_missing", "lists_stale", case.state.lists_age_s, case)]
    return []


def _with_good_word(found: list[Finding], case: Case) -> list[Finding]:
    """Unless something stops it or was not to be had, the pass is good; what is only noted stands beside that."""
    if any(finding.verdict or finding.result != "failed" for finding in found):
        return found
    mark = _age_mark(case)
    return [*found, Finding("pass", "ok", "pass_valid", tag=mark, warning=mark)]


def _old_lists(case: Case) -> list[Finding]:
    if not lists_are_stale(case):
        return []
    over_s = past(case.state.lists_age_s, case.policy.fail.lists_stale.after_s)
    return [conditional("pass", "lists_stale", "lists_stale", over_s, case)]


def _age_mark(case: Case) -> str:
    """Lists that are getting old hold nobody yet, but everybody is told."""
    age_s = case.state.lists_age_s or 0.0
    return "stale_revocation" if age_s > case.policy.fail.lists_stale.warn_after_s else ""


def _of_use(case: Case) -> list[Finding]:
    """One entry for a pass of one entry, and one person for one pass; an emergency crew is never asked about that."""
    held, use, entering = case.holder, case.state.use, case.state.direction == "in"
    if held is None:
        return []
    found = []
    if entering and held.uses is not None:
        if use is None or use.entries is None:
            found.append(Finding("pass", "failed", "quota_unknown", "escalate"))
        elif use.entries >= held.uses:
            found.append(Finding("pass", "failed", "pass_used", "deny", float(use.entries), float(held.uses)))
    crew: PassClass = "emergency"
    mode = case.policy.passback.mode
    if use is not None and use.passback and mode != "off" and held.pass_class != crew:
        found.append(in_mode(Finding("pass", "failed", use.passback, by_default(use.passback), mode=mode), mode))
    return found


def _of_static(case: Case) -> list[Finding]:
    """A printed code or a copied card: who holds it may not be who it was given to. Their document settles it."""
    held, presented, settings = case.holder, case.presented, case.policy.passes
    if held is None or presented is None or case.state.direction != "in" or not is_static(presented, held):
        return []
    found = []
    use, most = case.state.use, settings.static_repeat_per_h
    if most is not None and use is not None and use.last_hour >= most:
        found.append(Finding("pass", "missing", "static_repeat", "escalate", float(use.last_hour), float(most)))
    if document_settles(case.policy, presented) and not _holds_document(case):
        asked = "document_ask" if held.pass_class in settings.static_needs_document else f"{presented.variant}_ask"
        found.append(Finding("pass", "missing", asked, "escalate"))
    return found


def document_settles(policy: Policy, presented: Presented) -> bool:
    """Whether this presentation alone does not open, and its holder's document, read beside it, would."""
    held, settings = presented.pass_, policy.passes
    if held is None or not is_static(presented, held):
        return False
    asks = {"card": settings.card, "plate": settings.plate}.get(presented.variant) == "escalate"
    return asks or held.pass_class in settings.static_needs_document


def _holds_document(case: Case) -> bool:
    return any(fact.result == "ok" for fact in case.facts.get("document", ()))
