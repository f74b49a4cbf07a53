"""How benchmarks.speed tells what it has found."""

import statistics
from pathlib import Path
from typing import Any

from benchmarks.speed_child import Found

HEADER = (
    f"{'':<30}{'images/s':>9}{'quartiles':>18}{'x timm':>8}{'quartiles':>15}{'MFU':>7}"
    f"{'compile':>10}{'memory':>10}"
)


def summarise(
    case: dict[str, Any], found: list[Found], flops: float
) -> list[dict[str, Any]]:
    """Returns a row for each contestant: the figures of one case.

    Args:
      flops: of one image.
    """
    ceiling = max((one.ceiling for one in found), default=0.0)
    timm = next((one.seconds for one in found if one.name == "timm"), [])
    rows = list[dict[str, Any]]()
    for one in found:
        row: dict[str, Any] = {**case, "contestant": one.name, "fault": one.fault}
        row["versions"] = one.versions
        if one.seconds:
            rates = [case["batch"] / seconds for seconds in one.seconds]
            low, middle, high = quartiles(rates)
            row |= {"images_per_second": middle, "low": low, "high": high}
            row |= {"compile_seconds": one.compile_seconds, "memory": one.memory}
            row |= {"mfu": middle * flops / ceiling, "ceiling": ceiling}
            if timm:
                ratios = [t / s for t, s in zip(timm, one.seconds, strict=False)]
                low, row["over_timm"], high = quartiles(ratios)
                row |= {"over_timm_low": low, "over_timm_high": high}
        rows.append(row)
    return rows


def tell(rows: list[dict[str, Any]]) -> None:
    """Prints a case's rows."""
    for row in rows:
        name = f"{row['model'] + '/16':<5}{row['kind']:<8}{row['contestant']:<17}"
        if row["fault"]:
            print(f"{name} - {row['fault'][:90]}")
            continue
        spread = f"{row['low']:.2f} to {row['high']:.2f}"
        ratio = span = ""
        if "over_timm" in row:
            ratio = f"{row['over_timm']:.2f}"
            span = f"{row['over_timm_low']:.2f} to {row['over_timm_high']:.2f}"
        print(
            f"{name}{row['images_per_second']:>9.2f}{spread:>18}{ratio:>8}{span:>15}"
            f"{row['mfu']:>7.0%}{row['compile_seconds']:>8.1f} s"
            f"{row['memory'] / 1e9:>7.2f} GB"
        )


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draws each contestant's images a second over timm's, case by case."""
    import matplotlib.figure

    rows = [row for row in rows if "over_timm" in row]
    cases = list(dict.fromkeys((row["model"], row["kind"]) for row in rows))
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    figure = matplotlib.figure.Figure(figsize=(9, 3.6), layout="constrained", dpi=120)
    axes, width = figure.subplots(), 0.84 / max(1, len(names))
    for i, name in enumerate(names):
        mine = [row for row in rows if row["contestant"] == name]
        cells = [cases.index((row["model"], row["kind"])) for row in mine]
        places = [cell + (i - len(names) / 2 + 0.5) * width for cell in cells]
        heights = [row["over_timm"] for row in mine]
        low = [row["over_timm"] - row["over_timm_low"] for row in mine]
        high = [row["over_timm_high"] - row["over_timm"] for row in mine]
        axes.bar(places, heights, width * 0.92, label=name)
        axes.errorbar(places, heights, (low, high), fmt="none", ecolor="0.3", lw=0.8)
        for place, row in zip(places, mine, strict=True):
            top = row["over_timm_high"] + 0.01
            told = f"{row['over_timm']:.2f}"
            axes.text(place, top, told, ha="center", va="bottom", fontsize=7)
    axes.axhline(1, color="black", linewidth=0.6)
    axes.set_xticks(range(len(cases)), [f"{m}/16 {kind}" for m, kind in cases])
    axes.set_ylabel("images/s over timm's")
    axes.margins(y=0.18)
    axes.legend(frameon=False, ncols=len(names), fontsize=8, loc="upper center")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Returns the quartiles, the median between the other two."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
