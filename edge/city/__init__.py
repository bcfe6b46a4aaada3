"""A city of synthetic people before the product's own rules: what a policy finds, whom it troubles, who waits."""
