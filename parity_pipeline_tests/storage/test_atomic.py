import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.storage.atomic import discard, draft_path, publish, publish_bytes, publish_text


def test_a_published_file_replaces_the_old_one_and_leaves_no_draft(tmp_path: Path) -> None:
    """Readers see the old or the new bytes, and nothing else is left in the folder."""
    final = tmp_path / "new" / "a.txt"
    publish_text(final, "one\r\n")
    publish_text(final, "two\r\n\ud800")
    assert final.read_bytes() == b"two\r\n\\ud800"
    assert list(final.parent.iterdir()) == [final]


@pytest.mark.parametrize("path", ["", "/"])
def test_a_path_without_a_file_name_is_an_error(path: str) -> None:
    """What names no file has a message, and no draft is put anywhere."""
    with pytest.raises(ArtifactError, match="no file name"):
        publish_text(Path(path), "text")


def test_a_draft_is_hidden_and_no_parquet_file(tmp_path: Path) -> None:
    """Globs and hive readers pass over drafts, and two drafts of one file differ."""
    final = tmp_path / "a.parquet"
    first, second = draft_path(final), draft_path(final)
    assert first != second
    assert first.parent == tmp_path
    assert first.name.startswith(".")
    assert first.suffix != ".parquet"


def test_the_draft_of_a_dead_process_is_cleared(tmp_path: Path) -> None:
    """What a killed process left goes when the same file is written again; a living one's draft stays."""
    final = tmp_path / "a.parquet"
    code = (
        "import sys; from pathlib import Path; from parity_pipeline.storage.atomic import draft_path;"
        "path = draft_path(Path(sys.argv[1])); path.write_text('half'); print(path)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(final)], capture_output=True, text=True, check=True)
    dead = Path(run.stdout.strip())
    assert dead.exists()
    living = draft_path(final)
    living.write_text("half")
    of_another_file = tmp_path / f".b{dead.name}"
    of_another_file.write_text("half")
    draft_path(final)
    assert (dead.exists(), living.exists(), of_another_file.exists()) == (False, True, True)


def test_a_pid_given_out_again_does_not_protect_a_draft(tmp_path: Path) -> None:
    """A draft named after our pid but another start time is a dead process's."""
    final = tmp_path / "a.txt"
    host, pid, start, rest = draft_path(final).name.removeprefix(".a.txt.").split("-")
    old = tmp_path / f".a.txt.{host}-{pid}-{int(start) - 1000}-{rest}"
    elsewhere = tmp_path / f".a.txt.{'0' * 6 if host != '0' * 6 else '1' * 6}-{pid}-{int(start) - 1000}-{rest}"
    old.write_text("half")
    elsewhere.write_text("half")
    draft_path(final)
    assert (old.exists(), elsewhere.exists()) == (False, True)


def test_a_folder_that_cannot_be_made_names_place_and_remedy(tmp_path: Path) -> None:
    """A file where a folder is needed is an ArtifactError with all three parts."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(ArtifactError) as caught:
        publish_bytes(tmp_path / "taken" / "x" / "a.txt", b"")
    assert str(tmp_path) in caught.value.place
    assert caught.value.remedy


def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    """A write that stops midway changes nothing and says what to do."""
    import resource

    final = tmp_path / "a.bin"
    publish_bytes(final, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(ArtifactError, match="cannot write"):
            publish_bytes(final, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert final.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]  # noqa: PTH208 - names are wanted


def test_a_failed_publish_keeps_the_draft(tmp_path: Path) -> None:
    """Hours of fetching are not lost because a folder stands in the way."""
    final = tmp_path / "a.txt"
    (final / "inside").mkdir(parents=True)
    draft = draft_path(final)
    draft.write_text("precious")
    with pytest.raises(ArtifactError):
        publish(draft, final)
    assert draft.read_text() == "precious"
    discard(draft)
    discard(draft)
    assert not draft.exists()
