"""Families of weight files: recognition by keys, and the mapping of their keys to those of our networks.

Our keys are those of the authors without duplicates and constants; each row of the table states what is
renamed or dropped, and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Kernel = tuple[tuple[float, ...], ...]

PREFIXES = ("module.", "_model.")
"""Prefixes of wrappers around a network in training; removed where every key has them."""


@dataclass(frozen=True)
class Family:
    """Weight files of one network."""

    name: str
    title: str
    """Description in messages, such as ``"an EQVI checkpoint"``."""
    load_as: str
    """Advice for a user who named the wrong model."""
    roots: frozenset[str]
    """First components of the keys, in released and in converted files."""
    renames: tuple[tuple[str, str], ...] = ()
    """Prefixes of keys that are replaced: theirs, ours."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Prefixes of our keys whose tensors repeat those of other keys: the repetition, the original."""
    constants: Mapping[str, Kernel] = field(default_factory=lambda: MappingProxyType({}))
    """Our keys of tensors that are no weights, with their values; leading axes of length 1 are ignored."""
    tolerated: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Our keys that may exist and are dropped, with the reason; ``*`` at the start stands for any prefix."""
    marks: tuple[str, ...] = ()
    """Prefixes of keys that its files have and those of related families do not."""
    foreign: tuple[str, ...] = ()
    """Prefixes of keys that only files of related families have."""
    flow: str = ""
    """Prefix of our keys of its flow network, which can be replaced by another one."""

    def suits(self, keys: Iterable[str]) -> bool:
        """Whether keys have all :attr:`marks` and none of :attr:`foreign`."""
        keys = list(keys)

        def has(prefix: str) -> bool:
            return any(key.startswith(prefix) for key in keys)

        return all(map(has, self.marks)) and not any(map(has, self.foreign))


_VERTICAL: Kernel = ((0, -1, 0), (0, 0, 0), (0, 1, 0))
_HORIZONTAL: Kernel = ((0, 0, 0), (-1, 0, 1), (0, 0, 0))

_BILATERAL = "a scalar of models with a bilateral mask, which their forward pass ignores"

_GMFLOW = frozenset({"backbone", "transformer", "feature_flow_attn", "upsampler"})
_GMFLOW_REFINE = ("backbone.trident_conv.",)

_CACHED = "a mask cached from the last frame of the training, which is computed again"


def _eqvi(
    name: str,
    title: str,
    load_as: str,
    *,
    roots: set[str],
    prefix: str = "",
    renames: tuple[tuple[str, str], ...] = (),
) -> Family:
    """Files with an EQVI network, whose keys of ours begin with ``prefix``."""
    return Family(
        name=name,
        title=title,
        load_as=load_as,
        roots=frozenset(roots),
        renames=renames,
        # The acceleration module of the release contains the flow network a second time.
        aliases=((f"{prefix}acc.flownet.", f"{prefix}flownet."),),
        # The kernels of the image gradient are parameters in the release.
        constants={f"{prefix}get_grad.weight_v": _VERTICAL, f"{prefix}get_grad.weight_h": _HORIZONTAL},
        flow=f"{prefix}flownet.",
    )


def _sgm(name: str, title: str, *, matching: bool, base: bool) -> Family:
    """One of SGM-VFI's four networks: with or without matching, with six attention blocks or four."""
    marked_by = (("matching_block.", matching), ("feature_bone.block4.4.", base))
    return Family(
        name=name,
        title=title,
        load_as=f"load it as {name.replace('_', '.', 1)}",
        roots=frozenset(
            {
                "feature_bone",
                "block",
                "contextnet",
                "unet",
                *(("gmflow", "matching_block") if matching else ()),
            }
        ),
        tolerated={"*.attn_mask": _CACHED, "*.HW": _CACHED},
        marks=tuple(prefix for prefix, present in marked_by if present),
        foreign=tuple(prefix for prefix, present in marked_by if not present),
    )


FAMILIES: tuple[Family, ...] = (
    _eqvi(
        "eqvi",
        "an EQVI checkpoint",
        "load it as eqvi.stage3, eqvi.stage123 or eqvi.stage123_vgg",
        roots={"flownet", "acc", "refinenet", "masknet", "synthesisnet", "feat_ext", "get_grad"},
    ),
    _eqvi(
        "ms_fusion",
        "an MS-Fusion checkpoint",
        "load it as eqvi.stage4",
        roots={"QVI_model", "FusionNet", "eqvi", "fusion"},
        prefix="eqvi.",
        renames=(("QVI_model.", "eqvi."), ("FusionNet.", "fusion.")),
    ),
    Family(
        name="scopeflow",
        title="a ScopeFlow checkpoint",
        load_as="load it as the flow backbone scopeflow",
        roots=frozenset(
            {
                "feature_pyramid_extractor",
                "flow_estimators",
                "context_networks",
                "occ_estimators",
                "occ_context_networks",
                "occ_shuffle_upsample",
                "conv_1x1",
                "conv_1x1_1",
                "refine_flow",
                "refine_occ",
            }
        ),
        tolerated={
            "refine_flow.gamma": _BILATERAL,
            "refine_flow.alpha": _BILATERAL,
        },
    ),
    Family(
        name="raft",
        title="a RAFT checkpoint of torchvision",
        load_as="load it as the flow backbone raft",
        roots=frozenset({"feature_encoder", "context_encoder", "update_block", "mask_predictor"}),
    ),
    Family(
        name="gmflow",
        title="a GMFlow checkpoint",
        load_as="load it as the flow backbone gmflow",
        roots=_GMFLOW,
        foreign=_GMFLOW_REFINE,
    ),
    Family(
        name="gmflow_refine",
        title="a GMFlow checkpoint with refinement",
        load_as="load it as the flow backbone gmflow.refine",
        roots=_GMFLOW,
        marks=_GMFLOW_REFINE,
    ),
    _sgm("sgm_local_small", "a checkpoint of SGM-VFI's small local model", matching=False, base=False),
    _sgm("sgm_local_base", "a checkpoint of SGM-VFI's large local model", matching=False, base=True),
    _sgm("sgm_small", "a checkpoint of SGM-VFI, small", matching=True, base=False),
    _sgm("sgm_base", "a checkpoint of SGM-VFI, base", matching=True, base=True),
)


def find_family(name: str) -> Family:
    """The family of this name, which must exist."""
    return next(family for family in FAMILIES if family.name == name)


def common_prefix(keys: Iterable[str]) -> str:
    """The longest sequence of :data:`PREFIXES` that every key begins with; may be empty."""
    keys = list(keys)
    found = ""
    while keys:
        more = next(
            (prefix for prefix in PREFIXES if all(key.startswith(found + prefix) for key in keys)), ""
        )
        if not more:
            break
        found += more
    return found


def recognise_keys(keys: Iterable[str]) -> Family | None:
    """The family that more than half of the keys belong to, whatever keys are missing or unexpected.

    Of related families, whose files have most names in common, the one whose marks the keys have.

    Args:
        keys: Keys without the prefix of wrappers.

    Returns:
        The family; None if the keys belong to no family.
    """
    keys = list(keys)
    roots = [key.partition(".")[0] for key in keys]
    counts = [(sum(root in family.roots for root in roots), family) for family in FAMILIES]
    count, _, family = max(
        ((count, family.suits(keys), family) for count, family in counts), key=lambda found: found[:2]
    )
    return family if 2 * count > len(keys) else None
