"""Files of any separator, encoding and age become headers and numbered rows, or one clear message."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nurture.adapters.lead_files.table import Table, open_rows
from nurture.domain.errors import RequestError
from nurture.domain.row import Refused

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
NAMES = "email,first_name,company\n"


def saved(folder: Path, content: str | bytes, *, encoding: str = "utf-8", name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def good(table: Table) -> list[tuple[int, list[str]]]:
    return [row for row in table.rows if not isinstance(row, Refused)]


def refused(table: Table) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in table.rows if isinstance(row, Refused)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ":", "^", "\x1f"])
def test_any_separator_is_found(tmp_path: Path, separator: str) -> None:
    rows = [["name", "note", "city"], ["Ann", "a, b; c", "Oslo"], ["Bob", "5 o'clock", "Rome, Italy"]]
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    table = open_rows(saved(tmp_path, text.getvalue()))
    assert (table.delimiter, list(table.headers)) == (separator, rows[0])
    assert [cells for _, cells in good(table)] == rows[1:]


def test_decimal_commas_do_not_hide_a_semicolon(tmp_path: Path) -> None:
    table = open_rows(saved(tmp_path, "name;size;price\nAnn;1,5;2,5\nBob;1,7;2,5\n"))
    assert good(table) == [(2, ["Ann", "1,5", "2,5"]), (3, ["Bob", "1,7", "2,5"])]


def test_colons_in_names_and_times_separate_nothing_where_commas_do(tmp_path: Path) -> None:
    table = open_rows(saved(tmp_path, "utm:source,seen\nx:1,09:30\ny:2,10:15\n"))
    assert table.headers == ("utm:source", "seen")
    table = open_rows(saved(tmp_path, "utm:source,utm:medium\nx:1,y:2\n"))
    assert table.headers == ("utm:source", "utm:medium")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16 (little-endian, without a byte order mark)"),
        ("utf-16-be", "UTF-16 (big-endian, without a byte order mark)"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252 (line 3 is not UTF-8"),
    ],
)
def test_the_encoding_is_found_and_told(tmp_path: Path, encoding: str, words: str) -> None:
    table = open_rows(
        saved(tmp_path, "email,name\na@x.example,Ann\nj@x.example,J\u00fcrgen Stra\u00df\n", encoding=encoding)
    )
    assert table.dialect.startswith(words)
    assert table.headers == ("email", "name")
    assert good(table)[1] == (3, ["j@x.example", "J\u00fcrgen Stra\u00df"])


def test_one_odd_byte_far_down_the_file_is_seen_before_a_row_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, b"email,name\n" + b"a@x.example,Ann\n" * 200_000 + b"j@x.example,J\xfcrgen\n")
    table = open_rows(path)
    assert "line 200002 is not UTF-8" in table.dialect
    with pytest.raises(RequestError, match="line 200002 is not utf-8, as the file is said to be"):
        open_rows(path, encoding="utf-8")


def test_text_in_another_alphabet_is_asked_about_rather_than_garbled(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        "email,\u0438\u043c\u044f\n"
        + "a@x.example,\u0410\u043d\u043d\u0430 \u041f\u0435\u0442\u0440\u043e\u0432\u0430\n" * 20,
        encoding="cp1251",
    )
    with pytest.raises(RequestError, match="neither UTF-8"):
        open_rows(path)
    assert open_rows(path, encoding="cp1251").headers[1] == "\u0438\u043c\u044f"


def test_quotes_hold_separators_quotes_and_lines_and_rows_keep_their_line(tmp_path: Path) -> None:
    content = 'a,b\r\n1,"two\r\nlines, ""quoted"""\r\n\r\n , \r\n3,4\r\n\x1a'
    assert good(open_rows(saved(tmp_path, content))) == [(2, ["1", 'two\r\nlines, "quoted"']), (6, ["3", "4"])]


def test_a_file_with_the_line_ends_of_an_old_mac_is_read(tmp_path: Path) -> None:
    assert good(open_rows(saved(tmp_path, "a,b\r1,2\r3,4\r"))) == [(2, ["1", "2"]), (3, ["3", "4"])]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;\r", '"sep=;"', "\ufeffsep=;"])
def test_the_line_with_which_excel_names_the_separator_is_obeyed(tmp_path: Path, first: str) -> None:
    table = open_rows(saved(tmp_path, f"{first}\na,x;b,y\n1;2\n"))
    assert (table.headers, table.header_line) == (("a,x", "b,y"), 2)
    assert good(table) == [(3, ["1", "2"])]


def test_titles_and_blank_lines_above_the_header_are_left_out_and_told(tmp_path: Path) -> None:
    table = open_rows(saved(tmp_path, "\n,,\nLeads of 2027,,\n\nemail,name,company\na@x.example,Ann,Acme\n"))
    assert table.headers == ("email", "name", "company")
    assert good(table) == [(6, ["a@x.example", "Ann", "Acme"])]
    assert "4 lines above the header left out" in table.dialect


def test_a_row_that_does_not_fit_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    table = open_rows(saved(tmp_path, "a,b,c\n1,2\n1,2,3\n1,2,3,4\n4,5,6,,\n"))
    assert good(table) == [(3, ["1", "2", "3"]), (5, ["4", "5", "6"])]
    assert refused(table) == [
        (2, "2 cells where the header has 3"),
        (4, "4 cells where the header has 3; a cell that holds the separator must stand in quotes"),
    ]


def test_a_quote_that_is_never_closed_costs_its_own_row_only(tmp_path: Path) -> None:
    table = open_rows(saved(tmp_path, 'a,b\n1,2\n3,"four\n5,6\n7,8\n'))
    assert [line for line, _ in good(table)] == [2, 4, 5]
    assert refused(table) == [(3, "a quote is opened and never closed")]


