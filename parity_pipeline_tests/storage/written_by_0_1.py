"""What version 0.1.0 wrote, and the few ways in which the tests read it.

Here belongs every name of the product that these tests need: a module or field that is renamed is changed here alone,
and the facts in `data/written_by_0_1/facts.json` stay as they are.
"""

import hashlib
import json
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import SecretStr

from parity_pipeline.alerts.options import AlertOptions
from parity_pipeline.core.gateway_watch import GatewayChanges
from parity_pipeline.core.limits import BOUND_GOAL
from parity_pipeline.core.measures import Measure, Thresholds, grade
from parity_pipeline.core.outcomes import Severity
from parity_pipeline.core.reproduction import ReproduceBudget
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.flip.options import FlipOptions
from parity_pipeline.report.links import Links
from parity_pipeline.settings.loading import load
from parity_pipeline.settings.model import RetentionSettings, Settings
from parity_pipeline.storage import ledger
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.evidence_files import read_diagnosis, read_stability, read_verdict
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline_tests.storage.records import of_embed

Facts = dict[str, Any]

FOLDER: Final = Path(__file__).parents[1] / "data" / "written_by_0_1"
FACTS: Final[Facts] = json.loads((FOLDER / "facts.json").read_text("utf-8"))
PARTITIONS: Final[Mapping[str, Facts]] = FACTS["partitions"]
FIRST_SCHEMA: Final[Mapping[str, Facts]] = FACTS["first_schema"]
SIDES: Final = ("legacy", "candidate")


