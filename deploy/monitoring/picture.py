"""Draws the dashboard's curves from what a Prometheus answered: the documentation's picture, without a Grafana.

picture.py RANGES.json PICTURE.png
"""

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

COLUMNS = 3
INCHES = (5.2, 2.6)
"""Of one panel."""
GAP_S = 3.0
"""Without values for so long, a curve is interrupted: the bridge was away."""
MAX_NAMED = 8
"""Curves in a legend; more would hide the panel."""


def legend_of(template: str, labels: dict[str, str]) -> str:
    """`{{stream}} restarted` with the series' labels, as Grafana fills it in."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def curve(values: list[tuple[float, str]], start: float) -> tuple[list[float], list[float]]:
    """Seconds since `start`, and values; not a number where there is a gap."""
    moments: list[float] = []
    numbers: list[float] = []
    for moment, number in values:
        if moments and moment - start - moments[-1] > GAP_S:
            moments.append(moments[-1])
            numbers.append(math.nan)
        moments.append(moment - start)
        numbers.append(float(number))
    return moments, numbers


def draw(axes: Axes, queries: list[dict[str, Any]], start: float) -> None:
    """One panel."""
    axes.set_title(queries[0]["panel"], loc="left", fontsize=10, fontweight="bold")
    curves = [(query, series) for query in queries for series in query["series"]]
    # Counters that never moved are in Grafana's legend, but would only take up room here.
    moving = [each for each in curves if any(float(value) for _, value in each[1]["values"])] or curves[:1]
    for query, series in moving[:MAX_NAMED]:
        axes.plot(*curve(series["values"], start), linewidth=1.4, label=legend_of(query["legend"], series["metric"]))
    numbers = [float(value) for _, series in moving for _, value in series["values"]]
    axes.set_ylim(0, 1.1 * max(filter(math.isfinite, numbers), default=0) or 1)
    axes.grid(alpha=0.25)
    axes.tick_params(labelsize=7)
    axes.set_ylabel(queries[0]["unit"], fontsize=7)
    if moving:
        axes.legend(fontsize=6, loc="upper left", framealpha=0.7, edgecolor="none")
    else:
        axes.text(0.5, 0.5, "no series in this run", ha="center", va="center", transform=axes.transAxes, fontsize=8)


def main(data: str, picture: str) -> None:
    """Draw all panels that are curves."""
    panels: dict[str, list[dict[str, Any]]] = {}
    for query in json.loads(Path(data).read_text()):
        if query["kind"] == "timeseries":
            panels.setdefault(query["panel"], []).append(query)
    moments = [
        float(moment)
        for queries in panels.values()
        for query in queries
        for series in query["series"]
        for moment, _ in series["values"]
    ]
    mpl.use("Agg")
    rows = -(-len(panels) // COLUMNS)
    figure, grid = plt.subplots(
        rows, COLUMNS, figsize=(COLUMNS * INCHES[0], rows * INCHES[1]), sharex=True, squeeze=False
    )
    places = list(grid.flat)
    for axes, queries in zip(places, panels.values(), strict=False):
        draw(axes, queries, min(moments))
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    for axes in places[-COLUMNS:]:
        axes.set_xlabel("seconds", fontsize=7)
    figure.tight_layout()
    figure.savefig(picture, dpi=80)


if __name__ == "__main__":
    main(*sys.argv[1:])
