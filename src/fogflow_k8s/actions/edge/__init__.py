"""Edge clusters: join them to a cloud, check the way there and back."""
