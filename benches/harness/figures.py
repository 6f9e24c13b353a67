"""A figure: one line of the table, one object in the JSON file."""

from statistics import median

from .rounds import paired_ratio, ratio_quartiles

# What a bar is compared with.
RATIO_AT_MOST = "ratio at most"
RATIO_AT_LEAST = "ratio at least"
OURS_AT_MOST = "at most"
OURS_AT_LEAST = "at least"


class Figure:
    def __init__(self, name, unit, ours, theirs=None, against=None, bar=None, rule=None):
        self.name = name
        self.unit = unit
        self.ours = list(ours)
        self.theirs = list(theirs or [])
        self.against = against
        self.bar = bar
        self.rule = rule

    @classmethod
    def of(cls, name, unit, key, samples, **rest):
        """The figure that one key of the measured dictionaries makes."""
        ours = [result[key] for result in samples.ours]
        theirs = [result[key] for result in samples.theirs]
        return cls(name, unit, ours, theirs, **rest)

    @property
    def ratio(self):
        return paired_ratio(self.ours, self.theirs) if self.theirs else None

    @property
    def met(self):
        if self.bar is None:
            return None
        if self.rule == RATIO_AT_MOST:
            return self.ratio <= self.bar
        if self.rule == RATIO_AT_LEAST:
            return self.ratio >= self.bar
        if self.rule == OURS_AT_MOST:
            return median(self.ours) <= self.bar
        return median(self.ours) >= self.bar

    def as_json(self, quick):
        """A quick run is a smoke test: it never says that a bar was met or missed."""
        spread = {"ours": [min(self.ours), max(self.ours)]}
        if self.theirs:
            spread["theirs"] = [min(self.theirs), max(self.theirs)]
            spread["ratio"] = [round(edge, 4) for edge in ratio_quartiles(self.ours, self.theirs)]
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": median(self.ours),
            "against": self.against,
            "theirs": median(self.theirs) if self.theirs else None,
            "ratio": round(self.ratio, 4) if self.theirs else None,
            "bar": self.bar,
            "met": None if quick else self.met,
            "rounds": len(self.ours),
            "spread": spread,
        }
