"""Tests of reading and writing pictures; they make their own files with PyAV and OpenCV."""
