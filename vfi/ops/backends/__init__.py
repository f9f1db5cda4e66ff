"""What computes the operators: PyTorch, the compiled package, CuPy; and which of them is chosen."""
