"""The text format of Prometheus, version 0.0.4.

Written by hand: a library that holds its own counters would cost every request more than its log line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.measures import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


class Exposition:
    """A page in the making: one family of samples after the other."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def gauge(self, name: str, what: str, value: float) -> None:
        self._family(name, what, "gauge", [("", value)])

    def gauges(self, name: str, what: str, values: Iterable[tuple[Labels, float]]) -> None:
        self._family(name, what, "gauge", [(_labels(labels), value) for labels, value in values])

    def counter(self, name: str, what: str, value: float) -> None:
        self._family(name, what, "counter", [("", value)])

    def counters(self, name: str, what: str, values: Iterable[tuple[Labels, float]]) -> None:
        self._family(name, what, "counter", [(_labels(labels), value) for labels, value in values])

    def histograms(self, name: str, what: str, values: Iterable[tuple[Labels, Histogram]]) -> None:
        self._head(name, what, "histogram")
        for labels, histogram in values:
            counts, total = list(histogram.counts), histogram.total
            inner = _inner(labels)
            comma = "," if inner else ""
            so_far = 0
            for bound, count in zip((*histogram.bounds, "+Inf"), counts, strict=True):
                so_far += count
                self._lines.append(f'{name}_bucket{{{inner}{comma}le="{bound}"}} {so_far}')
            around = f"{{{inner}}}" if inner else ""
            self._lines.append(f"{name}_sum{around} {total!r}")
            self._lines.append(f"{name}_count{around} {so_far}")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _head(self, name: str, what: str, kind: str) -> None:
        self._lines += (f"# HELP {name} {what}", f"# TYPE {name} {kind}")

    def _family(self, name: str, what: str, kind: str, samples: Iterable[tuple[str, float]]) -> None:
        self._head(name, what, kind)
        self._lines += [f"{name}{labels} {value}" for labels, value in samples]


def _labels(labels: Labels) -> str:
    return f"{{{_inner(labels)}}}" if labels else ""


def _inner(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
