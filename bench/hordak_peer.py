"""django-hordak's side, run by the Python of the peer's own environment: nothing of the ledger is imported.

python -m bench.hordak_peer CONNINFO prepare|work
"""

import random
import sys
import threading
import time
from array import array
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench.process import Answer, serve
from bench.rounds import latencies

ACCOUNTS = 1_000
_CURRENCY = "CNY"


def _set_up(conninfo: str) -> None:
    import django  # type: ignore[import-not-found]  # in an environment of its own
    from django.conf import settings  # type: ignore[import-not-found]  # in an environment of its own

    parts = urlsplit(conninfo)
    query = parse_qs(parts.query)
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.lstrip("/"),
                "USER": parts.username,
                "HOST": query["host"][0],
                "PORT": query["port"][0],
                "CONN_MAX_AGE": None,
            }
        },
        DEFAULT_CURRENCY=_CURRENCY,
        CURRENCIES=(_CURRENCY,),
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
        SECRET_KEY="nothing is signed here",
    )
    django.setup()


def _prepare() -> None:
    from importlib.metadata import version

    from django.core.management import call_command  # type: ignore[import-not-found]  # in an environment of its own
    from hordak.models import Account, AccountType  # type: ignore[import-not-found]  # in an environment of its own

    call_command("migrate", verbosity=0)
    for number in range(ACCOUNTS):
        Account.objects.create(
            name=f"account {number}", code=str(number), type=AccountType.liability, currencies=[_CURRENCY]
        )
    print(f"django-hordak {version('django-hordak')}, Django {version('django')}")


def _round(question: Answer) -> Answer:
    from django.db import connection  # type: ignore[import-not-found]  # in an environment of its own
    from hordak.models import Account
    from moneyed import Money  # type: ignore[import-not-found]  # in an environment of its own

    accounts: list[Any] = list(Account.objects.all())
    amount = Money("0.01", _CURRENCY)
    taken = array("q")
    faults: list[Exception] = []
    until = time.perf_counter_ns() + int(question["seconds"] * 1e9)

    def caller() -> None:
        try:
            while (began := time.perf_counter_ns()) < until:
                source, target = random.sample(accounts, 2)
                source.transfer_to(target, amount)
                taken.append(time.perf_counter_ns() - began)
        except Exception as fault:  # noqa: BLE001  raised again by whoever waits
            faults.append(fault)
        finally:
            connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=caller) for _ in range(question["callers"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return {
        "rate": round(len(taken) / (time.perf_counter() - began), 1),
        **latencies(taken),
        "count": len(taken),
    }


if __name__ == "__main__":
    _set_up(sys.argv[1])
    if sys.argv[2] == "prepare":
        _prepare()
    else:
        serve(_round)
