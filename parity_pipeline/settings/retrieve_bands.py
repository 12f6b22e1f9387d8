"""The section `retrieve.bands`: limits of measures in place of the default ones.

Here belong the form of the section and the step from it to the bands that queries and sets are judged by. What a band means
belongs to `core.retrieval.bands`, the rest of the retrieve probe's section to `retrieve`.
"""

import math
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.retrieval.bands import (
    AT_LEAST,
    NEAR_TIE,
    QUERY_LIMITS,
    SET_LIMITS,
    Bands,
    Limits,
    QueryMeasure,
    SetMeasure,
)
from parity_pipeline.settings.fields import Number, Strict, known_names

_Pair = tuple[Number, Number | None]
"""The value that passes, and the one beyond which it fails; null for never."""


class BandSettings(Strict):
    """Limits of measures, by name, in place of the default ones.

    Attributes:
        query: Limits of measures of one query; `null` judges nothing.
        set: Limits of measures of the whole set.
        near_tie: Score gap up to which inversions fail no query.
    """

    query: Annotated[dict[QueryMeasure, _Pair | None], BeforeValidator(known_names(QueryMeasure, "a measure"))] = {}
    set: Annotated[dict[SetMeasure, _Pair | None], BeforeValidator(known_names(SetMeasure, "a measure"))] = {}
    near_tie: Annotated[float, Field(ge=0, allow_inf_nan=False)] = NEAR_TIE

    @model_validator(mode="after")
    def _judge_something(self) -> Self:
        try:
            self.bands()
        except MetricInputError as error:
            place = error.place.removeprefix("retrieve.bands.")
            raise ValueError(f"{place}: {error.problem}. {error.remedy}") from None
        return self

    def bands(self) -> Bands:
        """Return the limits of all measures; a measure without limits, null, is reported and not judged."""
        query = {measure: self.query.get(measure, _NOT_SET) for measure in QueryMeasure}
        whole = {measure: self.set.get(measure, _NOT_SET) for measure in SetMeasure}
        return Bands(
            query={one: found for one, pair in query.items() if (found := _limits(one, pair, QUERY_LIMITS.get(one)))},
            whole={one: found for one, pair in whole.items() if (found := _limits(one, pair, SET_LIMITS.get(one)))},
            near_tie=self.near_tie,
        )


_NOT_SET: Final = (math.nan, math.nan)


def _limits(
    measure: QueryMeasure | SetMeasure, pair: tuple[float, float | None] | None, default: Limits | None
) -> Limits | None:
    if pair is _NOT_SET:
        return default
    if pair is None:
        return None
    never = -math.inf if measure in AT_LEAST else math.inf
    return Limits(pair[0], never if pair[1] is None else pair[1])
