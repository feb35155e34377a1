"""The agent: turns, tools, conversations and OpenAI's dialect."""
