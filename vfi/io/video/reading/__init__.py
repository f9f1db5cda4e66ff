"""Video files, read: probing, decoding, deinterlacing."""
