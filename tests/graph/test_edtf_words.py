"""Dates as readers say them."""

import pytest
from hypothesis import given

from service.errors import InvalidEdtf, NotFound
from service.graph.edtf_words import LANGUAGES, in_words
from tests.graph.test_edtf import times

WORDS = [
    ("2013-03-23", "23 March 2013", "23 mars 2013", "23 مارس 2013"),
    ("2013-03-01", "1 March 2013", "1er mars 2013", "1 مارس 2013"),
    ("2013-03", "March 2013", "mars 2013", "مارس 2013"),
    ("2013", "2013", "2013", "2013"),
    ("0987", "987", "987", "987"),
    ("199X", "the 1990s", "les années 1990", "عقد 1990"),
    ("19XX", "the years 1900–1999", "les années 1900–1999", "السنوات 1900–1999"),
    ("2016-XX", "2016 (month unknown)", "2016 (mois inconnu)", "2016 (الشهر غير معروف)"),
    ("2016-05-XX", "May 2016 (day unknown)", "mai 2016 (jour inconnu)", "مايو 2016 (اليوم غير معروف)"),
    ("2014-22", "summer 2014", "été 2014", "صيف 2014"),
    ("2014-24", "winter 2014–2015", "hiver 2014–2015", "شتاء 2014–2015"),
    ("1985~", "about 1985", "vers 1985", "نحو 1985"),
    ("199X~", "about the 1990s", "vers les années 1990", "نحو عقد 1990"),
    ("2014-09-30~", "about 30 September 2014", "vers le 30 septembre 2014", "نحو 30 سبتمبر 2014"),
    ("2014-23~", "about autumn 2014", "vers l’automne 2014", "نحو خريف 2014"),
    ("1985?", "1985 (year inferred)", "1985 (année déduite)", "1985 (السنة مستنتجة)"),
    (
        "2017-01-31?",
        "31 January 2017 (date inferred)",
        "31 janvier 2017 (date déduite)",
        "31 يناير 2017 (التاريخ مستنتج)",
    ),
    ("1985%", "about 1985 (year inferred)", "vers 1985 (année déduite)", "نحو 1985 (السنة مستنتجة)"),
    (
        "2017?-01-31",
        "31 January 2017 (year inferred)",
        "31 janvier 2017 (année déduite)",
        "31 يناير 2017 (السنة مستنتجة)",
    ),
    (
        "2017?-01?-31",
        "31 January 2017 (year and month inferred)",
        "31 janvier 2017 (année et mois déduits)",
        "31 يناير 2017 (السنة والشهر مستنتجان)",
    ),
    (
        "2017~-01?-31",
        "31 January 2017 (month inferred, year approximate)",
        "31 janvier 2017 (mois déduit, année approximative)",
        "31 يناير 2017 (الشهر مستنتج، السنة تقريبية)",
    ),
    ("2014-01/2017", "from January 2014 to 2017", "de janvier 2014 à 2017", "من يناير 2014 إلى 2017"),
    ("1995~/2017", "from about 1995 to 2017", "de 1995 environ à 2017", "من نحو 1995 إلى 2017"),
    (
        "1985-09-30~/1995%",
        "from about 30 September 1985 to about 1995 (year inferred)",
        "du 30 septembre 1985 environ à 1995 environ (année déduite)",
        "من نحو 30 سبتمبر 1985 إلى نحو 1995 (السنة مستنتجة)",
    ),
    ("2014-04/2014-08", "from April 2014 to August 2014", "d’avril 2014 à août 2014", "من أبريل 2014 إلى أغسطس 2014"),
    (
        "2001-09-11/2017-03-01",
        "from 11 September 2001 to 1 March 2017",
        "du 11 septembre 2001 au 1er mars 2017",
        "من 11 سبتمبر 2001 إلى 1 مارس 2017",
    ),
    ("199X/200X", "from the 1990s to the 2000s", "des années 1990 aux années 2000", "من عقد 1990 إلى عقد 2000"),
    (
        "2014-22/2015-21",
        "from summer 2014 to spring 2015",
        "de l’été 2014 au printemps 2015",
        "من صيف 2014 إلى ربيع 2015",
    ),
    ("2014-01/..", "since January 2014", "depuis janvier 2014", "منذ يناير 2014"),
    ("2014-01-05/..", "since 5 January 2014", "depuis le 5 janvier 2014", "منذ 5 يناير 2014"),
    ("199X/..", "since the 1990s", "depuis les années 1990", "منذ عقد 1990"),
    (
        "2014-01/",
        "from January 2014, end unknown",
        "à partir de janvier 2014, fin inconnue",
        "من يناير 2014، والنهاية غير معروفة",
    ),
    ("../2017", "until 2017", "jusqu’en 2017", "حتى 2017"),
    ("../2017-04", "until April 2017", "jusqu’à avril 2017", "حتى أبريل 2017"),
    ("../2017-04-01", "until 1 April 2017", "jusqu’au 1er avril 2017", "حتى 1 أبريل 2017"),
    ("/2017", "until 2017, start unknown", "jusqu’en 2017, début inconnu", "حتى 2017، والبداية غير معروفة"),
    (
        "[2016-10-25..2016-10-31]",
        "between 25 October 2016 and 31 October 2016",
        "entre le 25 octobre 2016 et le 31 octobre 2016",
        "بين 25 أكتوبر 2016 و31 أكتوبر 2016",
    ),
    ("[2016,2018]", "2016 or 2018", "2016 ou 2018", "2016 أو 2018"),
    ("[..1984]", "1984 or earlier", "1984 ou avant", "1984 أو قبل ذلك"),
    ("[1984..]", "1984 or later", "1984 ou après", "1984 أو بعد ذلك"),
]


@pytest.mark.parametrize(("edtf", "english", "french", "arabic"), WORDS)
def test_a_date_in_words(edtf: str, english: str, french: str, arabic: str) -> None:
    assert [in_words(edtf, language) for language in LANGUAGES] == [english, french, arabic]


@given(times)
def test_every_date_has_words_in_every_language(edtf: str) -> None:
    for language in LANGUAGES:
        words = in_words(edtf, language)
        assert words.strip() == words != ""
        assert not set(words) & set("{}[]X%~?/")


def test_what_is_no_date_has_no_words() -> None:
    with pytest.raises(InvalidEdtf):
        in_words("2014-13", "en")
    with pytest.raises(NotFound, match="no words in 'de'; there are en, fr, ar"):
        in_words("2014", "de")
