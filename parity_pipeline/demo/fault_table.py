"""The faults that the proxy can inject: one row each.

Here belong the table and the record of a fault. The functions are in `fault_effects`; a new fault is one small pure
function and one row. They depend on neither HTTP nor a dialect. `fault_scope` selects the texts that a fault hits.
Case numbers are those of the documented failure modes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from parity_pipeline.demo import fault_effects
from parity_pipeline.demo.fault_scope import Call, Reply, Rows, Scope

TextFunction = Callable[[str, Scope], str]
RowsFunction = Callable[[Rows, Call], Rows]
ReplyFunction = Callable[[Call], Reply | None]
ModelFunction = Callable[[str, Scope], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way of going wrong; at least one of the four functions is given.

    Attributes:
        name: How the command line calls it.
        case: Number of the documented failure mode, 0 where it is none of them.
        model: Model in the client's request -> model sent to the gateway behind; the response still names the first.
        text: Text sent -> text forwarded, for each text that is hit.
        rows: Vectors from the gateway behind -> vectors passed on.
        reply: A response made without the gateway behind, or None to forward the request.
        literal_nan: NaN is written as `NaN`, which is not valid JSON; otherwise as null.
        in_company: It shows only while another request is in flight, so a request is held a moment to be met by one.
    """

    name: str
    case: int
    model: ModelFunction | None = None
    text: TextFunction | None = None
    rows: RowsFunction | None = None
    reply: ReplyFunction | None = None
    literal_nan: bool = False
    in_company: bool = False


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(name="permute", case=1, rows=fault_effects.rotate),
    Fault(name="large-batch", case=2, rows=fault_effects.stray_in_large_batches),
    Fault(name="swap-under-load", case=3, rows=fault_effects.rotate_under_load, in_company=True),
    Fault(name="equal-lengths", case=4, rows=fault_effects.coalesce_equal_lengths, in_company=True),
    Fault(name="history", case=5, rows=fault_effects.stray_after_long_text),
    Fault(name="unsteady", case=6, rows=fault_effects.stray_each_time),
    Fault(name="unit-norm", case=7, rows=fault_effects.normalise),
    Fault(name="raw-norm", case=7, rows=fault_effects.scale),
    Fault(name="truncate", case=10, text=fault_effects.truncate),
    Fault(name="refuse-long", case=11, reply=fault_effects.refuse_long),
    Fault(name="context-size", case=12, rows=fault_effects.stray_with_length),
    Fault(name="lower-case", case=13, text=fault_effects.lower),
    Fault(name="capitals-collapse", case=13, text=fault_effects.collapse_capitals),
    Fault(name="strip-accents", case=14, text=fault_effects.strip_accents),
    Fault(name="unicode-nfc", case=14, text=fault_effects.compose),
    Fault(name="drop-punctuation", case=15, text=fault_effects.drop_punctuation),
    Fault(name="rotate-space", case=16, rows=fault_effects.roll_dimensions),
    Fault(name="prefix", case=17, text=fault_effects.prefix),
    Fault(name="newline-to-space", case=18, text=fault_effects.newline_to_space),
    Fault(name="trim", case=18, text=fault_effects.trim),
    Fault(name="error-500", case=19, reply=fault_effects.fail_for_some),
    Fault(name="nan", case=19, rows=fault_effects.nan_element, literal_nan=True),
    Fault(name="null", case=20, rows=fault_effects.null_element),
    Fault(name="replace-surrogates", case=21, text=fault_effects.replace_surrogates),
    Fault(name="small-body", case=22, reply=fault_effects.refuse_large_body),
    Fault(name="quarter-width", case=23, rows=fault_effects.quarter_width),
    Fault(name="shift-after-blank", case=24, text=fault_effects.fill_blank, rows=fault_effects.shift_after_blank),
    Fault(name="empty-vector", case=25, rows=fault_effects.empty_vector),
    Fault(name="drop-row", case=26, rows=fault_effects.drop_last),
    Fault(name="batch-cap", case=26, rows=fault_effects.cap_batch),
    Fault(name="zero-vector", case=26, rows=fault_effects.zero_vector),
    Fault(name="zeros-under-load", case=26, rows=fault_effects.zeros_under_load, in_company=True),
    Fault(name="too-many", case=26, reply=fault_effects.too_many_requests),
    Fault(name="wrong-model", case=27, model=fault_effects.other_model),
    Fault(name="stale-cache", case=28, rows=fault_effects.stray_when_repeated),
    Fault(name="half-width", case=29, rows=fault_effects.half_width),
    Fault(name="noise", case=30, rows=fault_effects.stray),
    Fault(name="int8", case=30, rows=fault_effects.quantise),
    Fault(name="html", case=0, reply=fault_effects.html_page),
)


NOT_FAKED: Final[Mapping[int, str]] = MappingProxyType(
    {
        9: "needs a vector store; vectors are never read back from one here",
        31: "needs the digest of the model behind a name, which neither gateway reports",
        34: "needs the callers and their thresholds",
    }
)
"""Documented failure modes without a fault, neither here nor among those of retrieval, and why they cannot be faked."""


def chosen(names: str, scope: Scope) -> tuple[Fault, ...]:
    """Return the faults with the given names, joined by commas, in the given order.

    Raises:
        ValueError: A name is unknown, or a fault lacks an option that it needs.
    """
    known = {fault.name: fault for fault in FAULTS}
    picked: list[Fault] = []
    for name in (part.strip() for part in names.split(",")):
        if name not in known:
            msg = f"unknown fault {name!r}; there are {', '.join(known)}"
            raise ValueError(msg)
        if name == "wrong-model" and not scope.other_models:
            msg = "wrong-model needs --other-model"
            raise ValueError(msg)
        picked.append(known[name])
    return tuple(picked)
