"""The ratios, what each should reach, and the table."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rounds import Measure

Figures = Mapping[str, Measure]


@dataclass(frozen=True)
class Ratio:
    """One comparison that has a target. `of` gives None when a part that it needs was left out."""

    name: str
    at_least: bool
    target: float
    of: Callable[[Figures], float | None]
    # how far on either side of the target is still met; without it the target is a bound
    slack: float | None = None

    @property
    def wanted(self) -> str:
        if self.slack is not None:
            return f"{self.target:g} ± {self.slack:g}"
        return f"{'≥' if self.at_least else '≤'} {self.target:g}"

    def met(self, value: float | None) -> bool | None:
        if value is None:
            return None
        if self.slack is not None:
            return abs(value - self.target) <= self.slack
        return value >= self.target if self.at_least else value <= self.target


def _figure(figures: Figures, party: str, name: str) -> float | None:
    value = figures.get(party, {}).get(name)
    return None if value is None else float(value)


def _quotient(upper: float | None, lower: float | None) -> float | None:
    return None if upper is None or not lower else round(upper / lower, 3)


def _rates(upper: str, lower: str) -> Callable[[Figures], float | None]:
    return lambda figures: _quotient(_figure(figures, upper, "rate"), _figure(figures, lower, "rate"))


def _without_log(figures: Figures, party: str) -> float | None:
    """p50 of what is recorded before it is answered, less that of one commit of the read log."""
    whole, commit = _figure(figures, party, "p50_us"), _figure(figures, "log_commit", "p50_us")
    return None if whole is None or commit is None else whole - commit


def _read(what: str) -> Callable[[Figures], float | None]:
    """p50 over HTTP without the log's commit, against the bare SQL and the do-nothing route together."""

    def of(figures: Figures) -> float | None:
        bare = _figure(figures, f"{what}_bare_large", "p50_us")
        noop = _figure(figures, "noop_read", "p50_us")
        if bare is None or noop is None:
            return None
        return _quotient(_without_log(figures, f"{what}_http_large"), bare + noop)

    return of


def _larger(name: str, *parties: str) -> Callable[[Figures], float | None]:
    def of(figures: Figures) -> float | None:
        values = [value for party in parties if (value := _figure(figures, party, name)) is not None]
        return max(values, default=None)

    return of


RATIOS = (
    Ratio("inprocess_1_to_tpcb_1", True, 0.8, _rates("inprocess_1", "pgbench_tpcb_1")),
    Ratio("inprocess_64_to_tpcb", True, 2.0, _rates("inprocess_64", "pgbench_tpcb")),
    Ratio("inprocess_16_to_tpcb", True, 1.2, _rates("inprocess_16", "pgbench_tpcb")),
    Ratio("http_64_to_tpcb", True, 0.8, _rates("http_64", "pgbench_tpcb")),
    Ratio("http_64_w2_to_tpcb", True, 1.0, _rates("http_64_w2", "pgbench_tpcb")),
    Ratio("http_64_to_noop", True, 0.5, _rates("http_64", "noop_64")),
    Ratio(
        "http_p99_to_p50",
        False,
        5.0,
        lambda figures: _quotient(
            _figure(figures, "http_64", "p99_us"), _figure(figures, "http_64", "p50_us")
        ),
    ),
    Ratio("bulk_to_http", True, 3.0, _rates("bulk", "http_64")),
    Ratio("balance_to_bare", False, 1.6, _read("balance")),
    Ratio("entries_page_to_bare", False, 2.0, _read("page")),
    Ratio(
        "spend_p50_large_to_small",
        False,
        1.15,
        lambda figures: _quotient(
            _figure(figures, "spend_large", "p50_us"), _figure(figures, "spend_small", "p50_us")
        ),
    ),
    Ratio(
        "contributions_posting_to_bare",
        False,
        1.6,
        lambda figures: _quotient(
            _figure(figures, "contributions_posting", "seconds"),
            _figure(figures, "contributions_bare", "seconds"),
        ),
    ),
    # from the CSV to the committed book with its totals checked
    Ratio(
        "contributions_1m_to_bare",
        False,
        4.0,
        lambda figures: _quotient(
            _figure(figures, "contributions_file", "seconds"),
            _figure(figures, "contributions_bare", "seconds"),
        ),
    ),
    Ratio(
        "contributions_line_1m_to_100k",
        False,
        1.0,
        lambda figures: _quotient(
            _figure(figures, "contributions_file", "line_us"),
            _figure(figures, "contributions_file_few", "line_us"),
        ),
        slack=0.15,
    ),
    Ratio(
        "contributions_rss_mb",
        False,
        300,
        _larger("peak_rss_mb", "contributions_file", "contributions_file_few"),
    ),
    Ratio("settlement_http_64_to_tpcb", True, 0.3, _rates("settlement_http_64", "pgbench_tpcb")),
    Ratio("settlement_http_64_w2_to_tpcb", True, 0.45, _rates("settlement_http_64_w2", "pgbench_tpcb")),
    Ratio(
        "presettle_to_noop",
        False,
        5.0,
        lambda figures: _quotient(
            _without_log(figures, "presettle_1"), _figure(figures, "settlement_noop_1", "p50_us")
        ),
    ),
    Ratio(
        "annual_person_100k_to_10k",
        False,
        1.15,
        lambda figures: _quotient(
            _figure(figures, "annual", "person_us"), _figure(figures, "annual_few", "person_us")
        ),
    ),
    Ratio(
        "year_end_person_1m_to_100k",
        False,
        1.0,
        lambda figures: _quotient(
            _figure(figures, "year_end", "person_us"), _figure(figures, "year_end_few", "person_us")
        ),
        slack=0.15,
    ),
    Ratio("year_end_rss_mb", False, 300, _larger("peak_rss_mb", "year_end", "year_end_few")),
    Ratio(
        "year_end_spend_p99",
        False,
        5.0,
        lambda figures: _quotient(
            _figure(figures, "year_end_spends", "p99_us"),
            _figure(figures, "year_end_spends", "alone_p99_us"),
        ),
    ),
    Ratio(
        "payment_30y_to_1y",
        False,
        1.2,
        lambda figures: _quotient(
            _figure(figures, "age_30y", "payment_ms"), _figure(figures, "age_1y", "payment_ms")
        ),
    ),
    Ratio(
        "interest_30y_to_1y",
        False,
        1.2,
        lambda figures: _quotient(
            _figure(figures, "age_30y", "account_us"), _figure(figures, "age_1y", "account_us")
        ),
    ),
    Ratio("payment_10000_seconds", False, 0.6, lambda figures: _figure(figures, "payment_many", "seconds")),
    Ratio(
        "payment_10000_spend_p99",
        False,
        3.0,
        lambda figures: _quotient(
            _figure(figures, "payment_many", "p99_us"), _figure(figures, "payment_many", "alone_p99_us")
        ),
    ),
    Ratio("correction_seconds", False, 180, lambda figures: _figure(figures, "correction_shown", "seconds")),
    Ratio("sqlite_64_to_1", True, 5.0, _rates("sqlite_64", "sqlite_1")),
    Ratio("documents_per_minute", True, 1000, lambda figures: _figure(figures, "documents", "per_minute")),
    Ratio("list_10000_seconds", False, 5.0, lambda figures: _figure(figures, "list_10000", "seconds")),
    Ratio("list_10000_mb", False, 200, lambda figures: _figure(figures, "list_10000", "peak_rss_mb")),
    Ratio(
        "bytes_per_contribution",
        False,
        450,
        lambda figures: _figure(figures, "contributions_posting", "bytes_per_contribution"),
    ),
)

