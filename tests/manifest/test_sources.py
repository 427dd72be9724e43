import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from batch_onboard.core.targets import Api, Encryption, Identity, TargetKey
from batch_onboard.manifest.load import load_manifest

from .writing import HEAD, problems, write

CSV = """\
instance_id , api,wave,labels.unit,encryptionConfig.enabled,encryption.keyArn,role_arn,account_id
a,,,,,,,
"b",v2,3,"retail, and more",TRUE,arn:aws:kms:us-west-2:111122223333:key/1,arn:aws:iam::111122223333:role/R,

c,,,,false,,,012345678901
,,,,,,,
"""


def manifest(folder: Path, *sources: str) -> Path:
    """Write a manifest that has only sources, and return its path."""
    return write(folder, f"{HEAD}sources: [{', '.join(sources)}]")


def csv_problems(folder: Path, text: str) -> list[str]:
    """Return what is said about a manifest whose one source is this CSV."""
    (folder / "more.csv").write_text(text)
    return problems(manifest(folder, "more.csv"))


def jsonl_problems(folder: Path, text: str) -> list[str]:
    """Return what is said about a manifest whose one source is this JSON Lines file."""
    (folder / "more.jsonl").write_text(text)
    return problems(manifest(folder, "more.jsonl"))


def test_csv_rows_are_instances(tmp_path: Path) -> None:
    """Cells are text, empty ones are not set, and columns with a dot are keys inside."""
    (tmp_path / "more.csv").write_text(CSV)
    loaded = load_manifest(manifest(tmp_path, "more.csv"))
    first, second, third = loaded.targets
    assert first.key == TargetKey("111122223333", "us-west-2", "a")
    assert (second.api, second.wave) == (Api.V2, 3)
    assert second.labels == (("unit", "retail, and more"),)
    assert second.identity == Identity("arn:aws:iam::111122223333:role/R")
    assert second.encryption.key_arn == "arn:aws:kms:us-west-2:111122223333:key/1"
    assert third.key.account_id == "012345678901"
    assert third.encryption == Encryption(enabled=False)
    (source,) = loaded.sources
    assert source.path == tmp_path / "more.csv"
    assert source.digest == sha256(CSV.encode()).hexdigest()


def test_csv_problems_name_the_cell(tmp_path: Path) -> None:
    """A wrong cell is shown by file, line and column, quotes and commas before it or not."""
    text = (
        "id,region,wave,labels.a,encryption.enabled\n"
        'a,"localhost",1,"x, y",maybe\n'
        "b,us-west-2,0,,\n"
        "c,us-west-2\n"
        'd,"us-west-2,1,,\n'
        "a/b,us-west-2,,,\n"
    )
    assert [line.split(": ")[0] for line in csv_problems(tmp_path, text)] == [
        "more.csv:2:3",
        "more.csv:2:24",
        "more.csv:3:13",
        "more.csv:4:1",
        "more.csv:5:1",
        "more.csv:6:1",
    ]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("idd,wave", "1:1: unknown column idd; did you mean id?"),
        ("id,encryption.key", "1:4: unknown column"),
        ("id,labels.", "1:4: unknown column"),
        ("id,wave.x", "1:4: unknown column"),
        (f"id,{'x' * 50}", "1:4: unknown column"),
        ("id,instance_id", "1:4: the column instance_id is there twice"),
        ("id,,wave", '1:4: unknown column ""'),
        ("id;wave", '1:1: unknown column "id;wave"'),
    ],
)
def test_csv_columns_must_be_known(tmp_path: Path, header: str, said: str) -> None:
    """Columns that are unknown or there twice are reported once, not for each row."""
    (line,) = csv_problems(tmp_path, f"{header}\n1,2\n3,4\n")
    assert line.startswith(f"more.csv:{said}")


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_csv_is_refused(tmp_path: Path, text: str) -> None:
    """A file without a row of column names is no table."""
    (line,) = csv_problems(tmp_path, text)
    assert line.startswith("more.csv:1:1: the file is empty")


def test_a_table_without_instances_is_an_empty_manifest(tmp_path: Path) -> None:
    """Sources that hold no instance do not make up for an empty list."""
    (line,) = csv_problems(tmp_path, "id\n")
    assert line.startswith("manifest.yaml:1:1: no instances")


def test_json_lines_are_instances(tmp_path: Path) -> None:
    """Each line is an object with an instance's keys, or an ARN; empty lines are passed over."""
    (tmp_path / "more.jsonl").write_text(
        '"arn:aws:connect:us-west-2:111122223333:instance/a"\n'
        "\n"
        '{"id": "b", "wave": 2, "encryptionConfig": {"enabled": false}, "labels": {"x": "y"}}'
    )
    first, second = load_manifest(manifest(tmp_path, "more.jsonl")).targets
    assert first.key.instance_id == "a"
    assert (second.wave, second.labels) == (2, (("x", "y"),))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "1:2: this is not JSON"),
        ('{"id": "a", "id": "b"}', "1:13: id is given twice"),
        ("[" * 100_000, "1:1: nested too deep"),
        ('{"account_id": 111122223333, "id": "a"}', "1:16: account id is a number; write"),
        ('{"account_id": NaN, "id": "a"}', "1:16: account id is a number"),
        ('{"account_id": 1.5, "id": "a"}', "1:16: account id is a number"),
        ('{"id": "a", "wave": ' + "9" * 5_000 + "}", "1:21: wave is 9"),
        ('{"id": "a", "labels": {"b": "\\ud800"}}', "1:1: half a character"),
        ('{"id": "a", "instance_id": "a"}', "1:13: instance_id is another name of id"),
        ('{"id": "a", "idd": "a"}', "1:13: unknown key idd"),
        ('{"api": ["v1"], "id": "a"}', "1:9: api is a list"),
        ("null", "1:1: an instance is empty"),
        ('{"id": "a", "labels": {"b": "\\uD83D\\uDE00", "c": 1}}', "1:50: the label c is a number"),
    ],
)
def test_json_problems_name_the_line_and_the_column(tmp_path: Path, line: str, said: str) -> None:
    """Whatever is wrong in a line is reported where it stands."""
    (problem,) = jsonl_problems(tmp_path, line)
    assert problem.startswith(f"more.jsonl:{said}")


