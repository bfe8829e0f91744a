"""What happens: one file per use case; the only place where adapters meet."""
