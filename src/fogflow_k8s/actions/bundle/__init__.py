"""Archives for support: what is collected, redacted and written."""
