"""The checks of the verb `check`, by what they look at. Each probe answers Found; what may not be seen is skipped, and said."""
