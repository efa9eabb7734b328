"""Names folded so that what people type finds what is written: case, accents, Arabic letters and clitics.

`fold("Salé") == fold("sale")`, and `stems` of "للأمن" and of "الأمن" share a stem.
"""

import re
import unicodedata

_WORD = re.compile(r"\w+")
# Letters that Arabic keyboards and editors interchange; hamza carriers fall to their base letter by NFKD already.
_ARABIC = str.maketrans({"ى": "ي", "ة": "ه", "ـ": None, "ٱ": "ا"})
_LATIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ı": "i", "’": "'", "ʿ": None, "ʾ": None}
)
# Conjunctions and prepositions written with the word, then the article; longest first.
_CLITICS = ("وبال", "ولل", "فبال", "فلل", "وال", "فال", "بال", "كال", "لل", "ال")
# And, then, in, as, for: one letter before a word without article. Many words begin with them, so that only what is typed
# is tried without.
_PARTICLES = "وفبكل"
# A stem of fewer letters is no longer the word: "الله" keeps its article.
_SHORTEST_STEM = 3


def fold(text: str) -> str:
    """`text` in lower case without accents, vowel marks and spelling variants; white space single."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LATIN))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(bare.translate(_ARABIC).split())


def words(folded: str) -> list[str]:
    """The words of a folded text, in order; punctuation separates."""
    return _WORD.findall(folded)


def stem(word: str) -> str:
    """A folded Arabic word without its clitics; any other word as it is."""
    if word.isascii():
        return word
    for clitic in _CLITICS:
        if word.startswith(clitic) and len(word) - len(clitic) >= _SHORTEST_STEM:
            return word[len(clitic) :]
    return word


def without_particle(word: str) -> str:
    """A folded Arabic word without the letter that may be a particle; empty if it does not begin with one."""
    bare = word[1:]
    return bare if word[:1] in _PARTICLES and word and len(bare) >= _SHORTEST_STEM else ""


def distance(one: str, other: str, *, most: int) -> int:
    """How many letters have to be added, left out, replaced or swapped with the next; beyond `most`, `most + 1`.

    Source: optimal string alignment, a Damerau-Levenshtein distance in which no part is changed twice.
    """
    beyond, width = most + 1, len(other)
    if abs(len(one) - width) > most:
        return beyond
    before, row = list[int](), [min(j, beyond) for j in range(width + 1)]
    nearest = 0
    for i, letter in enumerate(one, 1):
        # A cell further from the diagonal than `most` is beyond it anyway.
        earlier, before, row = before, row, [beyond] * (width + 1)
        row[0] = min(i, beyond)
        nearest_before, nearest = nearest, row[0]
        for j in range(max(1, i - most), min(width, i + most) + 1):
            wanted = other[j - 1]
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row[j] = cost
            nearest = min(nearest, cost)
        if nearest > most and nearest_before > most:  # a swap reaches back two letters
            return beyond
    return min(row[-1], beyond)


def stems(text: str) -> list[str]:
    """The stems of the words of a text, folded, in order."""
    return folded_stems(fold(text))


def folded_stems(folded: str) -> list[str]:
    """The stems of the words of a text that is folded already, in order."""
    return [stem(word) for word in words(folded)]


def trigrams(text: str) -> set[str]:
    """Runs of three characters of the stems of `text`, each stem padded by a space on both sides."""
    return stem_trigrams(stems(text))


def stem_trigrams(found: list[str]) -> set[str]:
    """Runs of three characters of stems, each padded by a space on both sides."""
    return {padded[i : i + 3] for word in found for padded in [f" {word} "] for i in range(len(padded) - 2)}


def parts(folded: str) -> set[str]:
    """Runs of three characters of a folded text, as the index of parts of names has them."""
    return {folded[i : i + 3] for i in range(len(folded) - 2)}


def words_query(found: list[str]) -> str:
    """A query of FTS5 for texts that have each of these stems, or words that begin with them, in any order."""
    alternatives = ((word, without_particle(word)) for word in found)
    return " AND ".join(f'("{word}"* OR "{bare}"*)' if bare else f'"{word}"*' for word, bare in alternatives) or '""'
