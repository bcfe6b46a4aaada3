"""What a developer runs: the demo, chaos, screenshots."""
