"""Claims in words, in English, French and Arabic: relation phrases, how firmly, who says so, when.

The phrases are tense-free, as the properties are: the time stands on the claim. They fit a subject of any gender and
number: French and Arabic use nouns or verbs that do not agree where English has a participle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from service.graph.describe import Item

# Property → (heading on the subject's page, heading on the object's page) for each language; in the order of a page.
_HEADINGS: dict[str, dict[str, tuple[str, str]]] = {
    "kind": {
        "en": ("Is of the kind", "Of this kind"),
        "fr": ("Est du genre", "De ce genre"),
        "ar": ("من نوع", "من هذا النوع"),
    },
    "name": {"en": ("Is called", "Is the name of"), "fr": ("A pour nom", "Est le nom de"), "ar": ("الاسم", "اسم لـ")},
    "heldPost": {
        "en": ("Held the post of", "Held by"),
        "fr": ("A occupé le poste de", "Titulaires"),
        "ar": ("شغل منصب", "شاغلو المنصب"),
    },
    "postIn": {"en": ("Is a post in", "Posts"), "fr": ("Est un poste de", "Postes"), "ar": ("منصب في", "المناصب")},
    "memberOf": {
        "en": ("Member of", "Has as member"),
        "fr": ("Membre de", "A pour membre"),
        "ar": ("عضو في", "الأعضاء"),
    },
    "affiliatedWith": {
        "en": ("Affiliated with", "Has as affiliate"),
        "fr": ("Affiliation à", "A pour affilié"),
        "ar": ("الانتماء إلى", "المنتمون"),
    },
    "partOf": {"en": ("Part of", "Has as part"), "fr": ("Fait partie de", "Comprend"), "ar": ("جزء من", "يشمل")},
    "place": {
        "en": ("Is or took place in", "Is the place of"),
        "fr": ("A pour lieu", "Est le lieu de"),
        "ar": ("المكان", "مكان لـ"),
    },
    "operatesIn": {
        "en": ("Operates in", "Is where operates"),
        "fr": ("Opère en ou à", "Est le lieu d’action de"),
        "ar": ("ينشط في", "ينشط فيه"),
    },
    "when": {"en": ("Date", "Date of"), "fr": ("Date", "Date de"), "ar": ("التاريخ", "تاريخ")},
    "founded": {
        "en": ("Founded", "Founding date of"),
        "fr": ("Date de fondation", "Date de fondation de"),
        "ar": ("تاريخ التأسيس", "تاريخ تأسيس"),
    },
    "party": {"en": ("Has as party", "Party to"), "fr": ("A pour partie", "Partie à"), "ar": ("من أطرافه", "طرف في")},
    "about": {
        "en": ("Is about", "Is the subject of"),
        "fr": ("Porte sur", "Est le sujet de"),
        "ar": ("موضوعه", "موضوع لـ"),
    },
    "aim": {"en": ("Aims at", "Is the aim of"), "fr": ("A pour but", "Est le but de"), "ar": ("الهدف", "هدف لـ")},
    "addresses": {"en": ("Addresses", "Is addressed by"), "fr": ("Fait face à", "Réponses"), "ar": ("يواجه", "تواجهه")},
    "implementedBy": {
        "en": ("Implemented by", "Implements"),
        "fr": ("Mise en œuvre par", "Met en œuvre"),
        "ar": ("التنفيذ بيد", "ينفذ"),
    },
    "supervises": {
        "en": ("Supervises", "Supervised by"),
        "fr": ("Supervise", "Sous la supervision de"),
        "ar": ("يشرف على", "تحت إشراف"),
    },
    "legalBasis": {
        "en": ("Has as legal basis", "Is the legal basis of"),
        "fr": ("A pour base légale", "Est la base légale de"),
        "ar": ("السند القانوني", "سند قانوني لـ"),
    },
    "createdBy": {"en": ("Created by", "Created"), "fr": ("Création par", "A créé"), "ar": ("من إنشاء", "أنشأ")},
    "organizer": {
        "en": ("Organised by", "Organised"),
        "fr": ("A pour organisateur", "A organisé"),
        "ar": ("من تنظيم", "نظم"),
    },
    "participant": {
        "en": ("Had as participant", "Took part in"),
        "fr": ("A eu pour participant", "A participé à"),
        "ar": ("من المشاركين", "شارك في"),
    },
    "recipient": {
        "en": ("Had as recipient", "Received"),
        "fr": ("A eu pour bénéficiaire", "A reçu"),
        "ar": ("المستفيد", "نال"),
    },
    "follows": {"en": ("Follows", "Is followed by"), "fr": ("Suit", "A pour suite"), "ar": ("يلي", "يليه")},
    "attributedTo": {
        "en": ("Attributed to", "Has been attributed"),
        "fr": ("Attribution à", "S’est vu attribuer"),
        "ar": ("منسوب إلى", "نُسب إليه"),
    },
    "target": {
        "en": ("Targets", "Is a target of"),
        "fr": ("Prend pour cible", "Est la cible de"),
        "ar": ("يستهدف", "هدف لـ"),
    },
    "threatens": {
        "en": ("Threatens", "Is threatened by"),
        "fr": ("Menace", "Subit la menace de"),
        "ar": ("يهدد", "يهدده"),
    },
    "drives": {"en": ("Drives", "Is driven by"), "fr": ("Favorise", "A pour facteur"), "ar": ("يغذي", "يغذيه")},
    "cooperatesWith": {
        "en": ("Cooperates with", "Cooperates with"),
        "fr": ("Coopère avec", "Coopère avec"),
        "ar": ("يتعاون مع", "يتعاون مع"),
    },
    "associatedWith": {
        "en": ("Associated with", "Associated with"),
        "fr": ("Lien avec", "Lien avec"),
        "ar": ("على صلة بـ", "على صلة بـ"),
    },
    "contributes": {
        "en": ("Contributes", "Contributed by"),
        "fr": ("Apporte", "Apport de"),
        "ar": ("يسهم بـ", "إسهام من"),
    },
    "supports": {
        "en": ("Supports", "Supported by"),
        "fr": ("Soutient", "Reçoit le soutien de"),
        "ar": ("يدعم", "بدعم من"),
    },
    "assessment": {"en": ("Judgements", "Judgements"), "fr": ("Jugements", "Jugements"), "ar": ("أحكام", "أحكام")},
    "indicator": {"en": ("Figures", "Figures"), "fr": ("Chiffres", "Chiffres"), "ar": ("أرقام", "أرقام")},
    "breakdown": {
        "en": ("Figures broken down by", "Figures in which it is counted"),
        "fr": ("Chiffres ventilés selon", "Chiffres qui en tiennent compte"),
        "ar": ("أرقام مفصلة حسب", "أرقام يدخل فيها"),
    },
    "aspect": {
        "en": ("Judged in the aspect", "Judgements in this respect"),
        "fr": ("Sous l’aspect", "Jugements sous cet aspect"),
        "ar": ("من جانب", "أحكام من هذا الجانب"),
    },
    "object": {"en": ("Mentioned in", "Mentioned in"), "fr": ("Mentions", "Mentions"), "ar": ("ورد في", "ورد في")},
}
_ORDER = {relation: place for place, relation in enumerate(_HEADINGS)}
_MODALITY = {
    "en": {
        "asserted": "",
        "probable": "probably",
        "possible": "possibly",
        "alleged": "allegedly",
        "planned": "planned",
        "recommended": "recommended",
        "denied": "denied",
    },
    "fr": {
        "asserted": "",
        "probable": "probablement",
        "possible": "possiblement",
        "alleged": "selon des allégations",
        "planned": "prévu",
        "recommended": "recommandé",
        "denied": "démenti",
    },
    "ar": {
        "asserted": "",
        "probable": "على الأرجح",
        "possible": "ربما",
        "alleged": "بحسب مزاعم",
        "planned": "مخطط له",
        "recommended": "موصى به",
        "denied": "منفي",
    },
}
_EXACTNESS = {
    "en": {"exact": "", "about": "about ", "at-least": "at least ", "at-most": "at most "},
    "fr": {"exact": "", "about": "environ ", "at-least": "au moins ", "at-most": "au plus "},
    "ar": {"exact": "", "about": "نحو ", "at-least": "ما لا يقل عن ", "at-most": "ما لا يزيد على "},
}
_POLARITY = {
    "en": {"positive": "positive", "negative": "negative", "mixed": "mixed", "neutral": "neutral"},
    "fr": {"positive": "positif", "negative": "négatif", "mixed": "partagé", "neutral": "neutre"},
    "ar": {"positive": "إيجابي", "negative": "سلبي", "mixed": "متباين", "neutral": "محايد"},
}
# Unit (UCUM) → how a number of it is said: one, many; in Arabic one, two, three to ten, more.
_UNITS: dict[str, dict[str, tuple[str, ...]]] = {
    "%": {"en": ("{}%", "{}%"), "fr": ("{}\u00a0%", "{}\u00a0%"), "ar": ("{}%",) * 4},
    "m": {
        "en": ("{} metre", "{} metres"),
        "fr": ("{} mètre", "{} mètres"),
        "ar": ("متر واحد", "متران", "{} أمتار", "{} مترا"),
    },
    "km": {"en": ("{} km", "{} km"), "fr": ("{} km", "{} km"), "ar": ("{} كم",) * 4},
    "[mi_i]": {
        "en": ("{} mile", "{} miles"),
        "fr": ("{} mille", "{} milles"),
        "ar": ("ميل واحد", "ميلان", "{} أميال", "{} ميلا"),
    },
    "a": {"en": ("{} year", "{} years"), "fr": ("{} an", "{} ans"), "ar": ("سنة واحدة", "سنتان", "{} سنوات", "{} سنة")},
    "mo": {
        "en": ("{} month", "{} months"),
        "fr": ("{} mois", "{} mois"),
        "ar": ("شهر واحد", "شهران", "{} أشهر", "{} شهرا"),
    },
    "d": {
        "en": ("{} day", "{} days"),
        "fr": ("{} jour", "{} jours"),
        "ar": ("يوم واحد", "يومان", "{} أيام", "{} يوما"),
    },
    "/d": {"en": ("{} a day", "{} a day"), "fr": ("{} par jour", "{} par jour"), "ar": ("{} يوميا",) * 4},
}
_PHRASES = {
    "en": {
        "says": "says document {number}",
        "relays": "according to {who} in document {number}",
        "relays itself": "according to {who}",
        "citing": "citing {work}",
        "of": "{indicator} for {what}",
        "colon": ": ",
        "comma": ", ",
    },
    "fr": {
        "says": "selon le document {number}",
        "relays": "source\u00a0: {who}, dans le document {number}",
        "relays itself": "source\u00a0: {who}",
        "citing": "citant {work}",
        "of": "{indicator}, {what}",
        "colon": "\u00a0: ",
        "comma": ", ",
    },
    "ar": {
        "says": "بحسب الوثيقة {number}",
        "relays": "المصدر: {who}، في الوثيقة {number}",
        "relays itself": "المصدر: {who}",
        "citing": "نقلا عن {work}",
        "of": "{indicator}، {what}",
        "colon": ": ",
        "comma": "، ",
    },
}
# Document (`d001`) → slug of its author.
Authors = Mapping[str, str]


@dataclass(frozen=True)
class Sentence:
    """A claim in words: what it says, how firmly (empty if asserted), when, and who says so."""

    what: str
    firmness: str
    when: str
    source: str
    comma: str = ", "

    def __str__(self) -> str:
        parts = [part for part in (self.firmness, self.when) if part]
        said = f"{self.what} ({self.comma.join(parts)})" if parts else self.what
        return f"{said}{self.comma}{self.source}"


def heading(relation: str, *, inverse: bool, language: str) -> str:
    """The heading over the claims of one relation; an indicator's own name is its heading."""
    pair = _HEADINGS.get(relation, {}).get(language)
    return relation if pair is None else pair[int(inverse)]


