"""Words of the full-text index: folding, scripts without spaces, and user text that is never query syntax."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from klear_karma.search.words import fold, indexed, match, one_word


class Index:
    """A full-text index of texts."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:")
        self.db.execute("CREATE VIRTUAL TABLE t USING fts5(words, marks, tokenize='ascii')")

    def finds(self, text: str, query: str) -> bool:
        """Tell whether a query finds a text; a query without words finds all."""
        self.db.execute("DELETE FROM t")
        self.db.execute("INSERT INTO t VALUES (?, 'f1 sreiki')", (indexed([text]),))
        expression = match(query)
        if not expression:
            return True
        return bool(self.db.execute("SELECT 1 FROM t WHERE t MATCH ?", (f"words : ({expression})",)).fetchall())


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    searcher = Index()
    yield searcher
    searcher.db.close()


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Łódź Massage", "lodz"),
        ("Lodz", "Łódź"),
        ("Søren Kierkegaard", "soren"),
        ("Großstraße", "grossstrasse"),
        ("GROẞ", "groß"),
        ("Müller", "muller"),
        ("Muller", "Müll"),
        ("Đặng Thị", "dang thi"),
        ("Æther Œuvre", "aether oeuv"),
        ("İstanbul ılık", "istanbul ilik"),  # noqa: RUF001
        ("Þór", "thor"),
        ("naïve café", "CAFE naive"),
        ("ＦＵＬＬ width", "full"),  # noqa: RUF001
        ("Ёлка", "елка"),
        ("Άθήνα", "αθηνα"),
        ("針灸治療と整体", "治療"),
        ("針灸治療と整体", "針"),
        ("針灸治療と整体", "灸治療"),
        ("針灸治療と整体", "体"),
        ("北京按摩中心", "按摩"),
        ("ヨガ教室yoga東京", "教室"),
        ("ヨガ教室yoga東京", "yoga"),
        ("ヨガ教室yoga東京", "教室yoga東京"),
        ("ﾖｶﾞ教室", "ヨガ"),
        ("ครูโยคะกรุงเทพ", "โยคะ"),
        ("हिन्दी योग", "योग"),
        ("C++ and yoga", "C++"),
        ("Coeur d'or", "d'or"),
        ("Reiki", "rei"),
        ("Reiki Master", "master rei"),
        ("요가 선생님", "요가"),
    ],
)
def test_query_finds_folded_text(index: Index, text: str, query: str) -> None:
    assert index.finds(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Reiki", "massage"),
        ("Reiki Master", "reik master2"),
        ("Reiki Master", "rei master"),  # only the last word is a prefix
        ("針灸治療", "療治"),
        ("かんぽう", "がん"),
        ("針灸 治療", "灸治"),
        ("reiki", "f1"),
        ("yoga", "sreiki"),
    ],
)
def test_query_finds_nothing_else(index: Index, text: str, query: str) -> None:
    assert not index.finds(text, query)


def test_texts_one_after_another_are_no_run(index: Index) -> None:
    index.db.execute("DELETE FROM t")
    index.db.execute("INSERT INTO t VALUES (?, '')", (indexed(["針灸", "治療"]),))
    expression = match("灸治")
    assert not index.db.execute("SELECT 1 FROM t WHERE t MATCH ?", (expression,)).fetchall()


@pytest.mark.parametrize("text", ["", " ", '"', "*", "🧘", "-", "():^{}", '""', "\0"])
def test_text_without_words_is_no_filter(text: str) -> None:
    assert match(text) == ""


SYNTAX = st.sampled_from(
    ['"', "*", "-a", "a:b", "C++", "d'or", "OR", "AND NOT", "NEAR(", "marks:", "{words marks}:", "^a", "\0", "🧘", "治"]
)


@given(st.lists(st.one_of(SYNTAX, st.text(max_size=20)), max_size=12).map(" ".join))
@example("a OR")
@example('"unclosed')
@example("marks : f1")
@example("NEAR(a b, 2)")
@example("\ud800a")
def test_text_is_never_query_syntax(index: Index, text: str) -> None:
    index.finds("some text", text)


@given(st.text(max_size=40))
def test_text_is_found_by_itself(index: Index, text: str) -> None:
    assert index.finds(text, text)
    assert fold(fold(text)) == fold(text) or one_word(fold(text)) == one_word(text)
