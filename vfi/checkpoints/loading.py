"""Loading of weight files: recognised by keys, renamed, compared with the network, then loaded strictly."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from vfi.checkpoints.families import FAMILIES, Family, common_prefix, find_family, recognise_keys
from vfi.checkpoints.reading import RawCheckpoint, read_checkpoint
from vfi.errors import ModelError

Shape = tuple[int, ...]

SHOWN = 4
"""Names, or groups of them, that a sentence shows of each kind."""


@dataclass(frozen=True)
class Checkpoint:
    """A file of a known family, under our names."""

    raw: RawCheckpoint
    family: Family
    prefix: str
    """Of the wrappers, stripped from every key."""
    state: Mapping[str, Tensor]
    """On the CPU, of the file's types."""
    notes: tuple[str, ...]
    """What was left out, and why."""


def open_checkpoint(path: Path) -> Checkpoint:
    """Read a file, recognise it by its keys and bring them to our names.

    Args:
        path: Weight file of any name.

    Returns:
        The weights; whether they are complete is for :func:`compare_with` to say.

    Raises:
        ModelError: If it cannot be read, is of no known family, or contradicts itself.
    """
    raw = read_checkpoint(path)
    prefix = common_prefix(raw.state)
    stripped = {key[len(prefix) :]: tensor for key, tensor in raw.state.items()}
    family = recognise_keys(stripped)
    if family is None:
        roots = list(dict.fromkeys(key.partition(".")[0] for key in stripped))
        raise ModelError(
            f"The checkpoint {path} belongs to no model that is known here: its keys begin with "
            f"{', '.join(roots[:5])}{', ...' if len(roots) > 5 else ''} "
            f"(known are {', '.join(family.name for family in FAMILIES)})."
        )
    state = _rename(path, stripped, family)
    notes = [*_drop_aliases(path, state, family), *_drop_constants(path, state, family)]
    notes += _drop_tolerated(state, family)
    return Checkpoint(raw, family, prefix, state, tuple(notes))


@dataclass(frozen=True)
class Difference:
    """Difference between a file's keys and shapes and those of the model."""

    missing: tuple[str, ...]
    """Groups of keys as :func:`group_keys` writes them."""
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]
    """``"name is [..], must be [..]"``."""
    missing_count: int
    unexpected_count: int
    expected_count: int

    @property
    def count(self) -> int:
        """Number of keys that differ."""
        return self.missing_count + self.unexpected_count + len(self.reshaped)

    def __bool__(self) -> bool:
        return self.count > 0

    def sentence(self, shown: int | None = SHOWN) -> str:
        """Describe the difference as part of a sentence.

        Args:
            shown: Number of groups of each kind to name; None for all.
        """
        parts: list[str] = []
        if self.missing:
            count = f"{self.missing_count} of {self.expected_count} keys"
            parts.append(f"{count} are missing ({_some(self.missing, shown)})")
        if self.unexpected:
            parts.append(f"{self.unexpected_count} are unexpected ({_some(self.unexpected, shown)})")
        if self.reshaped:
            parts.append(f"{len(self.reshaped)} have another shape ({_some(self.reshaped, shown)})")
        return ", ".join(parts)


def compare_shapes(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> Difference:
    """Compare a file's keys and shapes with those of the model.

    Args:
        found: Shapes in the file, by key.
        expected: Shapes in the model, by key.
    """
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected]
    return Difference(
        missing=tuple(group_keys(missing, expected)),
        unexpected=tuple(group_keys(unexpected, found)),
        reshaped=tuple(
            f"{key} is {list(shape)}, must be {list(expected[key])}"
            for key, shape in found.items()
            if key in expected and shape != expected[key]
        ),
        missing_count=len(missing),
        unexpected_count=len(unexpected),
        expected_count=len(expected),
    )


def group_keys(chosen: Collection[str], among: Collection[str]) -> list[str]:
    """Shorten dotted names by whole branches: ``"up5.* (4)"`` where all of ``up5`` is chosen.

    Args:
        chosen: The names to write.
        among: All names there are, which decide whether a branch is whole.
    """
    return _group(sorted(chosen), sorted(among), 0)


def compare_with(checkpoint: Checkpoint, expected: Mapping[str, Tensor]) -> Difference:
    """Compare a file's keys and shapes with those of a model.

    Args:
        checkpoint: Opened weight file.
        expected: State dict of the model, on any device (``meta`` will do).
    """
    return compare_shapes(_shapes(checkpoint.state), _shapes(expected))


