"""Video files: timestamps, clocks and side data; reading, writing and other streams in their own folders."""
