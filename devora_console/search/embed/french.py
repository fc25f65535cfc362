"""Enough French to look a word up: folding of accents, the words that only hold a sentence together, and the forms a
word can have been made from.

No stemmer: a stemmer makes one stem of *port* and *porte*. Here every form yields the base forms it may come from, most
likely first, and the glossary decides which of them is a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "’": "'", "ʼ": "'"})
_ELIDED = re.compile(r"\b(?:jusqu|lorsqu|puisqu|quoiqu|qu|[cdjlmnst])'", re.IGNORECASE)


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


FUNCTION_WORDS = frozenset(
    _listed(
        """le la les un une des du de d l au aux a et ou ni mais donc car or que qu qui quoi dont ce cet cette ces
    ca cela ceci c celui celle ceux celles mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs
    je j tu il elle on nous vous ils elles me m te t se s lui y en moi toi soi eux ne n pas plus point dans
    par pour sur sous avec sans vers chez entre contre depuis pendant avant apres lors lorsque lorsqu quand
    si comme comment combien pourquoi quel quelle quels quelles lequel laquelle lesquels lesquelles auquel
    auxquels duquel desquels est sont suis es sommes etes etre ete etait etaient sera seront serait seraient
    soit soient fut furent etant ai as avons avez ont avoir eu avait avaient aura auront aurait auraient ait
    aient ayant etais serai fais fait font faire faisait faisaient fera feront faut fallait falloir peut
    peux peuvent pouvoir pouvait pourrait pourra doit dois doivent devoir devait devrait va vais vas vont
    aller allait veut veux voulons veulent vouloir voudrait voulait tres trop tout tous toute toutes aussi
    alors ainsi encore deja ici la-bas la-dessus puis parce afin ensuite meme memes autre autres chaque
    quelque quelques plusieurs certains certaines tel telle tels telles voici voila bien assez peu beaucoup
    moins jusque jusqu puisque puisqu quoique quoiqu tandis malgre selon parmi aupres grace lors via rien
    personne aucun aucune nul nulle jamais toujours souvent parfois cependant toutefois neanmoins pourtant
    sinon surtout seulement environ presque ai-je est-ce peut-on peut-etre c'est qu'est-ce"""
    )
)
"""Folded words that carry no subject; they are left out of what is embedded."""

_ONLY_FRENCH = FUNCTION_WORDS - frozenset(
    _listed("a on me son car or pour but pas y en si c d l s t m n j via plus tout es")
)

ENGLISH_WORDS = frozenset(
    _listed(
        """the of and to in is are was were be been this that these those it its with for from by at as an or not
    no we you they he she i my your our their has have had do does did can could will would should when
    where what which who how why there then than into about after before"""
    )
)
"""Words that say a text is English; they are embedded like others."""


@lru_cache(maxsize=65_536)
def folded(word: str) -> str:
    """Lower case, no accents, no ligatures: ``Où`` and ``ou`` are one, and so are ``œuvre`` and ``oeuvre``."""
    plain = word.lower().translate(_LIGATURES)
    if plain.isascii():
        return plain
    return "".join(sign for sign in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(sign))


def unelided(text: str) -> str:
    """``l'erreur d'accès`` as ``l erreur d accès``: with either apostrophe."""
    return _ELIDED.sub(lambda found: found[0][:-1] + " ", text.replace("’", "'"))


def says_french(word: str) -> bool:
    """Whether this folded word is a sign of French, and no English word."""
    return word in _ONLY_FRENCH


def base_forms(word: str) -> Iterator[str]:
    """The folded forms ``word`` (folded) may come from, itself first, the likelier before the less likely."""
    yield word
    if len(word) < 4:  # too short to take anything off but an s
        if word.endswith("s"):
            yield word[:-1]
        return
    if word.endswith(("ees", "ee")):  # chiffrees is chiffrer before it is chiffre; annees stays an annee
        yield word.removesuffix("s")
        yield word.removesuffix("s")[:-2] + "er"
    yield from _nouns(word)
    yield from _verbs(word)
    if word.endswith("ment") and len(word) > 7:  # rapidement, regulierement, evidemment
        stem = word[:-4]
        yield from (stem, stem[:-1] + "nt") if stem.endswith(("am", "em")) else (stem,)
        yield from _nouns(stem)


def _nouns(word: str) -> Iterator[str]:
    """Singular and masculine."""
    singulars = [word]
    if word.endswith("aux"):
        singulars += [word[:-1], word[:-3] + "al", word[:-3] + "ail"]
    elif word[-1] in "sx":
        singulars.append(word[:-1])
    for form in singulars:
        if form != word:
            yield form
        for ending, others in _FEMININE:
            if form.endswith(ending) and len(form) - len(ending) >= 2:
                yield from (form[: -len(ending)] + other for other in others)


_FEMININE = (
    ("euse", ("eur", "eux")),
    ("trice", ("teur",)),
    ("esse", ("e",)),
    ("elle", ("el",)),
    ("enne", ("en",)),
    ("onne", ("on",)),
    ("ette", ("et",)),
    ("ive", ("if",)),
    ("ere", ("er",)),
    ("che", ("c",)),
    ("gue", ("g",)),
    ("sse", ("s",)),
    ("lle", ("l",)),
    ("e", ("",)),
)


_ER = _listed(
    """erions eriez assions eraient erait erais eront erons erez erai eras era aient erent ames ates ions iez ait ais
    ant ants ante antes ons ent ees ee ez es er ai as a e"""
)
_IR = _listed(
    """issaient issait issais issions issiez issons issez issent issant irions iriez iraient irait irais iront irons
    irez irai iras ira ies ie is it i"""
)
_RE = _listed("raient rait rais ront rons rez rai ras ra aient ait ais ions iez ons ent ant ez ues ue us u s")


def _infinitives() -> dict[str, tuple[tuple[str, int], ...]]:
    """For each ending of a verb the infinitives it may stand for, and the least letters in front of it."""
    found: dict[str, list[tuple[str, int]]] = {}
    for endings, infinitive, least in ((_ER, "er", 2), (_IR, "ir", 2), (_RE, "re", 3)):
        for ending in endings:
            found.setdefault(ending, []).append((infinitive, least))
    return {ending: tuple(each) for ending, each in found.items()}


_INFINITIVES = _infinitives()
_LONGEST = max(map(len, _INFINITIVES))


def _verbs(word: str) -> Iterator[str]:
    """Infinitives; participles as adjectives come out the same way."""
    for size in range(min(_LONGEST, len(word) - 2), 0, -1):
        for infinitive, least in _INFINITIVES.get(word[-size:], ()):
            stem = word[:-size]
            if len(stem) < least:
                continue
            yield stem + infinitive
            if infinitive == "er":
                if stem.endswith("ge"):  # changeons
                    yield stem[:-1] + "er"
                elif stem.endswith("i"):  # envoie
                    yield stem[:-1] + "yer"
                elif len(stem) > 3 and stem[-1] == stem[-2]:  # appelle
                    yield stem[:-1] + "er"
    if word.endswith("s") and len(word) > 5:  # bloques, crees
        yield word[:-1] + "r"
