"""The verb `check`: everything that can be known before a deploy."""
