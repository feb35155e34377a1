"""`/agent/chat` and its conversations on both runtimes: what is told, what is looked up, what is kept. (L5 is at it.)"""
