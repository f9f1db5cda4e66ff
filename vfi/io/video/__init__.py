"""Video files: probing, decoding, time stamps, encoding, segments, muxing, the other streams."""
