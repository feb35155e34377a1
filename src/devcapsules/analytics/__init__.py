"""Analytics: views, attempts and completions of capsules, for their authors."""
