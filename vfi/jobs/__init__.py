"""Jobs: from a source of frames to a sink, with progress, log, resuming and clips."""
