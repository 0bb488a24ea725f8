"""What is read from files and again when they change: secrets and receivers."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.errors import ConfigurationError
from bridge.settings import Receivers, Secret, Tenant, load_settings, settings_file
from bridge.settings.files import FileContent
from bridge.settings.her_ids import parse_her_ids


def replace(file: Path, text: str) -> None:
    """A new file in the old one's place, as Kubernetes and careful editors do."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "her-ids"


def mistakes(read: FileContent[frozenset[int]] | Receivers) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        _ = read.get() if isinstance(read, FileContent) else read.current()
    return caught.value.mistakes


def problems(read: FileContent[frozenset[int]] | Receivers) -> list[str]:
    if isinstance(read, Receivers):
        return list(read.problems)
    return [] if read.problem is None else [read.problem]


@pytest.mark.parametrize(
    ("text", "her_ids"),
    [
        ("6789\n", {6789}),
        ("6789\n9876\n6789", {6789, 9876}),
        ("# ours\n\n6789 # the office\n  9876\t\n", {6789, 9876}),
        ("6789\r\n9876\r\n", {6789, 9876}),
        ("2147483647", {2147483647}),
    ],
)
def test_a_file_names_one_her_id_a_line_with_comments(text: str, her_ids: set[int]) -> None:
    assert parse_her_ids(text) == her_ids


@pytest.mark.parametrize("line", ["12x", "0", "-1", "2147483648", "0123", "1.5", "1,2", "1 2", "1e3", "١٢"])
def test_a_wrong_line_is_told_with_its_number(line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_her_ids(f"6789\n# comment\n{line}\n")
    assert caught.value.mistakes == (
        f"line 3: `{line}` is not a HER-id (whole numbers from 1 to 2147483647, one a line).",
    )


def test_of_many_wrong_lines_a_few_are_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_her_ids("x\n" * 1000)
    assert len(caught.value.mistakes) == 6
    assert caught.value.mistakes[-1] == "995 more lines are wrong."


@pytest.mark.parametrize("text", ["", "\n\n", "# none yet\n"])
def test_a_file_without_her_ids_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"^names no HER-id$"):
        parse_her_ids(text)


def test_a_file_with_more_her_ids_than_a_bridge_serves_is_wrong() -> None:
    assert len(parse_her_ids("\n".join(map(str, range(1, 45_001))))) == 45_000
    with pytest.raises(ValueError, match=r"^names 45001 HER-ids, but a bridge serves at most 45000$"):
        parse_her_ids("\n".join(map(str, range(1, 45_002))))


def test_a_person_number_in_the_wrong_file_is_not_quoted() -> None:
    with pytest.raises(ConfigurationError, match=r"line 1: `\[redacted\]` is not a HER-id"):
        parse_her_ids("01019012345")


def test_a_file_is_read_again_when_it_changed_and_only_then(file: Path) -> None:
    parsed: list[str] = []

    def parse(text: str) -> str:
        parsed.append(text)
        return text.upper()

    content = FileContent(file, parse)
    file.write_text("a")
    assert [content.get(), content.get()] == ["A", "A"]
    replace(file, "b")
    assert [content.get(), content.get()] == ["B", "B"]
    file.write_text("longer")
    assert content.get() == "LONGER"
    file.write_text("as_big")
    os.utime(file, ns=(0, 1))
    assert content.get() == "AS_BIG"
    assert parsed == ["a", "b", "longer", "as_big"]


def test_a_file_that_turns_bad_keeps_its_last_good_content_and_says_so_once(file: Path) -> None:
    content = FileContent(file, parse_her_ids)
    file.write_text("6789\n")
    assert content.get() == {6789}
    assert problems(content) == []
    replace(file, "")
    with capture_logs() as logs:
        assert [content.get(), content.get()] == [{6789}, {6789}]
    sentence = f"{file} names no HER-id."
    assert problems(content) == [sentence]
    assert logs == [{"event": "settings.file_not_usable", "log_level": "warning", "reason": sentence}]
    file.unlink()
    assert content.get() == {6789}
    assert problems(content) == [f"{file} cannot be read (No such file or directory)."]
    replace(file, "9876\n")
    assert content.get() == {9876}
    assert problems(content) == []


def test_a_file_that_turns_good_again_without_a_change_is_good(file: Path) -> None:
    content = FileContent(file, parse_her_ids)
    file.write_text("6789\n")
    content.get()
    aside = file.rename(file.with_suffix(".aside"))
    content.get()
    aside.rename(file)
    assert content.get() == {6789}
    assert problems(content) == []


