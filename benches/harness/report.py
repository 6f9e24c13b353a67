"""The table for people and the JSON file for programs."""

import json
import os
from statistics import median


def _number(value):
    if value is None:
        return "-"
    if float(value).is_integer():
        return "{:,}".format(int(value))
    if abs(value) >= 1000:
        return "{:,.0f}".format(value)
    return "{:.2f}".format(value) if abs(value) >= 0.01 else "{:.4f}".format(value)


def _with_spread(values):
    if not values:
        return "-"
    if min(values) == max(values):
        return _number(values[0])
    return "%s [%s..%s]" % (_number(median(values)), _number(min(values)), _number(max(values)))


def _verdict(figure, quick):
    if figure.bar is None:
        return ""
    rule = "%s %s" % (figure.rule, _number(figure.bar))
    if quick:
        return rule + ": not judged"
    return "%s: %s" % (rule, "met" if figure.met else "MISSED")


def table(figures, quick):
    rows = [("figure", "unit", "ours", "theirs", "ratio", "against", "bar")]
    for figure in figures:
        rows.append(
            (
                figure.name,
                figure.unit,
                _with_spread(figure.ours),
                _with_spread(figure.theirs),
                "%.3f" % figure.ratio if figure.theirs else "-",
                figure.against or "-",
                _verdict(figure, quick),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def write_json(path, content):
    """Whole or not at all: a reader never sees half a file."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    os.replace(path + ".new", path)
