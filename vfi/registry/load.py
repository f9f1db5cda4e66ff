"""Loading of a network by its name, with checks of options, weights, device and data type."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vfi.checkpoints.search import find_checkpoint, missing_checkpoint
from vfi.checkpoints.specs import CheckpointSpec
from vfi.devices import require_precision, resolve_device, resolve_dtype
from vfi.errors import ConfigError, ModelError
from vfi.registry.table import SPECS, Spec, find, nearest

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from vfi.base.flow import FlowEstimator
    from vfi.base.interpolator import Interpolator


def load_model(
    name: str = "auto",
    checkpoint: str | Path | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    **options: Any,
) -> Interpolator:
    """Load a model, ready to interpolate.

    Args:
        name: Name of a model, one of :func:`list_models`; ``"auto"`` is the best one without a weight file.
        checkpoint: Weight file, as its authors released it or converted; None: the model's own file in a
            checkpoints folder (:func:`vfi.checkpoints.checkpoint_folders`).
        device: Device, ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``,
            ``"cuda:1"``, ...
        dtype: Data type of frames and networks, ``"auto"`` (float32), ``"float32"``, ``"float16"``,
            ``"bfloat16"`` or a torch type; flows and coordinates stay float32.
        **options: Options of the model. Where ``flow`` is one of them, it is the name of another flow
            backbone (of :func:`list_flows`) or a :class:`FlowEstimator`, and ``flow_checkpoint`` the
            weight file of that backbone; the flow weights in the model's own file are then ignored.

    Returns:
        The model in evaluation mode on its device.

    Raises:
        ModelError: If the model is unknown, or its weight file is missing, damaged or of another network.
        ConfigError: If an option, the device or the type is unknown, or a value is invalid for the model.
    """
    spec = find("interpolator", name)
    target, precision = resolve_device(device), resolve_dtype(dtype)
    if spec.checkpoint is not None:
        require_precision(spec.title, target, precision)
    model: Interpolator = _load(spec, checkpoint, options)
    model.to(device=target).set_precision(precision)
    return model.eval()


def first_available(*names: str) -> str:
    """Find the first of several models whose weight file is installed, or that needs none.

    Args:
        *names: Names of models, best first.

    Returns:
        Name of the model.

    Raises:
        ModelError: If a name is unknown, or the weights of all are missing; the message then refers to the
        first.
    """
    specs = [find("interpolator", name) for name in names]
    for spec in specs:
        if spec.checkpoint is None or find_checkpoint(spec.checkpoint) is not None:
            return spec.name
    assert specs[0].checkpoint is not None
    raise missing_checkpoint(specs[0].title, specs[0].checkpoint)


def load_flow(
    name: str = "auto",
    checkpoint: str | Path | None = None,
    device: str | torch.device = "auto",
    **options: Any,
) -> FlowEstimator:
    """Load a flow backbone, ready to estimate.

    Args:
        name: Name of a backbone, one of :func:`list_flows`; ``"auto"`` is the best one without a file.
        checkpoint: Weight file; None: the backbone's own file in a checkpoints folder.
        device: Device or its name, see :func:`load_model`.
        **options: Options of the backbone.

    Returns:
        The backbone in evaluation mode on its device, in float32.

    Raises:
        ModelError: If the backbone is unknown, or its weight file is missing, damaged or of another network.
        ConfigError: If an option or the device is unknown, or a value is invalid for the backbone.
    """
    spec = find("flow", name)
    target = resolve_device(device)
    flow: FlowEstimator = _load(spec, checkpoint, options)
    return flow.to(device=target).eval()


def load_flow_weights(
    network: FlowEstimator, name: str = "scopeflow", checkpoint: str | Path | None = None
) -> None:
    """Load the weights of a flow backbone into a network that is part of a model, to train the rest on it.

    Args:
        network: Network of the same architecture as the backbone, such as ``model.flownet`` of EQVI.
        name: Name of the backbone, one of :func:`list_flows`.
        checkpoint: Weight file of the backbone, see :func:`load_flow`.

    Raises:
        ModelError: If the backbone is unknown, or its weight file is missing, damaged or of another network.
            The network is unchanged then.
    """
    from vfi.checkpoints.loading import load_weights

    spec = find("flow", name)
    if spec.checkpoint is None:
        raise ModelError(f"{spec.title} has no weights to load.")
    load_weights(network, _checkpoint_path(spec, spec.checkpoint, checkpoint), spec.checkpoint.family)


def reference_states(family: str) -> dict[str, Mapping[str, Tensor]]:
    """State dicts of the networks of a family of weight files, without values (on the ``meta`` device).

    Args:
        family: Family of weight files, a name in :data:`vfi.checkpoints.families.FAMILIES`.

    Returns:
        State dicts by the names of their models or backbones, such as
        ``"eqvi.stage3, eqvi.stage123"``.
    """
    import torch

    networks: dict[str, list[Spec]] = {}
    for spec in SPECS:
        if spec.checkpoint is not None and spec.checkpoint.family == family:
            networks.setdefault(f"{spec.build} {sorted(spec.fixed.items())}", []).append(spec)
    states: dict[str, Mapping[str, Tensor]] = {}
    for specs in networks.values():
        with torch.device("meta"):
            network: nn.Module = specs[0].import_builder()()
        states[", ".join(spec.name for spec in specs)] = network.state_dict()
    return states


def _load(spec: Spec, checkpoint: str | Path | None, options: Mapping[str, Any]) -> Any:
    """Build the network of a row of the table and load its weights."""
    import torch

    known = [*spec.options, *(["flow_checkpoint"] if "flow" in spec.options else [])]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"{spec.title} has no option {option!r}{nearest(option, known)}; "
                f"it has: {', '.join(known) or 'none'}."
            )
    if spec.checkpoint is None and checkpoint is not None:
        raise ModelError(f"{spec.title} has no weights: leave out the checkpoint {checkpoint}.")
    path = spec.checkpoint and _checkpoint_path(spec, spec.checkpoint, checkpoint)
    options = _with_flow(spec, options)
    try:
        # Random initialization, replaced below, must not advance the random generator of the program.
        with cast("Any", torch.random).fork_rng(devices=[]):
            network = spec.import_builder()(**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{spec.title} refuses its options: {error}.") from error
    if spec.checkpoint is not None and path is not None:
        from vfi.checkpoints.loading import load_weights

        load_weights(network, path, spec.checkpoint.family, keep_flow=options.get("flow") is not None)
    return network


def _with_flow(spec: Spec, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with the name of a flow backbone replaced by the backbone with its weights."""
    from vfi.base.flow import FlowEstimator

    given = dict(options)
    flow, file = given.get("flow"), given.pop("flow_checkpoint", None)
    if isinstance(flow, str):
        given["flow"] = load_flow(flow, file, device="cpu")
    elif file is not None:
        raise ConfigError(
            f"{spec.title} takes flow_checkpoint only with flow, the name of another flow backbone."
        )
    elif "flow" in given and not (flow is None or isinstance(flow, FlowEstimator)):
        raise ConfigError(f"{spec.title} wants the name of a flow backbone as flow, not {flow!r}.")
    return given


def _checkpoint_path(spec: Spec, file: CheckpointSpec, named: str | Path | None) -> Path:
    """The file to load: the given one, else the one in a checkpoints folder."""
    path = Path(named).expanduser() if named is not None else find_checkpoint(file)
    if path is None:
        raise missing_checkpoint(spec.title, file)
    return path
