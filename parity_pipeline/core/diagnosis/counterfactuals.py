"""Counterfactuals by a few extra requests: which edit of a text restores the other side's vector.

Here belong choosing the requests and judging the vectors. How a request is sent belongs to whoever provides the `Ask`;
finding where a text is cut belongs to `truncation`, sending the very same text again to `instability`.

An edit is proven only where it could have failed: the unedited text is embedded in the same request, gets its vector of the
comparison once more and so still differs, and so does a text of the same length with other letters. A model to which all of them are the same proves nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.edits import EDITS, PREFIXES, Edit, edited_pairs
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Vector
from parity_pipeline.core.diagnosis.request_budget import RequestBudget, Suspect
from parity_pipeline.core.outcomes import Side

_VERIFIED: Final = 0.95
"""Share of the rows tried that an edit has to restore before it is claimed for rows that were not tried."""

_ROUNDS: Final = 4
"""Edits that are proven at most."""

_FRUITLESS: Final = 2
"""Times that no edit restores an example, after which no other one is tried."""


def _prefixing(prefix: str) -> Callable[[str], str]:
    return lambda text: prefix + text


Edits = tuple[Edit, ...]

_SINGLE: Final[tuple[Edits, ...]] = tuple(
    (edit,)
    for edit in (*EDITS, *(Edit(CauseName.PREFIX, f"{one!r} is put in front", _prefixing(one)) for one in PREFIXES))
)
_DOUBLE: Final[tuple[Edits, ...]] = tuple(pair for pair in combinations(EDITS, 2) if pair[0].cause is not pair[1].cause)


def _doubles(proofs: "Sequence[_Proof]", side: Side) -> tuple[Edits, ...]:
    """Return two edits at once: any two, or, once a side was found to make one, that one with every other on that side."""
    if not proofs:
        return _DOUBLE
    known = {edit for proof in proofs if proof.suspect.side is side for edit in proof.edits}
    return tuple(
        # A prefix comes last: what is put in front was not edited.
        (one, other) if other.cause is CauseName.PREFIX else tuple(sorted((one, other), key=_is_prefix))
        for one in sorted(known, key=lambda edit: edit.words)
        for (other,) in _SINGLE
        if one.cause is not other.cause
    )


def _is_prefix(edit: Edit) -> bool:
    return edit.cause is CauseName.PREFIX


@dataclass(slots=True)
class _Proof:
    """Edits that restored rows, and the rows they were tried on.

    Attributes:
        suspect: The side that makes them.
        edits: One edit, or two at once.
        shown: Restored rows, with the cosine after.
        tried: Rows that were tried.
    """

    suspect: Suspect
    edits: Edits
    shown: dict[int, float]
    tried: set[int]


def find_by_counterfactual(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return edits that restore failing samples when the other side embeds the edited text.

    One request tries every edit on one or two examples, beside the unedited text; a second one tries the edit that restored
    them on the other failing samples. What it leaves are the next examples. Two edits at once are reported as two causes.
    """
    left = waiting & context.low
    proofs: list[_Proof] = []
    tried: set[int] = set()
    fruitless = 0
    while fruitless < _FRUITLESS and len(proofs) < _ROUNDS and context.same_width and not context.vague:
        examples = _examples(context, left, tried, proofs)
        if not examples:
            break
        tried.update(examples)
        proof = _proof(context, examples, left, proofs, budget)
        fruitless += proof is None
        if proof:
            proofs.append(proof)
            left[list(proof.shown)] = False
    proofs = _without_coincidence(context, proofs)
    return [cause for proof in proofs for cause in _causes(context, proof, proofs, left)]


def _without_coincidence(context: DiagnosisContext, proofs: Sequence[_Proof]) -> list[_Proof]:
    """Return the proofs, each row with the one of most rows that makes the same text of it; empty ones are left out.

    Where punctuation is dropped, so are the accents of a decomposed text: that accents are stripped is not shown by it.
    """
    ranked = sorted(proofs, key=lambda proof: -len(proof.shown))
    for place, slight in enumerate(ranked):
        for wide in (one for one in ranked[:place] if one.suspect.side is slight.suspect.side):
            for row in list(slight.shown):
                text = context.text_of(row)
                if applied(wide.edits, text) == applied(slight.edits, text):
                    wide.shown[row] = slight.shown.pop(row)
                    wide.tried.add(row)
    return [proof for proof in proofs if proof.shown]


def _proof(
    context: DiagnosisContext, examples: list[int], left: Mask, proofs: Sequence[_Proof], budget: RequestBudget
) -> _Proof | None:
    """Return which edits restore an example, on whichever side, with the other rows that they were tried on."""
    for suspect in Suspect.both(context):
        proof = _winner(context, suspect, examples, budget, _doubles(proofs, suspect.side))
        if proof:
            _try_on_others(context, proof, left, budget)
            if proof.shown:
                return proof
    return None


