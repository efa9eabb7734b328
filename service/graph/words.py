"""Claims in words, in English and French: relation phrases, how firmly, who says so, when.

The phrases are tense-free, as the properties are: the time stands on the claim.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from service.graph.describe import Item

# Property → (heading on the subject's page, heading on the object's page) for each language.
_HEADINGS: dict[str, dict[str, tuple[str, str]]] = {
    "heldPost": {"en": ("Held the post of", "Held by"), "fr": ("A occupé le poste de", "Occupé par")},
    "postIn": {"en": ("Is a post in", "Has the post of"), "fr": ("Est un poste de", "A le poste de")},
    "memberOf": {"en": ("Member of", "Has as member"), "fr": ("Membre de", "A pour membre")},
    "affiliatedWith": {"en": ("Affiliated with", "Has as affiliate"), "fr": ("Affilié à", "A pour affilié")},
    "partOf": {"en": ("Part of", "Has as part"), "fr": ("Fait partie de", "Comprend")},
    "kind": {"en": ("Is of the kind", "Kind of"), "fr": ("Est du genre", "Genre de")},
    "place": {"en": ("Is or took place in", "Is the place of"), "fr": ("Se trouve ou s’est tenu à", "Est le lieu de")},
    "operatesIn": {"en": ("Operates in", "Is where operates"), "fr": ("Opère en", "Est le lieu d’action de")},
    "when": {"en": ("Date", "Date of"), "fr": ("Date", "Date de")},
    "founded": {"en": ("Founded", "Founding date of"), "fr": ("Fondation", "Date de fondation de")},
    "party": {"en": ("Has as party", "Party to"), "fr": ("A pour partie", "Partie à")},
    "about": {"en": ("Is about", "Is the subject of"), "fr": ("Porte sur", "Est le sujet de")},
    "aim": {"en": ("Aims at", "Is the aim of"), "fr": ("Vise", "Est le but de")},
    "addresses": {"en": ("Addresses", "Is addressed by"), "fr": ("Traite", "Est traité par")},
    "implementedBy": {"en": ("Implemented by", "Implements"), "fr": ("Mis en œuvre par", "Met en œuvre")},
    "supervises": {"en": ("Supervises", "Supervised by"), "fr": ("Supervise", "Supervisé par")},
    "legalBasis": {
        "en": ("Has as legal basis", "Is the legal basis of"),
        "fr": ("A pour base légale", "Est la base légale de"),
    },
    "createdBy": {"en": ("Created by", "Created"), "fr": ("Créé par", "A créé")},
    "organizer": {"en": ("Organised by", "Organised"), "fr": ("Organisé par", "A organisé")},
    "participant": {"en": ("Had as participant", "Took part in"), "fr": ("A eu pour participant", "A participé à")},
    "recipient": {"en": ("Had as recipient", "Received"), "fr": ("A eu pour destinataire", "A reçu")},
    "follows": {"en": ("Follows", "Is followed by"), "fr": ("Suit", "Est suivi de")},
    "attributedTo": {"en": ("Attributed to", "Has been attributed"), "fr": ("Attribué à", "S’est vu attribuer")},
    "target": {"en": ("Targets", "Is a target of"), "fr": ("Vise comme cible", "Est la cible de")},
    "threatens": {"en": ("Threatens", "Is threatened by"), "fr": ("Menace", "Est menacé par")},
    "drives": {"en": ("Drives", "Is driven by"), "fr": ("Favorise", "Est favorisé par")},
    "cooperatesWith": {"en": ("Cooperates with", "Cooperates with"), "fr": ("Coopère avec", "Coopère avec")},
    "associatedWith": {"en": ("Associated with", "Associated with"), "fr": ("Associé à", "Associé à")},
    "contributes": {"en": ("Contributes", "Contributed by"), "fr": ("Contribue par", "Contribution de")},
    "supports": {"en": ("Supports", "Supported by"), "fr": ("Soutient", "Soutenu par")},
    "name": {"en": ("Is called", "Is the name of"), "fr": ("Est appelé", "Est le nom de")},
    "assessment": {"en": ("Judgements", "Judged in"), "fr": ("Jugements", "Jugé dans")},
    "indicator": {"en": ("Figures", "Measured in"), "fr": ("Chiffres", "Mesuré dans")},
    "breakdown": {
        "en": ("Figures broken down by", "Broken down in"),
        "fr": ("Chiffres ventilés selon", "Ventilé dans"),
    },
    "aspect": {"en": ("Judged in the aspect", "Is an aspect of"), "fr": ("Jugé sous l’aspect", "Est un aspect de")},
    "object": {"en": ("Mentioned in", "Mentioned in"), "fr": ("Mentionné dans", "Mentionné dans")},
}
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
}
_EXACTNESS = {
    "en": {"exact": "", "about": "about ", "at-least": "at least ", "at-most": "at most "},
    "fr": {"exact": "", "about": "environ ", "at-least": "au moins ", "at-most": "au plus "},
}
_POLARITY = {
    "en": {"positive": "positive", "negative": "negative", "mixed": "mixed", "neutral": "neutral"},
    "fr": {"positive": "positif", "negative": "négatif", "mixed": "partagé", "neutral": "neutre"},
}
_PHRASES = {
    "en": {
        "says": "says document {number}",
        "relays": "says {who} in document {number}",
        "citing": "citing {work}",
        "for": "for {what}",
    },
    "fr": {
        "says": "selon le document {number}",
        "relays": "selon {who} dans le document {number}",
        "citing": "citant {work}",
        "for": "pour {what}",
    },
}
WORD_LANGUAGES = ("en", "fr")
# Document (`d001`) → slug of its author.
Authors = Mapping[str, str]


@dataclass(frozen=True)
class Sentence:
    """A claim in words: what it says, how firmly (empty if asserted), when, and who says so."""

    what: str
    firmness: str
    when: str
    source: str

    def __str__(self) -> str:
        parts = [part for part in (self.firmness, self.when) if part]
        said = f"{self.what} ({', '.join(parts)})" if parts else self.what
        return f"{said}, {self.source}"


def word_language(language: str) -> str:
    """The language that sentences come in for a reader of `language`: English where there is no better one."""
    return language if language in WORD_LANGUAGES else "en"


def heading(relation: str, *, inverse: bool, language: str) -> str:
    """The heading over the claims of one relation; an indicator's own name is its heading."""
    pair = _HEADINGS.get(relation, {}).get(word_language(language))
    return relation if pair is None else pair[int(inverse)]


