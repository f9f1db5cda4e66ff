"""Every model and flow backbone by name, and the roads to a ready one.

:func:`load_model` and :func:`load_flow` give ready ones, :data:`MODELS` and :data:`FLOWS` are all there are.
"""

from vfi.registry.load import first_available, load_flow, load_flow_weights, load_model, reference_states
from vfi.registry.table import (
    DEFAULT,
    DEFAULT_FLOW,
    FLOWS,
    MODELS,
    FlowSpec,
    ModelSpec,
    find_flow,
    find_model,
    list_flows,
    list_models,
)

__all__ = [
    "DEFAULT",
    "DEFAULT_FLOW",
    "FLOWS",
    "MODELS",
    "FlowSpec",
    "ModelSpec",
    "find_flow",
    "find_model",
    "first_available",
    "list_flows",
    "list_models",
    "load_flow",
    "load_flow_weights",
    "load_model",
    "reference_states",
]
