"""The stand-in's GROQ beside groq-js, Sanity's own evaluator: one table of queries, the same answers."""

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from pyedge.client import NODE_MODULES, ROOT, node
from sims.sanity.content import documents
from sims.sanity.groq import BadQuery, run

pytestmark = pytest.mark.slow  # a stand-in's own tests

NOW = datetime(2026, 11, 21, 10, 30, 15, 250_000, UTC)
PARAMS = {
    "from": 0,
    "to": 20,
    "slug": "berlin-python-at-the-edge",
    "now": "2026-11-21T10:30:15Z",
    "types": ["event", "post"],
    "words": ["edge*", "python"],
    "one": 1,
    "key": "title",
}
DATASET = sorted(
    [document for document in documents(NOW) if not document["_id"].startswith("drafts.")]
    + [
        {"_id": "odd-a", "_type": "odd", "n": 1, "mixed": [1, "1", True, None, 1, "1", {"a": 1}, [2]], "f": 2.5},
        {"_id": "odd-b", "_type": "odd", "n": "1", "mixed": [], "f": -2.5, "text": "Ünïcode e.g. x-ray, «quoted» …"},
        {"_id": "odd-c", "_type": "odd", "n": True, "f": None, "nested": {"deep": [{"k": 1}, {"k": 2}, {}]}},
        {"_id": "odd-d", "_type": "odd", "mixed": "no array", "list": [["a"], ["b", "c"], "d"], "f": 0.125},
    ],
    key=lambda document: str(document["_id"]),
)

HEAD = '_id, _type, _updatedAt, title, "slug": slug.current, summary'
NAMED = '_id, _type, _updatedAt, "title": name, "slug": slug.current, summary'
EVENT = (
    HEAD + ', startsAt, endsAt, timeZone, "location": location.name, "url": registrationUrl, '
    '"image": image.asset->url, "people": speakers[]->name, tags'
)
DATED = HEAD + ', publishedAt, "people": [author->name], tags'


def page(kind: str, order: str, members: str) -> str:
    """The query of a page of documents with their number."""
    test = f'*[_type == "{kind}" && defined(slug.current)]'
    return f'{{"total": count({test}), "documents": {test} | order({order}) [$from...$to] {{{members}}}}}'


