"""Tests of reading and writing frames; they write their own files with PyAV and OpenCV."""
