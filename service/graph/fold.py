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
