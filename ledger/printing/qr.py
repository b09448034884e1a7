"""The square code that holds the check address, as one path of SVG."""

from __future__ import annotations

import segno


def qr_svg(address: str) -> str:
    """The code of an address with the white edge that readers want, black on white."""
    rows = [bytes(row) for row in segno.make(address, error="m", micro=False, boost_error=False).matrix]
    edge, size = 2, len(rows) + 4
    path = "".join(
        f"M{x + edge} {y + edge}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}"'
        f' shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}h-{size}z"/>'
        f'<path fill="#000" d="{path}"/></svg>'
    )
