"""The same small API, once for each framework, as its users would write it."""
