"""The vocabulary as tables: phrases and names that were given up, what to write, and where one is right after all.

Here belong the tables. Reading files and comparing them with the tables belongs to `test_vocabulary`.
"""

import re
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

ONE_PER: Final = (
    r"batch(?:es)?|bytes|columns?|entr(?:y|ies)|events?|faults?|files?|folders?|lines?|models?|ms|objects?|ones?"
    r"|process|reports?|requests?|responses?|rows?|runs?|samples?|seeds?|seconds?|steps?|texts?|vectors?|verdicts?"
)
OF_MANY: Final = (
    r"answer|batch|case|core|date|day|fault|file|lane|line|minute|model|partition|request|response|row|run|sample|side"
    r"|step|text|vector|second(?! (?:attempt|batch|line|model|one|request|row|run|side|text|time|vector))"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A phrase that was given up.

    Attributes:
        phrase: Regular expression, matched without case between word boundaries; white space is one blank.
        better: What to write.
        bad: A sentence that the rule finds.
        good: The same in plain words; no rule finds anything in it.
    """

    phrase: str
    better: str
    bad: str
    good: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return the phrase, compiled."""
        return compiled(self.phrase)


@cache
def compiled(phrase: str) -> re.Pattern[str]:
    """Return a phrase as a pattern with word boundaries."""
    return re.compile(rf"(?<!\w)(?:{phrase})(?!\w)", re.IGNORECASE)


MODULES: Final = MappingProxyType(
    {
        "parity_pipeline": {
            "choosing": "partition_args",
            "marking": "run_lock",
            "stopping": "signals",
            "running": "runner",
        },
        "parity_pipeline/core": {
            "comparing": "compare",
            "grading": "thresholds",
            "judging": "decision",
            "conclusion": "verdict_builder",
            "judged_rows": "worst_rows",
            "selecting": "diagnosis_sample",
            "fetching": "fetched_rows",
            "survey": "vector_stats",
            "numerals": "number_format",
            "floor": "noise_floor",
            "drift": "wire_drift",
            "doubts": "caveats",
        },
        "parity_pipeline/core/diagnosis": {
            "scene": "context",
            "again": "follow_up",
            "beneath": "undo_permutation",
            "added": "shared_direction",
            "together": "merge",
            "answers": "missing_vectors",
            "asking": "counterfactuals",
            "respelt": "text_variants",
            "cutting": "truncation",
            "widths": "dimensions",
            "axes": "transforms",
            "twins": "edited_pairs",
            "texts": "text_split",
            "traits": "text_predicates",
            "behaviour": "instability",
            "order": "permutation",
            "models": "wrong_model",
            "diagnosing": "diagnose",
        },
        "parity_pipeline/core/stability": {
            "observing": "observations",
            "material": "probe_texts",
            "strangers": "misplaced_rows",
            "endings": "stale_cache",
            "findings": "analysis",
        },
        "parity_pipeline/core/hazards": {
            "probe": "hazard",
            "cases": "failure_modes",
            "letters": "case_and_accents",
            "wording": "prefixes_and_canaries",
        },
        "parity_pipeline/wire": {
            "few": "adhoc",
            "careful": "json_fallback",
            "shelf": "reorder_buffer",
            "words": "error_text",
            "pieces": "row_builders",
            "malformed": "malformed_response",
            "counts": "lane_counters",
            "unusable": "gateway_errors",
            "asking": "batch_fetcher",
            "engine": "fetch_lane",
            "paths": "json_path",
            "observe": "wire_observation",
            "side": "side_config",
            "probe": "doctor_request",
            "policy": "retry_policy",
        },
        "parity_pipeline/storage": {"staging_frames": "staging_format", "tables": "parquet_tables"},
        "parity_pipeline/report": {
            "naming": "sample_refs",
            "phrases": "sentences",
            "causes": "cause_summary",
            "rows": "row_view",
            "sides": "side_view",
        },
        "parity_pipeline/report/sections": {"sureness": "confidence", "why": "diagnosis", "opening": "headline"},
        "parity_pipeline/defs": {
            "lanes": "embeddings",
            "artifacts": "asset_factory",
            "failures": "dagster_errors",
            "columns": "column_docs",
        },
        "parity_pipeline/services": {"bringing": "supervisor", "records": "state"},
        "parity_pipeline/demo": {
            "asking": "request_parser",
            "fields": "json_fields",
            "showing": "demo_settings",
            "serving": "app",
        },
        "bench": {"plain": "baseline_client"},
    }
)
"""Modules by folder whose name a stranger had to guess, and the better name. A module may also have been merged."""
CLASSES: Final = MappingProxyType(
    {
        "Against": "Reference",
        "Circumstances": "DecisionInputs",
        "Gate": "ConcurrencyLimiter",
        "Pacer": "RateLimiter",
        "Ran": "PartitionResult",
        "RequestShape": "RequestEncoder",
        "Seen": "Observations",
        "Surroundings": "Environment",
        "Then": "OnExhausted",
        "Tried": "ExperimentResult",
    }
)
"""Classes likewise. Those that `RULES` finds by a word of their name are not repeated here."""


RULES: Final = (
    Rule(r"(?:un)?told|tells?|telling", "report, show, list, say", "Each is told once.", "Each is listed once."),
    Rule(r"(?:un)?mend(?:s|ed|ing)?", "fix", "Mend the causes named above.", "Fix the causes above."),
    Rule(r"purses?", "request budget", "The purse is empty.", "The request budget is used up."),
    Rule(r"scenes?", "context", "Set the scene.", "Build the context."),
    Rule(r"beneath", "counterfactual, under", "What lies beneath a permutation.", "The rows under a permutation."),
    Rule(r"doubts?|doubtful", "caveat", "It raises a doubt.", "It raises a caveat."),
    Rule(r"remarks?", "finding, caveat", "A remark of the tally.", "A finding of the tally."),
    Rule(r"troubles?", "error, caveat, finding", "The trouble of a request.", "The error of a request."),
    Rule(
        r"answer(?:s|ed|ing)?|unanswered",
        "response; for a side: returns, a vector, embeddings",
        "The answer holds 32 vectors.",
        "The response holds 32 vectors.",
    ),
    Rule(r"asked|asking", "requested, sent", "Each text is asked for once.", "Each text is requested once."),
    Rule(r"strangers?", "misplaced rows", "A stranger among the rows.", "A misplaced row."),
    Rule(r"spoil(?:s|ed|t|ing)?", "corrupt, faulty", "A spoilt response.", "A faulty response."),
    Rule(
        r"contradict(?:s|ed|ing)?(?= (?:itself|themselves|each other|one another))|self-contradict\w*",
        "is not repeatable",
        "The candidate side contradicts itself.",
        "The candidate is not repeatable.",
    ),
    Rule(
        r"(?<!there )(?:is|are|was|were|be|been) no (?!longer|better|different|earlier|fewer|higher|larger|later"
        r"|less than|lower|more than|other than|smaller|wider|worse)\w+",
        "is not a …, is not valid …, must not be …",
        "This line is no JSON.",
        "This line is not valid JSON, and there is no other.",
    ),
    Rule(r"knows? no", "has no, does not have", "The core knows no clock.", "The core does not use a clock."),
    Rule(r"holds? no mapping", "expected a YAML mapping", "It holds no mapping of keys.", "Expected a YAML mapping."),
    Rule(rf"(?:{ONE_PER}) an? (?:{OF_MANY})", "per", "One vector a text, two runs a model.", "One vector per text."),
    Rule(
        r"came of|what (?:\w+ ){0,4}?(?:came|comes|come) to",
        "result, outcome",
        "What comparing one sample came to.",
        "Result of comparing one sample.",
    ),
    Rule(
        r"(?<!--)afresh",
        "again; --discard-staging",
        "Fetch the lane afresh.",
        "Discard what is staged and fetch again.",
    ),
    Rule(r"anew", "again", "The samples are drawn anew.", "The samples are drawn again."),
    Rule(r"none of ours", "not running", "The pid is none of ours.", "The service is not running."),
    Rule(
        r"neither a (?:pass|match) nor a fail(?:ure)?",
        "not enough evidence",
        "It is neither a pass nor a fail.",
        "There is not enough evidence.",
    ),
    Rule(r"put(?:s|ting)? down to", "attribute to", "It is put down to noise.", "It is attributed to noise."),
    Rule(r"(?:stands?|stood|standing) twice", "duplicate", "The key stands twice.", "Duplicate key."),
    Rule(
        r"decid(?:es|ed|ing|e) nothing", "(informational)", "A check which decides nothing.", "A check (informational)."
    ),
    Rule(
        r"mak(?:es|e|ing) no (?:sample|row|date) fail",
        "does not affect the verdict",
        "Found, and makes no sample fail.",
        "Observations that do not affect the verdict.",
    ),
    Rule(r"so far apart", "differ so much", "They lie so far apart.", "They differ so much."),
    Rule(r"evidence (?:of|about|for) nothing", "says nothing about", "It is evidence of nothing.", "It says nothing."),
    Rule(
        r"(?:speak(?:s|ing)?|spoke|spoken) to",
        "send requests to, use … for",
        "Speak to a gateway with h11.",
        "Use h11 for http:// URLs.",
    ),
    Rule(r"plain address(?:es)?", "http:// URL", "Plain addresses take h11.", "http:// URLs use h11."),
    Rule(r"giv(?:e|es|ing) way", "supersede", "A likely one giving way.", "A proven cause supersedes a likely one."),
    Rule(
        r"something else than", "a … other than; say what", "Something else than a list.", "A value other than a list."
    ),
    Rule(r"without a word", "silently", "It cuts a text without a word.", "It silently truncates a text."),
    Rule(r"held against", "compared with", "Each side is held against itself.", "Each side is compared with itself."),
    Rule(r"tried against (?:itself|themselves)", "repeatability", "It is tried against itself.", "Its repeatability."),
    Rule(r"hang(?:s|ing)? on", "depend on", "It hangs on the exact text.", "It depends on the exact text."),
    Rule(r"the green of", "green only means", "The green of a partition.", "Green only means that files were written."),
    Rule(
        r"draw(?:s|n|ing)? (?:a|the) (?:whole )?verdict",
        "build the verdict",
        "Draw a whole verdict from a tally.",
        "Build the verdict record from the tally.",
    ),
    Rule(r"both ends(?= (?:agree|are|differ|have|return))", "both sides", "Both ends agree.", "Both sides agree."),
    Rule(
        r"old (?:and|against|or) new|the (?:old|new) side",
        "legacy, candidate",
        "The old and new vectors differ.",
        "The legacy and candidate vectors differ.",
    ),
    Rule(
        r"prob(?:ed|ing)|hazard probes?|daily probe|probe of the corpus|date of the probe",
        "hazard, sample, run; a probe is embed or retrieve",
        "The hazard probes are probed.",
        "The hazards are sent to both sides.",
    ),
    Rule(r"endpoint, (?:a )?date", "probe, date", "The endpoint, date and model.", "The probe, date and model."),
    Rule(r"wrong alarms?", "false alarm", "A wrong alarm.", "A false alarm."),
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A word that is right in some file.

    Attributes:
        path: Shell pattern of the path, from the root of the repository.
        phrase: Regular expression that the whole match has to fit.
        reason: Why.
    """

    path: str
    phrase: str
    reason: str


ALLOWED: Final = (
    Allowed(
        "parity_pipeline/wire/wire_observation.py", "answer", "a value in files, compared with that of earlier versions"
    ),
    Allowed("parity_pipeline_tests/architecture/*vocabulary.py", ".*", "the table itself, and its test"),
    Allowed("parity_pipeline/core/diagnosis/records.py", "remarks", "a key of the stored diagnosis"),
    Allowed("parity_pipeline/storage/older_versions.py", "remarks", "a key of the stored diagnosis"),
    Allowed("parity_pipeline/core/diagnosis/records.py", "answer", "a stored name of a cause, and its constant"),
    Allowed("parity_pipeline/core/provenance.py", "asked|doubts", "keys of the stored provenance"),
    Allowed("parity_pipeline/core/retrieval/confirmation.py", "asked", "a key of the stored confirmation"),
    Allowed("parity_pipeline/core/retrieval/provenance.py", "doubts", "a key of the stored provenance"),
    Allowed("parity_pipeline/core/hazards/*.py", "scene", "a word of a sample text"),
    Allowed("parity_pipeline/core/diagnosis/edits.py", "answer", "a word of a published task prefix"),
    Allowed("parity_pipeline/storage/older_versions.py", "doubts", "a key of the stored provenance"),
    Allowed("parity_pipeline/cli/options.py", "afresh", "the deprecated spelling of an option"),
    Allowed("parity_pipeline/cli/run.py", "afresh", "the deprecated spelling of an option"),
    Allowed("docs/faults.md", "answer", "a stored name of a cause"),
)
