"""This kernel beside others: the same small API, in process, by CPU time."""
