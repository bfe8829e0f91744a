"""Edge clusters: create tokens and list edges at the cloud; join, check and leave at the edge."""
