"""What would change, field by field, and who changed what by hand."""
