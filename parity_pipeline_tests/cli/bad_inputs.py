"""What people get wrong, as one table: settings, variables, arguments, files, and gateways that are not what they seem.

Here belong the rows and the words that each message has to have. How a row is played belongs to `test_bad_inputs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SECRET: Final = "sk_planted0123456789abcdef"  # noqa: S105 - what no message may show
URL: Final = "sides.legacy.base_url"
DIALECT: Final = "sides.legacy.dialect"
RETRIEVE: Final[Mapping[str, Any]] = {
    "corpora": ["staff"],
    "queries": [{"path": "q.jsonl"}],
    "legacy": {"dialect": "rust-hybrid"},
    "candidate": {"dialect": "go-matrix"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """One input that cannot be used.

    Attributes:
        words: What the message has to have: the place, what is wrong, and what to do.
        change: Values of settings by their dotted places.
        text: The whole settings file in place of that.
        environ: Variables.
        arguments: The command.
        files: Files beside the settings, by name; None removes one.
    """

    words: Sequence[str]
    change: Mapping[str, Any] = field(default_factory=dict[str, Any])
    text: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    arguments: Sequence[str] = ("status",)
    files: Mapping[str, bytes | None] = field(default_factory=dict[str, "bytes | None"])


def _setting(place: str, value: Any, *words: str, key: str = "") -> Bad:
    return Bad(change={place: value}, words=(f"  - {key or place}", *words))


_LIST, _TEXT = ("expected a list", "write it as [a, b]"), ("expected text", "write it in quotes")
_MAPPING = ("expected a YAML mapping", "key: value")
_WHOLE, _NUMBER = ("expected a whole number", "write one"), ("expected a number", "write one")
_TRUTH, _EMPTY = ("expected true or false", "write one of them"), ("at least 1", "add to it")
_VARIABLE = ("must be the name of an environment variable", "export the token")
_ADDRESS = ("is an address", "name a local path")

SETTINGS: Final[Sequence[Bad]] = (
    _setting("modles", ["x"], "unknown key", "did you mean models?"),
    _setting("models", [], *_EMPTY),
    _setting("models", "m", *_LIST),
    _setting("models", [1], *_TEXT, key="models.0 (is 1)"),
    _setting("models", [""], "is empty", "write a value", key="models.0"),
    _setting("models", ["a", "A"], "would share a file", "keep one of them"),
    _setting("models", None, *_LIST),
    _setting("first_date", "30.4.2026", "expected a date", "YYYY-MM-DD", key="first_date (is '30.4.2026')"),
    Bad(text="first_date: 2026-02-30\n", words=("  - first_date (is '2026-02-30')", "expected a date", "YYYY-MM-DD")),
    _setting("first_date", 7, "expected a date", "YYYY-MM-DD"),
    _setting("first_date", None, "expected a date", "YYYY-MM-DD"),
    _setting("timezone", "Berlin", "not an IANA time zone", "name one, such as Europe/Berlin"),
    _setting("timezone", 3, *_TEXT),
    _setting("samples", [], *_EMPTY),
    _setting("samples", "s.txt", *_LIST),
    _setting("samples", [{}], "needs a path or hazards", "name exactly one", key="samples.0"),
    _setting("samples", ["s.txt"], *_MAPPING, key="samples.0"),
    _setting("samples", [{"paht": "s.txt"}], "unknown key", "did you mean path?", key="samples.0.paht"),
    _setting("samples", [{"path": 5}], "expected a path", "write it in quotes", key="samples.0.path"),
    _setting("samples", [{"path": "s3://b/x.txt"}], *_ADDRESS, key="samples.0.path"),
    _setting("samples", [{"path": "s.txt", "sample": 0}], "at least 1", "raise it", key="samples.0.sample (is 0)"),
    _setting("samples", [{"path": "s.txt", "sample": "many"}], *_WHOLE, key="samples.0.sample"),
    _setting("samples", [{"path": "s.txt", "format": "xml"}], "use one of text, jsonl", key="samples.0.format"),
    _setting("samples", [{"hazards": ["diacritic"]}], "no hazard set", "Did you mean diacritics?",
             key="samples.0.hazards"),
    _setting("thresholds.cosine", 2, "must be at most 1", "lower it", key="thresholds.cosine (is 2)"),
    _setting("thresholds.cosine", "high", *_NUMBER),
    _setting("thresholds.cosin", 0.9, "unknown key", "did you mean cosine?"),
    _setting("thresholds", 0.9, *_MAPPING),
    _setting("thresholds.warn_only", ["cosin"], "did you mean cosine?", key="thresholds.warn_only.0"),
    _setting("thresholds.cosine", float("nan"), "must be at most 1"),
    _setting("required_bound", 1, "must be less than 1", "lower it"),
    _setting("min_compared_share", 90, "must be at most 1", "lower it"),
    _setting("waivers", [{"id": "x"}], "missing key", "add it", key="waivers.0.owner"),
    _setting("waivers", "none", *_LIST),
    _setting("waivers", [{"id": "x", "owner": "o", "reason": "r", "expires": "soon"}], "expected a date",
             key="waivers.0.expires"),
    _setting("checks", {"cosin": "warn"}, "is not a check", "did you mean cosine?"),
    _setting("checks", {"cosine": "warning"}, "did you mean warn?", key="checks.cosine"),
    _setting("data_dir", "s3://bucket/data", *_ADDRESS),
    _setting("reports_dir", "gs://b/r", *_ADDRESS),
    _setting("data_dir", "file:///tmp/x", "is an address", "write the path alone"),
    _setting("data_dir", 5, "expected a path", "write it in quotes"),
    _setting("sides", {}, "missing key", "add it", key="sides.legacy"),
    _setting("sides.legcy", {}, "unknown key", "did you mean legacy?"),
    _setting(URL, None, *_TEXT),
    _setting(URL, "127.0.0.1:3100", "is not a valid URL", "write it as http://host:port"),
    _setting(URL, f"http://user:{SECRET}@h", "contains credentials", "environment variable"),
    _setting(URL, f"user:{SECRET}@h", "contains credentials", "environment variable"),
    _setting(URL, "http://h:99999", "is not a valid URL", "write it as"),
    _setting(URL, f"http://h/?token={SECRET}", "followed by a query", "keep scheme, host, port and path only"),
    _setting(DIALECT, "rusty", "is not known", "did you mean rust?", "Else add it to dialects"),
    _setting(DIALECT, "soap", "is not known", "use one of cohere, go"),
    _setting("sides.legacy.bearer_env", "sk-" + SECRET, *_VARIABLE),
    _setting("sides.legacy.bearer_env", f"Bearer {SECRET}", *_VARIABLE),
    _setting("sides.legacy.bearer_env", 123, *_TEXT),
    _setting("sides.legacy.token", SECRET, "unknown key"),
    _setting("sides.legacy.headers", {"x": 1}, *_TEXT, key="sides.legacy.headers.x"),
    _setting("sides.legacy.headers", [SECRET], *_MAPPING),
    _setting("sides.legacy.proxy", [SECRET], *_TEXT),
    _setting("sides.legacy.timeout", 5, "unknown key", "did you mean timeouts?"),
    _setting("sides.legacy.timeouts", {"read": 0}, "must be more than 0", key="sides.legacy.timeouts.read"),
    _setting("sides.legacy.timeouts", {"reed": 1}, "did you mean read?", key="sides.legacy.timeouts.reed"),
    _setting("sides.legacy.concurrency", 0, "at least 1", "raise it"),
    _setting("sides.legacy.concurrency", 9999, "at most 1024", "lower it"),
    _setting("sides.legacy.concurrency", 1.5, *_WHOLE),
    _setting("sides.legacy.adaptive", "maybe", *_TRUTH),
    _setting("sides.legacy.label", "", "is empty", "write a value"),
    _setting("sides.legacy.ca_bundle", 3, "expected a path"),
    _setting("sides.legacy.request_id_header", "a b", "not the name of an HTTP header", "write one, such as"),
    _setting("sides.legacy.services", {"name": "a"}, *_LIST),
    _setting("sides.legacy.services", [{"name": "a b", "command": ["x"], "health_url": "http://h"}], "rename it",
             key="sides.legacy.services.0.name"),
    _setting("sides.legacy.services", [{"name": "a", "command": [], "health_url": "x"}], *_EMPTY,
             key="sides.legacy.services.0.command"),
    _setting("dialects", {"rust": {"path": "/x", "texts_field": "t", "vectors_field": "v"}}, "choose another name"),
    _setting("dialects", {"mine": {"path": "x"}}, "must begin with a slash", key="dialects.mine.path"),
    _setting("retrieve", {**RETRIEVE, "k": 0}, "at least 1", "raise it", key="retrieve.k"),
    _setting("retrieve", {**RETRIEVE, "corpora": []}, *_EMPTY, key="retrieve.corpora"),
    _setting("retrieve", {**RETRIEVE, "corpara": []}, "did you mean corpora?", key="retrieve.corpara"),
    _setting("retrieve", {**RETRIEVE, "legacy": {"dialect": "rust-hybird"}}, "did you mean rust-hybrid?",
             key="retrieve.legacy.dialect"),
    _setting("retrieve", {**RETRIEVE, "qrels": "https://h/qrels"}, *_ADDRESS, key="retrieve.qrels"),
    _setting("stability", {"enabled": "perhaps"}, *_TRUTH, key="stability.enabled"),
    _setting("contract", {"request": 1}, "did you mean requests?", key="contract.request"),
    _setting("schedule", {"hour": 24}, "must be at most 23", key="schedule.hour"),
    _setting("owners", ["nobody"], "neither a team nor an e-mail address", "write team:name", key="owners.0"),
    _setting("executor", "multiprocess", "not one of its values", "did you mean in_process?"),
    _setting("adapter", {"mode": "x"}, "use one of legacy, candidate, shadow", key="adapter.mode"),
    _setting("root", "/x", "unknown key", "remove it"),
    Bad(text="models: {", words=("parity.yaml", "cannot be read as YAML: line 1, column 10", "Fix the file")),
    Bad(text="- a\n- b\n", words=("parity.yaml", "expected a YAML mapping", "docs/settings.md")),
    Bad(text="models: [a]\nmodels: [b]\n", words=("line 2, column 1: duplicate key 'models' (lines 1 and 2)", "Fix the file")),
    Bad(text="? [a]\n: b\n", words=("line 1, column 3: found unhashable key", "Fix the file")),
    Bad(text="models: " + "[" * 5000, words=("nested too deeply", "Fix the file")),
    Bad(text="", words=("parity.yaml", "expected a YAML mapping", "docs/settings.md")),
)  # fmt: skip

VARIABLES: Final[Sequence[Bad]] = (
    Bad(environ={"PARITY_CONFIG": "none.yaml"}, words=("none.yaml", "no such settings file", "--config or PARITY_CONFIG")),
    Bad(environ={"PARITY_CONFIG": "."}, words=("this is a folder", "such as parity.yaml")),
    Bad(environ={"PARITY__THRESHOLDS__COSIN": "1"},
        words=("thresholds.cosin (set by PARITY__THRESHOLDS__COSIN)", "did you mean cosine?")),
    Bad(environ={"PARITY__MODELS": "[a"}, words=("PARITY__MODELS", "not valid YAML", "Put the value in quotes")),
    Bad(environ={"PARITY__MODELS": "[" * 5000}, words=("PARITY__MODELS", "not valid YAML", "Put the value in quotes")),
    Bad(environ={"PARITY__FIRST_DATE": "2026-02-30"},
        words=("first_date (set by PARITY__FIRST_DATE)", "expected a date")),
    Bad(environ={"PARITY__MODELS__X": "1"}, words=("PARITY__MODELS__X", "not a mapping", "Unset it")),
    Bad(environ={"PARITY__SIDES__LEGACY__CONCURRENCY": "many"},
        words=("sides.legacy.concurrency (set by PARITY__SIDES__LEGACY__CONCURRENCY)", *_WHOLE)),
    Bad(environ={"PARITY__SIDES__LEGACY__BEARER_ENV": f"a b {SECRET}"}, words=("sides.legacy.bearer_env", *_VARIABLE)),
    Bad(change={"sides.legacy.bearer_env": "OLD_TOKEN"}, arguments=("doctor",),
        words=("OLD_TOKEN is not set", "Set OLD_TOKEN to the token of A")),
    Bad(change={"sides.legacy.bearer_env": "OLD_TOKEN"}, environ={"OLD_TOKEN": " "}, arguments=("doctor",),
        words=("OLD_TOKEN is not set", "Set OLD_TOKEN")),
    Bad(change={"sides.legacy.bearer_env": SECRET}, arguments=("doctor",),
        words=("legacy token", "looks like a token itself", "write the name of its variable")),
    Bad(change={"adapter": {"tokens": {"legacy": SECRET}}}, arguments=("adapter", "export"),
        words=("adapter.tokens.legacy", "looks like a token itself", "write the name of its variable")),
)  # fmt: skip

_RUN = ("run", "--date", "2026-05-01")
_BACKFILL = ("backfill", "--from", "2026-05-01", "--to")

ARGUMENTS: Final[Sequence[Bad]] = tuple(
    Bad(arguments=arguments.split(), words=words)
    for arguments, words in (
        ("rn", ("No such command 'rn'", "Did you mean 'run'?")),
        ("run --modle x", ("No such option: --modle", "--model")),
        ("run --config none.yaml", ("none.yaml", "no such settings file", "Name an existing file")),
        ("run --config .", ("this is a folder", "Name a file in it")),
        ("run --date 2026-13-40", ("--date: '2026-13-40' is not a date", "Write a date as YYYY-MM-DD")),
        ("run --date yesterday", ("--date: 'yesterday' is not a date", "such as 2026-05-04")),
        ("run --date 2999-01-01", ("2999-01-01 is in the future", "Choose a past date")),
        ("run --date 2026-04-29", ("before the first date, 2026-04-30", "Choose a later date")),
        ("run --model fake", ("--model: fake is not among the models", "Choose one of them")),
        ("run --model model-n", ("--model: model-n is not", "Did you mean model-m?")),
        ("run --corpus staff", ("no section retrieve", "Leave --corpus out, or add a section retrieve")),
        ("run --probe retreive", ("--probe: the settings have no probe retreive", "Use one of embed")),
        ("run --probe embde", ("--probe", "Did you mean embed?")),
        ("run --probe retrieve", ("--probe", "Add a section retrieve")),
        ("run --quiet --verbose", ("--quiet/--verbose", "Leave one out")),
        ("run extra", ("unexpected extra argument", "extra")),
        ("backfill --from 2026-05-01", ("Missing option '--to'", "--help")),
        ("backfill --from 2026-05-02 --to 2026-05-01", ("--from/--to: 2026-05-02 is after 2026-05-01", "Swap them")),
        ("backfill --from x --to 2026-05-01", ("--from: 'x' is not a date", "Write a date")),
        ("backfill --from 2026-05-01 --to 2026-05-01 --side middle", ("'middle' is not one of", "legacy")),
        ("backfill --from 2026-05-01 --to 2026-05-01 --redraw --through-adapter", ("--redraw", "Leave --redraw out")),
        ("demo --fault nosie", ("--fault: there is no fault 'nosie'", "Did you mean noise?")),
        ("demo --fault gremlins", ("--fault", "There are", "wrong-model")),
        ("demo --config parity.yaml", ("No such option: --config", "--help")),
        ("gate --max-age soon", ("--max-age: 'soon' is not a length of time", "such as 90m")),
        ("gate --json --github", ("--json/--github", "Choose one")),
        ("flip plan --proxy ngnix", ("--proxy: there is no routing for ngnix", "Did you mean nginx?")),
        ("flip check --step shadwo", ("shadwo", "shadow")),
        ("bundle", ("--from/--to: name the dates", "Write --from")),
        ("bundle verify none.zip", ("none.zip",)),
        ("adapter serve --port 0", ("--port: '0' is not a number from 1 to 65535", "Write one")),
        ("adapter serve --workers many", ("--workers: 'many' is not a number from 1 to 64", "Write one")),
        ("adapter serve --mode shadwo", ("--mode: there is no mode 'shadwo'", "Did you mean shadow?")),
        ("adapter serve --share 200", ("--share: '200' is not a number from 0 to 100", "Write one")),
    )
)

EMPTY: Final[Sequence[Bad]] = (  # such as "$AGE" in a script where it is not set
    Bad(arguments=("run", "--date", ""), words=("--date: '' is not a date", "Write a date")),
    Bad(arguments=("gate", "--date", ""), words=("--date: '' is not a date", "Write a date")),
    Bad(arguments=("gate", "--max-age", ""), words=("--max-age: '' is not a length of time", "such as 90m")),
    Bad(arguments=("prune", "--older-than", ""), words=("--older-than: '' is not a length of time", "such as 90m")),
    Bad(arguments=("adapter", "serve", "--port", ""), words=("--port: '' is not a number from 1", "Write one")),
    Bad(arguments=("adapter", "serve", "--workers", ""), words=("--workers: '' is not a number from 1", "Write one")),
    Bad(arguments=("adapter", "serve", "--share", ""), words=("--share: '' is not a number from 0", "Write one")),
    Bad(arguments=("show", ""), words=("DATE: '' is not a date", "Write a date")),
    Bad(arguments=("gate", "--junit", ""), words=("this path has no file name", "Name a file")),
    Bad(arguments=("adapter", "export", "--page", "/"), words=("/: cannot write", "this path has no file name", "Name a file")),
)  # fmt: skip

_DOCTOR = ("doctor",)
_QUERIES = {"retrieve": RETRIEVE}

FILES: Final[Sequence[Bad]] = (
    Bad(files={"parity.yaml": b"first_date: 2026-05-01\nlabel: \xe9\n"}, words=("parity.yaml: invalid UTF-8: byte 0xe9 in line 2", "Convert")),
    Bad(arguments=_DOCTOR, files={"seed.txt": None}, words=("FAIL samples", "seed.txt", "→")),
    Bad(arguments=_DOCTOR, files={"seed.txt": b"one\ntwo \xff\n"}, words=("seed.txt:2: invalid UTF-8", "Convert")),
    Bad(arguments=_DOCTOR, files={"seed.txt": b""}, words=("FAIL samples: 0 lines", "Add texts")),
    Bad(arguments=_DOCTOR, files={"seed.txt": b""}, change={"hazards": True},
        words=("seed.txt: there is no line in it", "hazards alone would say nothing", "Fill it, or leave")),
    Bad(arguments=_DOCTOR, change={"samples": [{"path": "s.jsonl"}]}, files={"s.jsonl": b'{"text": "a"}\n{"text"\n'},
        words=("s.jsonl:2: invalid JSON", "Fix this line")),
    Bad(arguments=_DOCTOR, change={"samples": [{"path": "s.jsonl"}]}, files={"s.jsonl": b'{"txt": "a"}\n'},
        words=("s.jsonl:1", "there is no `text`", "Name the text `text`")),
    Bad(arguments=_DOCTOR, change={"samples": [{"path": "s.jsonl"}]}, files={"s.jsonl": b'{"text": 7}\n'},
        words=("s.jsonl:1", "is not a string", "JSON strings")),
    Bad(arguments=_DOCTOR, change={"samples": [{"path": "s.csv"}]}, files={"s.csv": b"text,category\na,b,c\n"},
        words=("s.csv:2", "3 fields", "Quote texts")),
    Bad(arguments=_DOCTOR, change={"samples": [{"path": "s.parquet"}]}, files={"s.parquet": b"PAR1"},
        words=("FAIL samples", "s.parquet", "→")),
    Bad(arguments=_DOCTOR, change=_QUERIES, files={"q.jsonl": None}, words=("FAIL queries of staff", "q.jsonl", "→")),
    Bad(arguments=_DOCTOR, change=_QUERIES, files={"q.jsonl": b'{"text": "a", "k": "ten"}\n'},
        words=("q.jsonl:1", "`k` is 'ten'", "→")),
    Bad(arguments=_DOCTOR, change=_QUERIES, files={"q.jsonl": b'{"text": "a"}\n{"text"\n'},
        words=("q.jsonl:2: invalid JSON", "Fix this line")),
    Bad(arguments=("bundle", "verify", "x.zip"), files={"x.zip": b"not a zip"}, words=("x.zip",)),
)  # fmt: skip

TABLE: Final = (*SETTINGS, *VARIABLES, *ARGUMENTS, *EMPTY, *FILES)
