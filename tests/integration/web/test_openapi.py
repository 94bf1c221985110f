"""The document /api/openapi.json against a running daemon with calls: answers, odd requests, curl lines."""

import json
import re
import shutil
import subprocess
import sys
import time
from http.client import HTTPConnection
from urllib.parse import quote

import pytest

from support.demo_daemon import CUSTOMER, FOLLOW_UP, demo_daemon
from support.openapi_answers import OpenApiAnswers
from support.paths import ROOT

REPORTS = ("service", "agents", "voice", "journey", "lost", "delivery-gap", "causes", "change", "hours")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance", "response_headers_conformance", "missing_required_header",
    "unsupported_method", "allow_header_conformance", "ignored_auth",
)  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with demo_daemon(tmp_path_factory.mktemp("demo")) as running:
        running.store_customer()
        yield running


@pytest.fixture(scope="module")
def document(demo):
    return OpenApiAnswers(json.loads(ask(demo, "/api/openapi.json", key="")[2]))


def ask(demo, path, method="GET", body=None, key=None, **headers):
    """Return status, content type and body of the answer to a request."""
    connection = HTTPConnection(demo.netloc, timeout=30)
    key = demo.token if key is None else key
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    connection.request(method, path, body and json.dumps(body), headers)
    answer = connection.getresponse()
    found = answer.status, answer.getheader("content-type") or "", answer.read()
    connection.close()
    return found


def checked(document, method, path, answer):
    """Return the JSON of an answer, after a check that it is as the document says."""
    code, content_type, body = answer
    content = document.content(document.operation(method, path), code, content_type)
    if content is None or "json" not in content_type:
        return None
    value = json.loads(body)
    assert document.faults(content["schema"], value) == []
    return value


# -- answers


@pytest.mark.parametrize(
    "path",
    ["/api/openapi.json", "/api/live", "/healthz", "/readyz", "/metrics"]
    + [f"/api/customers/{number}" for number in (f"+{CUSTOMER}", "09120000001", "x")]
    + [f"/api/follow-ups{query}" for query in ("", "?owner=sara", "?state=open,dismissed", "?state=x")]
    + [f"/reports/{name}?format=json" for name in (*REPORTS, "x")]
    + ["/reports/service?format=csv", "/reports/voice?format=xlsx", "/reports/voice"]
    + [f"/reports/service?format=json&span=week&by={by}" for by in ("hour", "weekday", "day", "stage")],
)  # fmt: skip
def test_an_answer_is_as_the_document_says(demo, document, path):
    answer = ask(demo, path)
    checked(document, "GET", path, answer)
    odd = {"/api/customers/x": 404, "/api/follow-ups?state=x": 400, "/reports/x?format=json": 404}
    assert answer[0] in ((200, 503) if path == "/readyz" else (odd.get(path, 200),))


@pytest.mark.parametrize("query", ["", "?days=1", "?days=30&lang=fa", "?days=2"])
def test_the_figures_of_an_agent_are_as_the_document_says(demo, document, query):
    answer = ask(demo, f"/api/agent{query}", key=demo.key)
    told = checked(document, "GET", "/api/agent", answer)
    assert answer[0] == (400 if query == "?days=2" else 200)
    for comment in told["comments"][:3] if told else ():
        path = f"/{comment['sound']}"
        heard = ask(demo, path, key="")
        checked(document, "GET", path, heard)
        assert (heard[0], heard[2][:4]) == (200, b"RIFF")
        part = ask(demo, path, key="", Range="bytes=0-9")
        checked(document, "GET", path, part)
        assert (part[0], len(part[2])) == (206, 10)


def test_the_history_of_each_customer_is_as_the_document_says(demo, document):
    found = checked(
        document, "GET", "/api/follow-ups", ask(demo, "/api/follow-ups?state=open,taken,done,dismissed")
    )
    kinds = set()
    for number in {each["number"] for each in found["follow_ups"]}:
        path = f"/api/customers/{quote(number)}"
        told = checked(document, "GET", path, ask(demo, path))
        kinds |= {entry["kind_of_entry"] for entry in told["timeline"]}
    assert kinds == {"visit", "talk", "rating", "follow_up"}


