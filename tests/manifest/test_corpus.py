"""Each file of the corpus has, beside it, what is to be said about it."""

from pathlib import Path

import pytest

from batch_onboard.manifest.load import load_manifest
from batch_onboard.manifest.problems import ManifestError

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", sorted(path.stem for path in CORPUS.glob("*.yaml")))
def test_says_what_is_expected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All problems of a manifest are reported in one pass, each at its place."""
    monkeypatch.chdir(CORPUS)
    with pytest.raises(ManifestError) as caught:
        load_manifest(Path(f"{name}.yaml"))
    assert str(caught.value) == (CORPUS / f"{name}.expected").read_text().rstrip("\n")


def test_ten_faults_are_reported_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest with more than ten faults of as many kinds shows them all, with their lines."""
    monkeypatch.chdir(CORPUS)
    with pytest.raises(ManifestError) as caught:
        load_manifest(Path("ten-faults.yaml"))
    assert [problem.line for problem in caught.value.problems] == [
        *(2, 5, 8, 10, 11, 12, 13, 15, 16, 17, 17)
    ]
