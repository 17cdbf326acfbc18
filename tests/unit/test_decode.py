"""Files as text: each key once, no deep nesting, no tags, and numbers only where they look like numbers."""

from typing import Any

import pytest

from awsroll.files.decode import Syntax, decode

TWICE = {
    "yaml": (Syntax.YAML, "asg: web\npoll: 1\nasg: api\n", "line 3 gives the key 'asg' again; line 1 has it already"),
    "yaml-inside": (
        Syntax.YAML,
        "waves:\n- fleets:\n  - {asg: web,\n     asg: api}\n",
        "line 4 gives the key 'asg' again",
    ),
    "yaml-quoted": (Syntax.YAML, "asg: web\n'asg': api\n", "line 2 gives the key 'asg' again"),
    "json": (Syntax.JSON, '{"asg": "web",\n "asg": "api"}', "line 2 gives the key 'asg' again; line 1 has it already"),
    "json-inside": (
        Syntax.JSON,
        '{"hooks": [{"name": "a"},\n{"name": "b", "name": "c"}]}',
        "line 2 gives the key 'name'",
    ),
    "json-escaped": (Syntax.JSON, '{"asg": 1, "\\u0061sg": 2}', "gives the key 'asg' again"),
    "toml": (Syntax.TOML, 'asg = "web"\nasg = "api"\n', "line 2"),
}


@pytest.mark.parametrize(("syntax", "text", "says"), TWICE.values(), ids=TWICE)
def test_a_key_that_is_given_twice_is_refused_with_its_line(syntax: Syntax, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode(text.encode(), syntax)


def test_the_same_key_in_different_mappings_is_no_repetition() -> None:
    text = '{"a": {"asg": "asg"}, "b": [{"asg": ":"}, {"asg": "{\\"asg\\": 1, \\"asg\\": 2}"}]}'

    assert decode(text.encode(), Syntax.JSON) == decode(text.encode(), Syntax.YAML)


DEEP = {
    "yaml-lists": (Syntax.YAML, "[" * 100_000),
    "yaml-mappings": (Syntax.YAML, "{a: " * 100_000),
    "yaml-dashes": (Syntax.YAML, "- " * 100_000),
    "json-lists": (Syntax.JSON, "[" * 100_000 + "]" * 100_000),
    "toml-keys": (Syntax.TOML, ".".join(["a"] * 20_000) + " = 1"),
    "toml-tables": (Syntax.TOML, "[" + " . ".join(['"a"'] * 20_000) + "]"),
    "json-not-that-deep": (Syntax.JSON, "[" * 50 + "]" * 50),
    "toml-lists": (Syntax.TOML, "a = " + "[" * 100_000),
}


@pytest.mark.parametrize(("syntax", "text"), DEEP.values(), ids=DEEP)
def test_deep_nesting_is_refused(syntax: Syntax, text: str) -> None:
    with pytest.raises(ValueError, match="nested more than 40 levels deep"):
        decode(text.encode(), syntax)


ALIASES = {
    "itself": "a: &a [*a]\n",
    "many": "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{one}: &{one} [{', '.join([f'*{before}'] * 10)}]\n" for before, one in zip("abcdef", "bcdefg", strict=True)
    ),
}


@pytest.mark.parametrize("text", ALIASES.values(), ids=ALIASES)
def test_aliases_that_multiply_a_file_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than 200000 values"):
        decode(text.encode(), Syntax.YAML)


def test_aliases_and_merged_keys_are_read() -> None:
    text = "base: &base {asg: web, poll: 1}\nother: {<<: *base, poll: 2}\nagain: *base\n"

    assert decode(text.encode(), Syntax.YAML) == {
        "base": {"asg": "web", "poll": 1},
        "other": {"asg": "web", "poll": 2},
        "again": {"asg": "web", "poll": 1},
    }


@pytest.mark.parametrize("text", ["a: !!python/object:os.system x", "a: !!binary aGk=", "a: !!int ''", "!!map {a: 1}"])
def test_tags_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has the tag"):
        decode(text.encode(), Syntax.YAML)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("off", False),
        ("null", None),
        ("", None),
        ("~", None),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-05-01", "2024-05-01"),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z"),
        ("25%", "25%"),
        ("'7'", "7"),
        ("=", "="),
    ],
)
def test_plain_text_in_yaml_is_a_number_only_in_decimal(text: str, value: Any) -> None:
    read = decode(f"a: {text}\n".encode(), Syntax.YAML)

    assert read == {"a": value}
    assert type(read["a"]) is type(value)


BROKEN = {
    "not-utf-8": (Syntax.YAML, b"asg: \xff"),
    "nan": (Syntax.JSON, b'{"poll": NaN}'),
    "digits": (Syntax.JSON, b'{"poll": ' + b"1" * 5000 + b"}"),
    "digits-in-yaml": (Syntax.YAML, b"poll: " + b"1" * 5000),
    "unhashable": (Syntax.YAML, b"? [a]\n: b\n"),
    "control": (Syntax.YAML, b"asg: \x01"),
}


@pytest.mark.parametrize(("syntax", "data"), BROKEN.values(), ids=BROKEN)
def test_a_broken_text_is_a_value_error(syntax: Syntax, data: bytes) -> None:
    with pytest.raises(ValueError):
        decode(data, syntax)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert decode(b"\xef\xbb\xbf" + b'{"asg": "web"}', Syntax.JSON) == {"asg": "web"}
