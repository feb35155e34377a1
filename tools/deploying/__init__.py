"""Steps of a deployment: checks of the build, a rehearsal in workerd, wrangler's commands, and the health after."""
