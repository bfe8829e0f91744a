"""From what was observed to the one cause: the catalogue, the rules, and the words of other programs."""
