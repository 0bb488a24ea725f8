"""What the dashboard's panels are made of, and how its queries are written."""

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models.common import BigValueColorMode, LegendDisplayMode, LegendPlacement, StackingMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DataTransformerConfig, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
OURS = 'namespace=~"$namespace", job=~"$job"'
GREEN, ORANGE, RED = "green", "orange", "red"
TALL, FLAT = 8, 4
"""Heights, in Grafana's units; the width of a dashboard is 24."""


Panel = stat.Panel | timeseries.Panel | table.Panel


class Query(NamedTuple):
    """An expression and the name of its series."""

    expr: str
    legend: str = ""


def ours(metric: str, *more: str) -> str:
    """The metric of the chosen bridges."""
    return f"{metric}{{{', '.join((OURS, *more))}}}"


def rate(metric: str, by: str, *more: str) -> str:
    """Of a counter, each second."""
    return f"sum by ({by}) (rate({ours(metric, *more)}[$__rate_interval]))"


def quantile(share: float, histogram: str) -> str:
    """Of all bridges together."""
    return f"histogram_quantile({share}, sum by (le) (rate({ours(histogram + '_bucket')}[$__rate_interval])))"


def figure(
    title: str, doc: str, expr: str, *, unit: str, steps: Sequence[tuple[float | None, str]], empty: str = "none"
) -> stat.Panel:
    """One number, coloured by how bad it is. `steps`: from which value on it has which colour."""
    return (
        stat.Panel()
        .title(title)
        .description(doc)
        .datasource(SOURCE)
        .height(FLAT)
        .span(4)
        .unit(unit)
        .no_value(empty)
        .color_mode(BigValueColorMode.BACKGROUND)
        .thresholds(
            dashboard.ThresholdsConfig()
            .mode(ThresholdsMode.ABSOLUTE)
            .steps([Threshold(value=value, color=colour) for value, colour in steps])
        )
        .with_target(prometheus.Dataquery().expr(expr).instant().ref_id("A"))
    )


def graph(title: str, doc: str, *queries: Query, unit: str, stacked: bool = False) -> timeseries.Panel:
    """A curve for each series."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(doc)
        .datasource(SOURCE)
        .height(TALL)
        .span(8)
        .unit(unit)
        .min(0)
        .fill_opacity(10)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for number, query in enumerate(queries):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + number))
        panel = panel.with_target(target)
    return panel


def listing(title: str, doc: str, expr: str, *, hidden: Sequence[str], unit: str) -> table.Panel:
    """A row for each series, its labels and its value."""
    return (
        table.Panel()
        .title(title)
        .description(doc)
        .datasource(SOURCE)
        .height(TALL)
        .span(8)
        .unit(unit)
        .with_target(prometheus.Dataquery().expr(expr).instant().format(PromQueryFormat.TABLE).ref_id("A"))
        .with_transformation(
            DataTransformerConfig(id_val="organize", options={"excludeByName": dict.fromkeys(["Time", *hidden], True)})
        )
    )
