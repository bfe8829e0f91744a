"""Images: which there are, whether nodes can pull them, building, loading and mirroring."""
