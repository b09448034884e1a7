"""Where the chance in the tests comes from: from fixed seeds, unless `make fuzz` or somebody says others.

hypothesis: the profile `fixed` takes its seeds from the tests themselves, so that nothing turns red by
chance; `fuzz` tries more, from the seed that `--hypothesis-seed` names. Neither knows a deadline: how long
an example takes is a matter of the machine. A test may say in its `settings` how many examples it wants,
and nothing about chance.

`random.Random`: tests marked `random` start from `SEED`, that is LEDGER_TEST_SEED, or from what `seeds` and
`seeded` make of their own seeds. What a test demands of the history that its own seed plays (that some
refusal was met, say) it demands only if `FIXED`.
"""

import os

from hypothesis import HealthCheck, settings

_USUAL = 20261122
SEED = int(os.environ.get("LEDGER_TEST_SEED", _USUAL))
FIXED = SEED == _USUAL

settings.register_profile(
    "fixed",
    # the same ones every time, so more of them would find nothing more: `make fuzz` tries others
    derandomize=True,
    max_examples=60,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "fuzz", settings.get_profile("fixed"), derandomize=False, max_examples=500, print_blob=True
)


def seeds(number: int) -> range:
    """The seeds of a test that is played `number` times: 0, 1, … as long as nobody wants others."""
    return range(number) if FIXED else range(SEED, SEED + number)


def seeded(own: int) -> int:
    """The seed of a test that has one of its own."""
    return own if FIXED else SEED + own
