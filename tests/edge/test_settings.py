"""Settings: names, kinds, faults that cost one route and not the Worker, and secrets that stay unseen."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pytest
from pydantic import Field as Limit

from edge.access import PUBLIC
from edge.errors import NotConfigured
from edge.middleware.cors import cors
from edge.ports import Bucket, Database, KeyValue, Queue
from edge.routes import Routes
from edge.settings import Secret, Settings
from edge.testing import Answer, Client

type Serve = Callable[..., Client]

VALUE = "sk-very-secret"


class Shop(Settings):
    api_key: Secret
    long_key: Annotated[Secret, Limit(min_length=30)] | None
    workers: int
    ratio: float = 0.5
    either: int | str | None
    db: Database
    cache: KeyValue | None
    files: Bucket | None
    jobs: Queue | None


class Fancy(Shop):
    environment: str
    workers: int = 4
    colour: str = "red"


class Lamp(Settings):
    watts: int = 60


class Both(Shop, Lamp):
    pass


def fields_of(settings: type[Settings]) -> dict[str, tuple[str, bool]]:
    return {field.name: (field.kind, field.required) for field in settings.fields}


def test_a_field_is_a_variable_a_secret_or_a_binding_and_required_or_not() -> None:
    assert fields_of(Shop) == {
        "ENVIRONMENT": ("variable", False),
        "LOG_LEVEL": ("variable", False),
        "CORS_ALLOWED_ORIGINS": ("variable", False),
        "API_KEY": ("secret", True),
        "LONG_KEY": ("secret", False),
        "WORKERS": ("variable", True),
        "RATIO": ("variable", False),
        "EITHER": ("variable", False),
        "DB": ("d1", True),
        "CACHE": ("kv", False),
        "FILES": ("r2", False),
        "JOBS": ("queue", False),
    }


def test_fields_are_inherited_and_can_be_declared_anew() -> None:
    assert fields_of(Fancy) == {
        **fields_of(Shop),
        "ENVIRONMENT": ("variable", True),
        "WORKERS": ("variable", False),
        "COLOUR": ("variable", False),
    }
    assert Fancy({}).workers == 4
    assert [*fields_of(Shop)] == [*fields_of(Fancy)][:-1]
    assert Both({}).watts == 60
    assert {*fields_of(Both)} == {*fields_of(Shop), "WATTS"}


def test_values_are_read_by_type() -> None:
    shop = Shop({"API_KEY": VALUE, "WORKERS": "3", "RATIO": "0.25", "EITHER": "x", "DB": 7})
    assert (shop.api_key.get_secret_value(), shop.workers, shop.ratio, shop.either) == (VALUE, 3, 0.25, "x")
    assert (vars(shop)["db"], shop.cache, shop.environment) == (7, None, "development")
    assert shop.faults == {}


@pytest.mark.parametrize("env", [{}, {"WORKERS": ""}, {"WORKERS": None}])
def test_a_missing_setting_is_missed_when_it_is_read(env: Mapping[str, Any]) -> None:
    shop = Shop(env)
    with pytest.raises(NotConfigured, match="WORKERS is not set"):
        _ = shop.workers


def test_a_missing_setting_that_is_read_often_holds_no_more_frames() -> None:
    """Its fault is one object: each raise had added a traceback, with all that its frames hold."""
    shop = Shop({})
    depths = []
    for _ in range(3):
        with pytest.raises(NotConfigured) as missed:
            _ = shop.workers
        depths.append(len(missed.traceback))
    assert depths == [depths[0]] * 3


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no setting nonsense"):
        _ = Shop({}).nonsense


@pytest.mark.parametrize(
    "env",
    [
        {"API_KEY": VALUE, "LONG_KEY": VALUE, "WORKERS": VALUE, "RATIO": VALUE, "CORS_ALLOWED_ORIGINS": VALUE},
        {"API_KEY": VALUE, "LONG_KEY": VALUE * 3, "LOG_LEVEL": VALUE, "ENVIRONMENT": "x"},
    ],
)
def test_no_value_is_shown_by_a_fault_or_a_log(env: Mapping[str, Any]) -> None:
    shop = Shop(env)
    output = [repr(shop), str(shop), str(vars(shop)), str(shop.api_key)]
    output += [str(fault) + str(fault.document("/", "1")) for fault in shop.faults.values()]
    assert all(VALUE not in text for text in output)
    assert len(shop.faults) >= 3


@pytest.fixture
def shop(serve: Serve) -> Callable[[Mapping[str, Any]], Client]:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/workers")
    async def count_workers(settings: Shop) -> int:
        return settings.workers

    @routes.get("/ratio")
    async def get_ratio(settings: Shop) -> float:
        return settings.ratio

    return lambda env: serve(routes, settings=Shop, env=env, middleware=[cors])


def ask(client: Client, path: str) -> Answer:
    return asyncio.run(client.get(path, headers=[("origin", "https://page")]))


@pytest.mark.parametrize(
    ("env", "detail"),
    [
        ({}, "WORKERS is not set"),
        ({"WORKERS": VALUE}, "WORKERS is not valid: Input should be a valid integer"),
        ({"CORS_ALLOWED_ORIGINS": VALUE}, "WORKERS is not set"),
    ],
)
def test_a_route_that_needs_a_faulty_setting_is_503_and_names_it_and_all_others_work(
    shop: Callable[[Mapping[str, Any]], Client], env: Mapping[str, Any], detail: str
) -> None:
    refused, answered = ask(shop(env), "/workers"), ask(shop(env), "/ratio")
    document = refused.json()
    assert (refused.status, document["setting"]) == (503, "WORKERS")
    assert document["detail"].startswith(detail)
    assert VALUE not in refused.text
    assert (answered.status, answered.json()) == (200, 0.5)


def test_an_invalid_list_of_origins_opens_nothing(shop: Callable[[Mapping[str, Any]], Client]) -> None:
    answer = ask(shop({"CORS_ALLOWED_ORIGINS": "https://page/"[:-1] + ", *"}), "/ratio")
    assert (answer.status, answer.header("access-control-allow-origin")) == (200, None)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", ("*",)),
        ("https://a.example", ("https://a.example",)),
        (" https://a.example/ ,, http://localhost:8787,", ("https://a.example", "http://localhost:8787")),
        ("http://[::1]:80", ("http://[::1]:80",)),
        (" , ", ()),
    ],
)
def test_origins_are_a_list_between_commas(text: str, origins: tuple[str, ...]) -> None:
    assert Settings({"CORS_ALLOWED_ORIGINS": text}).cors_allowed_origins == origins


@pytest.mark.parametrize("unset", [{}, {"CORS_ALLOWED_ORIGINS": ""}])
@pytest.mark.parametrize(
    ("environment", "origins"),
    [("development", ("http://localhost:3000",)), ("staging", ()), ("production", ()), ("Development", ())],
)
def test_unset_origins_are_the_local_page_in_development_alone(
    unset: Mapping[str, str], environment: str, origins: tuple[str, ...]
) -> None:
    assert Settings({"ENVIRONMENT": environment, **unset}).cors_allowed_origins == origins


@pytest.mark.parametrize(
    "text",
    [
        "*, https://a.example",
        "a.example",
        "ftp://a.example",
        "https://",
        "https://*.example",
        "https://a.example/path",
        "https://a.example?x",
        "https://user@a.example",
        "https://A.example",
        "https://a b",
        "https://a\r\nx-evil: 1",
        "null",
    ],
)
def test_inexact_origin_is_refused(text: str) -> None:
    with pytest.raises(NotConfigured, match="CORS_ALLOWED_ORIGINS is not valid"):
        _ = Settings({"CORS_ALLOWED_ORIGINS": text}).cors_allowed_origins


@pytest.mark.parametrize(("text", "level"), [("WARNING", "warning"), ("debug", "debug"), ("", "info")])
def test_a_log_level_is_one_of_four_in_any_letters(text: str, level: str) -> None:
    assert Settings({"LOG_LEVEL": text}).log_level == level


def test_a_log_level_of_another_name_is_refused() -> None:
    with pytest.raises(NotConfigured, match="one of debug, info, warning, error"):
        _ = Settings({"LOG_LEVEL": "loud"}).log_level
