"""Image files: folders, pairs and animations."""
