"""Who lives and works behind the gates, and the passes that they are given."""
