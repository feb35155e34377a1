"""`make deploy ENV=…`: builds, checks, migrates and deploys a Worker, and checks its health."""

import os
import sys
from collections.abc import Callable
from functools import partial

from deploying import cloudflare, packages
from deploying.build import Target, check_sources, check_upload, make_assets
from deploying.refusal import Refusal
from deploying.rehearsal import rehearse
from pyedge import StartError


def main(arguments: list[str]) -> int:
    """Run the steps; the first that refuses ends it with its reason."""
    try:
        target = Target.of(arguments[0] if arguments else "")
        cloudflare.check_account()
        prepare(target)
        return publish(target)
    except (Refusal, StartError) as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 1


def prepare(target: Target) -> None:
    """Build everything afresh and check it, the quickest first, without touching the deployment."""
    step("secrets are set", lambda: cloudflare.check_secrets(target))
    if step("packages match the lock", packages.build):
        print("  they were reinstalled")
    step("documents, schema and migrations match the code", lambda: check_sources(target))
    changed = step("static files are built", lambda: make_assets(target))
    if changed:
        print(f"  {changed} of them were outdated")
    upload = step("the upload holds these sources and packages", lambda: check_upload(target))
    print(f"  {len(upload.modules):,} modules, {upload.size / 1024:,.0f} KiB gzip")
    seconds = step("the Worker starts in workerd, and its handlers can be called", lambda: rehearse(target))
    print(f"  ready in {seconds:.1f} s")


def publish(target: Target) -> int:
    """Migrate, deploy and check the health; print how to roll back, also if the new version is not healthy."""
    before = cloudflare.current_version(target)
    for database in target.databases:
        outcome = step(f"{database} has all migrations", partial(cloudflare.apply_migrations, target, database))
        print(f"  {outcome}")
    deployed = step(f"{target.name} is deployed", lambda: cloudflare.deploy(target, os.environ.get("URL", "")))
    print(f"  version {deployed.version} at {deployed.url}")
    try:
        step("its health is ok", lambda: cloudflare.wait_until_healthy(target, deployed))
    except Refusal as refusal:
        raise Refusal(f"{refusal}\n{way_back(target, before)}") from None
    print(way_back(target, before))
    return 0


def way_back(target: Target, before: str | None) -> str:
    """Return the command that deploys the previous version again, and the changes that it does not undo."""
    if before is None:
        return (
            f"This is the first version: `npx wrangler delete --env {target.environment}` removes it; its data stays."
        )
    return (
        f"To go back: npx wrangler rollback {before} --env {target.environment}\n"
        "The database keeps its migrations, which only add; across a Durable Object migration Cloudflare refuses it."
    )


def step[T](name: str, work: Callable[[], T]) -> T:
    """Do one step, and print its name."""
    result = work()
    print(f"✓ {name}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
