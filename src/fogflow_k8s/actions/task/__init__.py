"""Function tasks: list, run, stop and measure them."""
