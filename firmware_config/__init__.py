"""What a device is set up with: gate files, policies, broker files."""