def test_a_stray_quote_that_another_row_closes_costs_only_the_rows_with_the_quotes(tmp_path: Path) -> None:
    table = open_rows(saved(tmp_path, 'a,b\n"1,2\n3,4\n5,6"\n7,8\n'))
    assert [line for line, _ in good(table)] == [3, 4, 5]
    assert refused(table)[0][0] == 2


def test_a_cell_without_end_neither_fills_memory_nor_takes_the_rest_along(tmp_path: Path) -> None:
    path = saved(tmp_path, 'a,b\n1,"open\n' + "3,4\n" * 120_000)
    table = open_rows(path)
    tracemalloc.start()
    lines = sum(1 for row in table.rows if not isinstance(row, Refused))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines == 120_000
    assert peak < 5_000_000


def test_text_after_a_closing_quote_is_refused_with_the_cure(tmp_path: Path) -> None:
    assert refused(open_rows(saved(tmp_path, 'a,b\n"x" y,2\n3,4\n'))) == [
        (2, "text follows a closing quote: a quote inside a quoted cell is written twice")
    ]


def test_stray_zero_bytes_do_not_stop_a_file(tmp_path: Path) -> None:
    assert good(open_rows(saved(tmp_path, "a,b\n1\x00,2\n" + "3,4\n" * 20)))[0] == (2, ["1\x00", "2"])


def test_two_columns_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r":1: columns 1 and 3 are both called 'email'"):
        open_rows(saved(tmp_path, "Email,name,email\nx,y,z\n"))


def test_a_file_can_be_read_twice(tmp_path: Path) -> None:
    table = open_rows(saved(tmp_path, NAMES + "a@x.example,Ann,Acme\n"))
    assert good(table) == good(table)


def test_a_file_of_headers_alone_has_no_rows(tmp_path: Path) -> None:
    assert good(open_rows(saved(tmp_path, "email"))) == []


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n\r\n", "is empty"),
        (zipped(), "Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "old Excel workbook"),
        (b"\x1f\x8b\x08\x00abc", "gzip"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"<html><table><tr><td>Email</td></tr></table>", "a web page"),
        (b'[{"email": "a@x.example"}]', "JSON"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "not a text file"),
        (b"email,name\n" + bytes(5000), "not a text file"),
        (b"email,name\n" + b"a" * 9_000_000, "no end within 8 MB"),
        (b"\xff\xfee\x00m\x00\x00\xd8,\x00", "not UTF-16"),
        (b",,,\n,,\n", "no line with column names"),
    ],
)
def test_what_is_no_csv_gets_one_clear_message(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        open_rows(saved(tmp_path, content))
    assert message in caught.value.what
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_a_missing_file_a_folder_and_a_wrong_name_for_an_encoding_are_told(tmp_path: Path) -> None:
    path = saved(tmp_path, NAMES)
    with pytest.raises(RequestError, match=r"Did you mean 'leads\.csv'"):
        open_rows(tmp_path / "lead.csv")
    with pytest.raises(RequestError, match="is a folder"):
        open_rows(tmp_path)
    for encoding in ("utf-9", "zip", "hex"):
        with pytest.raises(RequestError, match="No encoding is called"):
            open_rows(path, encoding=encoding)
    with pytest.raises(RequestError, match="cannot separate cells"):
        open_rows(path, delimiter="::")


plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12)
cells = st.one_of(plain, st.text(st.sampled_from('ab,;\t|"\n '), max_size=8)).map(str.strip)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(cells, cells, cells), max_size=8),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_wrote_is_read_as_it_was(
    tmp_path: Path, rows: list[tuple[str, str, str]], separator: str, encoding: str, quoting: int, ending: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=ending)  # type: ignore[arg-type]
    writer.writerows([("email", "name", "note"), *rows])
    table = open_rows(saved(tmp_path, text.getvalue(), encoding=encoding), delimiter=separator)
    kept = [list(row) for row in rows if any(row)]
    assert [cells for _, cells in good(table)] == kept
    assert not refused(table)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(st.sampled_from('ab,;"\n\r\x00\u00fc='), max_size=60).map(str.encode)
    )
)
def test_any_bytes_are_rows_or_one_clear_message(tmp_path: Path, content: bytes) -> None:
    try:
        table = open_rows(saved(tmp_path, content))
    except RequestError:
        return
    lines = [row.line if isinstance(row, Refused) else row[0] for row in table.rows]
    assert lines == sorted(set(lines))
    assert all(len(cells) == len(table.headers) for _, cells in good(table))


def test_every_real_file_at_hand_is_read_or_refused_with_a_reason() -> None:
    for path in (file for file in sorted(SHARED.rglob("*")) if file.suffix in {".csv", ".psv", ".ssv"}):
        if path.name in {"null.csv", "characters.csv"}:  # two columns of one name; Big5
            with pytest.raises(RequestError):
                open_rows(path)
            continue
        table = open_rows(path)
        assert all(isinstance(row, Refused) or len(row[1]) == len(table.headers) for row in table.rows)


def test_the_known_edge_cases_give_the_known_rows() -> None:
    for path in sorted((SHARED / "messy_csv" / "csv-spectrum").glob("*.csv")):
        expected = json.loads((path.parents[1] / "csv-spectrum-expected" / f"{path.stem}.json").read_text("utf-8"))
        if not isinstance(expected, list):
            continue  # it tells of another file
        table = open_rows(path)
        found = [dict(zip(table.headers, row, strict=True)) for _, row in good(table)]
        assert [{key: text.replace("\r\n", "\n") for key, text in row.items()} for row in found] == [
            {key: str(value).replace("\r\n", "\n") for key, value in row.items()} for row in expected
        ], path.name
