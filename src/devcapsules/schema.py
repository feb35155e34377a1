"""The schema as the migrations leave it: written by `make golden`, not by hand."""

from edge.data.schema import Index, Relation, Schema

SCHEMA = Schema(
    relations=(
        Relation(
            "account_links",
            "id purpose! user_id email! profile expires_at!:instant",
            key=("id",),
            references={"user_id": "users"},
        ),
        Relation(
            "admin_audit",
            "id:integer actor! action! target_kind! target_id! details!:json:JSON created_at!:instant",
            key=("id",),
            defaults={"details": "{}"},
        ),
        Relation(
            "analytics_events",
            "id capsule_id! kind! outcome! learner! day! created_at!:instant",
            key=("id",),
            defaults={"outcome": "", "learner": ""},
            references={"capsule_id": "capsules"},
        ),
        Relation(
            "api_keys",
            "id user_id! name! prefix! hash! origins!:json created_at!:instant expires_at:instant revoked_at:instant "
            "last_used_at:instant",
            key=("id",),
            unique=(("hash",),),
            defaults={"origins": "[]"},
            references={"user_id": "users"},
        ),
        Relation(
            "auth_attempts",
            "key failures!:integer free_at!:real seen_at!:real",
            key=("key",),
        ),
        Relation(
            "capsule_answers",
            "capsule_id version:integer solution! tests!:json hints!:json",
            key=("capsule_id", "version"),
            defaults={"hints": "[]"},
            references={"capsule_id": "capsules"},
        ),
        Relation(
            "capsule_versions",
            "capsule_id version:integer title! statement! starter! function_name! examples!:json hints!:integer "
            "hidden_tests!:integer created_at!:instant",
            key=("capsule_id", "version"),
            defaults={"examples": "[]", "hints": 0, "hidden_tests": 0},
            references={"capsule_id": "capsules"},
        ),
        Relation(
            "capsules",
            "id owner_id! title! language! difficulty! visibility! tags!:json search_text! time_limit_ms!:integer "
            "solution_after!:integer version!:integer score:integer forked_from forked_author job_id "
            "taken_down_at:instant created_at!:instant updated_at!:instant forked_author_id",
            key=("id",),
            unique=(("job_id",),),
            defaults={
                "visibility": "private",
                "tags": "[]",
                "search_text": "",
                "time_limit_ms": 2000,
                "solution_after": 3,
                "version": 1,
            },
            references={"owner_id": "users", "forked_author_id": "users"},
        ),
        Relation(
            "executions",
            "id user_id! capsule_id language! status! time_ms:real memory_kb:integer created_at!:instant",
            key=("id",),
            references={"user_id": "users", "capsule_id": "capsules"},
        ),
        Relation(
            "generation_jobs",
            "id user_id! prompt! language! difficulty! state! reason step! rounds!:integer tokens!:integer "
            "faults!:json score:integer parts:json capsule_id lease lease_until:real created_at!:instant "
            "updated_at!:instant finished_at:instant",
            key=("id",),
            defaults={"state": "queued", "step": "", "rounds": 0, "tokens": 0, "faults": "[]"},
            references={"user_id": "users"},
        ),
        Relation(
            "progress",
            "learner capsule_id user_id attempts!:integer hints!:integer passed!:integer total!:integer "
            "solved_at:instant updated_at!:instant",
            key=("learner", "capsule_id"),
            defaults={"attempts": 0, "hints": 0, "passed": 0, "total": 0},
            references={"capsule_id": "capsules", "user_id": "users"},
        ),
        Relation(
            "refresh_tokens",
            "id user_id! counter!:integer rotated_at!:real used_at:real client! network! created_at!:instant "
            "last_used_at!:instant expires_at!:instant ended_at:instant ended_by",
            key=("id",),
            references={"user_id": "users"},
        ),
        Relation(
            "reports",
            "id capsule_id! reporter! reason! detail! state! decided_at:instant created_at!:instant",
            key=("id",),
            unique=(("capsule_id", "reporter"),),
            defaults={"detail": "", "state": "open"},
            references={"capsule_id": "capsules"},
        ),
        Relation(
            "team_capsules",
            "team_id capsule_id created_at!:instant",
            key=("team_id", "capsule_id"),
            references={"team_id": "teams", "capsule_id": "capsules"},
        ),
        Relation(
            "team_members",
            "team_id user_id created_at!:instant",
            key=("team_id", "user_id"),
            references={"team_id": "teams", "user_id": "users"},
        ),
        Relation(
            "teams",
            "id owner_id! name! created_at!:instant",
            key=("id",),
            references={"owner_id": "users"},
        ),
        Relation(
            "usage_daily",
            "user_id day kind used!:integer",
            key=("user_id", "day", "kind"),
            defaults={"used": 0},
            references={"user_id": "users"},
        ),
        Relation(
            "user_passwords",
            "user_id hash! changed_at!:instant",
            key=("user_id",),
            references={"user_id": "users"},
        ),
        Relation(
            "users",
            "id email! email_key! confirmed_at:instant created_at!:instant updated_at!:instant name! plan!",
            key=("id",),
            unique=(("email_key",),),
            defaults={"name": "", "plan": "free"},
        ),
    ),
    indexes=(
        Index("account_links_by_user", "account_links", ("user_id",)),
        Index("account_links_expires", "account_links", ("expires_at",)),
        Index("admin_audit_by_time", "admin_audit", ("created_at",)),
        Index("analytics_events_by_capsule", "analytics_events", ("capsule_id", "day", "kind", "outcome")),
        Index("analytics_events_created", "analytics_events", ("created_at",)),
        Index("api_keys_by_user", "api_keys", ("user_id", "created_at")),
        Index("auth_attempts_seen", "auth_attempts", ("seen_at",)),
        Index("capsules_by_forked_author", "capsules", ("forked_author_id",)),
        Index("capsules_by_owner", "capsules", ("owner_id", "created_at", "id")),
        Index("capsules_by_visibility", "capsules", ("visibility", "created_at", "id")),
        Index("executions_by_capsule", "executions", ("capsule_id",)),
        Index("executions_by_user", "executions", ("user_id", "created_at")),
        Index("executions_created", "executions", ("created_at",)),
        Index("generation_jobs_by_state", "generation_jobs", ("state", "created_at")),
        Index("generation_jobs_by_user", "generation_jobs", ("user_id", "created_at", "id")),
        Index("generation_jobs_finished", "generation_jobs", ("finished_at",)),
        Index("progress_by_capsule", "progress", ("capsule_id",)),
        Index("progress_by_user", "progress", ("user_id", "updated_at")),
        Index("progress_updated", "progress", ("updated_at",)),
        Index("refresh_tokens_by_user", "refresh_tokens", ("user_id", "network")),
        Index("refresh_tokens_ended", "refresh_tokens", ("ended_at",)),
        Index("refresh_tokens_expires", "refresh_tokens", ("expires_at",)),
        Index("reports_by_state", "reports", ("state", "created_at")),
        Index("reports_decided", "reports", ("decided_at",)),
        Index("team_capsules_by_capsule", "team_capsules", ("capsule_id",)),
        Index("team_members_by_user", "team_members", ("user_id", "team_id")),
        Index("teams_by_owner", "teams", ("owner_id",)),
        Index("usage_daily_by_day", "usage_daily", ("day",)),
    ),
    triggers=(),
    others=("d1_migrations",),
    migrations=("0001_init.sql", "0002_audit.sql", "0003_erasure.sql"),
)
