"""Content negotiation: which of several media types a client wants most. RFC 9110, sections 12.4 and 12.5.1."""

import re
from collections.abc import Sequence
from functools import lru_cache

from service.errors import NotAcceptable as NotAcceptable

# A string that is not closed goes to the end of the header: to look for its end from each quote takes time in squares.
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.?)*+(?:"|\Z))++')
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)')
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+/[A-Za-z0-9!#$%&'*+.^_`|~-]+|\*")
# Characters of a header; that of a browser has 150.
_MOST_REMEMBERED = 1000


def choose(accept: str | None, offers: Sequence[str]) -> str:
    """The offer that an Accept header wants most; of equals the first. No header, or an empty one, takes the first.

    Each offer has the quality of the most specific range that fits it. Parameters of ranges other than `q` are
    ignored, and so are elements that are no media range.

    Raises NotAcceptable: every offer has quality 0 or no range fits.
    """
    accept = accept or "*/*"
    # What is remembered is bounded: 512 headers of 256 KiB would be 128 MiB.
    choice = _choose if len(accept) <= _MOST_REMEMBERED else _choose.__wrapped__
    return choice(accept, tuple(offers))


@lru_cache(maxsize=512)
def _choose(accept: str, offers: tuple[str, ...]) -> str:
    ranges = media_ranges(accept)
    if not ranges:
        return offers[0]
    best, best_quality = "", 0.0
    for offer in offers:
        quality = quality_of(offer, ranges)
        if quality > best_quality:
            best, best_quality = offer, quality
    if not best:
        raise NotAcceptable(offers)
    return best


def media_ranges(accept: str) -> dict[str, float]:
    """The ranges of an Accept header (lower case) and their qualities; the highest where one comes twice."""
    ranges: dict[str, float] = {}
    for element in _ELEMENT.findall(accept):
        media_range, _, parameters = element.partition(";")
        media_range = media_range.strip().lower()
        if not _TOKEN.fullmatch(media_range):
            continue
        if media_range == "*":  # sent by some old clients for */*
            media_range = "*/*"
        quality = 1.0
        for name, value in _PARAMETER.findall(";" + parameters):
            if name.lower() == "q":
                quality = _quality(value)
        ranges[media_range] = max(quality, ranges.get(media_range, 0.0))
    return ranges


def quality_of(offer: str, ranges: dict[str, float]) -> float:
    """The quality of a media type: that of the most specific range that fits; 0 if none does."""
    media_type = offer.partition(";")[0].strip().lower()
    family = media_type.partition("/")[0]
    for candidate in (media_type, f"{family}/*", "*/*"):
        if candidate in ranges:
            return ranges[candidate]
    return 0.0


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text.strip('"'))))
    except ValueError:
        return 1.0


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether a client takes gzip and does not prefer the plain form. RFC 9110, section 12.5.3."""
    if not accept_encoding:
        return False
    qualities: dict[str, float] = {}
    for element in accept_encoding.split(","):
        coding, _, parameters = element.partition(";")
        found = {name.lower(): value for name, value in _PARAMETER.findall(";" + parameters)}
        qualities[coding.strip().lower()] = _quality(found.get("q", "1"))
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)
