import pytest

from ganzoo.data.reading.shards import choose_shards, configurations, shard_names, split_of
from ganzoo.errors import DataError


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/train-00000-of-00004.parquet", "train"),
        ("data/train-00000-of-00004-0123456789abcdef.parquet", "train"),
        ("default/test/0000.parquet", "test"),
        ("default/partial-train/0003.parquet", "train"),
        ("photos-train-000012.tar", "train"),
        ("cc_val_0001.tar", "val"),
        ("unsupervised.parquet", "unsupervised"),
        ("part-00000.parquet", "part"),
        ("0000.parquet", None),
    ],
)
def test_the_split_in_a_name(name, split):
    assert split_of(name) == split


def test_choosing_a_split():
    names = ["train-0.parquet", "train-1.parquet", "test-0.parquet", "extra-0.parquet"]
    assert choose_shards(names, "auto", where="x").names == names[:2]
    assert "2 of 4" in choose_shards(names, "auto", where="x").note
    assert choose_shards(names, "all", where="x").names == names
    assert choose_shards(names, "extra", where="x").names == names[3:]
    assert choose_shards(names, "testing", where="x").names == names[2:3]
    with pytest.raises(
        DataError, match=r"data.split=extr, but x has the splits extra, test, train. Did you mean 'extra'"
    ):
        choose_shards(names, "extr", where="x")
    for names in (["a.parquet", "b.parquet"], ["test-0.parquet"], ["train-0.parquet"]):
        assert choose_shards(names, "auto", where="x").names == names
        assert not choose_shards(names, "auto", where="x").note


def test_versions_are_the_folders_without_those_of_splits():
    names = ["a/train/0.parquet", "a/test/0.parquet", "b/c/train-0.parquet", "d.parquet"]
    assert list(configurations(names)) == ["a", "b/c", ""]


def test_finding_shards(tmp_path):
    for name in ("a/x-10.tar", "a/x-9.tar", "a/.hidden.tar", "a/_metadata.tar", ".git/y.tar", "b/z.TAR", "b/readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert shard_names(tmp_path, ".tar") == (tmp_path, ["a/x-9.tar", "a/x-10.tar", "b/z.TAR"])
    assert shard_names(tmp_path / "a" / "x-*", ".tar") == (tmp_path / "a", ["x-9.tar", "x-10.tar"])
    assert shard_names(tmp_path / "*" / "x-[0-9].tar", ".tar") == (tmp_path, ["a/x-9.tar"])
    assert shard_names(tmp_path / "b" / "readme.md", ".tar") == (tmp_path / "b", ["readme.md"])
    (tmp_path / "a" / "[1].tar").touch()
    assert shard_names(tmp_path / "a" / "[1].tar", ".tar")[1] == ["[1].tar"]
    with pytest.raises(DataError, match="no file or folder"):
        shard_names(tmp_path / "c", ".tar")
