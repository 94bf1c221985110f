"""Pages and code agree in both directions: links, commands, options, metrics, alerts, files.

A page is a Markdown file that git knows, except fixtures. Generated pages name everything by construction. So
where documentation must be written by hand, their content does not count.
"""

import re
import shlex
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import click
import pytest
import yaml
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from cc_bridge.calls.tracker import Tracker
from cc_bridge.cli import main
from cc_bridge.config import ENV_PREFIX, Config
from cc_bridge.config.queues import QueueConfig
from cc_bridge.config.users import UserConfig
from cc_bridge.config.webhooks import WebhookConfig
from cc_bridge.metrics.families import FAMILIES
from cc_bridge.metrics.record_metrics import RecordMetrics
from support import parts
from support.cli_reference import commands
from support.options_reference import options
from support.paths import ROOT
from unit.metrics.test_record_metrics import Agi, Digests, Forwarder, Link, Store, Webhooks


def _tracked():
    """Return the paths of all files that git knows, or, without git, of all files outside dot-folders."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    names = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [str(name) for name in names if not name.parts[0].startswith(".") or name.parts[0] == ".github"]


TRACKED = _tracked()
FOLDERS = {str(parent) for name in TRACKED for parent in Path(name).parents}
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in TRACKED
    if name.endswith(".md") and not name.startswith("tests/fixtures/")
}
GENERATED = {f"config/docs/{name}.md" for name in ("cli", "kpis", "metrics", "options", "schema")}
WRITTEN = {name: text for name, text in PAGES.items() if name not in GENERATED}
README = PAGES["README.md"]
ALERTS = re.findall(r"- alert: (\w+)", (ROOT / "config/prometheus/alert_rules.yml").read_text())
RECORDS = set(re.findall(r"- record: (\S+)", (ROOT / "config/prometheus/recording_rules.yml").read_text()))
DIALPLANS = "\n".join(path.read_text() for path in (ROOT / "dialplans").rglob("*.conf"))
# All files that are no pages. A variable or name exists if one of them uses it.
CODE = "\n".join(
    (ROOT / name).read_text(encoding="utf-8", errors="replace")
    for name in TRACKED
    if name.endswith((".py", ".yaml", ".yml", ".toml", ".conf", ".service", ".sh", "Dockerfile", "/run"))
    and name != "tests/unit/test_pages.py"
)

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
# `cc-bridge` at the place of a command in a shell, and the words up to the command's end.
_COMMAND = re.compile(
    r"(?:^|&&|\|\||[;|(])[ \t]*(?:runuser -u \S+ -- |sudo (?:-u \S+ )?)?(?:\w+=\S+ )*"
    r"(?:exec cc-bridge |\S*/)?cc-bridge(?: ([^;|&)#\n]*))?(?=$|[;|&)#\n])",
    re.MULTILINE,
)
_EXEC = re.compile(r"exec cc-bridge (cc-bridge[^\n`]*)")  # in a container named cc-bridge


def blocks(text, *languages):
    """Return the code blocks in one of `languages`. A block without a language has the language ""."""
    return [block for _, language, block in _FENCE.findall(text) if language in languages]


def spans(text):
    """Return the code spans in the prose of a page."""
    return _SPAN.findall(_FENCE.sub("", text))


def anchors(text):
    """Return GitHub's anchors of the headings of a page."""
    seen, found = Counter(), set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", _FENCE.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def broken_links(page, text):
    """Return the links of a page whose target does not exist."""
    broken = []
    for target in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"(https|mailto):", target):
            continue
        path, _, anchor = target.partition("#")
        file = str((ROOT / page).parent.joinpath(path).resolve().relative_to(ROOT)) if path else page
        there = file in TRACKED or (file in FOLDERS and not anchor)
        if not there or (anchor and anchor not in anchors(PAGES.get(file, ""))):
            broken.append(target)
    return broken


