"""Bundles: one of format 1 verifies in every later version, and whatever was changed in it is refused."""

import hashlib
import io
import json
import lzma
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from parity_pipeline.bundle.archive import content_of, read_archive, write_archive
from parity_pipeline.bundle.manifest import FORMAT, MANIFEST, SETTINGS, SIGNATURE
from parity_pipeline.bundle.signature import sign
from parity_pipeline.bundle.verify import Signer, verify_bundle
from parity_pipeline.bundle.write import BundleRequest, write_bundle
from parity_pipeline.cli.bundle import judging_context
from parity_pipeline.cli.main import app
from parity_pipeline.core.errors import ArtifactError, ParityError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.faults.texts import block_of
from parity_pipeline.faults.trial_run import MODEL, context_for
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED
from parity_pipeline.steps.record_failure import record_failure
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.storage.json_records import json_text
from parity_pipeline.storage.layout import Layout
from parity_pipeline_tests.faults.clean_runs import BUDGET, Case, sides_of

STORED: Final = Path(__file__).parents[1] / "data" / "bundle_format_1.zip.xz"
"""A bundle of the demo, written when format 1 was new: an embed, a retrieve and a through-adapter verdict. Never write it again."""
DAY: Final = "2026-05-01"
VERDICT: Final = "data/verdicts/date=2026-11-26/model=wordllama-64/verdict.json"
LEDGER: Final = "reports/ledger.jsonl"
Contents = dict[str, bytes]


@cache
def stored() -> bytes:
    """Return the stored bundle."""
    return lzma.decompress(STORED.read_bytes())


def contents() -> Contents:
    """Return what is in the stored bundle."""
    file = io.BytesIO(stored())
    return {name: b"".join(content_of(file, one)) for name, one in read_archive(file, "stored").items()}


