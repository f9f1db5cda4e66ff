"""Registry of all networks by kind and name, and functions that load one.

:func:`load_model` and :func:`load_flow` return networks ready for use; :data:`SPECS` is the table of all.
"""

from vfi.registry.load import first_available, load_flow, load_flow_weights, load_model, reference_states
from vfi.registry.table import (
    DEFAULTS,
    SPECS,
    Kind,
    Spec,
    find,
    list_flows,
    list_models,
    list_specs,
    names,
)

__all__ = [
    "DEFAULTS",
    "SPECS",
    "Kind",
    "Spec",
    "find",
    "first_available",
    "list_flows",
    "list_models",
    "list_specs",
    "load_flow",
    "load_flow_weights",
    "load_model",
    "names",
    "reference_states",
]
