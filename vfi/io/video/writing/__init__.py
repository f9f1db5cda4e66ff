"""Video files, written: encoders, closed segments, the final mux."""
