"""Judge a stored comparison under the thresholds and waivers of now.

Here belongs the step between the reader of a parity file and the core's verdict. The judgement itself is the core's.
"""

from datetime import date
from typing import Final

from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_builder import build_verdict
from parity_pipeline.core.waivers import account_for
from parity_pipeline.defs.noise import stability_of
from parity_pipeline.defs.resources import RunContext
from parity_pipeline.storage.evidence_files import read_diagnosis
from parity_pipeline.storage.parity_files import ParityFile

ENDPOINT: Final = "embed"
"""What this pipeline probes, as verdicts name it."""


def judge_rows(parity: ParityFile, probe: RunContext, day: str, model: str) -> Verdict:
    """Return the verdict on the rows of a parity file.

    Args:
        parity: The comparison; its rows are graded against the thresholds of the probe.
        probe: Thresholds, waivers and the proof asked for.
        day: Partition date, ISO 8601.
        model: Model name.
    """
    today = probe.now().date()
    waivers = account_for(probe.waivers, model=model, day=date.fromisoformat(day), today=today)
    header = parity.header
    stability = stability_of(probe, header, day, model)
    tally = Tally(probe.thresholds, floors=stability.floors, waivers=waivers)
    for rows in parity.blocks():
        tally.add(rows)
    return build_verdict(
        tally,
        header,
        endpoint=ENDPOINT,
        date=day,
        model=model,
        package_version=probe.package_version,
        required_bound=probe.required_bound,
        diagnosis=read_diagnosis(probe.layout.diagnosis(day, model), header),
        stability=stability,
    )