QUERIES = [
    page("event", "startsAt desc, _id asc", EVENT),
    page("post", "publishedAt desc, _id asc", DATED),
    page("person", "name asc, _id asc", NAMED + ', role, "url": website'),
    page("project", "title asc, _id asc", HEAD + ', "url": repository, "people": maintainers[]->name, tags'),
    page("sponsor", "name asc, _id asc", NAMED + ', tier, "url": website, "image": logo.asset->url'),
    page("announcement", "publishedAt desc, _id asc", HEAD + ", publishedAt"),
    '*[_type == "event" && slug.current == $slug][0]{' + EVENT + ', "text": pt::text(body)}',
    '*[_type == "event" && slug.current == "nowhere"][0]{' + EVENT + ', "text": pt::text(body)}',
    '*[_type == "event" && defined(slug.current) && startsAt > $now] | order(startsAt asc) [0...10] {' + EVENT + "}",
    '{"events": count(*[_type == "event"]), "posts": count(*[_type == "post"]), '
    '"upcoming": count(*[_type == "event" && startsAt > $now])}',
    "*[_type in $types && defined(slug.current)] | order(_id asc) [$from...$to] {_id, _type, _updatedAt, "
    '"title": coalesce(title, name), "slug": slug.current, summary, "text": pt::text(coalesce(body, bio))}',
    "count(*)",
    "*._id",
    "*[0]._id",
    "*[-1]._id",
    "*[999]",
    "*[2..4]._id",
    "*[2...4]{_id}",
    "*[-3..-1]._id",
    "*[4..2]._id",
    "*[$one]{_id}",
    "*[$from..$one]._id",
    "*[_id == 'post-sponsor'][0]",
    "*[_id == 'post-sponsor'][0].title",
    "*[_id == 'post-sponsor'][0][$key]",
    "*[_id == 'post-sponsor'][0]['slug']['current']",
    "*[_id == 'post-sponsor']{..., 'body': null}",
    "*[_id == 'post-sponsor']{'extra': 1, ...author->{name, role}}",
    "*[_type == 'post']{_id, defined(author) => {'by': author->name}, !defined(author) => {'anonymous': true}}",
    "*[_type == 'post'] | order(_id) {author->}",
    "*[_type == 'post'] | order(_id) {author->{name, 'bio': pt::text(bio)}}",
    "*[_type == 'post'] | order(lower(title) desc) [0...3].title",
    "*[_type == 'post' && author->role == 'Organiser']._id",
    "*[_type == 'event'].speakers[]->name",
    "*[_type == 'event'] | order(_id) {_id, 'n': count(speakers), 'first': speakers[0]->name}",
    "*[_type == 'event'] | order(_id) {speakers[]->{name, 'made': *[_type == 'project' && references(^._id)].title}}",
    "*[_type == 'event'].tags",
    "*[_type == 'event'].tags[]",
    "array::unique(*[_type == 'event'].tags[])",
    "*[_type == 'event' && 'python' in tags].title",
    "*[_type == 'event' && !('python' in tags)].title",
    "*[_type == 'event' && count(tags[@ in ['python', 'async']]) > 0]._id",
    "*[_type == 'event'] | order(_id) {'tags': tags[@ != 'meetup'], 'upper': tags[]{'t': upper(@)}}",
    "*[_type == 'event'] | order(location.name, startsAt desc) {'place': location.name, startsAt}",
    "*[_type == 'event' && dateTime(startsAt) > dateTime($now)]._id",
    "*[_type == 'event' && dateTime(startsAt) < dateTime(now()) + 60*60*48 && startsAt > now()]._id",
    "*[_type == 'event'] | order(_id) {'hours': (dateTime(endsAt) - dateTime(startsAt)) / 3600, "
    "'later': dateTime(endsAt) + 90}",
    "now()",
    "dateTime('2026-01-01T00:00:00+02:00')",
    "dateTime('yesterday')",
    "*[title match 'edge*']._id",
    "*[title match 'EDGE']._id",
    "*[title match $words]._id",
    "*[title match 'berlin traces']._id",
    "*[[title, summary] match '*queue*']._id",
    "*[pt::text(body) match 'wheelchairs']._id",
    "*[name match 'müller']._id",
    "*[text match 'x ray']._id",
    "*[title match '']._id",
    "*[n match '1']._id",
    "*[title match 1]._id",
    "*[title match ['edge', 1]]._id",
    "{'signs': !-1, 'more': -+-3, 'not': !!true}",
    "*[_type == 'person'] | order(name) {name, 'length': length(name), 'upper': upper(name), 'lower': lower(name)}",
    "*[_type == 'person' && string::startsWith(name, 'Z')].name",
    "*[references('person-ines')]._id",
    "*[references('person-ines', 'person-zoe')]._id",
    "*[references($types)]._id",
    "*[_type == 'person'] | order(_id) {_id, 'posts': *[_type == 'post' && author._ref == ^._id]{title, 'of': ^.name}}",
    "*[_type == 'sponsor'] | order(_id) {name, 'rank': select(tier == 'gold' => 1, tier == 'silver' => 2, 3)}",
    "*[_type == 'sponsor']{'never': select(false => 1)}",
    "*[_type == 'sponsor'] | order(select(tier == 'gold' => 1, 2), name) .name",
    "*[_type == 'odd'] | order(n)._id",
    "*[_type == 'odd'] | order(n desc)._id",
    "*[_type == 'odd'] | order(f)._id",
    "*[n > 0]._id",
    "*[n >= '0']._id",
    "*[n == 1]._id",
    "*[n != 1 && _type == 'odd']._id",
    "*[_type == 'odd' && !(n > 0)]._id",
    "*[_type == 'odd' && (n > 0 || true)]._id",
    "*[_type == 'odd' && (n > 0 && false) == false]._id",
    "*[_type == 'odd' && f == null]._id",
    "*[_type == 'odd']{'and': n > 0 && true, 'or': n > 0 || false, 'not': !n, 'in': 1 in mixed, 'eq': mixed == mixed}",
    "*[_type == 'odd'] | order(_id) {mixed[], 'unique': array::unique(mixed), 'compact': array::compact(mixed)}",
    "*[_type == 'odd'] | order(_id) {'r': round(f), 'r2': round(f, 2), 's': string(f), 't': string(n)}",
    "*[_type == 'odd'] | order(_id) {'k': nested.deep[].k, 'big': nested.deep[k > 1], 'one': nested.deep[0].k}",
    "*[_type == 'odd'] | order(_id) {'flat': list[][], 'count': count(list), 'length': length(mixed)}",
    "*[_type == 'odd'].nested.deep",
    "*[_type == 'odd'].nested.deep[].k",
    "*[_type == 'odd'] {nested} [0]",
    "(*[_type == 'odd'])[1]{_id}",
    "(*[_type == 'odd'] | order(_id desc))[0]._id",
    "[1, 2.5, 'a', null, true, ...[3, 4]]",
    "[1, 2, 3][@ > 1]",
    "[{'a': 1}, {'a': 2}].a",
    "{'a': {'b': [1, 2, 3]}}.a.b[1]",
    "{'p': 1 + 2 * 3, 'm': -7 % 3, 'd': 1 / 4, 'z': 1 / 0, 'x': 2 ** 3 ** 2}",
    "{'s': 'a' + 'b', 'l': [1] + [2], 'n': 1 + 'a', 'u': null + 1}",
    "{'neg': -2 ** 2, 'group': (1 + 2) * 3, 'plus': +4, 'sci': 1e3, 'float': 1.50, 'minus': 5 - 2 - 1}",
    "{'o': {'a': 1} + {'b': 2}, 'range': 3 in 1..3, 'open': 3 in 1...3, 'group': 2 in (1..3), 'text': 'b' in 'a'..'c'}",
    "{'cmp': 1 < 2 && 'a' < 'b', 'types': 1 < 'a', 'null': null == null, 'less': null < 1, 'bool': true > false}",
    r"""{'esc': "a\"b\n\u00e9\t\\", 'single': 'it\'s', "empty": ""}""",
    "{'join': array::join(['a', 1, true], '-'), 'bad': array::join([{}], '-'), 'split': string::split('a,b', ',')}",
    "{'sum': math::sum([1, null, 2.5]), 'avg': math::avg([1, 2]), 'max': math::max([]), 'min': math::min([3, 1])}",
    "{'some': array::intersects([1, 2], [2]), 'none': array::intersects([1], ['1'])}",
    "{'count': count(null), 'defined': [defined(null), defined([]), defined('')], 'coalesce': coalesce(null, 0, 1)}",
    "{'upper': upper(1), 'length': length({}), 'round': round(2.5), 'negative': round(-2.5), 'to': round(1.005, 2)}",
    "*[_id in path('post-*')]._id",
    "*[_id in path('**')][0...2]._id",
    "*[_type == 'event'][0...2]{'up': ^._id, 'place': {'of': ^.title, 'name': location.name}}",
    "*[_type == 'sanity.imageAsset'] | order(url) {'ratio': metadata.dimensions.aspectRatio, originalFilename}",
    "*[_type == 'post'] | order(publishedAt desc) [0...3] {title} // the newest\n",
    "  *[ _type=='post' && ( 'python' in tags||'sqlite' in tags ) ]|order( _id )|{ _id , }  ",
    "*[_type == 'post'] | order(author->name, title) {title, 'by': author->name}",
    "*[_type == 'event' && slug.current == $slug].speakers[]->{name}",
    "*[_type == 'event' && slug.current == $slug][0].speakers[]->name",
    "*[_type == 'event' && slug.current == $slug][0].speakers[0]->{'n': name}.n",
    "*[_type == 'event' && slug.current == $slug]{'a': body[].children[].text, 'b': body[0].children[].marks[]}",
    "*[_type == 'event' && slug.current == $slug]{'a': body[].children, 'b': pt::text(body[0]), 'c': pt::text(title)}",
    "*[_type == 'event' && @.slug.current == $slug]{'self': @._id}",
    "*[_type == 'project'] {title, 'team': maintainers[]->{name, 'mine': count(*[references(^._id)])}} | order(title)",
    "*[_type == 'post' && publishedAt > '2026-11-01' && !defined(nothing)] | order(publishedAt)._id",
    "*[]{_id}[0...2]",
    "$types",
    "$types[0]",
    "null",
    "nothing.at.all",
    "@",
    "^",
]

