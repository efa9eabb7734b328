"""The table of formats agrees with itself and with the engine."""

from service.rdf.formats import RDF_FORMATS, RESULTS_FORMATS, TURTLE, by_name


def test_names_suffixes_and_media_types_are_unique_within_a_table() -> None:
    for table in (RDF_FORMATS, RESULTS_FORMATS):
        for column in ("name", "suffix", "media_type", "label"):
            values = [getattr(row, column) for row in table]
            assert len(set(values)) == len(values)


def test_the_engine_calls_the_formats_the_same() -> None:
    for row in RDF_FORMATS:
        assert row.media_type == row.ox_format.media_type
        assert row.suffix == row.ox_format.file_extension
        assert row.carries_graphs == row.ox_format.supports_datasets
    for results in RESULTS_FORMATS:
        assert results.content_type == results.ox_format.media_type
        assert results.suffix == results.ox_format.file_extension


def test_a_format_is_found_by_name_suffix_and_media_type() -> None:
    for word in ("turtle", "ttl", ".ttl", "text/turtle", "application/x-turtle", "TTL"):
        assert by_name(RDF_FORMATS, word) is TURTLE
    assert by_name(RDF_FORMATS, "n3") is None
    assert TURTLE.content_type == "text/turtle; charset=utf-8"
