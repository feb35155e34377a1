"""Steps of a deployment: checks of what is built, a rehearsal in workerd, wrangler's commands, and the health after."""
