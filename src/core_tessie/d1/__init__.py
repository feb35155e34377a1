"""`/d1`: the tables in PostgREST's dialect."""