def named_commands(text):
    """Return, for each command on a page, the words after `cc-bridge`."""
    shell = "\n".join(blocks(text, "sh", "bash", "", "text")).replace("\\\n", " ")
    found = [words for code in [shell, *spans(text)] for words in _COMMAND.findall(code)]
    inside = [words for code in [shell, *spans(text)] for words in _EXEC.findall(code)]
    return found + [words.removeprefix("cc-bridge").strip() for words in inside]


def documents(text, words):
    """Return whether a page names a command: in full, or alone next to another command of its group."""
    named = named_commands(text)
    group, _, command = words.rpartition(" ")
    beside = group and command in spans(text) and any(each.startswith(f"{group} ") for each in named)
    return beside or any(f"{each} ".startswith(f"{words} ") for each in named)


def faults_of_command(words):
    """Return the unknown commands and options in the words after `cc-bridge`."""
    try:
        tokens = shlex.split(words)
    except ValueError:
        return [words]
    command = main
    while tokens and isinstance(command, click.Group) and not tokens[0].startswith("-"):
        if tokens[0] not in command.commands:
            return [words]
        command = command.commands[tokens.pop(0)]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    given = {token.partition("=")[0] for token in tokens if re.match(r"--?[a-z]", token)}
    return sorted(given - known - {"-h", "--help"})


def exported():
    """Return the names of all metrics in Prometheus."""
    metrics = RecordMetrics(CollectorRegistry(), "pbx", [])
    metrics.watch(Tracker("pbx"), Link(), Store(), Agi(), Forwarder(), Webhooks(), Digests())
    suffix = {"counter": "_total", "info": "_info"}
    return {family.name + suffix.get(family.type, "") for family in metrics.registry.collect()}


# Metrics of agents exist only if they are configured.
METRICS = exported() | {family.exposed_name for families in FAMILIES.values() for family in families}
# Names with the prefix of the metrics that are no metrics.
NO_METRICS = {
    "cc_bridge_callback",  # a user of the manager interface
    "cc_bridge_reader",  # a user of the database
    "cc_bridge_runbook",  # a label of Prometheus with the runbook's address
}


def unknown_metrics(text):
    """Return the names on a page that look like a metric or a recorded series but do not exist."""
    code = [*spans(text), *blocks(text, "promql", "sql", "sh", "")]
    unknown = set()
    for each in code:
        for name in re.findall(r"[\w:]*(?<![\w/])(?:\w+:)?cc_bridge_\w+(?:\.conf|\.toml)?(?::\w+)?", each):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            known = base in METRICS or name in RECORDS | NO_METRICS or name.endswith((".conf", ".toml"))
            prefix = any(record.startswith(name) for record in RECORDS) and ":" in name
            if not known and not prefix:
                unknown.add(name)
    return unknown


OPTIONS = {f"{section}.{key}" for section, key, _ in options()}
OPTIONS |= {
    f"queues.{name}.{key}" for name in ("<name>", "QUEUE", "NAME") for key in QueueConfig.model_fields
}
CHECKS = set(
    re.findall(
        r'"([a-z]+\.[a-z_A-Z]+)"', "".join(map(Path.read_text, (ROOT / "cc_bridge/doctor").glob("*.py")))
    )
)
SECTIONS = set(Config.model_fields)


def unknown_options(text):
    """Return the options and sections on a page that the configuration does not have."""
    unknown = set()
    for span in spans(text):
        if (option := re.match(r"([a-z_]+)\.([a-z_.<>A-Z*]+?)(?: = .*)?$", span)) and option[1] in SECTIONS:
            file = option[2] in {"py", "toml", "md", "conf", "json"}
            everything = option[2].endswith("*")
            if not file and not everything and f"{option[1]}.{option[2]}" not in OPTIONS | CHECKS:
                unknown.add(span)
        if section := re.match(r"\[{1,2}([a-z_]+)(?:\.[\w<>]+)?\]{1,2}(?: (.*))?$", span):
            if section[1] not in SECTIONS | {"globals"}:
                unknown.add(span)
            key = (section[2] or "").partition(" = ")[0]
            if key and section[1] in SECTIONS and f"{section[1]}.{key}" not in OPTIONS:
                unknown.add(span)
    return unknown


