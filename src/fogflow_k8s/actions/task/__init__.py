"""The commands about tasks: list them, run and stop one, and measure how quickly they start."""