def test_an_action_is_answered_as_the_document_says(demo, document):
    open_ones = checked(document, "GET", "/api/follow-ups", ask(demo, "/api/follow-ups?state=open"))[
        "follow_ups"
    ]
    one, other = [each["id"] for each in open_ones if each["id"] != FOLLOW_UP][:2]
    steps = [
        (one, "take", {"by": "Ali"}, 200),
        (one, "take", {"by": "Sara"}, 409),
        (one, "done", {"by": "Ali"}, 400),
        (one, "done", {"by": "Ali", "text": "called back, solved"}, 200),
        (other, "dismiss", {"by": "Ali", "text": "wrong number"}, 200),
        ("f9", "take", {"by": "Ali"}, 404),
        (other, "take", {}, 400),
        (other, "take", {"by": "x" * 65}, 400),
        (other, "take", {"text": "x" * 17_000}, 413),
    ]
    for follow_up, action, body, code in steps:
        path = f"/api/follow-ups/{follow_up}/{action}"
        answer = ask(demo, path, "POST", body)
        checked(document, "POST", path, answer)
        assert answer[0] == code, (action, body)


def test_the_first_event_is_the_board_of_the_document(demo, document):
    connection = HTTPConnection(demo.netloc, timeout=30)
    connection.request("GET", "/api/live/events", headers={"Authorization": f"Bearer {demo.token}"})
    answer = connection.getresponse()
    lines = iter(answer.readline, b"")
    first = next(line for line in lines if line.startswith(b"data: "))
    kind = answer.getheader("content-type")
    connection.close()
    assert document.content(document.operation("GET", "/api/live/events"), answer.status, kind)
    board = document.operation("GET", "/api/live")["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    assert document.faults(board, json.loads(first.removeprefix(b"data: "))) == []


# -- odd requests


def test_no_request_gets_an_undocumented_answer(demo, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(
        f"""
        headers = {{ Authorization = "Bearer {demo.token}" }}
        [[operations]]
        include-path = "/api/agent"
        headers = {{ Authorization = "Bearer {demo.key}" }}
        [[operations]]
        include-path = "/api/live/events" # its answer does not end
        enabled = false
        """
    )
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    options = [
        "run", f"{demo.address}/api/openapi.json", "--checks", ",".join(CHECKS), "--max-examples", "6",
        "--phases", "examples,coverage,fuzzing", "--generation-deterministic", "--continue-on-failure",
        "--no-color",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    (cases,) = re.findall(r"(\d+) generated, (\d+) passed", done.stdout)
    assert int(cases[0]) == int(cases[1]) > 400
    assert ask(demo, "/healthz")[0] == 200


# -- the lines of the pages

_FENCE = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_OWN = re.compile(r"(?:http://)?(?:127\.0\.0\.1|localhost):14574")
# Each answer is kept in a file, and described on stderr, because a line may pass it on to another command.
_SHELL = """
set -eu -o pipefail
curl() {
  local line='%{stderr}@@ %{method} %{url} %{http_code} %{content_type}\n'
  command curl -w "$line" "$@" | tee "answer-$(ls | wc -l)"
}
"""


def curl_lines(text):
    """Yield, for each shell block of a page, the lines that set the token or ask the daemon."""
    for _, block in _FENCE.findall(text):
        lines = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
        kept = [line for line in lines if line.startswith("TOKEN=") or re.match(r"curl .*:14574", line)]
        if any(map(_OWN.search, kept)):
            yield "\n".join(kept)


LINES = [
    pytest.param(lines, id=f"{page.parent.name}/{page.name}-{number}")
    for page in sorted({*ROOT.glob("*.md"), *(ROOT / "config").rglob("*.md")})
    for number, lines in enumerate(curl_lines(page.read_text(encoding="utf-8")))
]


def test_the_pages_have_lines_for_curl():
    assert len(LINES) > 5


@pytest.mark.curl
@pytest.mark.parametrize("lines", LINES)
def test_the_curl_lines_of_a_page_get_the_documented_answer(demo, document, tmp_path, lines):
    demo.open_follow_up()
    (tmp_path / "token").write_text(demo.token)
    answers = tmp_path / "answers"
    text = _OWN.sub(demo.address, lines.replace("/etc/cc-bridge/token", str(tmp_path / "token")))

    def pasted():
        shutil.rmtree(answers, ignore_errors=True)
        answers.mkdir()
        return subprocess.run(
            ["bash", "-c", _SHELL + text], cwd=answers, capture_output=True, text=True, check=False
        )

    done = pasted()
    deadline = time.monotonic() + 90
    while done.returncode and "grep" in lines and time.monotonic() < deadline:  # the first call must end
        time.sleep(1)
        done = pasted()
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"@@ (\S+) (\S+) (\d+) (.*)", done.stderr)
    assert len(found) == len(re.findall(r"^curl ", lines, re.MULTILINE))
    for number, (method, url, code, content_type) in enumerate(found):
        path = url.removeprefix(demo.address).removeprefix("http://").removeprefix(demo.netloc)
        answer = int(code), content_type, (answers / f"answer-{number}").read_bytes()
        assert answer[0] in (200, 204), answer
        checked(document, method, path, answer)
