"""Container images of a release: list, check, build and mirror them."""
