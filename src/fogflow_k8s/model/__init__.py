"""What is true: pure data and rules, no I/O, no clock."""
