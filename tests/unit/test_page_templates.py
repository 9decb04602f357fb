"""What templates read of documents of the API."""

from __future__ import annotations

from flask import Flask

from functions.api.pages import render


def test_a_document_is_read_by_its_names_and_none_of_them_hides_what_a_dict_can_do() -> None:
    app = Flask("templates")
    render.set_up(app)
    template = app.jinja_env.from_string(
        "{{ one.rows }} {{ one.items() | length }} {{ one.values() | list }} {{ one.no }}"
    )
    assert template.render(one={"rows": 1, "items": 2, "values": 3}) == "1 3 [1, 2, 3] "
