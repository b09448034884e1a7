"""How a command of the operator runs and answers: JSON on stdout, one line on stderr when it fails.

Exit codes: 1 what was refused, what was found wrong, and what may be tried again as it is (no database, a
port that is taken); 2 a wrong call or a wrong setting, which somebody has to put right first. Nothing was
begun then.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from pwd import getpwuid
from typing import Annotated, Any, Final, ParamSpec

import typer
from typer.core import TyperGroup

from ledger.access.jwks import KeysMissing
from ledger.access.revoked import RevokedUnreadable
from ledger.access.tokens import TokenError, WrongToken
from ledger.imports import ControlTotals, ImportProblem, NoFile
from ledger.money import in_yuan, parse_yuan
from ledger.operations import serving
from ledger.operations.installation import NotReady, OldPolicies, WrongCall
from ledger.people.id_numbers import holds_id_number, mask_in_text
from ledger.people.sealing import KeysDiffer
from ledger.policy import Policy, PolicyError
from ledger.refusals import RefusalCode, Refused
from ledger.settings import SettingsError
from ledger.texts import AGENT_NAME_MAX, actor_as_compared, is_agent_name
from ledger.vault import KeyMissingError, KeyringError
from ledger.version import VERSION

USAGE: Final = 2
_SHAPE_INVALID: Final = RefusalCode.SHAPE_INVALID.value
# what the framework raises for any wrong call; it gives only the classes below it a public name
_Misuse: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


class Commands(TyperGroup):
    """The commands together; a wrong call is told as every other thing that goes wrong is."""

    def main(self, *args: Any, **more: Any) -> Any:
        """As the framework's own, but for what it does with a wrong call."""
        if not more.get("standalone_mode", True):
            return super().main(*args, **more)
        try:
            code = super().main(*args, **more | {"standalone_mode": False})
        except typer.Abort:
            fail("interrupted", "interrupted", {})
            sys.exit(1)
        except _Misuse as error:
            sys.exit(_misused(error))
        sys.exit(code if isinstance(code, int) else 0)


def _misused(error: Any) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "python -m ledger"
    problem = (
        " ".join(error.format_message().split()).rstrip(".") if _is_short(error) else "a command is wanted"
    )
    problem = f"{problem}; see `{path} --help`"
    said, _well = fail("usage", problem, {"problem": problem})
    _print(said)
    return USAGE


def _is_short(error: Any) -> bool:
    # a call without any command is told by the framework with the whole help
    return type(error).__name__ != "NoArgsIsHelpError"


app = typer.Typer(
    cls=Commands,
    help="The ledger of personal medical accounts: the operator's commands.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    # a stack trace may show what people sent
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        print(VERSION)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The ledger of personal medical accounts: the operator's commands."""


Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The installation: its keys and ledger.db; or LEDGER_DATA."),
]
DataOfDemo = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Keys, token, ledger.db; else LEDGER_DATA, else demo-data."),
]
By = Annotated[
    str | None,
    typer.Option(
        "--by", "--actor", metavar="NAME", help="The person who asks for it; else the user of this machine."
    ),
]
# what a command answers: its JSON, and whether all is well
Answer = tuple[dict[str, Any], bool]
Parameters = ParamSpec("Parameters")

# expected: told in one line, without a stack trace; by which code, and what the process ends with
PROBLEMS: Final[dict[type[Exception], tuple[str, int]]] = {
    SettingsError: ("settings_invalid", USAGE),
    # the first that fits: a key that came while the command was at work is none that is wrong
    KeyMissingError: ("keys_differ", USAGE),
    KeyringError: ("keys_invalid", USAGE),
    KeysDiffer: ("keys_differ", USAGE),
    KeysMissing: ("jwks_invalid", USAGE),
    RevokedUnreadable: ("revoked_invalid", USAGE),
    PolicyError: ("policy_invalid", USAGE),
    OldPolicies: ("policy_outdated", USAGE),
    WrongCall: ("usage", USAGE),
    WrongToken: ("usage", USAGE),
    NoFile: ("usage", USAGE),
    TokenError: ("keys_invalid", USAGE),
    NotReady: ("not_ready", 1),
    ImportProblem: ("not_ready", 1),
    serving.Taken: ("not_ready", 1),
    serving.Broken: ("not_ready", 1),
}


