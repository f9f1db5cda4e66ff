"""Families of weight files: recognition by keys, and the mapping of their key names to ours.

One table. Our names are the authors' own where a file holds no duplicates and no constants; what is renamed
or dropped, and why, stands in the family's line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Kernel = tuple[tuple[float, ...], ...]

PREFIXES = ("module.", "_model.")
"""Of the wrappers that training puts around a network; stripped where every key has them."""


@dataclass(frozen=True)
class Family:
    """Files of one network."""

    name: str
    title: str
    """``"an EQVI checkpoint"``."""
    load_as: str
    """How to load it, for people who named the wrong model."""
    roots: frozenset[str]
    """First parts of its keys, in the released files and in ours."""
    renames: tuple[tuple[str, str], ...] = ()
    """Beginnings of keys: theirs, ours."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Beginnings of our keys that repeat others tensor by tensor: the repetition, the original."""
    constants: Mapping[str, Kernel] = field(default_factory=lambda: MappingProxyType({}))
    """Our keys of what is no weight, with the values it must have; any leading axes of 1 are ignored."""
    tolerated: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Our keys that may be there and are left out, with the reason; a key that begins with ``*`` stands for
    all that end so."""
    marks: tuple[str, ...] = ()
    """Beginnings of keys that its files have and files of kin families lack."""
    foreign: tuple[str, ...] = ()
    """Beginnings of keys that only files of kin families have."""
    flow: str = ""
    """Beginning of our keys of its flow network, which another one may take the place of."""

    def suits(self, keys: Iterable[str]) -> bool:
        """Whether keys have all its marks and none of its kin's."""
        keys = list(keys)

        def has(beginning: str) -> bool:
            return any(key.startswith(beginning) for key in keys)

        return all(map(has, self.marks)) and not any(map(has, self.foreign))


_VERTICAL: Kernel = ((0, -1, 0), (0, 0, 0), (0, 1, 0))
_HORIZONTAL: Kernel = ((0, 0, 0), (-1, 0, 1), (0, 0, 0))

_BILATERAL = "a scalar of models with a bilateral mask, which their forward pass ignores"

_GMFLOW = frozenset({"backbone", "transformer", "feature_flow_attn", "upsampler"})
_GMFLOW_REFINE = ("backbone.trident_conv.",)

_CACHED = "a mask cached from the last frame of the training, which is computed anew"


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
        marks=tuple(beginning for beginning, there in marked_by if there),
        foreign=tuple(beginning for beginning, there in marked_by if not there),
    )


FAMILIES: tuple[Family, ...] = (
    Family(
        name="eqvi",
        title="an EQVI checkpoint",
        load_as="load it as eqvi.stage3, eqvi.stage123 or eqvi.stage123_vgg",
        roots=frozenset({"flownet", "acc", "refinenet", "masknet", "synthesisnet", "feat_ext", "get_grad"}),
        # The acceleration module of the release holds the flow network a second time.
        aliases=(("acc.flownet.", "flownet."),),
        # The release keeps the kernels of its image gradient among the parameters.
        constants={"get_grad.weight_v": _VERTICAL, "get_grad.weight_h": _HORIZONTAL},
        flow="flownet.",
    ),
    Family(
        name="ms_fusion",
        title="an MS-Fusion checkpoint",
        load_as="load it as eqvi.stage4",
        roots=frozenset({"QVI_model", "FusionNet", "eqvi", "fusion"}),
        renames=(("QVI_model.", "eqvi."), ("FusionNet.", "fusion.")),
        aliases=(("eqvi.acc.flownet.", "eqvi.flownet."),),
        constants={"eqvi.get_grad.weight_v": _VERTICAL, "eqvi.get_grad.weight_h": _HORIZONTAL},
        flow="eqvi.flownet.",
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
    """The wrappers' prefix that every key has: any sequence of :data:`PREFIXES`, or nothing."""
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
    """The family that more than half of the keys belong to, whatever is missing or too much.

    Of kin families, those whose files share most names, the one whose marks the keys have.

    Args:
        keys: Without the wrappers' prefix.

    Returns:
        None if there is none.
    """
    keys = list(keys)
    roots = [key.partition(".")[0] for key in keys]
    counts = [(sum(root in family.roots for root in roots), family) for family in FAMILIES]
    count, _, family = max(
        ((count, family.suits(keys), family) for count, family in counts), key=lambda found: found[:2]
    )
    return family if 2 * count > len(keys) else None
