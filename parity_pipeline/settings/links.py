"""Settings of links: the section `links` of `parity.yaml`.

Here belongs where reports and the Dagster UI are reached by the people who read an alert or an asset's page.
"""

from typing import Annotated

from pydantic import AfterValidator

from parity_pipeline.report.links import Links
from parity_pipeline.settings.fields import Validated, checked_url

Address = Annotated[str, AfterValidator(checked_url)]

LinkSettings = Annotated[Links, Validated(reports=Address, dagster=Address)]
