"""What both daemons stand on: their screens (listening, headers, files, events) and their watchdog (beats, systemd)."""
