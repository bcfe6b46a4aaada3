"""The travel check: where the pass says that its holder was in the last days, against the regions listed as risky.

    facts["travel"] = (travel_fact(presented.pass_.travel, regions, today, policy.travel),)

The statement has no day for each region: its holder may have been in any of them on any day that it covers, so the day
that is worst counts. Which regions they were is in no fact: facts are recorded.
"""

from __future__ import annotations

import math
from typing import Final

from checkpoint.passes import Travel
from checkpoint.policy_schema import TravelSettings
from checkpoint.regions import LEVELS, RegionList
from checkpoint.verdict_facts import CheckFact

# An issuer's statement covers so many days up to the one that it names (see passes.Travel).
_COVERED_DAYS: Final = 14
# Statements count days in UTC, lists and gates by their calendar: what is one day here may be two there.
_SLIP_DAYS: Final = 1


def travel_fact(
    stated: Travel | None,
    regions: RegionList | None,
    today: int | None,
    settings: TravelSettings,
    unlisted_for_s: float = math.inf,
) -> CheckFact:
    """`stated`: claim 5 of the pass; `regions`: the lists in force; `today`: in days since 1970, None: not known.

    ok `travel_ok`; failed `travel_risk` (its value is the level of the region); missing `travel_not_stated` (no claim,
    or one about days that are still to come) or `travel_old` (value: its age in days). not_obtained `travel_unlisted`:
    there is no list, or it is too old, since `unlisted_for_s`, and `travel_undated`: nobody knows what day it is.
    """
    if stated is None:
        return CheckFact("missing", "travel_not_stated")
    if today is None:
        return CheckFact("not_obtained", "travel_undated")
    age_days = today - stated.attested_until_day
    if age_days < -_SLIP_DAYS:
        return CheckFact("missing", "travel_not_stated")
    if age_days > settings.attested_within_days:
        return CheckFact("missing", "travel_old", float(age_days), float(settings.attested_within_days))
    if regions is None:
        return CheckFact("not_obtained", "travel_unlisted", for_s=unlisted_for_s)
    first_day = max(today - settings.days, stated.attested_until_day - _COVERED_DAYS) + 1
    worst = regions.worst(stated.regions, first_day, min(today, stated.attested_until_day + _SLIP_DAYS))
    if worst is not None and LEVELS.index(worst.level) >= LEVELS.index(settings.risk_level):
        return CheckFact("failed", "travel_risk", worst.level, settings.risk_level)
    return CheckFact("ok", "travel_ok")
