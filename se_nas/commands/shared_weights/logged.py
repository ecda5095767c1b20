"""The tables and numbers of supernets and relaxed gates for W&B."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from se_nas.analysis.chosen_by_gates import ChosenByGates
from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.searching.records import names_in
from se_nas.tracking.protocol import LoggedTable
from se_nas.wording import se_glyphs


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Tables and numbers by name."""

    tables: Mapping[str, LoggedTable]
    summary: Mapping[str, Any]


def logged(accounts: Sequence[SupernetAccount], gates: ChosenByGates | None) -> Logged:
    """The tables and numbers of all supernets of a run folder, and of its relaxed gates."""
    tables: dict[str, LoggedTable] = {}
    summary: dict[str, Any] = {}
    for account in accounts:
        name = account.file.removesuffix(".json")
        tables |= {
            f"{name} placements": _placements(account),
            f"{name} rankings": _rankings(account),
            f"{name} effects by place": _effects(account),
        }
        summary |= {f"{name} {key}": value for key, value in _summary(account).items() if value is not None}
    if gates is not None:
        tables["relaxed gates"] = _gates(gates)
        summary["relaxed gates different placements"] = len({each.se for each in gates.choices})
    return Logged(tables={name: table for name, table in tables.items() if table.rows}, summary=summary)


def _placements(account: SupernetAccount) -> LoggedTable:
    """Every placement that was read, the best first."""
    costs = names_in(each.cost for each in account.scores.placements)
    metric, ranks_alone = account.metric.value, account.ranks_alone
    return LoggedTable(
        columns=(
            "rank",
            f"{metric} in the supernet",
            "rank alone",
            f"{metric} alone",
            "trial",
            *costs,
            "SE",
            "fingerprint",
        ),
        rows=tuple(
            (
                rank,
                each.accuracy,
                ranks_alone.get(each.fingerprint),
                account.alone.get(each.fingerprint),
                account.trials.get(each.fingerprint),
                *(each.cost.get(name) for name in costs),
                se_glyphs(each.se),
                each.fingerprint,
            )
            for rank, each in enumerate(account.scores.best, start=1)
        ),
    )


def _rankings(account: SupernetAccount) -> LoggedTable:
    """Kendall's tau of the supernet and of the free rankings; no row if too few networks were trained alone."""
    trust = account.trust
    return LoggedTable(
        columns=("ranking", "Kendall's tau", "low", "high"),
        rows=tuple(
            (each.ranking, each.tau, each.low, each.high) for each in ((trust.own, *trust.free) if trust else ())
        ),
    )


def _effects(account: SupernetAccount) -> LoggedTable:
    """The accuracy that each option of SE adds in the supernet."""
    scores = account.scores
    return LoggedTable(
        columns=("place", "SE", "instead of", "points"),
        rows=tuple(
            (
                scores.switches[each.switch],
                scores.options[each.switch][each.option],
                scores.options[each.switch][0],
                100 * each.gain,
            )
            for each in (scores.option_effects() if scores.placements else ())
        ),
    )


def _summary(account: SupernetAccount) -> dict[str, Any]:
    """The numbers of a supernet; None where one is not known."""
    trust, scores = account.trust, account.scores
    best = scores.best[0] if scores.placements else None
    return {
        "placements": len(scores.placements),
        "best SE": None if best is None else se_glyphs(best.se),
        f"best {account.metric.value}": None if best is None else best.accuracy,
        "compared": None if trust is None else trust.count,
        "tau": None if trust is None else trust.own.tau,
        "tau low": None if trust is None else trust.own.low,
        "tau high": None if trust is None else trust.own.high,
        "tau for free": None if trust is None else trust.reached_for_free,
        "is trusted": None if trust is None else trust.is_earned,
        "is prior": account.is_prior_used if account.is_prior else None,
    }


def _gates(gates: ChosenByGates) -> LoggedTable:
    return LoggedTable(
        columns=("price", "certainty", "trial", "alone", "SE"),
        rows=tuple(
            (each.price, each.certainty, each.trial, each.accuracy, se_glyphs(each.se)) for each in gates.choices
        ),
    )
