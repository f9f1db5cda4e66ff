"""Every format is read, or refused in one sentence; no code of a file is run."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file

from tests.support.official_files import write_container
from vfi.checkpoints.reading import detect_format, read_checkpoint, read_header, recognise_file
from vfi.errors import ModelError

STATE = OrderedDict({"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)})


def is_state(found: Any) -> bool:
    return found.keys() == STATE.keys() and all(torch.equal(found[key], STATE[key]) for key in STATE)


def saved(value: object, *, legacy: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.of.any.name"


class TestWhatIsRead:
    @pytest.mark.parametrize("legacy", [False, True])
    @pytest.mark.parametrize("key", [None, "model_state_dict", "state_dict", "model"])
    def test_torch_files_and_their_containers(self, path: Path, key: str | None, legacy: bool) -> None:
        path.write_bytes(saved({key: STATE, "epoch": 3} if key else STATE, legacy=legacy))
        raw = read_checkpoint(path)
        assert is_state(raw.state)
        assert raw.format == ("legacy" if legacy else "zip")
        assert raw.container == key
        assert raw.entries == ({"epoch": 3} if key else {})

    def test_safetensors(self, path: Path) -> None:
        save_file(dict(STATE), path, {"family": "eqvi", "entries": '{"epoch": 3}', "odd": "{"})
        raw = read_checkpoint(path)
        assert is_state(raw.state)
        assert raw.format == "safetensors"
        assert raw.container is None
        assert raw.entries == {"family": "eqvi", "entries": {"epoch": 3}, "odd": "{"}

    @pytest.mark.parametrize("old", [False, True], ids=["this numpy", "numpy 1"])
    def test_dates_and_numbers_of_numpy_beside_the_weights(self, path: Path, old: bool) -> None:
        numbers = [[np.float64(0.1), np.float32(0.5)], [np.int64(3), np.bool_(True), np.uint8(7)]]
        container = {"state_dict": STATE, "timestamp": datetime(2020, 7, 1, 12), "valPSNR": numbers}
        if old:
            write_container(container, path)
            assert b"numpy.core.multiarray\nscalar" in path.read_bytes()
        else:
            path.write_bytes(saved(container, legacy=False))
        raw = read_checkpoint(path)
        assert raw.entries == {"timestamp": datetime(2020, 7, 1, 12), "valPSNR": numbers}

    def test_numbers_that_numpy_2_pickled(self, path: Path) -> None:
        data = saved({"state_dict": STATE, "x": np.float64(2)}, legacy=True)
        path.write_bytes(data.replace(b"cnumpy.core.multiarray\n", b"cnumpy._core.multiarray\n"))
        assert read_checkpoint(path).entries == {"x": 2}

    def test_the_first_known_entry_counts_and_optimisers_are_entries(self, path: Path) -> None:
        optimiser = {"state": {0: {"step": torch.ones(()), "exp_avg": torch.ones(2)}}, "param_groups": [{}]}
        path.write_bytes(saved({"optimizer": optimiser, "model": STATE}, legacy=False))
        raw = read_checkpoint(path)
        assert is_state(raw.state)
        assert list(raw.entries) == ["optimizer"]

    def test_what_torch_allows_elsewhere_stays_as_it_was(self, path: Path) -> None:
        path.write_bytes(saved(STATE, legacy=False))
        with torch.serialization.safe_globals([datetime, Path]):
            before = set(torch.serialization.get_safe_globals())
            read_checkpoint(path)
            assert set(torch.serialization.get_safe_globals()) == before
        read_checkpoint(path)
        assert set(torch.serialization.get_safe_globals()) == before - {datetime, Path}


def write_large(path: Path, form: str) -> None:
    """Write 20 MB of weights with EQVI's key names."""
    state = {"flownet.a": torch.zeros(5_000_000), "acc.b": torch.ones(2, 3)}
    if form == "safetensors":
        save_file(state, path)
    else:
        path.write_bytes(saved({"model": state, "epoch": 3}, legacy=form == "legacy"))


