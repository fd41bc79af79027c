"""Templates yield JSON whatever is put into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.render.sources import Source
from hub.sdk.render.templates import JsonTemplates, RenderFailed


def templates(text, functions=None, **others):
    sources = {name: Source(f"{name}.j2", each) for name, each in {"t": text, **others}.items()}
    return JsonTemplates(sources, functions or {})


def rendered(text, **values):
    return templates(text).render("t", **values)


def test_a_value_is_put_in_as_json():
    got = rendered(
        '{"a": {{ a }}, "b": {{ b }}, "c": [{{ c }}]}', a='quote " and \\', b=[1, None], c={"k": True}
    )

    assert got == {"a": 'quote " and \\', "b": [1, None], "c": [{"k": True}]}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_no_text_can_leave_its_string(text):
    assert rendered('{"a": {{ a }}, "b": [{{ "x" ~ a }}, {{ a | upper }}]}', a=text) == {
        "a": text,
        "b": ["x" + text, text.upper()],
    }


def test_a_comma_before_a_closing_bracket_is_no_mistake():
    assert rendered('{"a": [{% for n in range(3) %}{{ n }}, {% endfor %}], "b": ", ]",\n}') == {
        "a": [0, 1, 2],
        "b": ", ]",
    }


def test_text_is_not_escaped_as_html():
    assert rendered("{{ a }}", a="<b> & 'q'") == "<b> & 'q'"


def test_functions_can_be_called_and_others_included():
    own = templates('[{{ double(2) }}, {% include "_part" %}]', {"double": lambda n: 2 * n}, _part='"p"')

    assert own.render("t") == [4, "p"]


def test_an_override_can_extend_what_it_replaces():
    sources = {"t": Source("t.j2", '["a"{% block more %}{% endblock %}]')}
    override = {"t": Source("mine.j2", '{% extends "built-in/t.j2" %}{% block more %}, "b"{% endblock %}')}

    assert JsonTemplates(sources, {}, override).render("t") == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n"a": {{ nothing }}}', "t.j2 line 2: 'nothing' is undefined"),
        ('{"a": {{ a.nothing }}}', "t.j2 line 1: 'dict object' has no attribute 'nothing'"),
        ('{"a": [{{ [nothing] }}]}', "t.j2 line 1: 'nothing' is undefined"),
        ('{"a": \n{{ 1 / 0 }}}', "t.j2 line 2: division by zero"),
        ('{"a": {{ "a" | nofilter }}}', "t.j2 line 1: No filter named 'nofilter'"),
        ("{% if %}", "t.j2 line 1: Expected an expression"),
        ("{{ range }}", "t.j2 line 1: a function cannot be put in"),
        ("{{ range(10**9) }}", "t.j2 line 1: "),
        ('{"a": "{{ a }}"}', "t.j2: what it yields is not JSON"),
        ("", "t.j2: what it yields is not JSON"),
        ('{% include "gone" %}', "gone"),
        ("{{ a | safe }}", "No filter named 'safe'"),
        ("{{ ().__class__.__bases__ }}", "t.j2 line 1: "),
        ("{{ a.update(x=1) }}", "t.j2 line 1: "),
        ("{{ '{0.__class__}'.format(a) }}", "t.j2 line 1: "),
        ("{{ 'x' * 2000000 }}", "t.j2 line 1: this product has more than 1048576 characters"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_mistake_names_file_line_and_reason(text, words):
    with pytest.raises(RenderFailed) as failed:
        rendered(text, a={"k": 1})

    assert words in str(failed.value)
    assert str(failed.value).isprintable()


@pytest.mark.parametrize(
    "product", ['"a" * 1000000000', "[1] * 99999999", "9 ** 9 ** 9", "2 * 10**400", "1e300 * 9"]
)
def test_a_product_that_would_fill_the_memory_is_a_mistake(product):
    with pytest.raises(RenderFailed, match=r"line 1: .*(product|numbers)"):
        rendered("{{ " + product + " }}")


def test_products_of_a_usual_size_are_fine():
    assert rendered('[{{ 3 * 4 }}, {{ "ab" * 2 }}, {{ 2 * [1] }}]') == [12, "abab", [1, 1]]


def test_output_without_an_end_is_cut_off():
    text = "{% for a in range(99999) %}{% for b in range(99999) %}{{ b }},{% endfor %}{% endfor %}"

    with pytest.raises(RenderFailed, match="yields more than"):
        rendered(f"[{text}]")


def test_numbers_that_json_does_not_know_are_a_mistake():
    with pytest.raises(RenderFailed, match="JSON compliant"):
        rendered("{{ a }}", a=float("nan"))


def test_half_a_character_is_a_mistake():
    with pytest.raises(RenderFailed, match="surrogate"):
        rendered('"\\ud83d"')


def test_a_number_of_any_size_can_be_put_in():
    assert rendered("{{ a }}", a=10**30) == pytest.approx(1e30)
