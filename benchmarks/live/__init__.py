"""How many live connections one process holds, and how fast an event reaches them all."""
