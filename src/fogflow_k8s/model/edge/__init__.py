"""Edge nodes: the token that joins them, and which sites there are."""