REFUSED = [
    "",
    "*[",
    "*[_type == 'event'",
    "*[_type = 'event']",
    "{'a': }",
    "{1}",
    "*[0...n]",
    "*[0...'a']",
    "$missing",
    "* | score(title match 'a')",
    "* | nothing()",
    "* | order()",
    "nothing(1)",
    "geo::distance(1, 2)",
    "count()",
    "count(1, 2)",
    "* | order(a && b desc)",
    "*[_type == 'event']]",
    "a == b == c",
    "{'a' 1}",
    "{a.b}",
    "'open",
    "'\\q'",
    "a ? b",
    "*{'x'}",
    "select(1, 2)",
    "fn my::f($x) = $x{a}; *",
    "identity()",
    "order(title)",
    "#",
    "* -> [",
    "(" * 5_000 + ")" * 5_000,
    "*[title match text::query('a')]",
    "boost(true, 1)",
    "speakers.(a, b)",
    "* | order(title) | {",
]

ASK = """
import { evaluate, parse } from "groq-js";
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { queries, params, dataset, now } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
const answers = [];
for (const query of queries) {
  try {
    const value = await evaluate(parse(query, { params }), { dataset, params, timestamp: new Date(now) });
    answers.push({ result: await value.get() });
  } catch (error) {
    answers.push({ error: String(error) });
  }
}
process.stdout.write(JSON.stringify(answers));
"""


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    """The answers of groq-js to each query."""
    if not (NODE_MODULES / "groq-js").is_dir():
        pytest.skip("groq-js is not there: npm brings it")
    document = {"queries": QUERIES, "params": PARAMS, "dataset": DATASET, "now": NOW.isoformat()}
    command = [node(), "--input-type=module", "--eval", ASK]
    ran = subprocess.run(command, input=json.dumps(document), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return dict(zip(QUERIES, json.loads(ran.stdout), strict=True))


def exact(value: object) -> object:
    """Distinguish true from 1, which are equal in Python."""
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    return ("bool", value) if isinstance(value, bool) else value


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_answered_as_groq_js_answers_it(query: str, theirs: dict[str, Any]) -> None:
    assert "error" not in theirs[query], theirs[query]
    assert exact(run(query, DATASET, PARAMS, NOW)) == exact(theirs[query].get("result"))


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: query[:40])
def test_unsupported_queries_are_refused(query: str) -> None:
    with pytest.raises(BadQuery) as refused:
        run(query, DATASET, PARAMS, NOW)
    assert 0 <= refused.value.start <= refused.value.end <= len(query)
