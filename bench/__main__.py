"""python -m bench: run all parts, print the table, write bench/out/bench.json.

SIZE=full|small|huge, PEERS=1, ONLY=part,part (see plan.py), ROUNDS, SECONDS. Ends with 0 also when a target
is missed, and with 1 when something is wrong: an answer that was an error, a lost entry, a finding.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bench import report
from bench.age import MANY, Age
from bench.annual import Annual
from bench.bare import Bare
from bench.check import check
from bench.contributions import Contributions
from bench.corrections import Corrections
from bench.documents import long_list, one_page
from bench.fill import libpq, make_ledger, make_template
from bench.huge import Huge
from bench.inprocess import CALLERS, InProcess
from bench.machine import machine, server_settings, versions
from bench.peer import Peer, PeerMissing
from bench.pgbench import ALONE, FLAGS, SCALE, Pgbench
from bench.plan import ACCOUNTS, HUGE, MONEY_FEN, OUT, BenchFailed, Plan, plan_from_environment
from bench.rounds import Measure, alternate
from bench.service import Service
from bench.sqlite import BATCHES, Sqlite, remove
from bench.year_end import YearEnd
from tests.support.postgres import Server

Turn = Callable[[], Measure]
CONNECTIONS = (1, 64)
# of the service that is measured with several processes
WORKERS = 2


class Bench:
    """One run: the server, what was measured, and the ledgers that `verify` looks at in the end."""

    def __init__(self, plan: Plan, server: Server) -> None:
        self.plan = plan
        self.server = server
        self.began = time.monotonic()
        self.figures: dict[str, Measure] = {}
        self.ledgers: dict[str, str] = {}
        self.failed: list[str] = []
        self.peer: dict[str, Any] = {"skipped": "PEERS=1 was not asked for"}

    def say(self, line: str) -> None:
        print(f"{time.monotonic() - self.began:5.0f} s  {line}", file=sys.stderr, flush=True)

    def measure(self, parties: dict[str, Turn], *, warm_up: bool = True) -> None:
        self.figures |= alternate(parties, self.plan.rounds, warm_up=warm_up, say=self.say)

    def ledger(self, name: str, books: int, entries_per_book: int) -> str:
        url = make_ledger(self.server, name, books, entries_per_book, MONEY_FEN, self.say)
        self.ledgers[name] = url
        return url

    def throughput(self) -> None:
        """Everything that is compared by rate, in the same rounds: the limit, in process, HTTP, the peer."""
        plan = self.plan
        self.say("throughput: setting up")
        parties: dict[str, Turn] = {}
        with ExitStack() as stack:
            if plan.wants("pgbench", "inprocess", "http", "settlements"):
                pgbench = Pgbench(self.server)
                parties["pgbench_tpcb"] = partial(pgbench.tpcb, plan.seconds)
                parties["pgbench_tpcb_1"] = partial(pgbench.tpcb_alone, plan.seconds)
                parties["pgbench_simple_update"] = partial(pgbench.simple_update, plan.seconds)
            if plan.wants("inprocess"):
                url = self.ledger("inprocess", ACCOUNTS, 1)
                worker = stack.enter_context(closing(InProcess(url)))
                for callers in CALLERS:
                    parties[f"inprocess_{callers}"] = partial(worker.spends, callers, plan.seconds)
            if plan.wants("http"):
                url = self.ledger("http", ACCOUNTS, 1)
                service = stack.enter_context(closing(Service("http", url)))
                for connections in CONNECTIONS:
                    for name, what in (("noop", "noop"), ("http", "spend")):
                        parties[f"{name}_{connections}"] = partial(
                            service.load, what, connections, plan.seconds
                        )
                parties["bulk"] = partial(service.bulk, plan.seconds)
                several = stack.enter_context(closing(Service("http-w2", url, WORKERS)))
                parties["http_64_w2"] = partial(several.load, "spend", 64, plan.seconds)
            if plan.wants("settlements"):
                url = self.ledger("settlements", ACCOUNTS, 1)
                settling = stack.enter_context(closing(Service("settlements", url)))
                for name, what, connections in (
                    ("settlement_http_64", "settle", 64),
                    ("settlement_http_1", "settle", 1),
                    ("presettle_1", "quote", 1),
                    ("settlement_noop_1", "noop", 1),
                ):
                    parties[name] = partial(settling.load, what, connections, plan.seconds)
                several = stack.enter_context(closing(Service("settlements-w2", url, WORKERS)))
                parties["settlement_http_64_w2"] = partial(several.load, "settle", 64, plan.seconds)
                log = stack.enter_context(closing(Bare(libpq(url))))
                parties["log_commit"] = partial(log.read, "log", plan.seconds)
            if plan.wants("peer"):
                try:
                    peer = stack.enter_context(closing(Peer(self.server)))
                except PeerMissing as missing:
                    self.peer = {"skipped": str(missing)}
                else:
                    self.peer = {"versions": peer.versions}
                    parties["peer_hordak_64"] = partial(peer.transfers, plan.seconds)
            if parties:
                self.say(f"throughput: {', '.join(parties)}")
                self.measure(parties)

    def sizes(self) -> None:
        """Single calls on a small and on a large ledger: reads over HTTP and bare, and spends."""
        plan = self.plan
        self.say("two ledgers: filling")
        urls = {
            "small": self.ledger("small", plan.small_books, plan.entries_per_book),
            "large": self.ledger("large", plan.large_books, plan.entries_per_book),
        }
        seconds = plan.latency_seconds
        if plan.wants("spend_size"):
            self.say("spends on both")
            with ExitStack() as stack:
                spends: dict[str, Turn] = {}
                for size, url in urls.items():
                    worker = stack.enter_context(closing(InProcess(url)))
                    spends[f"spend_{size}"] = partial(worker.spends, 1, seconds)
                self.measure(spends)
        if plan.wants("reads"):
            self.say("reads on both")
            with ExitStack() as stack:
                reads: dict[str, Turn] = {}
                for size, url in urls.items():
                    service = stack.enter_context(closing(Service(size, url)))
                    bare = stack.enter_context(closing(Bare(libpq(url))))
                    for what in ("balance", "page"):
                        reads[f"{what}_bare_{size}"] = partial(bare.read, what, seconds)
                        reads[f"{what}_http_{size}"] = partial(service.load, what, 1, seconds)
                    if size == "large":
                        reads["log_commit"] = partial(bare.read, "log", seconds)
                        reads["noop_read"] = partial(service.load, "noop", 1, seconds)
                self.measure(reads)

    def contributions(self) -> None:
        plan = self.plan
        self.say(
            f"{plan.contributions:,} contributions: posted, bare, and in a file;"
            f" a smaller file of {plan.contributions_few:,}"
        )
        with closing(Contributions(self.server, plan)) as all_ways:
            parties: dict[str, Turn] = {
                "contributions_posting": all_ways.posting,
                "contributions_bare": all_ways.bare,
                "contributions_file": all_ways.file,
                "contributions_file_few": all_ways.file_few,
            }
            # every round has a database of its own: nothing of a round before could be warm
            self.measure(parties, warm_up=False)
            self.ledgers |= all_ways.urls()

    def annual(self) -> None:
        plan = self.plan
        self.say(
            f"a year of {plan.annual_people:,} people with ten bills each, and of {plan.annual_people_few:,}"
        )
        with closing(Annual(self.server, plan, self.say)) as annual:
            self.measure({"annual": annual.all, "annual_few": annual.few}, warm_up=False)
            self.ledgers |= annual.urls()

    def year_end(self) -> None:
        plan = self.plan
        self.say(f"the year end of {plan.year_end_people:,} accounts, and of {plan.year_end_people_few:,}")
        with closing(YearEnd(self.server, plan, self.say)) as ending:
            parties: dict[str, Turn] = {
                "year_end": ending.all,
                "year_end_few": ending.few,
                "year_end_spends": ending.beside,
            }
            self.measure(parties, warm_up=False)
            self.ledgers |= ending.urls()

    def age(self) -> None:
        plan = self.plan
        self.say(
            f"an employer of {plan.age_staff:,} people after thirty years and one, and a payment to {MANY:,}"
        )
        with closing(Age(self.server, plan, self.say)) as age:
            parties: dict[str, Turn] = {"age_30y": age.old, "age_1y": age.young, "payment_many": age.many}
            self.measure(parties, warm_up=False)
            self.ledgers |= age.urls()

    def corrections(self) -> None:
        people = self.plan.correction_people
        self.say(f"a mass correction of {people:,} people: their lists of a year")
        corrections = Corrections(self.server, self.plan, self.say)
        self.measure({"correction_shown": corrections.shown}, warm_up=False)
        self.ledgers |= corrections.urls()

    def sqlite(self) -> None:
        self.say("SQLite")
        with closing(Sqlite()) as sqlite:
            self.measure({f"sqlite_{by}": partial(sqlite.spends, by, self.plan.seconds) for by in BATCHES})
        self.ledgers["sqlite"] = sqlite.url

    def documents(self) -> None:
        self.say("printed lists")
        parties: dict[str, Turn] = {
            "documents": partial(one_page, self.plan.seconds),
            "list_10000": long_list,
        }
        self.measure(parties, warm_up=False)

    def huge(self) -> None:
        """A ledger of 10⁸ entries. `verify` goes over a part of it, and so it is none of its ledgers."""
        plan = self.plan
        self.say(f"a ledger of {plan.huge_entries:,} entries, and one of {plan.small_entries:,}")
        huge = Huge(self.server, plan, self.say)
        with ExitStack() as stack:
            self.measure(huge.parties(stack))
        self.say("verify of a hundredth")
        huge.verify()
        self.figures |= huge.figures

    def run(self) -> dict[str, Any]:
        plan = self.plan
        about = {
            "machine": machine(),
            "versions": versions(self.server),
            "server": server_settings(self.server),
        }
        make_template(self.server)
        for wanted, part in (
            (("pgbench", "inprocess", "http", "settlements", "peer"), self.throughput),
            (("reads", "spend_size"), self.sizes),
            (("contributions",), self.contributions),
            (("annual",), self.annual),
            (("year_end",), self.year_end),
            (("age",), self.age),
            (("corrections",), self.corrections),
            (("sqlite",), self.sqlite),
            (("documents",), self.documents),
            ((HUGE,), self.huge),
        ):
            if plan.wants(*wanted):
                try:
                    part()
                except BenchFailed as failure:
                    # the others are measured nevertheless: an hour of them is not thrown away
                    self.failed.append(str(failure))
                    self.say(f"FAILED: {failure}")
        self.say("verify")
        verified = check(self.ledgers)
        ratios, targets = report.evaluate(self.figures)
        return {
            "size": plan.size,
            "parts": plan.parts,
            "rounds": plan.rounds,
            "seconds_a_round": plan.seconds,
            # what `1m` and `100k` stand for in the names of the ratios
            "contribution_lines": {"1m": plan.contributions, "100k": plan.contributions_few},
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "took_seconds": round(time.monotonic() - self.began),
            **about,
            "pgbench": {"flags": FLAGS, "alone": ALONE, "scale": SCALE, "simple_update_flag": "-N"},
            "peer": self.peer,
            "ratios": ratios,
            "targets": targets,
            "figures": self.figures,
            "verify": verified,
            "failed": self.failed,
        }


def main() -> int:
    if sys.argv[1:]:
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    plan = plan_from_environment()
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        # on the real disk, wherever the temporary folder may be
        with Server(durable=True, parent=OUT) as server:
            found = Bench(plan, server).run()
    except BenchFailed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    finally:
        remove(OUT / "bench.db")
    (OUT / "bench.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    report.show(found)
    findings = sum(ledger["findings"] for ledger in found["verify"].values())
    if findings:
        print(f"FAILED: verify has {findings} findings", file=sys.stderr)
    for failure in found["failed"]:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if findings or found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
