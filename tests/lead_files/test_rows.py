"""Rows of real files become values, or are refused with everything that is wrong with them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nurture.adapters.lead_files.binding import custom_name
from nurture.adapters.lead_files.maps import NO_MAP, ImportMap, load_map, read_map
from nurture.adapters.lead_files.rows import Rows, open_import, read_rows
from nurture.adapters.lead_files.table import open_rows
from nurture.domain.condition import parse
from nurture.domain.errors import RequestError
from nurture.domain.fact import FactName
from nurture.domain.row import GivenConsent, Refused, Row

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
BANK = """
templates: {email: "contact-{{ line }}@bank-{{ line }}.example"}
values:
  "*": {unknown: ""}
  x.pdays: {"999": ""}
ignore: [duration]
"""


def rows_of(folder: Path, content: str, import_map: ImportMap = NO_MAP, **options: Any) -> Rows:
    path = folder / "leads.csv"
    path.write_text(content, encoding="utf-8", newline="")
    return read_rows(open_rows(path, delimiter=import_map.delimiter), import_map, **options)


def only(rows: Rows) -> Row:
    (row,) = rows
    assert isinstance(row, Row), row
    return row


def reason(rows: Rows) -> str:
    (row,) = rows
    assert isinstance(row, Refused), row
    return row.reason


def test_headers_that_are_our_names_need_no_map(tmp_path: Path) -> None:
    row = only(
        rows_of(
            tmp_path,
            "E-Mail,FIRST NAME,last_name,Employees,Revenue,Country,Time Zone,Language,Status,Created At,"
            "x.program,No. of Plants\n"
            'Ann@Acme.Example, Ann ,Lee,"1,200",1.5M,Germany,europe/berlin,de_DE,Nurturing,2026-01-02,loyal,7\n',
        )
    )
    assert row == Row(
        line=2,
        values={
            "email": "ann@acme.example",
            "first_name": "Ann",
            "last_name": "Lee",
            "employees": 1200,
            "revenue": 1.5e6,
            "country": "DE",
            "timezone": "Europe/Berlin",
            "language": "de-DE",
            "status": "nurturing",
            "created_at": datetime(2026, 1, 2, tzinfo=UTC),
        },
        custom={"program": "loyal", "no_of_plants": "7"},
    )


def test_consent_opt_outs_facts_and_notes_come_along(tmp_path: Path) -> None:
    row = only(
        rows_of(
            tmp_path,
            "email,consent_basis,consent_at,consent_until,consent_source,consent_text,opted_out,do_not_call,notes,budget,timeline\n"
            'a@x.example,Opt-In,2026-01-02,2027-01-01,show,"Yes,\nwrite to me",yes,,"One\nTwo",50k,true\n',
        )
    )
    assert row.consent == GivenConsent(
        "opt_in", datetime(2026, 1, 2, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC), "show", "Yes,\nwrite to me"
    )
    assert (row.opted_out, row.do_not_call, row.notes) == (True, False, "One\nTwo")
    assert row.facts == {FactName.BUDGET: "50k"}  # "true" says that it is known, and not what


def test_what_is_blank_is_in_no_mapping(tmp_path: Path) -> None:
    assert only(rows_of(tmp_path, "email,title,employees,x.a\na@x.example,,n/a, \n")).values == {"email": "a@x.example"}


def test_a_formula_is_kept_as_the_text_it_is(tmp_path: Path) -> None:
    row = only(rows_of(tmp_path, "email,company,x.a\na@x.example,=1+1,@SUM(A1)\n"))
    assert (row.values["company"], row.custom["a"]) == ("=1+1", "@SUM(A1)")


def test_everything_wrong_with_a_row_is_told_by_its_columns(tmp_path: Path) -> None:
    assert reason(rows_of(tmp_path, "email,Country,stage,employees\nann,Grmany,near term!,lots\n")) == (
        "email 'ann': no @ in it; "
        "Country 'Grmany': not a country known by name or by ISO 3166 code; did you mean Germany?; "
        "stage 'near term!': not a stage; did you mean near_term?; "
        "employees 'lots': not a number of people, such as 250, 1,200 or 1,000-5,000"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("email,external_id,phone\n,,\nx,,\n", "no @"),
        ("external_id,title\nn/a,Boss\n", "nobody could be found"),
        ("email,consent_at\na@x.example,2026-01-01\n", "without its basis"),
        ("email,opted_out\na@x.example,perhaps\n", "not yes or no"),
        ("email,title\na@x.example," + "x" * 2001 + "\n", "title: 2,001 characters; at most 2,000"),
        ("email,notes\na@x.example," + "x" * 20_001 + "\n", "notes: 20,001 characters"),
        ("email,phone\na@x.example,call me\n", "not part of a phone number"),
        ("email,created_at\na@x.example,03/04/2027\n", "under dates: in a map"),
    ],
)
def test_a_row_is_refused_with_its_reason(tmp_path: Path, content: str, why: str) -> None:
    assert why in reason(rows_of(tmp_path, content))


def test_a_wish_to_be_left_alone_outlives_the_refusal_of_its_row(tmp_path: Path) -> None:
    one, two = rows_of(tmp_path, "email,country,opted_out\nA@x.example,Grmany,yes\nb@x.example,Grmany,no\n")
    assert isinstance(one, Refused)
    assert isinstance(two, Refused)
    assert (one.opted_out, one.identity) == (True, {"email": "a@x.example"})
    assert (two.opted_out, two.identity) == (False, {})


def test_an_external_id_or_a_phone_number_is_enough_to_be_somebody(tmp_path: Path) -> None:
    assert only(rows_of(tmp_path, "external_id\n00Q1\n")).values == {"external_id": "00Q1"}
    row = only(rows_of(tmp_path, "phone,country\n030 901820,DE\n"))
    assert row.values == {"phone": "+4930901820", "country": "DE"}


def test_what_the_program_computes_is_left_out_and_told(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "email,Score,fit,\na@x.example,99,50,\n")
    assert only(rows).values == {"email": "a@x.example"}
    assert rows.notes == (
        "column 'Score' is left out: score is computed here, from what happens",
        "column 'fit' is left out: fit is computed here, from what happens",
        "column 4 has no name in the header and is left out",
    )


def test_an_opt_out_under_another_name_is_pointed_at(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "email,Has Opted Out Of Email\na@x.example,TRUE\n")
    assert "looks like an opt-out" in rows.notes[0]


def test_two_columns_for_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    with pytest.raises(
        RequestError, match=r"columns 1 \('First Name'\) and 3 \('first_name'\) both would be first_name"
    ):
        rows_of(tmp_path, "First Name,email,first_name\n")
    with pytest.raises(RequestError, match=r"both would be x\.a_b"):
        rows_of(tmp_path, "email,A B,A-B\n")


def test_a_file_in_which_nobody_can_be_identified_is_told_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--map marketo"):
        rows_of(tmp_path, "Email Address,Unsubscribed\na@x.example,no\n")
    with pytest.raises(RequestError, match=r"columns: \{email: Mailadresse\}"):
        rows_of(tmp_path, "Mailadresse,Vorname\na@x.example,Ann\n")
    with pytest.raises(RequestError, match="begin with a line `email`"):
        rows_of(tmp_path, "a@x.example, b@x.example\n")


def test_a_map_renames_fills_replaces_and_reads_dates(tmp_path: Path) -> None:
    import_map = read_map(
        """
