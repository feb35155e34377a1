# wrangler's build step of the top level, which is for one's own machine: `wrangler dev` passes, a deployment does not.
command="${WRANGLER_COMMAND:-dev}"
if [ "$command" != dev ]; then
  echo "error: wrangler $command without an environment would take the development configuration:" \
    "run \`make deploy ENV=staging\`, or give --env staging" >&2
  exit 1
fi
