"""Discord's side of a community site: slash commands over its content, notices to its channels, reminders on time.

`POST /interactions` is for Discord alone, which signs each request. All other routes need the API key, as `X-API-Key`.
"""

NAME = "discord-bot"
