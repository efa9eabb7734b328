"""The commands that ask the graph print what the graph says, and say what to do when they cannot."""

import pytest

from service.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_query_of_the_readme_prints_a_table(capsys):
    code, out, _ = run(capsys, "query", "SELECT ?post WHERE { id:nasser-bourita marsad:heldPost ?post } ORDER BY ?post")
    assert code == 0
    assert out.splitlines()[0] == "post"
    assert out.splitlines()[2:] == [
        "https://marsad.example/id/post-minister-foreign-affairs-african-cooperation-moroccans-abroad",
        "https://marsad.example/id/post-secretary-general-ministry-foreign-affairs-morocco",
        "2 rows",
    ]


def test_a_broken_query_is_answered_with_its_place(capsys):
    code, out, err = run(capsys, "query", "SELECT * WHERE { ?s ?p ?o")
    assert (code, out) == (1, "")
    assert err == "marsad: line 1, column 16: this { is not closed\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }", "SERVICE would make a request"),
        ("INSERT DATA { <a:a> <a:b> <a:c> }", "this is an update"),
        ("no-such-file.rq", "neither a file nor a query"),
    ],
)
def test_what_is_refused_says_why(capsys, text, reason):
    code, out, err = run(capsys, "query", text)
    assert (code, out) == (1, "")
    assert reason in err


def test_show_prints_claims_in_words_with_their_passages(capsys):
    code, out, _ = run(capsys, "show", "nasser-bourita")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "Nasser Bourita (Person)"
    assert "Held the post of" in lines
    assert any("28 June 2021" in line and "says document 002" in line for line in lines)
    assert any(line.strip().startswith("d002.bourita-post.heldPost.") and " d002:" in line for line in lines)


def test_show_begins_with_what_differs_and_prints_passages_where_the_texts_are(capsys, tmp_path):
    code, out, _ = run(capsys, "show", "moroccan-autonomy-plan", "--documents", str(tmp_path))
    assert code == 0
    lines = [line for line in out.splitlines() if line and not line.startswith(" ")]
    assert lines[1] == "! Judgements of one thing in one respect that may not fit together"
    assert lines.index("Part of") < lines.index("Judgements")
    assert "“" not in out
    (tmp_path / "001_text.txt").write_text("Ruritania is calm. " * 3000, encoding="utf-8")
    shown = run(capsys, "show", "moroccan-autonomy-plan", "--documents", str(tmp_path))[1]
    assert "      “" in shown
    assert "Ruritania is calm." in shown


def test_counts_add_up_by_kind_and_by_firmness(capsys):
    code, out, _ = run(capsys, "counts")
    assert code == 0
    header, *rows = (line.split() for line in out.splitlines())
    assert header[:5] == ["document", "claims", "statement", "observation", "assessment"]
    assert [row[0] for row in rows] == ["d000", "d001", "d002", "d003", "d004", "all"]
    counts = [[int(cell) for cell in row[1:]] for row in rows]
    assert [sum(column) for column in zip(*counts[:-1], strict=True)] == counts[-1]
    assert all(row[0] == sum(row[1:4]) == sum(row[4:]) for row in counts)


def test_show_says_of_what_is_said_elsewhere_whose_claim_it_is(capsys):
    _, out, _ = run(capsys, "show", "nasser-bourita")
    assert (
        "  Rome ministerial meeting of the Global Coalition against Daesh (2021), says document 002" in out.splitlines()
    )


def test_show_of_an_unknown_name_offers_near_ones(capsys):
    code, _, err = run(capsys, "show", "nasser-bourrita")
    assert code == 1
    assert "did you mean nasser-bourita" in err


def test_search_finds_a_name_with_a_slip(capsys):
    code, out, _ = run(capsys, "search", "bourrita")
    assert code == 0
    assert out.startswith("nasser-bourita")


def test_every_command_has_help_and_examples_or_a_description(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    listed = capsys.readouterr().out
    for command in (
        "serve",
        "query",
        "show",
        "counts",
        "search",
        "load",
        "check",
        "verify",
        "coverage",
        "locate",
        "export",
    ):
        assert f"    {command}" in listed
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert len(capsys.readouterr().out.splitlines()) > 4