def unknown_in_toml(block):
    """Return the keys of a TOML block that the configuration does not have; for a survey's block none."""
    content = tomllib.loads(block)
    if not content.keys() & SECTIONS:
        return set()
    unknown = content.keys() - SECTIONS
    for section, values in content.items():
        if section == "queues":
            tables, model = values.values(), QueueConfig
        elif section == "webhooks":
            tables, model = values, WebhookConfig
        elif section == "users":
            tables, model = values.values(), UserConfig
        elif section in SECTIONS:
            tables, model = [values], type(Config.model_fields[section].default)
        else:
            continue
        assert issubclass(model, BaseModel)
        unknown |= {
            f"{section}.{key}" for table in tables for key in table.keys() - model.model_fields.keys()
        }
    return unknown


VARIABLES = {f"{ENV_PREFIX}{section}__{key}".upper() for section, key, _ in options()}


def unknown_variables(text):
    """Return the environment and channel variables on a page that no code reads or sets."""
    named = set(re.findall(r"\bCC_BRIDGE_\w*[A-Z]\b|\bCCB_[A-Z0-9_]*[A-Z0-9]\b", text))
    return {name for name in named - VARIABLES if not re.search(rf"\b{name}\b", CODE)}


# Files of other programs, of an installation and of examples.
ELSEWHERE = {
    "asterisk.conf", "extensions.conf", "features.conf", "manager.conf", "manager_custom.conf",
    "manager_cc_bridge.conf",
    "modules.conf", "queues.conf", "globals_custom.conf", "erasures.log", "journal.sqlite",
    "cc-bridge.sqlite", "dialparties.agi", "func_config.so", "solved.toml",
}  # fmt: skip
_SUFFIXES = "py|md|toml|conf|yml|yaml|json|sql|sh|service|lock|png|j2|css|js|ami|gz|wav|txt|html|so|agi|log"
_FILE = re.compile(rf"(?:[\w.-]+/)*[\w-]+(?:\.[\w-]+)*\.(?:{_SUFFIXES})")
_TOP = {name.split("/")[0] for name in TRACKED if "/" in name} - {"."}


# Files that administrators make, and the folder of the wheel that holds config/ and dialplans/.
IGNORED = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()} | {"cc_bridge/share"}


def missing_files(page, text):
    """Return the files and folders of this repository on a page that do not exist."""
    folder = str(Path(page).parent)
    missing = set()
    for span in (each for each in spans(text) if "NNNN" not in each):  # NNNN is a placeholder
        relative = span.rstrip("/")
        if re.fullmatch(r"[\w./-]+", span) and (span.split("/")[0] in _TOP and "/" in span):
            candidates = {relative, f"{folder}/{relative}", f"cc_bridge/{relative}", f"tests/{relative}"}
            if not candidates & (set(TRACKED) | FOLDERS | IGNORED):
                missing.add(span)
        elif _FILE.fullmatch(span) and Path(span).name not in ELSEWHERE:
            known = any(f"/{name}".endswith(f"/{span}") for name in TRACKED)
            if not known and span not in CODE:
                missing.add(span)
    return missing


# -- from the pages to the code


