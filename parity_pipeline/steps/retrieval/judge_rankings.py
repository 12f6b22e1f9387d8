"""Judge a stored comparison of rankings under the bands and waivers of now, keep the verdict, and write its report.

Here belong the steps from what is stored of a date and corpus to the verdict, the ledger and the report. The judgement
itself is the core's, the words are `report`'s.
"""

from dataclasses import replace
from datetime import date

from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.core.retrieval.power import RetrievalPower
from parity_pipeline.core.retrieval.power_simulation import simulate_power
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.verdict_builder import RetrievalInputs, build_retrieval_verdict, inputs_of
from parity_pipeline.core.retrieval.waivers import query_account_for
from parity_pipeline.report.retrieval import render_retrieval_report
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.retrieval.fetch_side import retrieval_of
from parity_pipeline.steps.retrieval.lanes import Lanes
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publish_text
from parity_pipeline.storage.retrieval_evidence import (
    RetrievalEvidence,
    read_retrieval_evidence,
    read_retrieval_verdict,
    write_retrieval_verdict,
)
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile
