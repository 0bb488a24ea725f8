"""How fast the bridge is, next to what the broker can take at most and to what others do: `make bench`.

Nothing here is collected by pytest, and no test asserts a figure: they depend on the machine. What is comparable is the
ratio to the ceiling of the same minute.
"""