def with_manifest(held: Contents, **changes: Any) -> Contents:
    """Return contents whose manifest lists them as they are: what someone would write who changes a bundle on purpose."""
    files = [
        {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(held.items())
        if name not in (MANIFEST, SIGNATURE)
    ]
    manifest = {**json.loads(held[MANIFEST]), "files": files, **changes}
    rest = {name: held[name] for name in sorted(held) if name != MANIFEST}
    return {MANIFEST: json_text(manifest, indent=1).encode(), **rest}


def verified(folder: Path, held: Mapping[str, bytes] | bytes, signer: Signer | None = None) -> Any:
    """Return the result of verifying a bundle with these contents or bytes."""
    path = folder / "b.zip"
    if isinstance(held, bytes):
        path.write_bytes(held)
    else:
        write_archive(path, list(held.items()))
    return verify_bundle(path, judging_context, signer)


def test_a_bundle_of_format_1_verifies(tmp_path: Path) -> None:
    """What was bundled once is verified by every later version: read, compared, and judged again to the same decisions."""
    found = verified(tmp_path, stored())
    assert {(one.probe, one.decision) for one in found.manifest.verdicts} == {
        ("embed", Decision.PASS),
        ("embed-through-adapter", Decision.PASS),
        ("retrieve", Decision.PASS),
    }
    assert found.sha256 == hashlib.sha256(stored()).hexdigest()
    assert (found.signed, found.signed_by) == (False, "")


def test_contents_written_again_are_the_same_bytes(tmp_path: Path) -> None:
    """A manifest and an archive of the same contents do not depend on the machine or the day."""
    write_archive(tmp_path / "again.zip", list(with_manifest(contents()).items()))
    assert (tmp_path / "again.zip").read_bytes() == stored()


def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    """Wherever the byte is: in a name, a header, a content, the manifest or the directory."""
    whole = stored()
    places = range(1, len(whole), len(whole) // 60)
    for at in (0, len(whole) - 1, whole.index(b'"format"'), *places):
        changed = bytearray(whole)
        changed[at] ^= 0x04
        with pytest.raises(ArtifactError, match="do not rely on this one"):
            verified(tmp_path, bytes(changed))


def edited(name: str, old: bytes, new: bytes) -> Callable[[], Contents]:
    """Return what makes contents with one edited file, and a manifest that agrees."""

    def made() -> Contents:
        held = contents()
        assert old in held[name]
        return with_manifest(held | {name: held[name].replace(old, new)})

    return made


def added(name: str) -> Callable[[], Contents]:
    """Return what makes contents with one more file, and a manifest that agrees."""
    return lambda: with_manifest(contents() | {name: b"x"})


def changed_verdict(old: bytes, new: bytes) -> Contents:
    """Return contents in which a verdict says something else, in its file, in the ledger and in the manifest."""
    held = contents()
    for name in (VERDICT, LEDGER):
        assert old in held[name]
        held[name] = held[name].replace(old, new)
    rows = json.loads(held[MANIFEST].replace(old, new))["verdicts"]
    return with_manifest(held, verdicts=rows)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (added("../../escaped"), "belongs to none of its verdicts"),
        (added("/absolute"), "belongs to none of its verdicts"),
        (added("data/verdicts/date=2026-11-27/model=wordllama-64/verdict.json"), "belongs to none of its verdicts"),
        (lambda: contents() | {"zzz": b"not in the manifest"}, "does not hold the files of its manifest"),
        (lambda: with_manifest({k: v for k, v in contents().items() if k != SETTINGS}), "lacks a file"),
        (lambda: with_manifest({k: v for k, v in contents().items() if "parity.parquet" not in k}), "lacks a file"),
        (lambda: {k: v for k, v in contents().items() if k != VERDICT}, "does not hold the files of its manifest"),
        (lambda: {k: v for k, v in contents().items() if k != MANIFEST}, "has no manifest.json"),
        (edited(SETTINGS, b'"data_dir": "data"', b'"data_dir": "/etc"'), "name other folders"),
        (edited(SETTINGS, b'"models"', b'"mode1s"'), "unknown key"),
        (lambda: with_manifest(contents() | {SETTINGS: b"samples: [{path: x}]"}), "not valid JSON"),
        (edited(VERDICT, b'"decision": "PASS"', b'"decision": "FAIL"'), "ledger does not have as the newest"),
        (
            lambda: changed_verdict(b'"decision": "PASS"', b'"decision": "PASS WITH WAIVERS"'),
            "says PASS WITH WAIVERS where its evidence says PASS",
        ),
        (lambda: with_manifest(contents(), verdicts=[]), "belongs to none of its verdicts"),
        (lambda: with_manifest(contents(), format=FORMAT + 1), "use a later one"),
        (lambda: with_manifest(contents(), note="x"), "another version"),
        (lambda: contents() | {MANIFEST: contents()[MANIFEST].replace(b"\n", b"\n\n")}, "another form"),
    ],
)
def test_what_was_changed_on_purpose_is_refused(tmp_path: Path, made: Callable[[], Contents], words: str) -> None:
    """Foreign files, paths that leave the folder, missing files, other settings, and verdicts that the evidence does not bear."""
    with pytest.raises(ParityError, match=words):
        verified(tmp_path, made())
    assert [path.name for path in tmp_path.parent.glob("escaped")] == []