def sentence(claim: Item, language: str, authors: Authors = MappingProxyType({})) -> Sentence:
    """The claim in words, with its subject named, in the language of `word_language(language)`.

    `authors` names the author of each document: what the author asserts is what the document says.
    """
    words = word_language(language)
    time = claim.get("time")
    when = "" if time is None or _is_date_statement(claim) else str(time["words"])
    firmness = _MODALITY[words].get(claim["modality"], str(claim["modality"]))
    return Sentence(_what(claim, words), firmness, when, source(claim, words, authors))


def source(claim: Item, language: str, authors: Authors = MappingProxyType({})) -> str:
    """Who says so: the document alone when its author asserts the claim, else the asserter, cited work and document."""
    phrases = _PHRASES[word_language(language)]
    number = str(claim["document"]).removeprefix("d")
    author = authors.get(claim["document"])
    asserters = ", ".join(item["label"] for item in claim.get("assertedBy", []) if item["id"] != author)
    cited = ", ".join(item["label"] for item in claim.get("citedWork", []))
    said = phrases["relays" if asserters else "says"].format(who=asserters, number=number)
    return f"{said}, {phrases['citing'].format(work=cited)}" if cited else said


def value_in_words(claim: Item, language: str) -> str:
    """The value alone: the other end of a statement, the number of an observation, the judgement of an assessment."""
    words = word_language(language)
    if claim["type"] == "Observation":
        breakdown = ", ".join(item["label"] for item in claim.get("breakdown", []))
        number = _EXACTNESS[words].get(claim["valueIs"] or "exact", "") + str(claim["value"])
        return f"{number} ({breakdown})" if breakdown else number
    if claim["type"] == "Assessment":
        glosses = claim.get("gloss", {})
        return str(glosses.get(words) or glosses.get("en") or _POLARITY[words].get(claim["polarity"], ""))
    return _end(claim["object"])


def _what(claim: Item, words: str) -> str:
    if claim["type"] == "Observation":
        indicator = claim["indicator"]["label"] if claim["indicator"] else ""
        about = _PHRASES[words]["for"].format(what=claim["observedFor"]["label"]) if claim["observedFor"] else ""
        return f"{indicator} {about}: {value_in_words(claim, words)}"
    if claim["type"] == "Assessment":
        judged = claim["assessmentOf"]["label"] if claim["assessmentOf"] else ""
        return f"{judged}: {value_in_words(claim, words)}"
    relation = heading(claim["predicate"], inverse=False, language=words)
    subject = claim["subject"]["label"] if claim["subject"] else ""
    return f"{subject}: {relation[:1].lower()}{relation[1:]} {_end(claim['object'])}"


def _is_date_statement(claim: Item) -> bool:
    return claim["type"] == "Statement" and "edtf" in (claim["object"] or {})


def _end(item: Item | None) -> str:
    if item is None:
        return ""
    if "edtf" in item:
        return str(item["words"])
    return str(item.get("label") or item.get("value") or "")
