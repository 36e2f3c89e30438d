"""Tables line up, with numbers to the right."""

from ilprouter.cli.options import print_json, print_table


def test_columns_are_as_wide_as_their_widest_cell(capsys):
    print_table(("NAME", "N"), [("a", 5), ("longer", 10), ("", -1)])
    assert capsys.readouterr().out.splitlines() == [
        "NAME     N",
        "a        5",
        "longer  10",
        "        -1",
    ]


def test_a_table_without_rows_is_its_header(capsys):
    print_table(("NAME", "N"), [])
    assert capsys.readouterr().out == "NAME  N\n"


def test_json_keeps_letters_and_ends_its_line(capsys):
    print_json({"name": "\u20ac"})
    assert capsys.readouterr().out == '{\n  "name": "\u20ac"\n}\n'
