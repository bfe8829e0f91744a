"""FogFlow's own interfaces, as the tool asks them."""
