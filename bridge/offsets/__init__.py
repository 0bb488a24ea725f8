"""Looking at receivers' cursors and moving them, as an operator asks (`bridge offsets`).

who is meant -> where each is to go -> what that repeats or skips -> hand over, move, give back
"""
