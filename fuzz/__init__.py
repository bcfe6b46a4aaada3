"""Coverage-guided bytes into everything that strangers or the network can reach."""
