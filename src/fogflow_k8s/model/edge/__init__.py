"""Edge nodes: the token that joins an edge to its cloud, and the list of a cloud's edges."""
