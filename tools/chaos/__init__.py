"""Kill tests: people go through gates while every part is killed, and a judge compares all sides from outside."""
