"""What a video file holds beside its frames: audio, subtitles, chapters, and what containers take."""