def place_on_page(relation: str, *, inverse: bool) -> tuple[bool, int]:
    """Sorts the relations of a page: its own before those of others, what a thing is and does before judgements and figures."""
    return inverse, _ORDER.get(relation, len(_ORDER))


def firmness(modality: str, language: str) -> str:
    """How firmly, in words; empty for what is asserted."""
    return _MODALITY[language].get(modality, modality)


def sentence(claim: Item, language: str, authors: Authors = MappingProxyType({})) -> Sentence:
    """The claim in words, with its subject named, in `language`: en, fr or ar.

    `authors` names the author of each document: what the author asserts is what the document says.
    """
    time = claim.get("time")
    when = "" if time is None or _is_date_statement(claim) else str(time["words"])
    how = firmness(str(claim["modality"]), language)
    return Sentence(_what(claim, language), how, when, source(claim, language, authors), _PHRASES[language]["comma"])


def source(claim: Item, language: str, authors: Authors = MappingProxyType({})) -> str:
    """Who says so: the document alone when its author asserts the claim, else the asserter, cited work and document."""
    phrases = _PHRASES[language]
    number = str(claim["document"]).removeprefix("d")
    author = authors.get(claim["document"])
    asserters = phrases["comma"].join(item["label"] for item in claim.get("assertedBy", []) if item["id"] != author)
    cited = phrases["comma"].join(item["label"] for item in claim.get("citedWork", []))
    # "The publisher of document 002" needs no "in document 002".
    relays = "relays itself" if number in asserters else "relays"
    said = phrases[relays if asserters else "says"].format(who=_within(asserters, language), number=number)
    return f"{said}{phrases['comma']}{phrases['citing'].format(work=cited)}" if cited else said