def command(name: str, *, epilog: str | None = None) -> Callable[..., Any]:
    """Make a function a command: print its answer, and turn what is expected to go wrong into one line."""

    def register(function: Callable[Parameters, Answer | None]) -> Callable[Parameters, None]:
        @app.command(name, epilog=epilog)
        @wraps(function)
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            if code := tell(lambda: function(*args, **kwargs)):
                raise typer.Exit(code)

        return run

    return register


def tell(
    work: Callable[[], Answer | None],
    *,
    passing: tuple[type[Exception], ...] = (),
) -> int:
    """Do the work of a command and print its answer, or in one line what went wrong; the exit code.

    What is expected to go wrong and is `passing` is left to the caller.
    """
    exit_code = 1
    try:
        answer = work()
    except passing:
        raise
    except Refused as refused:
        answer = fail(refused.code.value, problem_of(refused), refused.facts)
    except tuple(PROBLEMS) as error:
        code, exit_code = next(told for kind, told in PROBLEMS.items() if isinstance(error, kind))
        code = error.code if isinstance(error, WrongCall) else code
        answer = fail(code, str(error), {"problem": str(error)})
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        answer = fail("not_ready", what, {"problem": what})
    if answer is None:
        return 0
    said, well = answer
    _print(said)
    return 0 if well else exit_code


def problem_of(refused: Refused) -> str:
    """A refusal in the words of its table, with what is known about it."""
    if "problem" in refused.facts:
        return str(refused.facts["problem"])
    told = ", ".join(f"{name} {value}" for name, value in in_yuan(refused.facts).items())
    return f"{refused.code.words.title} ({told})" if told else refused.code.words.title


def _print(said: dict[str, Any]) -> None:
    print(mask_in_text(json.dumps(said, default=str)), flush=True)


def fail(code: str, problem: str, facts: dict[str, object]) -> Answer:
    """Tell on stderr, in one line, what went wrong; what the answer says of it."""
    problem = " ".join(problem.split())
    print(mask_in_text(f"ledger: {code}: {problem}"), file=sys.stderr, flush=True)
    return {"code": code, **in_yuan(facts)}, False


def warn(text: str) -> None:
    print(mask_in_text(f"ledger: {text}"), file=sys.stderr, flush=True)


def control_totals(lines: int | None, total: str | None) -> ControlTotals:
    """The control totals of one file as its command says them. Raises WrongCall (amount_invalid)."""
    try:
        return ControlTotals(lines, None if total is None else parse_yuan(total))
    except Refused as refused:
        raise WrongCall("--total is an amount in yuan such as 123.45", refused.code.value) from None


def who_asks(said: str | None) -> str:
    """The person in whose name a command asks, and who therefore approves nothing of it (R68).

    As the command says, else the user whom the operating system knows; its variables say nothing. Raises
    WrongCall.
    """
    if said is None:
        try:
            said = getpwuid(os.getuid()).pw_name
        except KeyError:
            unknown = "this machine does not know its user: --by says who asks"
            raise WrongCall(unknown, _SHAPE_INVALID) from None
    if not is_agent_name(said) or not actor_as_compared(said):
        raise WrongCall(f"--by is 1 to {AGENT_NAME_MAX} printable characters", _SHAPE_INVALID)
    if holds_id_number(said):
        raise WrongCall("--by says no ID number: it would stand in the book for ever", _SHAPE_INVALID)
    return said


def require_area(area: int, policies: Mapping[int, Policy], option: str) -> None:
    """See that an area which was asked for has a policy file here. Raises WrongCall (area_unknown)."""
    if area not in policies:
        known = ", ".join(f"{one:06d}" for one in sorted(policies))
        raise WrongCall(
            f"{option}: no policy file of the area {area:06d} is here; there are those of {known}",
            RefusalCode.AREA_UNKNOWN.value,
        )
