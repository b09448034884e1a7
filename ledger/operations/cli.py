"""How a command of the operator runs and answers: JSON on stdout, one line on stderr when it fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from ledger.access.tokens import TokenError
from ledger.imports import ImportProblem
from ledger.operations import serving
from ledger.operations.installation import NotReady
from ledger.people.id_numbers import mask_in_text
from ledger.policy import PolicyError
from ledger.refusals import Refused
from ledger.settings import SettingsError
from ledger.vault import KeyringError
from ledger.version import VERSION

app = typer.Typer(
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
    typer.Option("--data", metavar="DIR", help="Keys, token and ledger.db; or LEDGER_DATA, else demo-data."),
]
# what a command answers: its JSON, and whether all is well
Answer = tuple[dict[str, Any], bool]
Parameters = ParamSpec("Parameters")

# expected: told in one line, without a stack trace
PROBLEMS = (
    SettingsError,
    NotReady,
    KeyringError,
    PolicyError,
    TokenError,
    ImportProblem,
    serving.Taken,
    serving.Broken,
)


def command(name: str, *, json_on_failure: bool = True) -> Callable[..., Any]:
    """Make a function a command: print its answer, and turn what is expected to go wrong into one line."""

    def register(function: Callable[Parameters, Answer | None]) -> Callable[Parameters, None]:
        @app.command(name)
        @wraps(function)
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            if code := tell(lambda: function(*args, **kwargs), json_on_failure=json_on_failure):
                raise typer.Exit(code)

        return run

    return register


def tell(
    work: Callable[[], Answer | None],
    *,
    json_on_failure: bool = True,
    passing: tuple[type[Exception], ...] = (),
) -> int:
    """Do the work of a command and print its answer, or in one line what went wrong; the exit code.

    What is expected to go wrong and is `passing` is left to the caller.
    """
    try:
        answer = work()
    except passing:
        raise
    except Refused as refused:
        problem = refused.facts.get("problem", "refused")
        answer = fail(refused.code.value, str(problem), refused.facts)
    except PROBLEMS as error:
        answer = fail("not_ready", str(error), {"problem": str(error)})
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        answer = fail("not_ready", what, {"problem": what})
    if answer is None:
        return 0
    said, well = answer
    if well or json_on_failure:
        print(mask_in_text(json.dumps(said, default=str)), flush=True)
    return 0 if well else 1


def fail(code: str, problem: str, facts: dict[str, object]) -> Answer:
    print(mask_in_text(f"ledger: {code}: {problem}"), file=sys.stderr, flush=True)
    return {"code": code, **facts}, False


def warn(text: str) -> None:
    print(mask_in_text(f"ledger: {text}"), file=sys.stderr, flush=True)