def test_a_file_that_has_never_been_good_is_an_error_each_time(file: Path) -> None:
    content = FileContent(file, parse_her_ids)
    assert mistakes(content) == (f"{file} cannot be read (No such file or directory).",)
    file.write_bytes(b"\xff\xfe")
    assert mistakes(content) == (f"{file} is not UTF-8 text.",)
    file.write_text("x\ny\n")
    assert mistakes(content) == (
        f"{file}, line 1: `x` is not a HER-id (whole numbers from 1 to 2147483647, one a line).",
        f"{file}, line 2: `y` is not a HER-id (whole numbers from 1 to 2147483647, one a line).",
    )
    file.write_bytes(b"1\n" * 2_097_153)
    assert mistakes(content) == (f"{file} is over 4194304 bytes.",)


def test_a_byte_order_mark_is_no_part_of_the_text(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf6789\r\n")
    assert FileContent(file, parse_her_ids).get() == {6789}


def test_secrets_from_files_follow_their_files(tmp_path: Path) -> None:
    texts = {
        "key": '{"kty":"EC","d":"1"}',
        "urls": "amqp://a:1@one/",
        "management": "http://a:1@one:15672/",
        "store": "sqlite:///1.db",
    }
    files = {name: tmp_path / name for name in texts}
    for name, text in texts.items():
        files[name].write_text(text + "\n")
    settings = load_settings(
        {
            "BRIDGE_NHN__ENABLED": "off",
            "BRIDGE_NHN__AUTH__PRIVATE_KEY_FILE": str(files["key"]),
            "BRIDGE_BROKER__URLS_FILE": str(files["urls"]),
            "BRIDGE_BROKER__MANAGEMENT_URL_FILE": str(files["management"]),
            "BRIDGE_STORE__URL_FILE": str(files["store"]),
        }
    )
    key, urls = settings.nhn.auth.key, settings.broker.url_source
    management, store = settings.broker.management, settings.store.url_source
    assert key is not None
    assert management is not None
    assert (key.get(), urls.get()) == ('{"kty":"EC","d":"1"}', ("amqp://a:1@one/",))
    assert (management.get(), store.get()) == ("http://a:1@one:15672", "sqlite:///1.db")
    replace(files["key"], '{"kty":"EC","d":"2"}')
    replace(files["urls"], "# new\namqp://a:2@one/\namqp://a:2@two/, amqp://a:2@three/\n")
    replace(files["management"], "http://a:2@one:15672")
    assert (key.get(), management.get()) == ('{"kty":"EC","d":"2"}', "http://a:2@one:15672")
    assert urls.get() == ("amqp://a:2@one/", "amqp://a:2@two/", "amqp://a:2@three/")


def test_urls_in_a_file_may_be_json(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text('["amqp://a:x,y@one/",\n "amqp://two/"]\n')
    settings = load_settings({"BRIDGE_BROKER__URLS_FILE": str(file)})
    assert settings.broker.url_source.get() == ("amqp://a:x,y@one/", "amqp://two/")


def test_a_pem_with_its_line_ends_written_out_is_a_pem() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n"
    key = load_settings({"BRIDGE_NHN__AUTH__PRIVATE_KEY": pem, "BRIDGE_NHN__ENABLED": "off"}).nhn.auth.key
    assert key is not None
    assert key.get() == "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"


def test_a_secret_is_never_shown() -> None:
    assert [f"{Secret.given('hunter2')}", repr(Secret.given("hunter2"))] == ["Secret(…)", "Secret(…)"]


def tenants(file: Path) -> tuple[Tenant, Tenant]:
    return (Tenant(name="a", her_ids=frozenset({1, 2})), Tenant(name="b", her_ids_file=file))


def test_receivers_follow_their_files(file: Path) -> None:
    file.write_text("3\n")
    receivers = Receivers(tenants(file))
    assert receivers.current() == {"a": {1, 2}, "b": {3}}
    replace(file, "3\n4\n")
    assert receivers.current() == {"a": {1, 2}, "b": {3, 4}}
    assert problems(receivers) == []


def test_an_empty_file_leaves_the_last_good_receivers(file: Path) -> None:
    file.write_text("3\n")
    receivers = Receivers(tenants(file))
    receivers.current()
    replace(file, "")
    assert receivers.current() == {"a": {1, 2}, "b": {3}}
    assert problems(receivers) == [f"{file} names no HER-id."]


def test_a_receiver_that_turns_up_in_two_tenants_leaves_the_last_good_receivers(file: Path) -> None:
    file.write_text("3\n")
    receivers = Receivers(tenants(file))
    receivers.current()
    replace(file, "3\n2\n4\n")
    sentence = "HER-id 2 is in the tenants a and b: keep it in one."
    with capture_logs() as logs:
        assert [receivers.current(), receivers.current()] == [{"a": {1, 2}, "b": {3}}] * 2
    assert problems(receivers) == [sentence]
    assert logs == [{"event": "settings.receivers_not_usable", "log_level": "warning", "reason": sentence}]
    replace(file, "4\n")
    assert receivers.current() == {"a": {1, 2}, "b": {4}}
    assert problems(receivers) == []


def test_receivers_that_have_never_been_good_are_an_error_with_all_mistakes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    receivers = Receivers([Tenant(name="a", her_ids_file=one), Tenant(name="b", her_ids_file=two)])
    two.write_text("x\n")
    assert mistakes(receivers) == (
        f"{one} cannot be read (No such file or directory).",
        f"{two}, line 1: `x` is not a HER-id (whole numbers from 1 to 2147483647, one a line).",
    )
    one.write_text("1\n")
    replace(two, "1\n")
    assert mistakes(receivers) == ("HER-id 1 is in the tenants a and b: keep it in one.",)
    replace(two, "2\n")
    assert receivers.current() == {"a": {1}, "b": {2}}


class TestTenantsOfTheSettingsFile:
    """While the bridge runs they are those that the file names now."""

    @pytest.fixture
    def yaml(self, tmp_path: Path) -> Path:
        file = tmp_path / "bridge.yaml"
        file.write_text(tenants_yaml(a=[1, 2]))
        return file

    @pytest.fixture
    def receivers(self, yaml: Path) -> Receivers:
        given = {"BRIDGE_CONFIG_FILE": str(yaml)}
        return Receivers(load_settings(given).nhn.all_tenants, settings_file(given))

    def test_come_and_go_with_it(self, receivers: Receivers, yaml: Path) -> None:
        assert receivers.current() == {"a": {1, 2}}
        replace(yaml, tenants_yaml(a=[1], b=[3]))
        assert receivers.current() == {"a": {1}, "b": {3}}
        assert [tenant.name for tenant in receivers.tenants] == ["a", "b"]
        replace(yaml, tenants_yaml(b=[3]))
        assert receivers.current() == {"b": {3}}
        assert problems(receivers) == []

    def test_stay_where_it_is_not_right_any_more(self, receivers: Receivers, yaml: Path) -> None:
        receivers.current()
        replace(yaml, tenants_yaml(a=[1], b=[1]))
        assert receivers.current() == {"a": {1, 2}}
        assert [tenant.name for tenant in receivers.tenants] == ["a"]
        (problem,) = problems(receivers)
        assert problem == f"{yaml}, nhn.tenants (line 3 of {yaml}): HER-id 1 is in the tenants a and b: keep it in one."
        replace(yaml, "nhn: {}\n")
        assert receivers.current() == {"a": {1, 2}}
        yaml.unlink()
        assert receivers.current() == {"a": {1, 2}}
        assert problems(receivers) == [f"{yaml} cannot be read (No such file or directory)."]

    def test_stay_where_the_source_would_be_off_which_takes_a_new_start(self, receivers: Receivers, yaml: Path) -> None:
        receivers.current()
        replace(yaml, "nhn: {enabled: off}\n")
        assert receivers.current() == {"a": {1, 2}}

    def test_that_are_new_have_their_own_file_read_and_followed(
        self, receivers: Receivers, yaml: Path, file: Path
    ) -> None:
        receivers.current()
        file.write_text("7\n")
        replace(yaml, tenants_yaml(a=[1], b=str(file)))
        assert receivers.current() == {"a": {1}, "b": {7}}
        replace(file, "7\n8\n")
        assert receivers.current() == {"a": {1}, "b": {7, 8}}

    def test_nothing_else_of_the_file_is_taken(self, yaml: Path) -> None:
        given = {"BRIDGE_CONFIG_FILE": str(yaml), "BRIDGE_NHN__TENANTS": '[{"name": "a", "her_ids": 9}]'}
        receivers = Receivers(load_settings(given).nhn.all_tenants, settings_file(given))
        replace(yaml, tenants_yaml(b=[3]))
        assert receivers.current() == {"a": {9}}, "the environment wins"


def tenants_yaml(**tenants: list[int] | str) -> str:
    lines = ["nhn:", "  source_system: tests", "  tenants:"]
    for name, given in tenants.items():
        lines.append(f"    - name: {name}")
        lines.append(f"      her_ids_file: {given}" if isinstance(given, str) else f"      her_ids: {given}")
    return "\n".join([*lines, "  auth: {method: none}", "  base_url: http://127.0.0.1:8085", ""])