columns: {email: [Mail, Mail 2], last_name: Name, x.since: Kunde seit, created_at: Angelegt,
  opted_out: [Sperre, Widerruf]}
constants: {country: DE}
templates:
  external_id: "{{ nummer | upper }}/{{ line }}"
  company: "{% if row['Firma'] %}{{ row['Firma'].partition(' GmbH')[0] }}{% else %}privat{% endif %}"
values: {status: {Interessent: nurturing, Kunde: customer, "*": ""}, opted_out: {gesperrt: "yes"}}
dates: {created_at: "%d.%m.%Y", x.since: "%m/%Y"}
ignore: [Fax*]
delimiter: ";"
""",
        "de.yaml",
    )
    content = (
        "Mail;Mail 2;Name;Nummer;Firma;Status;Angelegt;Kunde seit;Sperre;Widerruf;Fax privat;Ort\n"
        ";B@x.example;Bo;k7;Acme GmbH;KUNDE;31.12.2026;03/2020;;gesperrt;123;Bonn\n"
        "a@x.example;;An;k8;;anders;;;;;;\n"
    )
    one, two = rows_of(tmp_path, content, import_map, source="list-7")
    assert one == Row(
        line=2,
        values={
            "email": "b@x.example",
            "last_name": "Bo",
            "external_id": "K7/2",
            "company": "Acme",
            "country": "DE",
            "status": "customer",
            "created_at": datetime(2026, 12, 31, tzinfo=UTC),
            "source": "list-7",
        },
        custom={"since": "2020-03-01", "nummer": "k7", "firma": "Acme GmbH", "ort": "Bonn"},
        opted_out=True,
    )
    assert isinstance(two, Row)
    assert two.values["company"] == "privat"
    assert "status" not in two.values


def test_a_map_that_wants_a_column_which_is_not_there_names_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no column 'Mail'.*Did you mean 'E-Mail'"):
        rows_of(tmp_path, "E-Mail,Name\n", read_map("columns: {email: Mail}", "m.yaml"))
    with pytest.raises(RequestError, match=r"template of email uses 'nam'.*Did you mean 'name'"):
        rows_of(tmp_path, "Name\n", read_map("templates: {email: '{{ nam }}@x.example'}", "m.yaml"))
    with pytest.raises(RequestError, match="template of email uses 'Nam'"):
        rows_of(tmp_path, "Name\n", read_map("templates: {email: \"{{ row['Nam'] }}@x.example\"}", "m.yaml"))


def test_a_template_that_fails_for_one_row_refuses_that_row_alone(tmp_path: Path) -> None:
    import_map = read_map("templates: {email: \"{{ name.split(' ')[1] }}@x.example\"}", "m.yaml")
    first, second = rows_of(tmp_path, "name\nAnn\nAnn Lee\n", import_map)
    assert isinstance(first, Refused)
    assert first.reason.startswith("the template of email fails here: ")
    assert isinstance(second, Row)
    assert second.values["email"] == "lee@x.example"


def test_text_of_a_cell_is_never_run_as_a_template(tmp_path: Path) -> None:
    import_map = read_map("templates: {title: '{{ name }}!'}", "m.yaml")
    assert only(rows_of(tmp_path, "email,name\na@x.example,{{ 7*7 }}\n", import_map)).values["title"] == "{{ 7*7 }}!"


SALESFORCE_REPORT = (
    '"Lead ID","First Name","Last Name","Title","Company / Account","Email","Phone","Lead Source","Lead Status",'
    '"No. of Employees","Annual Revenue","Country","Email Opt Out","Do Not Call","Create Date","Lead Owner"\n'
    '"00Q1","Ann","Lee","CIO","Acme","ann@acme.example","(415) 555-2671","Web","Open - Not Contacted",'
    '"1200","USD 1,500,000.00","United States","1","0","1/31/2026","Kim Rep"\n'
)
SALESFORCE_LOADER = (
    '"ID","FIRSTNAME","LASTNAME","EMAIL","MOBILEPHONE","COUNTRYCODE","HASOPTEDOUTOFEMAIL","DONOTCALL","NUMBEROFEMPLOYEES",'
    '"CREATEDDATE","ISCONVERTED","STATUS","LEADSOURCE"\n'
    '"00Q2","Bo","Ek","bo@acme.example","+46 8 123 456 78","SE","false","true","51",'
    '"2026-01-31T10:00:00.000Z","true","Closed","Web"\n'
)


def test_a_salesforce_report_and_a_data_loader_export_are_read(tmp_path: Path) -> None:
    salesforce = load_map("salesforce")
    ann = only(rows_of(tmp_path, SALESFORCE_REPORT, salesforce))
    assert ann.values == {
        "external_id": "00Q1",
        "first_name": "Ann",
        "last_name": "Lee",
        "title": "CIO",
        "company": "Acme",
        "email": "ann@acme.example",
        "phone": "+14155552671",
        "source": "Web",
        "employees": 1200,
        "revenue": 1.5e6,
        "country": "US",
        "created_at": datetime(2026, 1, 31, tzinfo=UTC),
        "owner": "Kim Rep",
    }
    assert (ann.opted_out, ann.do_not_call) == (True, False)
    assert ann.custom == {"salesforce_status": "Open - Not Contacted"}
    bo = only(rows_of(tmp_path, SALESFORCE_LOADER, salesforce))
    assert (bo.values["external_id"], bo.values["phone"], bo.values["status"]) == ("00Q2", "+46812345678", "accepted")
    assert (bo.opted_out, bo.do_not_call, bo.values["employees"]) == (False, True, 51)


def test_a_hubspot_export_is_read(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        "Record ID,First Name,Last Name,Email,Phone Number,Company Name,Job Title,Country/Region,Lifecycle Stage,"
        "Unsubscribed from all email,Create Date,Time Zone,Preferred language,"
        "Legal basis for processing contact's data\n"
        "101,Ann,Lee,ann@acme.example,,Acme,CIO,Germany,Customer,Yes,2026-01-31 10:00,us_slash_pacific,de,"
        "Freely given consent from contact\n"
        "102,Bo,Ek,bo@acme.example,,Acme,,Sweden,Lead,No,2026-01-31 10:00,,klingon,Not applicable\n",
        load_map("hubspot"),
    )
    ann, bo = rows
    assert isinstance(ann, Row)
    assert isinstance(bo, Row)
    assert (ann.values["external_id"], ann.values["status"], ann.values["language"]) == ("101", "customer", "de")
    assert (ann.opted_out, bo.opted_out) == (True, False)
    assert ann.custom == {"lifecycle_stage": "Customer", "hubspot_time_zone": "us_slash_pacific"}
    assert ann.consent == GivenConsent("opt_in")
    assert (bo.consent, "status" in bo.values, "language" in bo.values) == (None, False, False)


@pytest.mark.parametrize("column", ["Unsubscribed", "Marketing Suspended", "Black Listed"])
def test_any_of_marketos_three_ways_to_say_no_counts(tmp_path: Path, column: str) -> None:
    headers = ["Unsubscribed", "Marketing Suspended", "Black Listed"]
    said = ",".join("true" if header == column else "false" for header in headers)
    content = f"Marketo Person ID,Email Address,{','.join(headers)},Lead Score\n7,a@x.example,{said},12\n"
    row = only(rows_of(tmp_path, content, load_map("marketo")))
    assert row.opted_out
    assert row.custom == {"marketo_score": "12"}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("No. of Plants", "no_of_plants"),
        ("5 Year Plan", "n5_year_plan"),
        ("Class", "class_"),
        ("_id", "id"),
        ("Stra\u00dfe", "stra\u00dfe"),
        ("?", "n"),
    ],
)
def test_any_header_becomes_a_name(header: str, name: str) -> None:
    assert custom_name(header) == name


@given(st.text(min_size=1, max_size=30))
@example("\u17f0")  # a Khmer numeral: a letter to some, and no part of a name
@example("\u00b7")  # part of a name in Python, and of none here
def test_every_name_made_of_a_header_can_be_written_in_a_condition(header: str) -> None:
    name = custom_name(header)
    assert name.isidentifier()
    assert custom_name(name) == name
    parse(f"x.{name} == 'a'")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20), min_size=18, max_size=18)
)
def test_any_text_in_any_column_is_a_row_or_a_reason(tmp_path: Path, texts: list[str]) -> None:
    headers = (
        "email,phone,domain,employees,revenue,country,timezone,language,status,stage,created_at,consent_basis,"
        "consent_until,opted_out,notes,budget,owner,x.any"
    )
    cells = ",".join('"' + text.replace('"', '""') + '"' for text in texts)
    for row in rows_of(tmp_path, f"{headers}\n{cells}\n"):
        assert isinstance(row, Refused | Row)


def test_real_exports_of_three_systems_are_read_under_their_maps() -> None:
    expected = {
        "salesforce/sf_lead_data.csv": (1, 0),
        "salesforce/sf_contact_data.csv": (4, 0),
        "hubspot/contact_data.csv": (0, 22),  # their addresses are hashes
        "marketo/marketo_lead_data.csv": (100, 0),
    }
    for name, counts in expected.items():
        path = SHARED / "crm_exports" / name
        if path.is_file():
            rows = list(open_import(path, name.partition("/")[0], source="crm"))
            assert (sum(isinstance(row, Row) for row in rows), sum(isinstance(row, Refused) for row in rows)) == counts
            assert all("no @ in it" in row.reason for row in rows if isinstance(row, Refused))


BANK_SAMPLE = (
    '"age";"job";"marital";"duration";"pdays";"poutcome";"emp.var.rate";"y"\n'
    '30;"blue-collar";"unknown";487;999;"nonexistent";-1.8;"no"\n'
    '39;"unknown";"single";346;6;"failure";1.1;"yes"\n'
)


def test_contacts_without_an_address_get_one_of_their_own_through_a_map(tmp_path: Path) -> None:
    one, two = rows_of(tmp_path, BANK_SAMPLE, read_map(BANK, "bank.yaml"), source="bank")
    assert isinstance(one, Row)
    assert isinstance(two, Row)
    assert one.values == {"email": "contact-2@bank-2.example", "source": "bank"}
    assert one.custom == {
        "age": "30",
        "job": "blue-collar",
        "poutcome": "nonexistent",
        "emp_var_rate": "-1.8",
        "y": "no",
    }
    assert two.custom["pdays"] == "6"
    assert "job" not in two.custom


def test_all_real_bank_contacts_get_an_address_and_no_shared_company() -> None:
    path = SHARED / "bank" / "bank-additional.csv"
    if not path.is_file():
        return
    rows = [row for row in read_rows(open_rows(path), read_map(BANK, "bank.yaml")) if isinstance(row, Row)]
    assert len({row.values["email"].partition("@")[2] for row in rows}) == len(rows) == 4119
    assert not any("unknown" in row.custom.values() or "duration" in row.custom for row in rows)
