"""What an app may use beside its own: resources, providers, middleware and rules. None of it is there unasked."""
