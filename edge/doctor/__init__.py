"""`guankou-gate doctor`: what this machine and its devices can do, what is wrong, and what to do about it."""