def _within(label: str, language: str) -> str:
    """A label as it stands within a sentence: "The media" has a small letter there."""
    return f"the {label[4:]}" if language == "en" and label.startswith("The ") else label


def value_in_words(claim: Item, language: str) -> str:
    """The value alone: the other end of a statement, the number of an observation, the judgement of an assessment."""
    if claim["type"] == "Observation":
        breakdown = _PHRASES[language]["comma"].join(item["label"] for item in claim.get("breakdown", []))
        exactness = _EXACTNESS[language].get(claim["valueIs"] or "exact", "")
        number = exactness + number_in_words(str(claim["value"]), claim.get("unit"), language)
        return f"{number} ({breakdown})" if breakdown else number
    if claim["type"] == "Assessment":
        glosses = claim.get("gloss", {})
        gloss = str(glosses.get(language) or glosses.get("en") or _POLARITY[language].get(claim["polarity"], ""))
        return gloss.removesuffix(".")
    return _end(claim["object"])


def under_heading(claim: Item, language: str, *, inverse: bool) -> str:
    """What a list under the heading of the relation shows: the value, or on the other end's page who or what has it."""
    if not inverse:
        return value_in_words(claim, language)
    return str(claim["subject"]["label"]) if claim.get("subject") else _what(claim, language)


def number_in_words(value: str, unit: str | None, language: str) -> str:
    """A decimal number with its thousands set apart and its unit (UCUM); a unit without words stands as it is."""
    grouped = f"{Decimal(value):,}"
    if language == "fr":
        grouped = grouped.replace(",", "\u202f").replace(".", ",")
    if unit is None or unit == "1":
        return grouped
    forms = _UNITS[unit][language] if unit in _UNITS else (f"{{}} {unit}",) * 4
    return forms[_form(Decimal(value), language)].format(grouped)


