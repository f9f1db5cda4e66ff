"""Files are found at their paths, in a fixed order; a missing one is reported with its source and path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.support.small_checkpoints import SmallEqvi, SmallFusion
from vfi.checkpoints import CheckpointSpec, checkpoint_folders, find_checkpoint
from vfi.checkpoints.search import missing_checkpoint
from vfi.errors import ModelError

SPEC = CheckpointSpec(
    path=Path("Stage9", "Stage9_checkpoint.ckpt"),
    family="eqvi",
    page="https://example.org/page",
    description="a test",
)
Folders = dict[str, Path]


def put(path: Path, network: type[SmallEqvi | SmallFusion] = SmallEqvi) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network().state_dict(), path)
    return path


def test_the_folders_in_order(own_checkpoint_folders: Folders) -> None:
    assert checkpoint_folders() == list(own_checkpoint_folders.values())


def test_an_installed_vfi_has_no_clone(
    own_checkpoint_folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_checkpoint_folders["clone"].parent / "pyproject.toml").unlink()
    monkeypatch.delenv("VFI_CHECKPOINTS")
    assert checkpoint_folders() == [own_checkpoint_folders["work"], own_checkpoint_folders["data"]]


def test_working_in_the_clone_searches_it_once(
    own_checkpoint_folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own_checkpoint_folders["clone"].parent)
    assert checkpoint_folders() == [
        own_checkpoint_folders["named"],
        own_checkpoint_folders["clone"],
        own_checkpoint_folders["data"],
    ]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder of other systems")
def test_the_users_own_folder_is_that_of_the_xdg_standard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert checkpoint_folders()[-1] == tmp_path / "data" / "vfi" / "checkpoints"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME")
    assert checkpoint_folders()[-1].relative_to(tmp_path / ".local").parts[1:] == ("vfi", "checkpoints")


@pytest.mark.parametrize("name", ["named", "work", "clone", "data"])
def test_the_path_itself(own_checkpoint_folders: Folders, name: str) -> None:
    assert find_checkpoint(SPEC) is None
    path = put(own_checkpoint_folders[name] / SPEC.path)
    assert find_checkpoint(SPEC) == path


def test_earlier_folders_count_first(own_checkpoint_folders: Folders) -> None:
    for folder in reversed(own_checkpoint_folders.values()):
        path = put(folder / SPEC.path)
        assert find_checkpoint(SPEC) == path


def test_within_a_folder_the_original_then_its_conversion_then_any_name(
    own_checkpoint_folders: Folders,
) -> None:
    other = put(own_checkpoint_folders["work"] / "Stage9" / "epoch_200")
    assert find_checkpoint(SPEC) == other
    converted = put(own_checkpoint_folders["work"] / "Stage9" / "Stage9_checkpoint.safetensors")
    assert find_checkpoint(SPEC) == converted
    original = put(own_checkpoint_folders["work"] / SPEC.path)
    assert find_checkpoint(SPEC) == original


class TestFilesOfOtherNames:
    def test_what_is_no_checkpoint_does_not_disturb(self, own_checkpoint_folders: Folders) -> None:
        other = put(own_checkpoint_folders["work"] / "Stage9" / "weights (1).ckpt")
        put(own_checkpoint_folders["work"] / "Stage9" / ".hidden.ckpt")
        other.with_name("readme.txt").write_text("read me", encoding="utf-8")
        other.with_name("folder").mkdir()
        assert find_checkpoint(SPEC) == other

    def test_none_is_read_whole(
        self, own_checkpoint_folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = put(own_checkpoint_folders["work"] / "Stage9" / "a.ckpt")
        put(own_checkpoint_folders["work"] / "Stage9" / "b.ckpt", SmallFusion)

        def refuse(path: Path) -> None:
            raise AssertionError(f"{path} is read whole")

        monkeypatch.setattr("vfi.checkpoints.reading.read_checkpoint", refuse)
        assert find_checkpoint(SPEC) == other

    def test_those_of_other_models_are_passed_over(self, own_checkpoint_folders: Folders) -> None:
        put(own_checkpoint_folders["work"] / "Stage9" / "a.ckpt", SmallFusion)
        assert find_checkpoint(SPEC) is None
        other = put(own_checkpoint_folders["work"] / "Stage9" / "b.ckpt")
        assert find_checkpoint(SPEC) == other

    def test_several_are_not_chosen_from(self, own_checkpoint_folders: Folders) -> None:
        for name in ("a.ckpt", "b.ckpt"):
            put(own_checkpoint_folders["work"] / "Stage9" / name)
        with pytest.raises(ModelError, match=r"Several .*Stage9 would do \(a\.ckpt, b\.ckpt\): name one by"):
            find_checkpoint(SPEC)

    def test_a_damaged_one_is_found_so_that_loading_reports_it(self, own_checkpoint_folders: Folders) -> None:
        other = put(own_checkpoint_folders["work"] / "Stage9" / "a.ckpt")
        other.write_bytes(other.read_bytes()[:-50])
        assert find_checkpoint(SPEC) == other

    def test_a_place_without_a_folder_of_its_own_has_one_name(self, own_checkpoint_folders: Folders) -> None:
        put(own_checkpoint_folders["work"] / "other.ckpt")
        spec = CheckpointSpec(path=Path("a.ckpt"), family="eqvi", page="", description="")
        assert find_checkpoint(spec) is None


def test_a_missing_file_says_where_to_get_it_and_where_to_put_it(
    own_checkpoint_folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def proposed() -> str:
        message = str(missing_checkpoint("The model m", SPEC))
        assert message.startswith(
            "The model m needs its weights (a test): get them from https://example.org/page"
        )
        assert all(str(folder) in message for folder in checkpoint_folders())
        return message.split("put the file at ")[1].split(", or name it by --checkpoint")[0]

    assert proposed() == str(own_checkpoint_folders["named"] / SPEC.path)
    monkeypatch.delenv("VFI_CHECKPOINTS")
    assert proposed() == str(own_checkpoint_folders["data"] / SPEC.path)
    own_checkpoint_folders["clone"].mkdir()
    assert proposed() == str(own_checkpoint_folders["clone"] / SPEC.path)
