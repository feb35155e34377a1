"""The Workers runtime: translates between Cloudflare's JavaScript and the kernel, and imports both.

An entry imports what it needs from the modules, such as `worker` from `entry`: the others cost their import.
"""