def find_edited_pairs(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return a cause for each edit under which failing samples have the other side's vector of their edited form.

    One request shows whether the other side distinguishes such edits at all. Where it does not, the pairs prove nothing;
    where it cannot be sent, a few pairs do not suffice.
    """
    found: list[FoundCause] = []
    for pairs in edited_pairs(context, waiting):
        other = Side.LEGACY if pairs.side is Side.CANDIDATE else Side.CANDIDATE
        example = context.text_of(next(iter(pairs.rows)))
        plain = scrambled(example)
        ignored = None
        if budget.allows(other):
            vectors = _Vectors(budget, other, [plain, pairs.edit.apply(plain)])
            ignored = vectors.ignores(context, (pairs.edit,), example)
        if not ignored:
            sure = ignored is False or len(pairs.rows) >= _PAIRS
            found.append(pairs.cause(Confidence.PROVEN if sure else Confidence.LIKELY))
    return found


_PARTS: Final = 4
"""Requests with the rows that an edit changes: more than one where it restores some of them and not nearly all."""

_FOR_OTHERS: Final = 10
"""Requests that such a one leaves for other causes."""

_PAIRS: Final = 3
"""Pairs from which on an edit is proven without that request."""


def _examples(context: DiagnosisContext, left: Mask, tried: set[int], proofs: Sequence[_Proof]) -> list[int]:
    """Return up to two waiting rows that were not tried as examples: of those an edit left, else of middle length.

    A text of middle length shows most edits.
    """
    missed = {row for proof in proofs for row in proof.tried}
    rows = [row for row in indices(left).tolist() if row not in tried]
    rows = [row for row in rows if row in missed] or rows
    rows.sort(key=lambda row: len(context.text_of(row)))
    return sorted({rows[len(rows) // 3], rows[2 * len(rows) // 3]}) if rows else []


def applied(edits: Edits, text: str) -> str:
    """Return the text after each of the edits."""
    for edit in edits:
        text = edit.apply(text)
    return text


def scrambled(text: str) -> str:
    """Return a text of the same length and shape with other letters and digits: the control beside an edited text.

    >>> scrambled("Dock 7, gate b")
    'Kvjr 4, nhal i'
    """
    return "".join(_other_letter(sign) for sign in text)


_SHIFT: Final = 7


def _other_letter(sign: str) -> str:
    for first, count in (("a", 26), ("A", 26), ("0", 10)):
        place = ord(sign) - ord(first)
        if 0 <= place < count:
            return chr(ord(first) + (place + _SHIFT) % count)
    return sign


def untouched(text: str) -> str:
    """Return a spelling that changes next to nothing: where it too restores a row, it did not depend on an edit.

    It is none of the spellings that `instability` sends, since a cache may hold what was requested before.
    """
    return f"{text}   "


class _Vectors:
    """What a side gave for some texts, sent together; a text that was not sent has none."""

    def __init__(self, budget: RequestBudget, side: Side, texts: Iterable[str]) -> None:
        unique = list(dict.fromkeys(texts))
        self._vectors = dict(zip(unique, budget.embed(side, unique), strict=True))

    def has(self, text: str) -> bool:
        """Say whether there is a vector of a text."""
        return self._vectors.get(text) is not None

    def ignores(self, context: DiagnosisContext, edits: Edits, text: str) -> bool | None:
        """Say whether the side gives another text of the same shape one vector with the edits and without; None if unknown.

        What a model ignores proves nothing of a text on which it fails for whatever reason.
        """
        plain = scrambled(text)
        changed = applied(edits, plain)
        one, two = self._vectors.get(plain), self._vectors.get(changed)
        if one is None or two is None or changed == plain:
            return None
        return pair_cosine(one, two) >= context.near

    def cosine(self, text: str, vector: Vector) -> float | None:
        """Return the cosine of a text's vector with another vector; None where the text has none."""
        found = self._vectors.get(text)
        return None if found is None else pair_cosine(vector, found)


def _restores(context: DiagnosisContext, suspect: Suspect, row: int, changed: str, vectors: _Vectors) -> float | None:
    """Return the cosine with the edited text where it restores a row that fails without the edit; None otherwise."""
    text, mine = context.text_of(row), suspect.vectors[row]
    after, before, control, same = (
        vectors.cosine(one, mine) for one in (changed, text, scrambled(text), untouched(text))
    )
    if after is None or after < context.near or before is None or before >= context.threshold:
        return None
    # Where the unedited text gets another vector than in the comparison, its slot or its side's state changed: what stands
    # in the slot of the edited text may then be the vector of any text.
    if (vectors.cosine(text, suspect.truth[row]) or 0.0) < context.threshold:
        return None
    if same is not None and same >= context.near and untouched(text) != changed:
        return None
    # A text without letters or digits has no control of its own.
    if control is not None and scrambled(text) != text and control >= context.unrelated:
        return None
    return after


def _winner(
    context: DiagnosisContext,
    suspect: Suspect,
    examples: list[int],
    budget: RequestBudget,
    doubles: tuple[Edits, ...],
) -> _Proof | None:
    """Return the slightest edit, or two at once, that restores an example; None for none."""
    for choice, rows in ((_SINGLE, examples), (doubles, examples[:1])):
        variants: dict[str, tuple[int, Edits]] = {}
        controls: list[str] = []
        for row in rows:
            text = context.text_of(row)
            controls += [text, scrambled(text), untouched(text)]
            for edits in choice:
                changed = applied(edits, text)
                if changed != text and changed.strip():
                    variants.setdefault(changed, (row, edits))
        if not variants or not budget.allows(suspect.other):
            continue
        vectors = _Vectors(budget, suspect.other, [*controls, *variants])
        restored = [
            _Proof(suspect, edits, {row: after}, {row})
            for changed, (row, edits) in variants.items()
            if (after := _restores(context, suspect, row, changed, vectors)) is not None
        ]
        # Where another prefix does as well, the text is too long for any of them to show.
        prefixes = [proof for proof in restored if proof.edits[0].cause is CauseName.PREFIX]
        distinct = [proof for proof in restored if proof not in prefixes or _lone(proof, prefixes)]
        if distinct:
            return distinct[0]
    return None


def _lone(proof: _Proof, prefixes: Sequence[_Proof]) -> bool:
    """Say whether no other prefix restores the row of a proof."""
    return all(one is proof or not set(one.shown) & set(proof.shown) for one in prefixes)


def _try_on_others(context: DiagnosisContext, proof: _Proof, left: Mask, budget: RequestBudget) -> None:
    """Try the edits on the other waiting rows that they change, if the side does not ignore such edits."""
    rows = [row for row in _changed(context, proof.edits, left) if row not in proof.shown]
    example = context.text_of(next(iter(proof.shown)))
    control = (scrambled(example), applied(proof.edits, scrambled(example)))
    room = max(1, (budget.texts - len(control)) // 2)
    step = max(1, -(-len(rows) // room))
    for part in (rows[start::step] for start in range(min(step, _PARTS))):
        texts = [context.text_of(row) for row in part]
        tries = (one for text in texts for one in (applied(proof.edits, text), text))
        vectors = _Vectors(budget, proof.suspect.other, [*control, *tries])
        if vectors.ignores(context, proof.edits, example):
            proof.shown.clear()
            return
        before = len(proof.shown)
        for row, text in zip(part, texts, strict=True):
            if vectors.has(applied(proof.edits, text)):
                proof.tried.add(row)
            cosine = _restores(context, proof.suspect, row, applied(proof.edits, text), vectors)
            if cosine is not None:
                proof.shown[row] = cosine
        restored = len(proof.shown) - before
        if not restored or restored >= _VERIFIED * len(part) or budget.left <= _FOR_OTHERS:
            return


def _changed(context: DiagnosisContext, edits: Edits, rows: Mask) -> list[int]:
    """Return the rows whose texts each of the edits changes."""
    return [
        row
        for row in indices(rows).tolist()
        if all(edit.apply(context.text_of(row)) != context.text_of(row) for edit in edits)
    ]


def _causes(context: DiagnosisContext, proof: _Proof, proofs: Sequence[_Proof], left: Mask) -> list[FoundCause]:
    """Return a cause for each edit; rows that were not tried are claimed where nearly all that were are explained."""
    suspect = proof.suspect
    elsewhere = {row for one in proofs if one is not proof for row in one.shown}
    mine = [row for row in proof.tried if row not in elsewhere]
    restored = sorted(proof.shown)
    unsent = [row for row in _changed(context, proof.edits, left) if all(row not in one.tried for one in proofs)]
    unsent = [row for row in unsent if not _of_more(context, proof, proofs, row)]
    whole = len(restored) > 1 and len(restored) >= _VERIFIED * len(mine)
    explained = np.array(sorted([*restored, *unsent]) if whole else restored, np.intp)
    cosines = np.array([proof.shown[row] for row in restored])
    return [
        FoundCause(
            edit.cause,
            f"the {suspect.side} side behaves as if {edit.words}: for the edited text the {suspect.other} side returns "
            f"the same vector, and for the unedited one it does not, for {len(restored)} of {len(proof.tried)} failing "
            f"samples tried{_in_spite_of(context, edit, len(restored))}",
            Confidence.PROVEN,
            explained,
            context.evidence(restored, lambda _, edit=edit: f"the {suspect.other} vector once {edit.words}", cosines),
            side=suspect.side,
        )
        for edit in proof.edits
    ]


def _in_spite_of(context: DiagnosisContext, edit: Edit, restored: int) -> str:
    """Return a clause on the matching samples that an edit would change, where they outnumber those that it restores.

    The edit is then made of some texts only, or it is part of one that changes less: a reader has to know.
    """
    matching = len(_changed(context, (edit,), context.passing))
    return f"; {matching} samples that it would change match all the same" if matching > restored else ""


def _of_more(context: DiagnosisContext, proof: _Proof, proofs: Sequence[_Proof], row: int) -> bool:
    """Say whether a row is also changed by edits that were found together with these: it belongs to those."""
    wider = (one.edits for one in proofs if set(proof.edits) < set(one.edits))
    return any(all(edit.apply(context.text_of(row)) != context.text_of(row) for edit in edits) for edits in wider)
