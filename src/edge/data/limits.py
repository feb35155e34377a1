"""Limits on the number of a user's rows, as a table's `check`: an insert holds them, also among concurrent ones."""


def at_most(most: int, table: str, counted: str = "", *, owner: str = "user_id") -> str:
    """Return the check of new rows that are the user's own, up to a number.

    Only rows that meet the condition `counted` count; it names their columns with the prefix `k`.
    """
    condition = f" AND {counted}" if counted else ""
    return (
        f"{owner} = :caller AND (SELECT count(*) FROM main.{table} AS k WHERE k.{owner} = :caller{condition}) < {most}"
    )
