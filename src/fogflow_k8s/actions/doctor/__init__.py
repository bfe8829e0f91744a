"""The verb `doctor`: find what is wrong, and mend what is safe to mend."""
