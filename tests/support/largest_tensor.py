"""The largest tensor of a computation, a measure of its memory on any device."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LargestTensor(TorchDispatchMode):
    """Records the size of the largest tensor that any operation returns."""

    numbers = 0
    """Number of elements of that tensor's storage."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                count = tensor.untyped_storage().nbytes() // tensor.element_size()
                self.numbers = max(self.numbers, count)
        return result
