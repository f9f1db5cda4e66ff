"""Implementations of the operators: plain PyTorch, the compiled package, CuPy, and the choice among them."""
