"""The fault laboratory: one fault at a time against the real daemons, judged from outside."""
