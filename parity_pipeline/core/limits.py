"""Every limit of the product, once, with its unit and its origin.

Here belong numbers that more than one module or a reader of a verdict needs to know about. A number that only shapes
one function stays in that function. Settings may replace the ones that settings name; nothing else may repeat them.
"""

from typing import Final

COSINE_THRESHOLD: Final = 0.999
"""Smallest cosine similarity, dimensionless in [-1, 1], at which one sample counts as a match.

Origin: the gate of the 2026-04-30 cut-over. The test suites of text-embeddings-inference use > 0.999, those of Ollama
and vLLM 0.99. Settings: `thresholds.cosine`.
"""

NORM_RATIO_TOLERANCE: Final = 1e-3
"""Largest |candidate norm / legacy norm - 1|, dimensionless, at which the norms of one sample agree. Warns only.

Origin: a unit vector written with seven digits strays by less than 1e-6; one part in a thousand is far from that and
far below the factor 13 to 23 of raw against unit vectors. Settings: `thresholds.norm_ratio`.
"""

CONFIDENCE_LEVEL: Final = 0.95
"""Confidence of the bound on the share of inputs that fail, in (0, 1). Origin: the usual 19 of 20."""

BOUND_GOAL: Final = 1e-3
"""Share of inputs, in (0, 1), that a report names the missing samples for where no bound is required.

Origin: 3,000 clean random samples of 3,000 allow 0.1 % at 95 % confidence, about what one nightly run can send.
"""

MIN_COMPARED_SHARE: Final = 0.5
"""Smallest share of samples, in [0, 1], that must have a cosine for a PASS. Settings: `min_compared_share`.

Origin: docs/adr/0020. Hand-picked sets with hazards lose up to a quarter to texts that both sides refuse; a side whose back
end is gone refuses nearly all.
"""

UNIT_NORM_TOLERANCE: Final = 1e-3
"""Largest |norm - 1| at which a vector counts as a unit vector, in descriptions and in the check of a mixture."""

EXACT_UNIT: Final = 1e-5
"""Largest |norm - 1| of a unit vector that was rounded to float32 or to seven digits, and to nothing coarser.

Origin: recorded servers stray by 1.1e-7 at most. Rounded to float16 or four digits, more than half of the vectors are
further off; to bfloat16 or eight bits, nearly all.
"""

NEAR_UNIT: Final = 0.05
"""Largest |norm - 1| at which a vector may be a unit vector that was rounded, and not one that was never normalised.

Origin: a unit vector of 256 numbers rounded to two digits has a norm within 0.02 of 1.
"""

REPORT_ROWS: Final = 50
"""Largest number of sample rows in a report's table; the report says how many there are beyond it."""

HEAD_CHARACTERS: Final = 40
"""Characters of a sample's text that a report shows, as the first report of 2026-04-30 did."""

ERROR_CHARACTERS: Final = 500
"""Characters of a server's own words that are kept with one sample."""

SLUG_BYTES: Final = 160
"""Largest length in bytes of a model's file slug: file systems allow 255 for a name, prefixes and suffixes included."""

METRIC_BLOCK_ROWS: Final = 256
"""Rows of one metric computation: two float64 blocks of 256 x 768 take 3 MB and stay near the L2 cache."""
