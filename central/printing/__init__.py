"""Passes on paper: cards on a sheet, single cards, and large print."""
