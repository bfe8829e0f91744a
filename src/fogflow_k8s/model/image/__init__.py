"""Names of images, and archives of them."""
