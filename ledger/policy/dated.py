"""Values with the days they hold, and what is said when there is none."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")

ONE_DAY = timedelta(days=1)


class MissingParameter(LookupError):
    """A parameter has no value on a day. An expected state; whoever asks decides what is refused for it."""

    def __init__(self, name: str, day: date) -> None:
        super().__init__(f"{name} has no value on {day.isoformat()}")
        self.name = name
        self.day = day


@dataclass(frozen=True, slots=True)
class ParameterLine:
    """One dated line as the file has it, for showing. `valid_until` is None where the file leaves it out."""

    name: str
    unit: str
    value: str
    valid_from: date
    valid_until: date | None
    source: str


@dataclass(frozen=True, slots=True)
class DatedLine(Generic[ValueT]):
    """One value and the days it holds, both inclusive; `valid_until` None means for good.

    `written` is the value as it stands in the file.
    """

    valid_from: date
    valid_until: date | None
    value: ValueT
    unit: str
    source: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Dated(Generic[ValueT]):
    """The values of one parameter through time: sorted, without gap or overlap."""

    name: str
    lines: tuple[DatedLine[ValueT], ...]

    @property
    def since(self) -> date:
        """The first day that has a value."""
        return self.lines[0].valid_from

    def on(self, day: date) -> ValueT:
        """The value on `day`. Raises MissingParameter before the first line and after an ended last one."""
        return self.line_on(day).value

    def line_on(self, day: date) -> DatedLine[ValueT]:
        """The line that holds on `day`, to say where a value comes from. Raises MissingParameter as `on`."""
        for line in reversed(self.lines):  # what is asked for is nearly always the latest
            if line.valid_from <= day:
                if line.valid_until is None or day <= line.valid_until:
                    return line
                break
        raise MissingParameter(self.name, day)

    def holds_on(self, day: date) -> bool:
        """Whether there is a value on `day`."""
        for line in self.lines:
            if line.valid_from <= day and (line.valid_until is None or day <= line.valid_until):
                return True
        return False

    def bands(self, first: date, last: date) -> list[tuple[date, date, ValueT]]:
        """The values from `first` to `last`, both inclusive, as (first day, last day, value) in order.

        The bands cover every day asked for, else MissingParameter names the first day without a value. No
        days, when `first` is after `last`, are no bands.
        """
        bands: list[tuple[date, date, ValueT]] = []
        if first > last:
            return bands
        uncovered = first
        for line in self.lines:
            if line.valid_from > last or (line.valid_until is not None and line.valid_until < first):
                continue
            if line.valid_from > uncovered:
                break
            band_last = last if line.valid_until is None else min(line.valid_until, last)
            bands.append((uncovered, band_last, line.value))
            if band_last == last:
                return bands
            uncovered = band_last + ONE_DAY
        raise MissingParameter(self.name, uncovered)
