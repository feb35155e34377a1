"""The platform itself, over a simulated Sanity, for apps that read from it."""