def test_there_are_pages():
    assert len(PAGES) > 10
    assert PAGES.keys() >= GENERATED


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    assert broken_links(page, PAGES[page]) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_on_a_page_exists(page):
    named = named_commands(PAGES[page])
    assert [fault for words in named for fault in faults_of_command(words)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_on_a_page_exists(page):
    assert unknown_metrics(PAGES[page]) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_configuration_option_on_a_page_exists(page):
    assert unknown_options(PAGES[page]) == set()
    assert [unknown for block in blocks(PAGES[page], "toml") for unknown in unknown_in_toml(block)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_on_a_page_exists(page):
    assert unknown_variables(PAGES[page]) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_on_a_page_exists(page):
    assert missing_files(page, PAGES[page]) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_alert_on_a_page_exists(page):
    assert set(re.findall(r"\bCcBridge[A-Z]\w+", PAGES[page])) - set(ALERTS) == set()


# -- from the code to the pages


@pytest.mark.parametrize(
    "name", [name for name, each in commands() if not isinstance(each.command, click.Group)]
)
def test_every_command_is_on_a_page(name):
    words = name.removeprefix("cc-bridge ")
    assert f"\n## {name}\n" in PAGES["config/docs/cli.md"]
    assert any(documents(text, words) for text in WRITTEN.values()), f"{name} is on no page written by hand"


def test_every_option_of_a_command_is_on_a_page():
    sections = PAGES["config/docs/cli.md"].split("\n## ")
    text = {section.partition("\n")[0]: section for section in sections}
    for name, context in commands():
        for option in context.command.params:
            if isinstance(option, click.Option):
                assert all(re.search(rf"(?<![\w-]){each}\b", text[name]) for each in option.opts), option.opts


def test_every_metric_is_on_a_page():
    assert {name for name in METRICS if f"`{name}`" not in PAGES["config/docs/metrics.md"]} == set()


def test_every_alert_has_a_section():
    for rule in yaml.safe_load((ROOT / "config/prometheus/alert_rules.yml").read_text())["groups"]:
        for alert in (each for each in rule["rules"] if "alert" in each):
            # The page may be the default of a template.
            ((page, anchor),) = re.findall(r"([\w/.]+\.md)\b.*#(\w+)$", alert["annotations"]["runbook_url"])
            assert anchor == alert["alert"].lower()
            assert anchor in anchors(PAGES[page]), alert["alert"]


def test_every_configuration_option_is_on_a_page():
    sections = PAGES["config/docs/options.md"].split("\n## ")[1:]
    listed = {
        f"{section.partition(chr(10))[0]}.{key}"
        for section in sections
        for key in re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    }
    assert listed == {f"{section}.{key}" for section, key, _ in options()}
    named = " ".join(code for text in WRITTEN.values() for code in [*spans(text), *blocks(text, "toml")])
    assert {name for name in SECTIONS if not re.search(rf"\[{name}\b|\b{name}\.", named)} == set()


def test_every_variable_of_a_container_or_command_is_on_a_page():
    text = "\n".join(WRITTEN.values())
    compose = (ROOT / "docker/compose.yaml").read_text()
    used = set(
        re.findall(r"\$\{(\w+)|^ +(CC_BRIDGE_READER_PASSWORD|POSTGRES_PASSWORD):", compose, re.MULTILINE)
    )
    read = {option.envvar for _, each in commands() for option in each.command.params if option.envvar}
    names = {name for pair in used for name in pair if name} | read | {parts.VARIABLE}
    assert {name for name in names if name not in text} == set()


def test_every_context_and_variable_of_the_dialplan_is_on_its_pages():
    page = PAGES["dialplans/README.md"] + PAGES["dialplans/freepbx/README.md"]
    contexts = re.findall(r"^\[(cc-bridge-[\w-]+)\]", DIALPLANS, re.MULTILINE)
    assert {name for name in contexts if not re.search(rf"`{name}[`,]", page)} == set()
    variables = set(re.findall(r"\bCCB_[A-Z0-9_]+\b", DIALPLANS))
    assert {name for name in variables if f"`{name}`" not in page} == set()


def test_every_page_is_reached_from_the_readme():
    """Links lead from README to each page."""
    reached, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page not in PAGES:
            continue
        reached.add(page)
        for target in _LINK.findall(PAGES[page]):
            if not target.startswith(("https:", "#")):
                file = (ROOT / page).parent.joinpath(target.partition("#")[0]).resolve()
                waiting.append(str(file.relative_to(ROOT)))
    # The font's page is for readers of its folder only.
    assert PAGES.keys() - reached - {"cc_bridge/web/static/fonts/README.md"} == set()


# -- README and the development environment


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_the_two_pasted_lines_are_there():
    for mark, said in (("demo", r'echo "Installing [^"]+" && '), ("tests", "")):
        (line,) = re.findall(rf"<!-- {mark} -->\n```sh\n(.+)\n```", README)
        assert re.match(rf"{said}python3 -m venv \.venv && ", line)


def test_ci_runs_the_readmes_test_line():
    script = (ROOT / ".ci/run").read_text()
    (command,) = re.findall(r"^tests=\$\((.*)\)$", script, re.MULTILINE)
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = re.findall(r"<!-- tests -->\n```sh\n(.+)\n```", README)
    assert done.stdout == f"{line}\n"


def test_the_picture_is_small():
    assert (ROOT / "config/docs/wallboard.png").stat().st_size < 150_000


@pytest.mark.parametrize("name", ["requirements.lock", *PAGES])
def test_what_the_world_reads_is_free_of_this_workplace(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host", text)
    assert not re.search(r"(?<!\w)/(work|root|home/\w+)/|\.\./shared", text)


# -- each check finds a fault


def test_broken_links_are_found():
    text = "[a](gone.md) [b](README.md#gone) [c](#there) [d](config) [e](https://example.com)\n\n# There\n"
    assert broken_links("README.md", text)[:2] == ["gone.md", "README.md#gone"]
    assert "config" not in broken_links("README.md", text)
    assert anchors("# A `b` c, d\n## x\n## x\n```\n# no\n```") == {"a-b-c-d", "x", "x-1"}


@pytest.mark.parametrize(
    "text",
    [
        "`cc-bridge gone`",
        "`cc-bridge opt-out gone`",
        "`cc-bridge doctor --gone`",
        "```sh\ncc-bridge check && /opt/x/bin/cc-bridge report --gone\n```",
        "```sh\nrunuser -u x -- /opt/cc-bridge/bin/cc-bridge gone\n```",
        "`docker compose exec cc-bridge cc-bridge gone`",
    ],
)
def test_an_unknown_command_or_option_is_found(text):
    assert any(faults_of_command(words) for words in named_commands(text))


@pytest.mark.parametrize("text", ["`cc_bridge_gone`", "```promql\nrate(cc_bridge_gone_total[5m])\n```",
                                  "`queue:cc_bridge_gone:ratio30m`"])  # fmt: skip
def test_an_unknown_metric_is_found(text):
    assert unknown_metrics(text)


@pytest.mark.parametrize("text", ["`agi.gone`", "`queues.<name>.gone`", "`[gone]`",
                                  "`[callback] gone = true`", "`http.gone = 1`"])  # fmt: skip
def test_an_unknown_option_is_found(text):
    assert unknown_options(text)


@pytest.mark.parametrize(
    "text", ["[agi]\ngone = 1", "[gone]\n[agi]", "[queues.sales]\ngone = 1", "[[webhooks]]\ngone = 1"]
)
def test_an_unknown_option_in_a_toml_block_is_found(text):
    assert unknown_in_toml(text)


def test_unknown_variables_and_files_are_found():
    gone = {"CC_BRIDGE_GONE", "CC_BRIDGE_AGI__GONE", "CCB_GONE"}
    assert unknown_variables(" ".join([*gone, "CCB_SURVEY", "CC_BRIDGE_AGI__HOST"])) == gone
    assert missing_files("README.md", "`config/gone.toml` `gone_file.py` `config/docs/` `loader.py`") == {
        "config/gone.toml", "gone_file.py",
    }  # fmt: skip
