"""The schema as the migrations leave it: written by `make golden`, not by hand."""

from edge.data.schema import Index, Relation, Schema

SCHEMA = Schema(
    relations=(
        Relation(
            "collections",
            "user_id id status! artist! album! year:integer label catalogue_number format formats!:json genre!:json "
            "style!:json country barcode discogs:json cover media_condition sleeve_condition rating:integer notes "
            "price_paid:json bought_on price_sold:json sold_on market_value:json valued_on date_added tags!:json "
            "folder shelf colour extra!:json field_revs!:json field_by!:json rev!:integer deleted_at:instant "
            "created_at!:instant",
            key=("user_id", "id"),
            unique=(("user_id", "rev"),),
            defaults={
                "status": "owned",
                "artist": "",
                "album": "",
                "formats": "[]",
                "genre": "[]",
                "style": "[]",
                "tags": "[]",
                "extra": "{}",
                "field_revs": "{}",
                "field_by": "{}",
            },
        ),
        Relation(
            "details_due",
            "user_id record_id import_id! release_id!:integer attempts!:integer due_at!:instant",
            key=("user_id", "record_id"),
            defaults={"attempts": 0},
        ),
        Relation(
            "imports",
            "user_id id state! source! name! is_wantlist!:boolean encoding! delimiter! layout:json bytes!:integer "
            "parts!:integer chunks!:integer next_chunk!:integer rows_read!:integer rows_new!:integer "
            "rows_same!:integer rows_possible!:integer rows_refused!:integer takes_possible!:integer refusals!:json "
            "possible!:json details_wanted!:integer created_at!:instant updated_at!:instant",
            key=("user_id", "id"),
            defaults={
                "is_wantlist": 0,
                "encoding": "",
                "delimiter": "",
                "bytes": 0,
                "parts": 0,
                "chunks": 0,
                "next_chunk": 0,
                "rows_read": 0,
                "rows_new": 0,
                "rows_same": 0,
                "rows_possible": 0,
                "rows_refused": 0,
                "takes_possible": 0,
                "refusals": "[]",
                "possible": "[]",
                "details_wanted": 0,
            },
        ),
        Relation(
            "leases",
            "name until!:real",
            key=("name",),
        ),
        Relation(
            "shares",
            "user_id id token_hash! name! created_at!:instant",
            key=("user_id", "id"),
            unique=(("token_hash",),),
        ),
        Relation(
            "sync_conflicts",
            "user_id client_id seq:integer n:integer record_id! kind! field kept!:json lost!:json lost_by! "
            "found_at!:instant",
            key=("user_id", "client_id", "seq", "n"),
        ),
        Relation(
            "sync_heads",
            "user_id epoch! rev!:integer floor!:integer ok!:integer",
            key=("user_id",),
            defaults={"rev": 0, "floor": 0, "ok": 1},
        ),
        Relation(
            "sync_queue",
            "user_id client_id seq:integer body_hash! answer!:json base!:integer pushed_at!:instant",
            key=("user_id", "client_id", "seq"),
            defaults={"base": 0},
        ),
    ),
    indexes=(
        Index("collections_deleted", "collections", ("deleted_at",), where="deleted_at IS NOT NULL"),
        Index(
            "collections_in_order", "collections", ("user_id", "artist COLLATE NOCASE", "album COLLATE NOCASE", "id")
        ),
        Index("details_due_by_import", "details_due", ("user_id", "import_id")),
        Index("details_due_by_time", "details_due", ("due_at",)),
        Index("imports_by_state", "imports", ("state", "updated_at")),
        Index("imports_by_time", "imports", ("updated_at",)),
        Index("imports_running", "imports", ("user_id",), is_unique=True, where="state = 'running'"),
        Index("leases_by_end", "leases", ("until",)),
        Index("sync_queue_by_time", "sync_queue", ("pushed_at",)),
    ),
    triggers=(),
    others=("d1_migrations",),
    migrations=("0001_init.sql", "0003_discogs.sql", "0004_imports.sql"),
)
