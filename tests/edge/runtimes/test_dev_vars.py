"""`.dev.vars`: the forms that dotenv files come in."""

from pathlib import Path

import pytest

from edge.runtimes.local.dev_vars import DevVarsError, read_dev_vars


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=value", "value"),
        ("  export KEY = value  ", "value"),
        ("KEY=", ""),
        ("KEY=''", ""),
        ("KEY='single # \"quoted\"' # comment", 'single # "quoted"'),
        (r'KEY="line\nnext \"quoted\" \\ #"', 'line\nnext "quoted" \\ #'),
        ("KEY=a b c # comment", "a b c"),
        ("KEY=a#b", "a#b"),
        ("KEY=postgres://u:p@h/?a=b&c=d", "postgres://u:p@h/?a=b&c=d"),
        ("KEY=it's", "it's"),
        ("KEY=#comment", ""),
        ("\ufeffKEY=bom\r", "bom"),
        ("# comment\n\n \nKEY=last", "last"),
        ("KEY=one\nKEY=two", "two"),
    ],
)
def test_a_line_gives_a_value(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".dev.vars").write_bytes(f"{line}\n".encode())
    assert read_dev_vars(tmp_path / ".dev.vars") == {"KEY": value}


@pytest.mark.parametrize(
    "line", ["hunter2", "KEY='hunter2", 'KEY="hunter2', "1KEY=hunter2", "KEY='a' hunter2", "=hunter2"]
)
def test_a_broken_line_is_named_without_its_text(tmp_path: Path, line: str) -> None:
    (tmp_path / ".dev.vars").write_text(f"A=1\n{line}\n")
    with pytest.raises(DevVarsError, match=r"\.dev\.vars, line 2: not NAME=value") as raised:
        read_dev_vars(tmp_path / ".dev.vars")
    assert "hunter2" not in str(raised.value)


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".dev.vars").write_bytes(b"KEY=\xff\xfe")
    with pytest.raises(DevVarsError, match="cannot be read"):
        read_dev_vars(tmp_path / ".dev.vars")


def test_no_file_is_no_variables(tmp_path: Path) -> None:
    assert read_dev_vars(tmp_path / ".dev.vars") == {}
