"""Training. So far :mod:`.losses`."""
