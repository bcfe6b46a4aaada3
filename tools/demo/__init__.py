"""The demo: a broker, a collector and two gates with emulated hardware, people who come, and a judge who compares."""