def test_duplicates_across_files_name_both(tmp_path: Path) -> None:
    """The same instance in two files is reported with both files and lines."""
    (tmp_path / "more.csv").write_text("id\nb\na\n")
    path = write(tmp_path, f"{HEAD}instances:\n  - id: a\nsources: [more.csv]")
    (line,) = problems(path)
    assert line.startswith("more.csv:3:1: the same instance as in")
    assert "manifest.yaml:4 " in line


def test_one_bad_source_does_not_hide_the_next(tmp_path: Path) -> None:
    """Each source is checked, though one before it can't be read."""
    (tmp_path / "bad.csv").write_bytes(b"id\n\xff\n")
    (tmp_path / "more.jsonl").write_text("{")
    said = problems(manifest(tmp_path, "bad.csv", "none.csv", "more.jsonl"))
    assert [line.split(": ")[0] for line in said] == [
        "manifest.yaml:3:20",
        "bad.csv:2:1",
        "more.jsonl:1:2",
    ]


def test_secrets_in_sources_are_refused_and_not_repeated(tmp_path: Path) -> None:
    """What looks like a credential is refused wherever it stands."""
    text = f"id,accept_drift\na,{'IQoJ' + 'b' * 90}\nb,-----BEGIN RSA PRIVATE KEY-----\n"
    said = csv_problems(tmp_path, text)
    assert [line.split("; ")[0] for line in said] == [
        "more.csv:2:3: this looks like an AWS session token",
        "more.csv:3:3: this looks like a private key",
    ]
    assert "bbbb" not in "".join(said)


def outside(folder: Path) -> Path:
    """Write a good source beside the manifest's folder."""
    path = folder.parent / f"{folder.name}-outside.csv"
    path.write_text("id\na\n")
    return path


def make_pipe(folder: Path) -> None:
    """Make x.csv a pipe."""
    os.mkfifo(folder / "x.csv")


def make_folder(folder: Path) -> None:
    """Make x.csv a folder."""
    (folder / "x.csv").mkdir()


def make_device_link(folder: Path) -> None:
    """Make x.csv a link to an endless device."""
    (folder / "x.csv").symlink_to("/dev/zero")


def make_outside_link(folder: Path) -> None:
    """Make x.csv a link out of the folder."""
    (folder / "x.csv").symlink_to(outside(folder))


def make_self_link(folder: Path) -> None:
    """Make x.csv a link to the manifest."""
    (folder / "x.csv").symlink_to("manifest.yaml")


def make_link_loop(folder: Path) -> None:
    """Make x.csv a link to itself."""
    (folder / "x.csv").symlink_to("x.csv")


def make_giant(folder: Path) -> None:
    """Make x.csv too large."""
    with (folder / "x.csv").open("wb") as file:
        file.truncate((256 << 20) + 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_pipe, "it is not a regular file"),
        (make_folder, "it can't be read: Is a directory"),
        (make_device_link, "it is outside of the manifest's folder"),
        (make_outside_link, "it is outside of the manifest's folder"),
        (make_self_link, "it is the manifest itself"),
        (make_link_loop, "it can't be read: Too many levels of symbolic links"),
        (make_giant, "it has more than 256 MiB"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_file_inside_the_folder_is_refused(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    """Pipes, folders, devices, links to the outside and the manifest itself are no sources."""
    make(tmp_path)
    (line,) = problems(manifest(tmp_path, "x.csv"))
    assert line.startswith(f'manifest.yaml:3:11: the source "x.csv" can\'t be used: {said}')


def test_links_inside_the_folder_are_followed(tmp_path: Path) -> None:
    """A ConfigMap's files are links to a folder beside them."""
    data = tmp_path / "..data"
    data.mkdir()
    (data / "more.csv").write_text("id\na\n")
    (tmp_path / "more.csv").symlink_to("..data/more.csv")
    assert len(load_manifest(manifest(tmp_path, "more.csv")).targets) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ('"a\\0b.csv"', "its name holds a NUL character"),
        ("/etc/more.csv", "name it relative to the manifest's folder"),
        (f"{'x' * 5_000}.csv", "it can't be read: File name too long"),
    ],
    ids=["nul", "absolute", "long"],
)
def test_odd_names_of_sources_are_refused(tmp_path: Path, name: str, said: str) -> None:
    """A name that can't be that of a file inside the folder is a problem, never a crash."""
    (line,) = problems(manifest(tmp_path, name))
    assert said in line


def test_a_source_named_twice_is_refused(tmp_path: Path) -> None:
    """One file under two names would list each instance twice."""
    (tmp_path / "more.csv").write_text("id\na\n")
    (line,) = problems(manifest(tmp_path, "more.csv", "./more.csv"))
    assert line.endswith("it is named twice; keep one of them")
