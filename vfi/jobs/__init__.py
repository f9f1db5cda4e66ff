"""Jobs: any task that turns the frames of a source into those of an output, resumable and in shards."""
