"""Claims about one thing that cannot all hold."""

from collections import defaultdict
from typing import Any

from service.graph.describe import Item

# Relations that have one true date: dates that cannot all hold disagree.
_DATED = ("founded", "when")


def disagree(group: Item) -> bool:
    """Whether the asserted claims of one relation, as `Describer.entity` groups them, cannot all hold.

    Dates that exclude each other, or two exact numbers for one measure, time and breakdown.
    """
    if group["inverse"]:
        return False
    asserted = [claim for claim in group["claims"] if claim["modality"] == "asserted"]
    if group["relation"] in _DATED:
        times = [claim["object"] for claim in asserted if claim["object"] and "edtf" in claim["object"]]
        latest_start = max((time.get("earliest", "") for time in times), default="")
        return any(time.get("latest", "9999") < latest_start for time in times)
    exact: dict[Any, set[str]] = defaultdict(set)
    for claim in asserted:
        if claim["type"] == "Observation" and claim["valueIs"] == "exact":
            time = claim["time"]["edtf"] if claim["time"] else None
            exact[time, tuple(item["id"] for item in claim.get("breakdown", []))].add(claim["value"])
    return any(len(values) > 1 for values in exact.values())
