"""Kill tests: people go through emulated gates while every part is killed, and a judge compares all sides from outside."""