def test_evidence_that_says_something_else_is_refused(tmp_path: Path) -> None:
    """With stricter thresholds in the settings, the stored comparison does not give the stored decision."""
    held = contents()
    settings = json.loads(held[SETTINGS]) | {"required_bound": 0.0001}
    held = with_manifest(held | {SETTINGS: json.dumps(settings).encode()})
    with pytest.raises(ArtifactError, match="says PASS where its evidence says INCONCLUSIVE"):
        verified(tmp_path, held)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Return a new SSH key, without a passphrase."""
    program = shutil.which("ssh-keygen")
    if program is None:
        pytest.skip("ssh-keygen is not installed")
    path = tmp_path / "key"
    command = [program, "-q", "-t", "ed25519", "-N", "", "-C", "ann@example.com", "-f", path]
    subprocess.run(command, check=True, capture_output=True)
    return path


def test_a_signature_binds_the_manifest_to_its_signer(tmp_path: Path, key: Path) -> None:
    """The right signer verifies; another one, another manifest and no signature at all are refused."""
    held = contents()
    signature = sign(held[MANIFEST], key)
    signed = {MANIFEST: held[MANIFEST], SIGNATURE: signature, **held}
    signers = tmp_path / "signers"
    signers.write_text(f"ann@example.com {key.with_suffix('.pub').read_text()}", "utf-8")
    ann = Signer(identity="ann@example.com", signers=signers)
    assert verified(tmp_path, signed, ann).signed_by == "ann@example.com"
    assert verified(tmp_path, signed).signed
    with pytest.raises(ArtifactError, match="not signed by 'bob'"):
        verified(tmp_path, signed, replace(ann, identity="bob"))
    with pytest.raises(ArtifactError, match=r"has no manifest\.json\.sig"):
        verified(tmp_path, held, ann)
    forged = {MANIFEST: with_manifest(held, last="2026-11-30")[MANIFEST], **signed}
    forged[MANIFEST] = with_manifest(held, last="2026-11-30")[MANIFEST]
    with pytest.raises(ArtifactError, match="not signed by"):
        verified(tmp_path, forged, ann)


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    """Return a run of two equal gateways that has judged one date."""
    case = Case(seed=1, legacy_noise=0.0, candidate_noise=0.0, size=8, batch=4, corpus="traffic")
    block = block_of(["forklift operator", "hello", "packer"], ["seed", "seed", "seed"])
    made = replace(context_for(tmp_path / "project", block, sides_of(case)), stability=BUDGET)
    run_partition(made, DAY, MODEL, run_id="run")
    return made


def request(run: RunContext) -> BundleRequest:
    """Return the request for a bundle of the one date."""
    return BundleRequest(layout=run.layout, settings={}, names={"embed": [MODEL]}, first=DAY, last=DAY)


def test_what_a_run_leaves_is_bundled_twice_to_the_same_bytes_and_verifies(tmp_path: Path, run: RunContext) -> None:
    """From the files of a run to a bundle, and from the bundle to the same decision."""
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    manifest = write_bundle(request(run), one)
    write_bundle(request(run), two)
    assert one.read_bytes() == two.read_bytes()

    def context(_settings: bytes, folder: Path, _probe: str) -> RunContext:
        return replace(run, layout=Layout(data_dir=folder / "data", reports_dir=folder / "reports"), gateways={})

    assert verify_bundle(one, context).manifest == manifest
    assert [(row.date, row.decision) for row in manifest.verdicts] == [(DAY, Decision.PASS)]


def test_a_date_that_could_not_be_run_is_not_bundled(tmp_path: Path, run: RunContext) -> None:
    """There is no evidence for it, and the comparison of an earlier run must not pass for it."""
    record_failure(run, EMBED, DAY, MODEL, RunFailure(step="samples", problem="no such file"), run_id="next")
    with pytest.raises(ArtifactError, match=r"could not be run \(no such file\)"):
        write_bundle(request(run), tmp_path / "b.zip")


def test_a_verdict_that_the_ledger_does_not_have_is_not_bundled(tmp_path: Path, run: RunContext) -> None:
    """A bundle says what was recorded; a file that someone edited, or that is missing, stops it."""
    path = run.layout.verdict(DAY, MODEL)
    path.write_text(path.read_text("utf-8").replace('"decision": "PASS"', '"decision": "FAIL"'), "utf-8")
    with pytest.raises(ArtifactError, match="not the newest one of the ledger"):
        write_bundle(request(run), tmp_path / "b.zip")
    path.unlink()
    with pytest.raises(ArtifactError, match="file is missing"):
        write_bundle(request(run), tmp_path / "b.zip")
    with pytest.raises(ArtifactError, match="no verdict is stored"):
        write_bundle(replace(request(run), first="2026-06-01", last="2026-06-02"), tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_the_command_verifies_a_file(tmp_path: Path) -> None:
    """It prints each verdict and the hash of the whole, and exits with 0."""
    path = tmp_path / "b.zip"
    path.write_bytes(stored())
    done = CliRunner().invoke(app, ["bundle", "verify", str(path)])
    assert done.exit_code == 0, done.output
    assert "embed-through-adapter wordllama-64, 2026-11-26: PASS" in done.output
    assert hashlib.sha256(stored()).hexdigest() in done.output
