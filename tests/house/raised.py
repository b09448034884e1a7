"""What a decision can raise, read from the source: every refusal in `decide` and in whatever it calls.

    raised_by(Spend)        {RefusalCode.ACCOUNT_CLOSED, …}

Calls are followed through the names of a module, methods of the command, the desk and the books, and for any
other object through every class of the ledger that has a method of that name: it may find too much there, and
never too little. What is raised and caught on the way (the lines of a list) is not counted.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Iterator
from types import FunctionType
from typing import Any, NamedTuple, TypeGuard

import ledger
from ledger.book.state import Book
from ledger.chart.matrix import MATRIX, Rule, Verb
from ledger.posting import Command, Desk
from ledger.refusals import RefusalCode

CODES = RefusalCode.__members__
# what a variable of that name is, wherever a decision uses it
KNOWN: dict[str, type] = {"desk": Desk, "_desk": Desk, "book": Book, "account": Book, "donor": Book}
OF_LEDGER = "ledger."
# the modules whose functions are read
READ: tuple[str, ...] = (OF_LEDGER,)
# what stands above the commands, and is never called by one
ABOVE = {"inquiry", "imports", "verify", "access", "operations", "reports", "seals"}


@functools.cache
def commands() -> tuple[type[Command], ...]:
    """Every command of the ledger."""
    for module in pkgutil.walk_packages(ledger.__path__, OF_LEDGER):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return tuple(sorted(_below(Command), key=lambda command: command.__qualname__))


def _below(base: type[Command]) -> Iterator[type[Command]]:
    for command in base.__subclasses__():
        if command.__module__.startswith(OF_LEDGER):
            yield command
        yield from _below(command)


@functools.cache
def raised_by(command: type[Command]) -> frozenset[RefusalCode]:
    """The codes that a command's own decision can raise."""
    return frozenset().union(*(reading.codes for reading in _readings(command)))


def fields_named_by(command: type[Command]) -> frozenset[str]:
    """The fields that its refusals name in so many words; of what a field holds, the field."""
    return frozenset().union(*(reading.fields for reading in _readings(command)))


@functools.cache
def _readings(command: type[Command]) -> tuple[_Reading, ...]:
    """Every function that a decision may come through."""
    readings: dict[_Called, _Reading] = {}
    waiting = [_Called(command.decide, command, caught=False)]
    while waiting:
        called = waiting.pop()
        if called not in readings:
            readings[called] = _Reading(called)
            waiting += readings[called].calls
    return tuple(readings.values())


class _Called(NamedTuple):
    """A function that is called: of which class, and whether its refusals are caught on the way."""

    function: FunctionType
    owner: type | None
    caught: bool


class _Reading(ast.NodeVisitor):
    """One function: the codes that it raises, and what it calls."""

    def __init__(self, called: _Called) -> None:
        self.codes: set[RefusalCode] = set()
        self.fields: set[str] = set()
        self.calls: list[_Called] = []
        self._owner = called.owner
        self._caught = called.caught
        self._names = called.function.__globals__
        self.visit(ast.parse(textwrap.dedent(inspect.getsource(called.function))))

    def visit_Try(self, node: ast.Try) -> None:
        before = self._caught
        self._caught = before or any(_catches(handler) for handler in node.handlers)
        for part in node.body:
            self.visit(part)
        self._caught = before
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        called = node.func
        if isinstance(called, ast.Name):
            if called.id == "Refused":
                self._raise({CODES[one.attr] for one in ast.walk(node) if _is_code(one)})
                self._name(node)
            self._follow(self._names.get(called.id))
        elif isinstance(called, ast.Attribute):
            if called.attr == "on":
                # a value of the policy, which the area may not have decided for the day: nobody catches that
                self.codes.add(RefusalCode.RATES_MISSING)
            elif called.attr == "allow":
                self._raise(_of_matrix(node))
            else:
                self._follow_method(called)

    def _name(self, refused: ast.Call) -> None:
        for said in (keyword.value for keyword in refused.keywords if keyword.arg == "at"):
            first = said.values[0] if isinstance(said, ast.JoinedStr) else said
            if isinstance(first, ast.Constant) and not self._caught:
                self.fields.add(str(first.value).partition("/")[0])

    def _raise(self, codes: set[RefusalCode]) -> None:
        if not self._caught:
            self.codes |= codes

    def _follow(self, target: Any) -> None:
        if isinstance(target, type) and target.__module__.startswith(READ):
            for name in ("__init__", "__post_init__"):
                if isinstance(made := vars(target).get(name), FunctionType):
                    self._add(made, target)
        elif isinstance(target, FunctionType):
            self._add(target, None)

    def _add(self, function: FunctionType, owner: type | None) -> None:
        if function.__module__.startswith(READ) and function.__code__.co_filename != "<string>":
            self.calls.append(_Called(function, owner, self._caught))

    def _follow_method(self, called: ast.Attribute) -> None:
        value, owners = called.value, []
        name = value.id if isinstance(value, ast.Name) else getattr(value, "attr", "")
        if name == "self" and self._owner is not None:
            owners = [self._owner]
        elif isinstance(value, ast.Call) and getattr(value.func, "id", "") == "super" and self._owner:
            owners = list(self._owner.__mro__[1:])
        elif name in KNOWN:
            owners = [KNOWN[name]]
        else:
            owners = [owner for owner in _classes() if called.attr in vars(owner) and self._sees(owner)]
        for owner in owners:
            method = getattr(owner, called.attr, None)
            if isinstance(method, FunctionType):
                self._add(method, owner)

    def _sees(self, owner: type) -> bool:
        """A class with an underscore is used in its own module alone."""
        return not owner.__name__.startswith("_") or owner.__module__ == self._names["__name__"]


def _is_code(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and node.attr in CODES


def _catches(handler: ast.ExceptHandler) -> bool:
    """Whether refusals end here."""
    named = {node.id for node in ast.walk(handler.type or ast.Tuple([])) if isinstance(node, ast.Name)}
    return "Refused" in named and not any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def _of_matrix(call: ast.Call) -> set[RefusalCode]:
    """What the row of a verb refuses; of a choice between two, what either does."""
    verb, by = call.args[0], {keyword.arg for keyword in call.keywords}
    rows = [
        MATRIX[Verb[node.attr]] for node in ast.walk(verb) if getattr(node, "attr", "") in Verb.__members__
    ]
    assert rows, "which verb is asked for has to be read from the call"
    found: set[RefusalCode] = set()
    for rule in (rule for row in rows for rule in row.values()):
        if isinstance(rule, RefusalCode):
            found.add(rule)
        elif rule is Rule.UNTIL_DEATH:
            found |= {RefusalCode.ACCOUNT_DECEASED} if "day" in by else set()
            found |= {RefusalCode.PERIOD_AFTER_END} if "period" in by else set()
    return found


def _is_above(one: type) -> bool:
    return one.__module__.split(".")[1] in ABOVE


@functools.cache
def _classes() -> tuple[type, ...]:
    """Every class that the ledger's core and wings define, but for commands: nobody calls those by name."""
    commands()
    found = {
        one
        for module in list(sys.modules.values())
        if module.__name__.startswith(OF_LEDGER) and module.__name__.split(".")[1] not in ABOVE
        for one in vars(module).values()
        # also what a module above is seen of in another one, as in the operator's door
        if isinstance(one, type) and one.__module__.startswith(OF_LEDGER) and not _is_above(one)
        if not issubclass(one, Command)
    }
    return tuple(sorted(found, key=lambda one: one.__qualname__))