class TestHeader:
    @pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
    def test_keys_and_shapes_are_those_of_the_whole_file(self, path: Path, form: str) -> None:
        write_large(path, form)
        header, whole = read_header(path), read_checkpoint(path)
        assert {key: tensor.shape for key, tensor in header.state.items()} == {
            key: tensor.shape for key, tensor in whole.state.items()
        }
        assert all(tensor.is_meta for tensor in header.state.values())
        assert (header.format, header.container, header.entries) == (form, whole.container, whole.entries)
        assert recognise_file(path) == "eqvi"

    @pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="this system counts no bytes read")
    @pytest.mark.parametrize(
        ("form", "most"), [("zip", 200_000), ("legacy", 20_000), ("safetensors", 20_000)]
    )
    def test_recognition_does_not_read_the_numbers_and_loading_reads_them_once(
        self, path: Path, form: str, most: int
    ) -> None:
        def bytes_read() -> int:
            return int(Path("/proc/self/io").read_text().split()[1])

        write_large(path, form)
        before = bytes_read()
        recognise_file(path)
        assert bytes_read() - before < most
        before = bytes_read()
        read_checkpoint(path)
        assert bytes_read() - before < 20_000_000 + most

    def test_the_process_goes_on_saving_and_loading_numbers(self, path: Path) -> None:
        path.write_bytes(saved(STATE, legacy=False))
        read_header(path)
        assert is_state(read_checkpoint(path).state)
        assert is_state(torch.load(io.BytesIO(saved(STATE, legacy=False))))


