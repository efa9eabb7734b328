"""The words of the pages in French and Arabic; the English text is the key."""

LANGUAGES = (("en", "English"), ("fr", "Français"), ("ar", "العربية"))

_TEXTS: dict[str, tuple[str, str]] = {
    "Sections": ("Rubriques", "الأقسام"),
    "Languages": ("Langues", "اللغات"),
    "Entities": ("Entités", "الكيانات"),
    "Documents": ("Documents", "الوثائق"),
    "Review": ("Relecture", "المراجعة"),
    "Search": ("Chercher", "بحث"),
    "A person, an organisation, a threat…": ("Une personne, une organisation, une menace…", "شخص أو منظمة أو تهديد…"),
    "A knowledge graph in which every fact has a source": (
        "Un graphe de connaissances où chaque fait a sa source",
        "رسم معرفي لكل معلومة فيه مصدر",
    ),
    "A fact is what a document says, with the passage that carries it; it is not thereby true.": (
        "Un fait est ce que dit un document, avec le passage qui le porte ; il n’est pas vrai pour autant.",
        "المعلومة هي ما تقوله وثيقة، مع الموضع الذي يحملها؛ ولا يعني ذلك أنها صحيحة.",
    ),
    "“Direct” means: at least one source asserts it without hedging.": (
        "« Direct » veut dire : au moins une source l’affirme sans réserve.",
        "«مباشر» تعني أن مصدرا واحدا على الأقل يؤكده بلا تحفظ.",
    ),
    "Facts: CC BY 4.0. Code: MIT.": ("Faits : CC BY 4.0. Code : MIT.", "المعلومات: CC BY 4.0. البرنامج: MIT."),
    "Evidence": ("Preuve", "الدليل"),
    "characters": ("caractères", "الأحرف"),
    "The text of the document is not at hand here.": (
        "Le texte du document n’est pas disponible ici.",
        "نص الوثيقة غير متاح هنا.",
    ),
    "This claim": ("Cette affirmation", "هذه المقولة"),
    "Editors’ note:": ("Note de la rédaction :", "ملاحظة المحررين:"),
    "contested: only what editors preferred is direct": (
        "contesté : seul est direct ce que la rédaction a préféré",
        "موضع خلاف: لا يُعد مباشرا إلا ما فضله المحررون",
    ),
    "Disagreements": ("Désaccords", "التعارضات"),
    "No claim speaks of it.": ("Aucune affirmation n’en parle.", "لا توجد مقولة عنه."),
    "As data:": ("En données :", "كبيانات:"),
    "Identifier": ("Identifiant", "المعرف"),
    "subject": ("Sujet", "الموضوع"),
    "observedFor": ("Observé pour", "لوحظ بشأن"),
    "assessmentOf": ("Jugement sur", "حكم على"),
    "aspect": ("Aspect", "الجانب"),
    "indicator": ("Indicateur", "المؤشر"),
    "Firmness": ("Fermeté", "درجة الجزم"),
    "Asserted by": ("Affirmé par", "صاحب المقولة"),
    "Cited work": ("Source citée", "المرجع المذكور"),
    "Time": ("Temps", "الزمن"),
    "In other words": ("En d’autres termes", "بعبارة أخرى"),
    "Direct": ("Direct", "مباشر"),
    "yes": ("oui", "نعم"),
    "no": ("non", "لا"),
    "The prefixes of the project are known: id: topic: doc: claim: marsad: and the usual ones.": (
        "Les préfixes du projet sont connus : id: topic: doc: claim: marsad: et les préfixes usuels.",
        "بادئات المشروع معروفة: id: topic: doc: claim: marsad: والبادئات المعتادة.",
    ),
    "Ask": ("Demander", "اسأل"),
    "rows": ("lignes", "صفوف"),
    "What this document says": ("Ce que dit ce document", "ما تقوله هذه الوثيقة"),
    "The documents": ("Les documents", "الوثائق"),
    "claims": ("affirmations", "مقولات"),
    "Where the documents disagree, agree, or leave doubt": (
        "Où les documents divergent, concordent ou laissent un doute",
        "حيث تختلف الوثائق أو تتفق أو تترك شكا",
    ),
    "Questions, with their answers": ("Questions, avec leurs réponses", "أسئلة مع أجوبتها"),
    "For programs": ("Pour les programmes", "للبرامج"),
    "Ontology": ("Ontologie", "الأنطولوجيا"),
    "Files:": ("Fichiers :", "ملفات:"),
    "in all": ("en tout", "في المجموع"),
    "Nothing was found.": ("Rien n’a été trouvé.", "لم يعثر على شيء."),
    "Next page": ("Page suivante", "الصفحة التالية"),
    "entities": ("entités", "كيانات"),
    "actors": ("acteurs", "فاعلون"),
    "institutions": ("institutions", "مؤسسات"),
    "threats": ("menaces", "تهديدات"),
    "agreements": ("accords et textes", "اتفاقات ونصوص"),
    "events": ("événements", "أحداث"),
    "measures": ("mesures", "تدابير"),
    "documents": ("documents", "وثائق"),
    "topics": ("concepts", "مفاهيم"),
}


def say(text: str, language: str) -> str:
    """`text` in `language`; the English text where there is no translation."""
    french, arabic = _TEXTS.get(text, (text, text))
    return {"fr": french, "ar": arabic}.get(language, text)
