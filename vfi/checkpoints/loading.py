"""Loading of weight files: recognition by keys, renaming, comparison with the network, strict loading."""

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
"""Number of names or groups of names of each kind in a message."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a file of a known family, under our key names."""

    raw: RawCheckpoint
    family: Family
    prefix: str
    """Prefix of wrappers, removed from every key."""
    state: Mapping[str, Tensor]
    """Weights on the CPU, in the file's data types."""
    notes: tuple[str, ...]
    """Dropped keys and the reasons."""


def open_checkpoint(path: Path) -> Checkpoint:
    """Read a weight file, recognise it by its keys, and rename them to ours.

    Args:
        path: Weight file of any name.

    Returns:
        The weights, not yet compared with a network (:func:`compare_with`).

    Raises:
        ModelError: If the file cannot be read, is of no known family, or contradicts itself.
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
    """Groups of keys, see :func:`group_keys`."""
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
            shown: Largest number of groups of each kind to name; None for all.
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
    """Abbreviate dotted names by complete branches: ``"up5.* (4)"`` for all names below ``up5``.

    Args:
        chosen: Names to abbreviate.
        among: All names, which decide whether a branch is complete.
    """
    return _group(sorted(chosen), sorted(among), 0)


def compare_with(checkpoint: Checkpoint, expected: Mapping[str, Tensor]) -> Difference:
    """Compare a file's keys and shapes with those of a model.

    Args:
        checkpoint: Opened weight file.
        expected: State dict of the model, on any device, such as ``meta``.
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
        family: Expected family, a name in :data:`vfi.checkpoints.families.FAMILIES`.
        keep_flow: Whether the network has another flow network than the file (:attr:`Family.flow`), which
            keeps its weights; those of the file are dropped.

    Returns:
        The opened file, without the dropped keys.

    Raises:
        ModelError: If the file cannot be read, is of another model, is not complete, or has values that are
            not finite. The network is unchanged then.
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
    """The file without its flow network; the state of the network without, and of its flow network alone."""
    prefix = checkpoint.family.flow
    assert prefix, f"{checkpoint.family.name} has no flow network"
    rest = {key: tensor for key, tensor in checkpoint.state.items() if not key.startswith(prefix)}
    note = f"{prefix}* ({len(checkpoint.state) - len(rest)}) is left out: another flow replaces it"
    return (
        replace(checkpoint, state=rest, notes=(*checkpoint.notes, note)),
        {key: tensor for key, tensor in state.items() if not key.startswith(prefix)},
        {key: tensor for key, tensor in state.items() if key.startswith(prefix)},
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
    """Drop tensors that repeat others; a difference between the two is an error."""
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
    """Drop tensors that are no weights; values other than the known ones are an error."""
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
    """Drop keys that may exist but are not used."""
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
    """The tensor, contiguous, in storage of its own."""
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