def checked_state(checkpoint: Checkpoint, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights after all checks.

    Args:
        checkpoint: Opened weight file.
        expected: State dict of the model, on any device.

    Returns:
        All keys of the model, contiguous, on the CPU; floating point weights are float32.

    Raises:
        ModelError: If a key is missing, unexpected, of another shape or kind, or not finite.
    """
    path, title = checkpoint.raw.path, checkpoint.family.title
    difference = compare_with(checkpoint, expected)
    if difference:
        raise ModelError(
            f"The checkpoint {path} looks like {title}, but it is not a whole one or of another variant: "
            f"{difference.sentence()}; 'vfi checkpoints verify' shows all."
        )
    state: dict[str, Tensor] = {}
    for key, tensor in checkpoint.state.items():
        wanted = expected[key]
        if tensor.is_floating_point() != wanted.is_floating_point() or tensor.is_complex():
            raise ModelError(f"The checkpoint {path} is refused: its {key} holds {_kind(tensor)}.")
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(
                f"The checkpoint {path} is refused: its {key} holds NaN or infinity, as training that "
                "diverged leaves behind."
            )
        state[key] = tensor.detach().to(torch.float32 if wanted.is_floating_point() else wanted.dtype)
    return {key: _own(tensor) for key, tensor in state.items()}


def load_weights(network: nn.Module, path: Path, family: str, *, keep_flow: bool = False) -> Checkpoint:
    """Load a weight file into a network, completely or not at all.

    Args:
        network: Network with random weights; its state dict defines the keys and shapes.
        path: Weight file of any name.
        family: Family that it must be of, a name in :data:`vfi.checkpoints.families.FAMILIES`.
        keep_flow: Whether the network has another flow network than the file (:attr:`Family.flow`), which
            keeps its weights; those of the file are left out.

    Returns:
        The opened file, without what was left out.

    Raises:
        ModelError: If it cannot be read, is of another model, is not complete, or holds what is not finite.
            The network is unchanged then.
    """
    checkpoint = open_checkpoint(path)
    if checkpoint.family.name != family:
        raise ModelError(
            f"The checkpoint {path} is {checkpoint.family.title}, not {find_family(family).title}: "
            f"{checkpoint.family.load_as}."
        )
    wanted, kept = network.state_dict(), {}
    if keep_flow:
        checkpoint, wanted, kept = _without_flow(checkpoint, wanted)
    network.load_state_dict(kept | checked_state(checkpoint, wanted), strict=True)
    return checkpoint


def _without_flow(
    checkpoint: Checkpoint, state: Mapping[str, Tensor]
) -> tuple[Checkpoint, dict[str, Tensor], dict[str, Tensor]]:
    """A file without its flow network, and a network's state without its flow network and of that alone."""
    beginning = checkpoint.family.flow
    assert beginning, f"{checkpoint.family.name} has no flow network"
    rest = {key: tensor for key, tensor in checkpoint.state.items() if not key.startswith(beginning)}
    note = f"{beginning}* ({len(checkpoint.state) - len(rest)}) is left out: another flow takes its place"
    return (
        replace(checkpoint, state=rest, notes=(*checkpoint.notes, note)),
        {key: tensor for key, tensor in state.items() if not key.startswith(beginning)},
        {key: tensor for key, tensor in state.items() if key.startswith(beginning)},
    )


def _rename(path: Path, stripped: Mapping[str, Tensor], family: Family) -> dict[str, Tensor]:
    """The tensors under our names."""
    state: dict[str, Tensor] = {}
    for key, tensor in stripped.items():
        theirs, ours = next((pair for pair in family.renames if key.startswith(pair[0])), ("", ""))
        name = ours + key[len(theirs) :]
        if name in state:
            raise ModelError(f"The checkpoint {path} is refused: it holds {name} twice, under two names.")
        state[name] = tensor
    return state


def _drop_aliases(path: Path, state: dict[str, Tensor], family: Family) -> list[str]:
    """Drop what repeats other tensors; what does not repeat them exactly is an error."""
    notes: list[str] = []
    for alias, original in family.aliases:
        copies = {key: original + key[len(alias) :] for key in state if key.startswith(alias)}
        for copy, key in copies.items():
            if key in state and not torch.equal(state[copy], state[key]):
                raise ModelError(
                    f"The checkpoint {path} is refused: {copy} and {key} must be the same but differ."
                )
        dropped = [copy for copy, key in copies.items() if key in state]
        for copy in dropped:
            del state[copy]
        if dropped:
            notes.append(f"{alias}* ({len(dropped)}) is left out: it repeats {original}*")
    return notes


def _drop_constants(path: Path, state: dict[str, Tensor], family: Family) -> list[str]:
    """Drop what is no weight; other values than the known ones are an error."""
    notes: list[str] = []
    for key, kernel in family.constants.items():
        found = state.pop(key, None)
        if found is None:
            continue
        wanted = torch.tensor(kernel, device="cpu")
        if found.numel() != wanted.numel() or not torch.equal(found.float().reshape(wanted.shape), wanted):
            raise ModelError(
                f"The checkpoint {path} is refused: its {key} is not the constant {kernel} of every release."
            )
        notes.append(f"{key} is left out: it is a constant")
    return notes


def _drop_tolerated(state: dict[str, Tensor], family: Family) -> list[str]:
    """Drop what may be there but is not used."""
    notes: list[str] = []
    for rule, reason in family.tolerated.items():
        ending = rule[1:] if rule.startswith("*") else None
        dropped = [key for key in state if (key.endswith(ending) if ending else key == rule)]
        for key in dropped:
            del state[key]
        if dropped:
            amount = f" ({len(dropped)})" if ending else ""
            notes.append(f"{rule}{amount} is left out: {reason}")
    return notes


def _shapes(state: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def _kind(tensor: Tensor) -> str:
    return f"numbers of type {str(tensor.dtype).removeprefix('torch.')}"


def _own(tensor: Tensor) -> Tensor:
    """The tensor, contiguous, in memory of its own."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if tensor.is_contiguous() and whole else tensor.contiguous().clone()


def _group(chosen: Sequence[str], among: Sequence[str], depth: int) -> list[str]:
    written: list[str] = []
    for branch in dict.fromkeys(".".join(name.split(".")[: depth + 1]) for name in chosen):
        inside = [name for name in chosen if name == branch or name.startswith(f"{branch}.")]
        whole = [name for name in among if name == branch or name.startswith(f"{branch}.")]
        if inside == [branch]:
            written.append(branch)
        elif len(inside) == len(whole) and len(inside) > 1:
            written.append(f"{branch}.* ({len(inside)})")
        else:
            written += _group(inside, whole, depth + 1)
    return written


def _some(names: Sequence[str], shown: int | None) -> str:
    if shown is None or len(names) <= shown:
        return ", ".join(names)
    return f"{', '.join(names[:shown])}, and {len(names) - shown} more"
