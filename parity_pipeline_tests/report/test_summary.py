"""The summary is the same for the same verdicts, links to files that exist, and dates what was observed."""

from dataclasses import replace
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import GatewayStates, LaneStates
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.slugs import report_name
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import DriftRow
from parity_pipeline.report.stale_marks import stale_mark, stale_section
from parity_pipeline.report.summary import render_summary
from parity_pipeline_tests.core.fingerprints import fingerprint, seen
from parity_pipeline_tests.report import retrieval_verdicts
from parity_pipeline_tests.report.measured import two_causes, waived_pass
from parity_pipeline_tests.report.verdicts import SEED, V1, V2, mixed, unpaired, verdict_of, with_provenance

_VERDICTS = (
    verdict_of(SEED),
    verdict_of(SEED, model=V1),
    verdict_of(SEED, date="2026-05-01"),
    replace(mixed(), date="2026-05-02"),
    replace(unpaired(), date="2026-05-02", model=V1),
    replace(verdict_of(SEED), endpoint="retrieve"),
    verdict_of(SEED[:1]),
)


def _links(markdown: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [str(child.attrs["href"]) for token in tokens for child in token.children or [] if child.type == "link_open"]


def _rows(markdown: str, start: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith(f"| {start}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _with_drift(verdict: Verdict, *observed: tuple[str, str, str]) -> Verdict:
    rows = tuple(DriftRow(field=f, legacy=one, candidate=two, same=one == two) for f, one, two in observed)
    return replace(verdict, drift=rows)


@settings(deadline=None, max_examples=40)
@given(st.permutations(_VERDICTS))
def test_the_order_of_the_input_does_not_matter(verdicts: list[Verdict]) -> None:
    """The same verdicts give the same bytes, also where one date and model comes twice."""
    assert render_summary(verdicts) == render_summary(_VERDICTS)


def test_nothing_stored_is_said_honestly() -> None:
    """An empty summary claims nothing."""
    assert render_summary(()) == (
        "# Parity summary\n\nNo verdict has been stored yet. Nothing is known about parity.\n"
    )


def test_newest_dates_come_first_then_models() -> None:
    """The last state is on top."""
    rows = _rows(render_summary(_VERDICTS), "2026")
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("2026-05-02", f"`{V1}`", "embed"),
        ("2026-05-02", f"`{V2}`", "embed"),
        ("2026-05-01", f"`{V2}`", "embed"),
        ("2026-04-30", f"`{V1}`", "embed"),
        ("2026-04-30", f"`{V2}`", "embed"),
        ("2026-04-30", f"`{V2}`", "retrieve"),
    ]


def test_links_lead_to_the_reports() -> None:
    """A link's target, decoded once as a browser does, is the report's file name, percent signs included."""
    models = ("org/model:tag", "a b(c)[d]|e", "é💥", "x" * 300, "100%")
    summary = render_summary([verdict_of(SEED, model=model) for model in models])
    assert sorted(map(unquote, _links(summary))) == sorted(report_name("2026-04-30", model) for model in models)


def test_a_refused_pairing_counts_its_set() -> None:
    """A date that compared nothing shows how many samples it owed, not 0 of 0."""
    assert _rows(render_summary([unpaired()]), "2026")[0][4] == "0 / 5"


def test_a_changed_observation_is_a_further_row() -> None:
    """The catalogue dates both, and the unchanged one once with its first and last date."""
    summary = render_summary(
        [
            _with_drift(verdict_of(SEED, date="2026-05-01"), ("URL", "/a", "/b"), ("number format", "x", "y")),
            _with_drift(verdict_of(SEED, date="2026-05-02"), ("URL", "/a", "/b"), ("number format", "x", "y")),
            _with_drift(verdict_of(SEED, date="2026-05-03"), ("URL", "/a", "/a"), ("number format", "x", "y")),
        ]
    )
    assert _rows(summary, "URL") == [
        ["URL", "`/a`", "`/b`", "no", "2026-05-01", "2026-05-02", "all"],
        ["URL", "`/a`", "`/a`", "yes", "2026-05-03", "2026-05-03", "all"],
    ]
    assert _rows(summary, "number") == [["number format", "x", "y", "no", "2026-05-01", "2026-05-03", "all"]]


def test_an_observation_of_some_models_names_them() -> None:
    """What holds for one model is not said of all."""
    summary = render_summary(
        [
            _with_drift(verdict_of(SEED, model=V1), ("URL", "/a", "/b"), ("dimension", "768", "192")),
            _with_drift(verdict_of(SEED, model=V2), ("URL", "/a", "/b"), ("dimension", "768", "768")),
        ]
    )
    assert [row[6] for row in _rows(summary, "URL")] == ["all"]
    assert [(row[2], row[6]) for row in _rows(summary, "dimension")] == [("192", f"`{V1}`"), ("768", f"`{V2}`")]


def test_what_nobody_showed_is_not_observed() -> None:
    """A date on which neither side responded adds no row."""
    summary = render_summary([_with_drift(verdict_of(SEED), ("URL", "not observed", "not observed"))])
    assert "Nothing was observed." in summary


def test_waivers_and_the_first_cause_are_columns() -> None:
    """A pass with waivers is named as such with their number, and a failure with its first cause."""
    rows = _rows(
        render_summary([waived_pass(), replace(two_causes(), date="2026-05-01"), verdict_of(SEED, model=V1)]), "2026"
    )
    assert [(row[3], row[5], row[8]) for row in rows] == [
        ("**FAIL**", "2", "rows permuted (proven, 14), 1 more, 4 unknown"),
        ("PASS", "0", "—"),
        ("PASS WITH WAIVERS", "3", "precision (proven, 2), 1 more"),
    ]


def _of_both_probes() -> list[Verdict | RetrievalVerdict]:
    found, _ = retrieval_verdicts.passing()
    same_name = replace(found, corpus=V2)
    older = replace(found, candidate=replace(found.candidate, fetched_to="2026-04-30T06:00:11+00:00"), attribution={})
    return [*_VERDICTS[:4], found, older, same_name, replace(retrieval_verdicts.unpaired(), date="2026-05-03")]


@settings(deadline=None, max_examples=40)
@given(st.permutations(_of_both_probes()))
def test_the_order_of_both_probes_does_not_matter(verdicts: list[Verdict | RetrievalVerdict]) -> None:
    """Verdicts of both probes give the same bytes in any order, also where a corpus is called like a model."""
    assert render_summary(verdicts) == render_summary(_of_both_probes())


def test_one_row_per_probe_name_and_date() -> None:
    """Of one date the models come before the corpora, and the newer of two verdicts on a corpus is shown."""
    rows = _rows(render_summary(_of_both_probes()), "2026")
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("2026-05-03", "retrieve", "`staff`"),
        ("2026-05-02", "embed", f"`{V2}`"),
        ("2026-05-01", "embed", f"`{V2}`"),
        ("2026-04-30", "embed", f"`{V1}`"),
        ("2026-04-30", "embed", f"`{V2}`"),
        ("2026-04-30", "retrieve", f"`{V2}`"),
        ("2026-04-30", "retrieve", "`staff`"),
    ]
    assert {row[6] for row in rows} == {"—", "worst cosine 0.880000", "worst cosine 1.000000", "mean overlap 0.9978"}


def test_the_columns_of_one_probe_stay() -> None:
    """Without a verdict on retrieval the columns are those of embeddings."""
    assert "| Date | Model | Endpoint | Verdict |" in render_summary(_VERDICTS)
    assert "| Date | Probe | Model or corpus | Verdict |" in render_summary(_of_both_probes())


def test_links_lead_to_the_reports_of_corpora() -> None:
    """A link's target, decoded once, is the file name of the retrieval report."""
    found, _ = retrieval_verdicts.passing()
    corpora = ("all/staff:x|y", "a b(c)", "x" * 300, "100%")
    summary = render_summary([replace(found, corpus=corpus) for corpus in corpora])
    assert sorted(map(unquote, _links(summary))) == sorted(
        report_name("2026-04-30", one, "retrieve") for one in corpora
    )


def test_corpora_have_their_own_catalogue() -> None:
    """What retrieval showed on the wire stands in its own catalogue, in the order of the verdict, by corpus."""
    found, _ = retrieval_verdicts.passing()
    other = replace(found, corpus="other", drift=tuple(replace(row, legacy="x") for row in found.drift[:1]))
    catalogue = render_summary([verdict_of(SEED), found, other]).partition("## Drift catalogue of retrieve")[2]
    assert [row[6] for row in _rows(catalogue, "URL")] == ["`other`", "`staff`"]
    fields = [row[0] for row in _rows(catalogue, "")]
    assert fields[0] == "Field"
    assert list(dict.fromkeys(fields[2:])) == [row.field for row in found.drift]


def test_stale_verdicts_have_a_section_with_the_newest_change() -> None:
    """Dates of two older states are one row with the later change and both dates; a current one is neither marked nor named."""
    states, records = LaneStates(), list[str]()
    for place, minute in enumerate((0, 10, 20)):
        states, record = seen(states, fingerprint(place, version=str(place)), minute)
        records.append(record.fingerprint.state)
    verdicts = [
        with_provenance(
            verdict_of(SEED, date=f"2026-05-0{place + 1}"),
            Side.CANDIDATE,
            fingerprint=Fingerprint(state=records[place]),
            fetched_from=f"2026-11-20T10:{place}1:00+00:00",
            fetched_to=f"2026-11-20T10:{place}2:00+00:00",
        )
        for place in range(3)
    ]
    known = GatewayStates(lanes={(verdicts[0].endpoint, Side.CANDIDATE, verdicts[0].model): states})
    section = "\n".join(stale_section(verdicts, known))
    assert "A gateway changed after 2 dates had been fetched" in section
    assert section.count("| candidate |") == 1
    assert "2, 2026-05-01 to 2026-05-02 |" in section
    assert "the version changed from 1 to 2" in section
    assert [bool(stale_mark(one, known)) for one in verdicts] == [True, True, False]
    assert stale_section(verdicts[2:], known) == []
    assert "\n".join(stale_section(verdicts[::-1], known)) == section
    apart = with_provenance(
        verdicts[0], Side.CANDIDATE, fingerprint=Fingerprint(), fetched_to="2026-11-20T10:05:00+00:00"
    )
    assert "10:20" in "\n".join(stale_section([apart], known))
