"""Streams of a video file other than its frames: audio, subtitles, chapters; what containers support."""
