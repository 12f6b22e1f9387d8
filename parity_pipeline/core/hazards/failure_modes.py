"""The 34 documented ways in which embedding back ends go wrong in a migration: one table, the only one.

Here belong the cases. `docs/failure-modes.md` says the same for readers, and a test keeps it true to this table. What the
experiments are is in `coverage`, which also lists the cases that a run exercised.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMode:
    """One documented case.

    Attributes:
        number: 1 to 34.
        title: A few words.
        happens: What goes wrong, one sentence without a full stop.
        seen_by: How it shows, one sentence without a full stop.
        source: Public issue or pull request; "" where there is none.
        every_text: Any text that was sent to both sides exercises it.
        experiments: Names of `experiments.EXPERIMENTS`, any one of which exercises it. Where there are some, hazard sets with
            this case are their material and do not exercise it alone.
    """

    number: int
    title: str
    happens: str
    seen_by: str
    source: str
    every_text: bool = False
    experiments: tuple[str, ...] = ()


FAILURE_MODES: Final[tuple[FailureMode, ...]] = (
    FailureMode(
        number=1,
        title="permuted batch",
        happens="The vectors of a request are right but come in another order, so each text gets a neighbour's",
        seen_by="a text's own cosine is low while another row of its request fits; the order that fits is named",
        source="ollama#6187, openai-python#420",
        every_text=True,
    ),
    FailureMode(
        number=2,
        title="batch size changes vectors",
        happens="A text's vector depends on how many texts share its request, often from 16 on, once at size 1",
        seen_by="the same texts alone and in requests of 2 to 64, judged by the worst row",
        source="ollama#6262, sentence-transformers#2312",
        experiments=("batch-sizes",),
    ),
    FailureMode(
        number=3,
        title="parallel requests mix",
        happens="Requests in flight together corrupt each other's vectors or swap them",
        seen_by="distinct texts at concurrency 2, 4 and 8 against each text requested alone",
        source="ollama#8713, llama.cpp#5655",
        experiments=("concurrency",),
    ),
    FailureMode(
        number=4,
        title="equal lengths coalesced",
        happens="Under load, texts with equal token counts are merged into one batch without a mask; cosine fell to 0.16",
        seen_by="texts of equal length sent at the same time against each alone",
        source="text-embeddings-inference#882",
        experiments=("equal-length-load",),
    ),
    FailureMode(
        number=5,
        title="history",
        happens="After a long input, later short ones get other vectors than before",
        seen_by="the same canaries before, between and after the other texts",
        source="ROCm/FastFlowLM#647",
        experiments=("canaries",),
    ),
    FailureMode(
        number=6,
        title="not deterministic",
        happens="The same request returns different vectors each time, with self-cosines of 0.82 to 0.94",
        seen_by="repeats within one side, before the sides are compared",
        source="cohere-python#720, openai-cookbook#223",
        experiments=("repeats",),
    ),
    FailureMode(
        number=7,
        title="normalisation differs",
        happens="One side returns unit vectors, the other raw ones",
        seen_by="cosine 1 with norms of 1 on one side and others on the other",
        source="ollama#8094, #6496",
        every_text=True,
    ),
    FailureMode(
        number=8,
        title="raw norms in a dot-product index",
        happens="Raw vectors in an index by inner product let the longest vectors win every search",
        seen_by="the same stored vectors ranked by dot product and by cosine",
        source="faiss#1119, mem0#5959",
        experiments=("cutover-index",),
    ),
    FailureMode(
        number=9,
        title="store rewrites vectors",
        happens="A vector store normalises or rounds what is uploaded, so reading back says nothing about a gateway",
        seen_by="nothing here reads a store: vectors are judged as they came from the gateways",
        source="qdrant#2573",
        experiments=("store",),
    ),
    FailureMode(
        number=10,
        title="silent truncation",
        happens="A long text is cut silently, well below the advertised context window",
        seen_by="a ladder of lengths, token counts, and tails whose edit changes nothing",
        source="ollama#14259",
    ),
    FailureMode(
        number=11,
        title="over-long input: error or not",
        happens="A text past the window used to be cut and is now refused, or the other way round",
        seen_by="the response of each side just below, at and just past a window",
        source="ollama#14186",
    ),
    FailureMode(
        number=12,
        title="context size changes vectors",
        happens="The context size that a request sets changes the vector of a text that fits in any of them",
        seen_by="one text under several context sizes",
        source="ollama#7595",
        experiments=("context-sizes",),
    ),
    FailureMode(
        number=13,
        title="capitals collapse",
        happens="Texts in capitals all become unknown tokens and share one vector",
        seen_by="case pairs, and texts that share a vector on one side only",
        source="ollama#13942",
    ),
    FailureMode(
        number=14,
        title="accents lost",
        happens="Accented letters are stripped or unknown; 10.5 % of one corpus shared vectors",
        seen_by="pairs with and without accents, pairs of Unicode forms, and shared vectors on one side only",
        source="ollama#15609",
    ),
    FailureMode(
        number=15,
        title="wrong tokenizer",
        happens="The tokenizer is not the model's: cosine 0.36, or a crash on a lone full stop",
        seen_by="punctuation, many scripts, special tokens, long words, program text",
        source="ollama PR 15684, TEI#94",
    ),
    FailureMode(
        number=16,
        title="wrong pooling",
        happens="Token vectors are pooled in another way: the width is right, the direction far off",
        seen_by="a cosine below 0.9 in every category",
        source="llama.cpp PR 5500, vllm#16892",
        every_text=True,
    ),
    FailureMode(
        number=17,
        title="task prefix",
        happens="One side puts a task prefix before the text, or the model wants one that nobody adds",
        seen_by="texts with and without prefixes: the plain one of a side equals a prefixed one of the other",
        source="ai-memory-mcp#1520",
    ),
    FailureMode(
        number=18,
        title="text edited on the way",
        happens="A client or gateway turns newlines into spaces, trims, or unescapes",
        seen_by="twins that differ in white space or line ends, program text and markup",
        source="chroma#2129, llama_index PR 7484",
    ),
    FailureMode(
        number=19,
        title="NaN or 500 for some texts",
        happens="A few odd texts give NaN in the vector, or a server error",
        seen_by="every element has to be finite, and both sides have to accept the same texts",
        source="ollama#15582, infinity#328",
    ),
    FailureMode(
        number=20,
        title="NaN on the wire",
        happens="JSON has no NaN: one language writes null in its place, another fails to encode the response",
        seen_by="null within vectors, and each side's status for a text",
        source="serde json#202",
    ),
    FailureMode(
        number=21,
        title="invalid Unicode",
        happens="A lone surrogate is refused by one server and silently becomes U+FFFD in another",
        seen_by="lone surrogates, sent as JSON escapes",
        source="golang/go#58511",
    ),
    FailureMode(
        number=22,
        title="body size limit",
        happens="A request body past a limit, 2 MB by default in some servers, is refused by one side only",
        seen_by="the status of large requests",
        source="axum `DefaultBodyLimit`",
        experiments=("large-bodies",),
    ),
    FailureMode(
        number=23,
        title="quarter-width vectors",
        happens="A mix-up of base64 and floats leaves a quarter of the numbers: 192 where 768 belong",
        seen_by="the width of every vector, through each dialect",
        source="litellm PR 42421",
        every_text=True,
    ),
    FailureMode(
        number=24,
        title="blank input",
        happens="A blank text is an error, a zero vector, or a missing row that shifts all the rest",
        seen_by="blanks in the first, middle and last slot of a request, and the vectors beside them",
        source="openai-python#576",
    ),
    FailureMode(
        number=25,
        title="empty vectors with 200",
        happens="The status is 200 and the vectors have no elements",
        seen_by="number and width of the vectors, before any cosine",
        source="gbrain#328",
        every_text=True,
    ),
    FailureMode(
        number=26,
        title="batch cap or 429 hidden",
        happens="A limit on texts or on requests comes out as missing or zero vectors in place of an error",
        seen_by="requests of rising size: as many vectors as texts, none of them zero",
        source="mem0#5245",
        experiments=("batch-sizes",),
    ),
    FailureMode(
        number=27,
        title="another model responds",
        happens="The requested model is missing and another one responds without saying so",
        seen_by="the model that a response names, and the vectors of fixed texts",
        source="LongMemory PR 174",
        every_text=True,
    ),
    FailureMode(
        number=28,
        title="stale cache",
        happens="After a model was swapped, repeated texts still get the old model's vectors from a cache",
        seen_by="texts that were never sent before against repeated ones",
        source="NeMo-Guardrails#1751",
        experiments=("salted",),
    ),
    FailureMode(
        number=29,
        title="cut vectors not normalised",
        happens="Vectors cut to fewer dimensions on request keep the norm of what was cut off missing",
        seen_by="norms below 1 where fewer dimensions were requested",
        source="agentmemory PR 370",
        experiments=("reduced-dimensions",),
    ),
    FailureMode(
        number=30,
        title="runtime upgraded",
        happens="Under the same model name, a newer runtime returns other vectors than last week's",
        seen_by="the canaries of one date against those of another, and the digests in the provenance",
        source="ollama#3777, #14449",
        experiments=("earlier-dates",),
    ),
    FailureMode(
        number=31,
        title="a tag is not an identity",
        happens="Two spellings name one model, or one spelling names two (`:latest`, `:q4_0`)",
        seen_by="digests of the models, never their names",
        source="Ombre-Brain PR 58",
        experiments=("digests",),
    ),
    FailureMode(
        number=32,
        title="ties reorder",
        happens="Equal scores in a fused ranking come in another order after every restart",
        seen_by="groups of equal score compared as groups, not by position",
        source="elasticsearch PR 101847",
        experiments=("retrieve",),
    ),
    FailureMode(
        number=33,
        title="lexical fallback",
        happens="The vector half of a hybrid search is dead and the lexical half hides it",
        seen_by="queries that share no word with what they should find",
        source="neotoma#1506",
        experiments=("retrieve",),
    ),
    FailureMode(
        number=34,
        title="callers' thresholds",
        happens="Scores shift a little and a caller's fixed threshold decides otherwise",
        seen_by="decisions that flip at each caller's threshold",
        source="",
        experiments=("caller-thresholds",),
    ),
)
"""Every case, in the order of its number."""
