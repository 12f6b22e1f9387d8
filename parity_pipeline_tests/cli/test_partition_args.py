"""Which partitions a command means: probes, models and corpora as a person names them."""

from pathlib import Path

import pytest

from parity_pipeline.cli.partition_args import chosen_names
from parity_pipeline.core.errors import SettingsError
from parity_pipeline_tests.defs.project import Project, searching_project

EVERYTHING = {"embed": ["fake-32"], "retrieve": ["everyone", "staff"]}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, EVERYTHING),
        ({"models": ["fake-32"]}, {"embed": ["fake-32"]}),
        ({"corpora": ["staff"]}, {"retrieve": ["staff"]}),
        ({"models": ["fake-32"], "corpora": ["staff"]}, {"embed": ["fake-32"], "retrieve": ["staff"]}),
        ({"probes": ["retrieve"]}, {"retrieve": ["everyone", "staff"]}),
        ({"probes": ["retrieve", "embed"]}, EVERYTHING),
        ({"probes": ["embed", "retrieve"], "corpora": ["staff"]}, {"embed": ["fake-32"], "retrieve": ["staff"]}),
    ],
)
def test_names_choose_their_probe(tmp_path: Path, named: dict[str, list[str]], expected: dict[str, list[str]]) -> None:
    """A model means the embed probe, a corpus the retrieve probe, neither means all; probes run in one order."""
    found = chosen_names(searching_project(tmp_path).settings(), **named)
    assert found == expected
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"probes": ["rank"]}, r"--probe: .*no probe rank.*Use one of embed, retrieve"),
        ({"corpora": ["stuff"]}, r"--corpus: stuff is not among the corpora everyone, staff.*retrieve\.corpora"),
        ({"models": ["gpt"]}, r"--model: gpt is not among the models fake-32.*models"),
        ({"probes": ["embed"], "corpora": ["staff"]}, r"--corpus: staff is of the retrieve probe.*--probe retrieve"),
        ({"probes": ["retrieve"], "models": ["fake-32"]}, r"--model: fake-32 is of the embed probe.*--probe embed"),
    ],
)
def test_an_unknown_name_is_refused_with_its_remedy(tmp_path: Path, named: dict[str, list[str]], words: str) -> None:
    """The option, what is wrong and what to write are all named."""
    with pytest.raises(SettingsError, match=words):
        chosen_names(searching_project(tmp_path).settings(), **named)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"probes": ["retrieve"]}, r"--probe: .*no probe retrieve.*Add a section retrieve"),
        ({"corpora": ["staff"]}, r"--corpus: staff is not a corpus, for the settings have no section retrieve"),
    ],
)
def test_without_its_section_there_is_no_such_probe(tmp_path: Path, named: dict[str, list[str]], words: str) -> None:
    """Settings of embeddings alone run embed, and say what is missing where more is wanted."""
    settings = Project(tmp_path, None, None).settings()
    assert chosen_names(settings) == {"embed": ["fake-32"]}
    with pytest.raises(SettingsError, match=words):
        chosen_names(settings, **named)
