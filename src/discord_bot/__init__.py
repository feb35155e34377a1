"""Discord's side of a community site: slash commands over its content, notices to its channels, reminders on time.

`POST /interactions` is for Discord alone, which signs what it sends. All else wants the one key, as `X-API-Key`.
"""

NAME = "discord-bot"