def unpack(folder: Path) -> Path:
    """Unpack the results into a folder, as they lay when they were written, and return it."""
    with tarfile.open(FOLDER / "results.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def verdict_facts(path: Path) -> Facts:
    """Return what matters of a stored verdict, under the names of 0.1.0."""
    return facts_of(read_verdict(path))


def ledger_facts(path: Path) -> list[list[str]]:
    """Return time, run, date, model and decision of every entry of a ledger."""
    return [
        [one.recorded_at, one.run_id, one.verdict.date, of_embed(one.verdict).model, one.verdict.decision.value]
        for one in ledger.entries(path)
    ]


def newest_facts(path: Path) -> list[Facts]:
    """Return what matters of the verdicts that count."""
    return [facts_of(of_embed(verdict)) for verdict in ledger.newest(path)]


def facts_of(verdict: Verdict) -> Facts:
    """Return what matters of a verdict, under the names of 0.1.0."""
    # A verdict of the first schema does not know these at all.
    first, random = verdict.counts.apart is None, verdict.random
    return {
        "decision": verdict.decision.value,
        "date": verdict.date,
        "model": verdict.model,
        "reasons": list(verdict.reasons),
        "samples": verdict.counts.samples,
        "compared": verdict.counts.compared,
        "counts": {name.value: count for name, count in sorted(verdict.counts.outcomes.items()) if count},
        "worst_cosine": verdict.worst_cosine,
        "worst_sample": verdict.measure(Measure.COSINE).worst_sample,
        "thresholds": _thresholds_1(verdict) if first else _thresholds(verdict),
        "findings": list(verdict.findings),
        "waived": dict(verdict.counts.waived),
        "required_bound": random.required_bound,
        "drawn": {} if first else {"texts": random.texts, "draws": random.draws},
        "bounds": [bound.sentence(random.required_bound or BOUND_GOAL) for bound in random.bounds],
        "floors": {} if first else {one.provenance.side.value: one.floor and one.floor.worst for one in verdict.sides},
        "causes": [[one.name, one.confidence, one.count] for one in verdict.diagnosis.causes]
        if verdict.diagnosis
        else [],
        "stopped_early": {one.provenance.side.value: one.provenance.stopped_early for one in verdict.sides},
        "sample_set": verdict.sample_set.hash,
        "sources": list(verdict.sample_set.sources),
        "package_version": verdict.package_version,
    }


def _thresholds(verdict: Verdict) -> Facts:
    return {one.measure.value: one.limit for one in verdict.measures}


def _thresholds_1(verdict: Verdict) -> Facts:
    """Return the thresholds as the first schema stored them: every limit, and which measures warn."""
    warn_only = [one.measure.value for one in verdict.measures if one.severity is Severity.WARN]
    return dict.fromkeys(measure.value for measure in Measure) | _thresholds(verdict) | {"warn_only": warn_only}


def sample_facts(path: Path) -> Facts:
    """Return what matters of a stored sample set."""
    file = SampleSetFile(path)
    blocks = list(file.blocks())
    texts = [text.encode("utf-8", "surrogatepass") for block in blocks for text in block.texts]
    return {
        "rows": file.header.samples,
        "hash": file.header.hash,
        "texts": _digest(b"\0".join(texts)),
        "ids": _digest("\n".join(one for block in blocks for one in block.ids).encode()),
        "drawn": sum(int(one) for block in blocks for one in block.drawn or ()),
    }


def embeddings_facts(path: Path) -> Facts:
    """Return what matters of the stored vectors of one side."""
    file = EmbeddingsFile(path)
    blocks = list(file.blocks())
    values = np.concatenate([block.values for block in blocks]).astype("<f4")
    return {
        "rows": file.rows,
        "statuses": dict(Counter(str(one) for block in blocks for one in block.status)),
        "values": values.size,
        "vectors": _digest(values.tobytes()),
        "errors": sorted({one for block in blocks for one in block.errors if one}),
        "url": file.header.url,
    }


def parity_facts(path: Path) -> Facts:
    """Return what matters of a stored comparison, graded under the thresholds of its verdict."""
    file, judged = ParityFile(path), read_verdict(_beside(path, "verdicts") / "verdict.json")
    warn_only = tuple(one.measure for one in judged.measures if one.severity is Severity.WARN)
    thresholds = Thresholds(**_thresholds(judged), warn_only=warn_only)
    blocks = [grade(block, thresholds) for block in file.blocks()]
    cosines = np.concatenate([block.cosine for block in blocks])
    measured = cosines[~np.isnan(cosines)]
    return {
        "rows": file.rows,
        "outcomes": dict(Counter(str(one) for block in blocks for one in block.outcomes)),
        "cosines": measured.size,
        "worst_cosine": float(measured.min()) if measured.size else None,
    }


def stability_facts(path: Path) -> Facts:
    """Return what matters of trying one side against itself."""
    held = read_stability(path).stability
    return {
        "side": str(held.side),
        "threshold": held.threshold,
        "worst": held.floor.worst if held.floor else None,
        "experiments": {one.name: one.worst for one in held.experiments},
        "findings": [one.words for one in held.findings],
        "notes": list(held.notes),
        "requests": held.requests,
    }


def diagnosis_facts(path: Path) -> Facts:
    """Return what matters of a stored diagnosis, requested with the comparison beside it."""
    held = read_diagnosis(path, ParityFile(_beside(path, "parity") / "parity.parquet").header)
    assert held is not None
    causes = [[one.name, one.confidence, one.count, one.words] for one in held.causes]
    return {"causes": causes} | {name: getattr(held, name) for name in ("explained", "failing", "requests_used")}


def _beside(path: Path, kind: str) -> Path:
    """Return the folder of the same partition in which files of another kind lie."""
    return path.parents[3] / kind / path.parent.relative_to(path.parents[2])


def settings_values(path: Path) -> Facts:
    """Return every value of a settings file, defaults included, as JSON values under the keys of 0.1.0, secrets in the clear."""
    values: Facts = json.loads(json.dumps(read_settings(path).model_dump(), default=_plain))
    contract = {"enabled": True, "requests": 40, "window_tokens": 2048, "limits": {}}
    later = {
        "checks": {},
        "min_compared_share": 0.5,
        "allow_same_origin": False,
        "soak": None,
        "contract": contract,
        "retrieve": None,
        "retrieval_dialects": {},
        "adapter": None,
        "flip": json.loads(json.dumps(asdict(FlipOptions()))),
        "links": json.loads(json.dumps(asdict(Links()))),
        "alerts": json.loads(json.dumps(asdict(AlertOptions()))),
        "reproduce": json.loads(json.dumps(asdict(ReproduceBudget()))),
        "retention": RetentionSettings().model_dump(),
        "gateway_changes": json.loads(json.dumps(asdict(GatewayChanges()))),
    }
    assert {name: values.pop(name) for name in later} == later
    assert not [waiver for waiver in values["waivers"] if waiver.pop("checks")]
    values.pop("hazards")  # 0.1.0 had no such key, and no hazards unless a source named them
    for side in values["sides"].values():
        assert side.pop("accept_echo") == []
        assert side.pop("canaries") is True
        assert side.pop("version") is None
        assert side.pop("recorded") is None
        assert side.pop("request_id_header") == "x-request-id"
        side["ask_default_model"] = side.pop("observe_default_model")
    for dialect in values["dialects"].values():
        assert dialect.pop("digest") is None
        dialect.pop("name")  # 0.1.0 kept the name as the key alone
    return values


def read_settings(path: Path) -> Settings:
    """Return the settings of a file, without overrides."""
    return load(path, {})


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return value.as_posix()
    assert isinstance(value, date)
    return value.isoformat()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
