"""Texts about letters: upper and lower case, accents, Unicode forms, lone surrogates.

Here belongs what a tokenizer or a client may fold away or fail to read. Whole scripts belong to `scripts_and_symbols`.
"""

import unicodedata
from typing import Final

from parity_pipeline.core.hazards.hazard import Hazard, Relation, groups, singles

_CASED: Final = {
    "city": "The warehouse in Aurora opens at six",
    "safety": "Forklift drivers must wear a helmet",
    "acronym": "It is us who need the who report on aids",
    "name": "Will met Mark and Bill at the mint",
    "month": "We may march in august",
    "product": "Apple sells fewer windows than Amazon",
    "question": "Is the second shift full?",
    "german": "Die Fahrer warten auf den Stapler",
    "greek": "\u039f οδηγός περιμένει στην αποθήκη",
    "cyrillic": "Водитель ждёт на складе",
    "one-word": "warehouse",
    "shouted": "stop the line now",
}

_ACCENTED: Final = {
    "cv": ("résumé", "resume"),
    "pay": ("The pâté is rosé, she exposé it", "The pate is rose, she expose it"),
    "year": ("tengo veinte años", "tengo veinte anos"),
    "coffee": ("Un café près de la gare", "Un cafe pres de la gare"),
    "umlaut": ("Schöne Grüße an die Bäcker", "Schone Grusse an die Backer"),
    "polish": ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
    "czech": ("Příliš žluťoučký kůň", "Prilis zlutoucky kun"),
    "turkish": ("I\u015f\u0131k \u0131l\u0131k, iğne ince", "Isik ilik, igne ince"),
    "vietnamese": ("Công nhân kho hàng ở Huế", "Cong nhan kho hang o Hue"),
    "nordic": ("Ærlig øl på ås", "Aerlig ol pa as"),
    "romanian": ("Șase știuci în țarc", "Sase stiuci in tarc"),
    "portuguese": ("A mãe põe pão à mesa", "A mae poe pao a mesa"),
}

_CANONICAL: Final = {
    "accents": "Crème brûlée à la carte",
    "hangul": "창고 직원이 지게차를 운전합니다",
    "hangul-short": "한국어",
    "vietnamese": "Người lái xe nâng đã đến trễ",
    "kana": "ガレージでパレットをはこぶ",
    "bengali": "ভোরে গুদাম খোলে",
    "angstrom": "5 Ångström",
    "dots": "Ṩentence with stacked marks: ḗ ṻ ệ",
}

_COMPATIBLE: Final = {
    "ligature": "The \ufb01rst o\ufb03ce \ufb02oor",
    "fullwidth": "\uff26\uff4f\uff52\uff4b\uff4c\uff49\uff46\uff54 \uff11\uff12",
    "circled": "Step \u2460, step \u2461, step \u2462",
    "superscript": "10 m\u00b2 and 3 m\u00b3",
    "fraction": "\u00bd pallet, \u00be load",
    "roman": "Chapter \u2163, part \u2168",
    "halfwidth-kana": "\uff8c\uff6b\uff70\uff78\uff98\uff8c\uff84",
    "units": "\u338f per \u33a1 at 20 \u2103",
    "styled": "\U0001d401\U0001d428\U0001d425\U0001d41d claim",
}

_SURROGATES: Final = {
    "high-alone": "\ud83d",
    "low-alone": "\ude00",
    "high-at-end": "a truck \ud83d",
    "low-at-start": "\ude00 a truck",
    "between-words": "left \ud800 right",
    "swapped": "low before high \ude00\ud83d here",
    "two-highs": "two highs \ud83d\ud83d here",
    "beside-a-pair": "a sound one \U0001f600 and a broken one \ud83d",
}


def _forms() -> tuple[Hazard, ...]:
    canonical = {key: (unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
                 for key, text in _CANONICAL.items()}  # fmt: skip
    compatible = {key: (text, unicodedata.normalize("NFKC", text)) for key, text in _COMPATIBLE.items()}
    return (
        *groups("unicode-forms", (14, 15), canonical, Relation.MAY_EQUAL, "composed, then decomposed (NFC, NFD)"),
        *groups("unicode-forms", (14, 15), compatible, Relation.MAY_EQUAL, "as written, then its NFKC form"),
    )


def letters() -> tuple[Hazard, ...]:
    """Return the hazards of this module."""
    cased = {key: (text, text.upper()) for key, text in _CASED.items()}
    return (
        *groups("case-pairs", (13,), cased, Relation.MAY_EQUAL, "as written, then in capitals"),
        *groups("diacritics", (14,), _ACCENTED, Relation.MAY_EQUAL, "with accents, then without"),
        *_forms(),
        *singles("surrogates", (19, 20, 21), _SURROGATES, "half of a surrogate pair, which has no UTF-8"),
    )
