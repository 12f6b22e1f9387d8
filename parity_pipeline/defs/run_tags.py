"""Tags of a run: what the list of runs can be searched for.

Here belong the tags that a step gives its own run once it knows more than its partition. The UI shows a run by its id, its
job and its partition, which are Dagster's, and a run that found a failing date has succeeded: the verdict has to be a tag.
"""

from typing import Final

import dagster as dg

from parity_pipeline.core.outcomes import Decision

VERDICT_TAG: Final = "parity/verdict"
"""Tag of the decision: PASS, PASS WITH WAIVERS, FAIL or INCONCLUSIVE. Pinned once in a browser, it stands in each row."""


def tag_verdict(context: dg.AssetExecutionContext, decision: Decision) -> None:
    """Tag the run of a step with the decision that it came to."""
    context.instance.add_run_tags(context.run.run_id, {VERDICT_TAG: decision.value})
