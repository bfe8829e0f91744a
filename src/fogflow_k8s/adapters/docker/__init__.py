"""Container engines, and archives of images."""
