"""Devices made of software that speak the bytes of the real ones."""
