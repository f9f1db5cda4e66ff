"""Training: the loss functions, :mod:`.losses`."""