def _form(number: Decimal, language: str) -> int:
    """Which form of a noun goes with a number, as `_UNITS` orders them."""
    if language != "ar":
        return 0 if number == 1 or (language == "fr" and number < 2) else 1
    if number in (1, 2):
        return int(number) - 1
    return 2 if 3 <= number <= 10 else 3


def _what(claim: Item, language: str) -> str:
    phrases = _PHRASES[language]
    said = value_in_words(claim, language)
    if claim["type"] == "Observation":
        indicator = claim["indicator"]["label"] if claim["indicator"] else ""
        if claim["observedFor"]:
            indicator = phrases["of"].format(indicator=indicator, what=claim["observedFor"]["label"])
        return f"{indicator}{phrases['colon']}{said}"
    if claim["type"] == "Assessment":
        judged = claim["assessmentOf"]["label"] if claim["assessmentOf"] else ""
        return said if judged in said else f"{judged}{phrases['colon']}{said}"
    relation = heading(claim["predicate"], inverse=False, language=language)
    subject = claim["subject"]["label"] if claim["subject"] else ""
    return f"{subject}{phrases['colon']}{relation[:1].lower()}{relation[1:]} {said}"


def _is_date_statement(claim: Item) -> bool:
    return claim["type"] == "Statement" and "edtf" in (claim["object"] or {})


def _end(item: Item | None) -> str:
    if item is None:
        return ""
    if "edtf" in item:
        return str(item["words"])
    return str(item.get("label") or item.get("value") or "")