# held as well, though no comparison
LIMITS = (
    Ratio(
        "contributions_peak_rss_mb",
        False,
        300,
        lambda figures: _figure(figures, "contributions_posting", "peak_rss_mb"),
    ),
    # the last tenths of a million lines against the first: constant cost, within the noise
    Ratio(
        "contributions_last_to_first",
        False,
        1.25,
        lambda figures: _figure(figures, "contributions_posting", "last_to_first"),
    ),
)


def evaluate(figures: Figures) -> tuple[dict[str, float | None], dict[str, dict[str, Any]]]:
    """The ratios by name, and for every target whether it was met."""
    ratios = {ratio.name: ratio.of(figures) for ratio in RATIOS}
    targets = {
        ratio.name: {
            "target": ratio.wanted,
            "value": (value := ratio.of(figures)),
            "met": ratio.met(value),
        }
        for ratio in RATIOS + LIMITS
    }
    return ratios, targets


def show(report: Mapping[str, Any]) -> None:
    """The table, for people."""
    # wide enough for a pipe too: rich would cut the columns to 80 characters
    console = Console(width=110)
    console.print(_figures_table(report["figures"]))
    console.print(_targets_table(report["targets"]))
    for name in ("bytes_small", "bytes_huge", "verify_of_huge"):
        if name in report["figures"]:
            [measure] = report["figures"][name]["rounds"]
            console.print(f"{name}: {', '.join(f'{what} {value:,}' for what, value in measure.items())}")
    for name, found in report["verify"].items():
        console.print(
            f"verify {name}: {found['books']:,} books, {found['entries']:,} entries,"
            f" {found['findings']} findings ({found['seconds']} s)"
        )
    if "contributions_file" in report["figures"]:
        lines = report["contribution_lines"]
        console.print(
            f"contributions: 1m is {lines['1m']:,} lines, 100k is {lines['100k']:,}", highlight=False
        )
    pgbench = report["pgbench"]
    console.print(f"pgbench {' '.join(pgbench['flags'])} on scale {pgbench['scale']}", highlight=False)
    settings = ", ".join(f"{name}={value}" for name, value in report["server"].items())
    console.print(f"server: {settings}", highlight=False)
    console.print(f"peer: {report['peer']}", highlight=False)


def _figures_table(figures: Figures) -> Table:
    table = Table(title="medians of the rounds", title_justify="left")
    table.add_column("what", no_wrap=True)
    for heading in ("a second", "slowest – fastest", "p50 µs", "p99 µs", "seconds", "memory MB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, figure in figures.items():
        rates = [measure["rate"] for measure in figure["rounds"] if "rate" in measure]
        memory = figure.get("service_peak_rss_mb") or figure.get("peak_rss_mb") or figure.get("rss_mb")
        table.add_row(
            name,
            _number(figure.get("rate")),
            f"{min(rates):,.0f} – {max(rates):,.0f}" if rates else "",
            _number(figure.get("p50_us", figure.get("mean_us"))),
            _number(figure.get("p99_us")),
            _number(figure.get("seconds"), digits=1),
            _number(memory),
        )
    return table


def _targets_table(targets: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title="targets", title_justify="left")
    table.add_column("ratio", no_wrap=True)
    for heading in ("measured", "target", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    words = {True: "met", False: "[bold red]NOT MET[/]", None: "not measured"}
    for name, target in targets.items():
        value = target["value"]
        table.add_row(name, "" if value is None else f"{value:,.2f}", target["target"], words[target["met"]])
    return table


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
