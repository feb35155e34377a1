"""Resources that any app can list: health, index, jobs."""