class Runs:
    """Is pickled as a function call."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class TestMalice:
    @pytest.mark.parametrize("place", ["the file", "an entry", "a weight"])
    @pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
    def test_no_code_runs(self, path: Path, form: str, place: str) -> None:
        marker = path.with_name("ran")
        evil = Runs(Path.touch, marker)
        value = {
            "the file": evil,
            "an entry": {"state_dict": STATE, "epoch": evil},
            "a weight": {**STATE, "x": evil},
        }[place]
        path.write_bytes(
            pickle.dumps(value, 2) if form == "pickle" else saved(value, legacy=form == "legacy")
        )
        with pytest.raises(ModelError):
            read_header(path)
        with pytest.raises(ModelError) as caught:
            read_checkpoint(path)
        assert not marker.exists()
        if form != "pickle":
            assert "is refused, and nothing of it ran: it holds " in str(caught.value)
            assert "get the file from its authors" in str(caught.value)

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            ((eval, "1"), "eval"),
            ((exec, "1"), "exec"),
            ((__import__, "os"), "__import__"),
            ((getattr, "a", "b"), "getattr"),
            ((np.load, "x"), "numpy"),
            ((np.array, [1]), "numpy"),
            ((torch.load, "x"), "torch.serialization.load"),
            ((pickle.loads, b""), "loads"),
        ],
    )
    def test_the_refused_name_is_reported(self, path: Path, call: Any, name: str) -> None:
        path.write_bytes(saved({"state_dict": STATE, "epoch": Runs(*call)}, legacy=True))
        with pytest.raises(ModelError, match=f"it holds [\\w.]*{name}"):
            read_checkpoint(path)

    def test_whole_networks_are_refused(self, path: Path) -> None:
        path.write_bytes(saved(torch.nn.Linear(1, 1), legacy=False))
        with pytest.raises(ModelError, match=r"it holds torch\.nn\.modules\.linear\.Linear"):
            read_checkpoint(path)

    @pytest.mark.filterwarnings("ignore:Sparse invariant")
    @pytest.mark.parametrize(
        "tensor",
        [torch.ones(2, 2).to_sparse(), torch.ones(1).expand(10**6, 10**6), torch.ones(2, device="meta")],
        ids=["sparse", "expanded", "without memory"],
    )
    def test_tensors_that_are_no_plain_arrays(self, path: Path, tensor: torch.Tensor) -> None:
        path.write_bytes(saved({**STATE, "b": tensor}, legacy=False))
        with pytest.raises(ModelError, match="is refused: its b is not a plain tensor"):
            read_checkpoint(path)


FORMS = {
    "zip": saved({"state_dict": STATE, "x": np.float64(2)}, legacy=False),
    "legacy": saved({"state_dict": STATE, "x": np.float64(2)}, legacy=True),
    "safetensors": save(dict(STATE)),
}


class TestDamage:
    @pytest.mark.parametrize("form", FORMS)
    def test_truncated_files(self, path: Path, form: str) -> None:
        data = FORMS[form]
        for length in sorted({1, 2, 5, 9, 16, *range(20, len(data), len(data) // 20), len(data) - 1}):
            path.write_bytes(data[:length])
            with pytest.raises(ModelError, match=r"file\.of\.any\.name"):
                read_checkpoint(path)

    @pytest.mark.parametrize("form", FORMS)
    def test_changed_bytes_raise_nothing_else(self, path: Path, form: str) -> None:
        dice = random.Random(form)
        for _ in range(100):
            data = bytearray(FORMS[form])
            for _ in range(dice.randint(1, 4)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            path.write_bytes(data)
            for read in (read_header, read_checkpoint):
                try:
                    read(path)
                except ModelError as error:
                    # Most changes are not detected.
                    assert str(error).startswith("The checkpoint ")  # noqa: PT017

    def test_the_sentence(self, path: Path) -> None:
        path.write_bytes(FORMS["legacy"][:-3])
        with pytest.raises(ModelError, match="is damaged or only partly written: get or copy it again"):
            read_checkpoint(path)


class TestUnknownFormats:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "is empty: get or copy it again"),
            (b"\n<!DOCTYPE html><html>", "is a web page: the download gave a page instead of the file"),
            (b"<HTML><body>", "is a web page"),
            (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
            (b"\x1f\x8b\x08", "is a gzip archive: unpack it first"),
            (b"Rar!\x1a\x07", "is a RAR archive"),
            (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive"),
            (b"\x89PNG\r\n", "is no weight file"),
            (b"hello", "is no weight file"),
        ],
    )
    def test_other_files(self, path: Path, content: bytes, sentence: str) -> None:
        path.write_bytes(content)
        assert detect_format(path) is None
        with pytest.raises(ModelError, match=sentence):
            read_checkpoint(path)

    def test_a_zip_archive(self, path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("weights.ckpt", FORMS["legacy"])
        with pytest.raises(ModelError, match="is a zip archive: unpack it first"):
            read_checkpoint(path)

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_a_program(self, path: Path) -> None:
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(path))
        with pytest.raises(ModelError, match="is a TorchScript program: its state dict is wanted"):
            read_checkpoint(path)

    def test_missing_files_and_folders(self, path: Path) -> None:
        with pytest.raises(ModelError, match="does not exist"):
            read_checkpoint(path)
        with pytest.raises(ModelError, match="is a folder: name the file in it"):
            read_checkpoint(path.parent)

    @pytest.mark.parametrize(
        ("value", "described"),
        [
            ([1, 2], "a value of type list"),
            ({}, "nothing"),
            ({"epoch": 1, "loss": 2}, "a mapping with epoch, loss"),
            ({"state_dict": {}}, "a mapping with state_dict"),
            ({"a": STATE["a.bias"], "b": 3}, "a mapping with a, b"),
            ({str(n): n for n in range(9)}, r"a mapping with 0, 1, 2, 3, 4, \.\.\."),
        ],
    )
    def test_files_without_weights(self, path: Path, value: object, described: str) -> None:
        path.write_bytes(saved(value, legacy=False))
        with pytest.raises(
            ModelError, match=f"contains no weights: a state dict .* but there is {described}"
        ):
            read_checkpoint(path)
