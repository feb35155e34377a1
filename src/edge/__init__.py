"""A kernel for HTTP APIs, jobs and queues that run on Cloudflare Python Workers and on one's own machine."""
