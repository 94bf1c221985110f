"""The pages about calls, customers, agents and the system: content, access, values from outside."""

import csv
import re
from html import unescape
from io import StringIO
from urllib.parse import quote, urlencode

import pytest

from cc_bridge.follow_ups.follow_up import FollowUpState
from cc_bridge.records import Answer, QueueVisit, Ring, SurveyAttempt, SurveyDecision, Talk
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.follow_ups import listed
from cc_bridge.storage.schema.tables import answers
from cc_bridge.web.access.form_keys import form_key
from support.people_site import (
    ADMIN,
    ALI,
    FORM_KEY,
    HOSTILE,
    MARYAM,
    NOW,
    REZA,
    SARA,
    SHARED,
    VIEWER,
    PeopleSite,
    answered,
)
from support.survey_caller import write

WAV = b"RIFF" + bytes(range(256)) * 4
COMMENT = "/comments/main/2.1-a/comment"
# Every path that shows persons, and those who may see it: Sara leads sales, Ali leads support.
ROUTES = {
    "/lost": {SARA, ALI, ADMIN},
    "/lost?format=csv": {SARA, ALI, ADMIN},
    "/lost?queue=sales": {SARA, ADMIN},
    "/lost?queue=SUPPORT": {ALI, ADMIN},
    "/lost?queue=nowhere": {ADMIN},
    "/customers": {SARA, ALI, ADMIN},
    "/customers?q=maryam": {SARA, ALI, ADMIN},
    "/customers/09121110001": {SARA, ALI, ADMIN},
    "/calls/main/1.1": {SARA, ADMIN},
    "/calls/main/1.2": {ALI, ADMIN},
    "/calls/main/2.1": {SARA, ALI, ADMIN},
    COMMENT: {ALI, ADMIN},
    "/agents": {SARA, ALI, ADMIN},
    "/agents?queue=sales": {SARA, ADMIN},
    "/agents?queue=support": {ALI, ADMIN},
    "/agents/Sara%20A": {SARA, ADMIN},
    "/agents/Reza%20R": {ALI, ADMIN},
    "/agents/Nobody": {ADMIN},
    "/system": {ADMIN},
}


@pytest.fixture
def people(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite3'}")
    folder = tmp_path / "comments"
    folder.mkdir()
    (folder / "2.1-a-comment.wav").write_bytes(WAV)
    site = PeopleSite(engine, folder)
    site.folder, site.engine = folder, engine
    yield site
    engine.dispose()


def follow_ups(people):
    with people.engine.connect() as connection:
        return listed(connection, states=[*FollowUpState])


def take(people, visitor, path="/lost", key=None, **fields):
    body = urlencode({"key": key or form_key(FORM_KEY), "pbx": "main", "call_id": "1.1"} | fields).encode()
    return people.page(path, visitor, method="POST", body=body)


# -- access


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("visitor", [VIEWER, SARA, ALI, ADMIN], ids=lambda each: each.name)
def test_who_may_see_a_page(people, path, visitor):
    answer = people.page(path, visitor)
    assert answer.code == (200 if visitor in ROUTES[path] else 403)
    if answer.code == 403:
        told = unescape(answer.body.decode())
        assert not any(secret in told for secret in (MARYAM, REZA, "Maryam", "رضا", "Idle Ida"))


def test_each_page_is_in_the_list_of_routes(people):
    assert {path.split("/")[1].partition("?")[0] for path in ROUTES} == set(people.resources)


def test_a_lead_sees_only_own_queues_in_a_list(people):
    of_sara, of_ali = people.text("/lost", SARA), people.text("/lost", ALI)
    assert "/calls/main/1.1" in of_sara
    assert "/calls/main/1.2" not in of_sara
    assert "/calls/main/1.2" in of_ali
    assert "/calls/main/1.1" not in of_ali
    agents = people.text("/agents", SARA)
    assert "Sara A" in agents
    assert "Idle Ida" in agents
    assert "Reza R" not in agents
    assert 'value="support"' not in agents


def test_a_lead_sees_only_the_own_part_of_a_call(people):
    page = people.text("/calls/main/2.1", SARA)
    assert "Sara A" in page
    assert "Reza R" not in page
    assert "Parts of this call in queues of other leads are not shown" in page
    page = people.text("/calls/main/2.1", ALI)
    assert "Reza R" in page
    assert "Sara A" not in page
    assert "Idle Ida" not in page
    assert COMMENT in page


def test_a_lead_sees_only_the_own_part_of_a_history(people):
    page = people.text("/customers/09121110001", SARA)
    assert "Sara A" in page
    assert "Reza R" not in page
    assert COMMENT not in page
    page = people.text(f"/customers/{REZA}", SARA)
    assert "C-18" not in page
    assert "رضا" not in page
    assert "C-18" in people.text(f"/customers/{REZA}", ALI)


def test_a_lead_finds_only_own_customers(people):
    assert "C-18" not in people.text("/customers?q=C-1", SARA)
    assert "C-17" in people.text("/customers?q=C-1", SARA)
    assert "C-18" in people.text("/customers?q=C-1", ALI)


def test_only_an_administrator_gets_the_links_of_agents(people):
    assert "/agent#" in people.text("/agents", ADMIN)
    assert "/agent#" not in people.text("/agents", SARA)


# -- lost calls


def test_the_list_of_lost_calls(people):
    page = unescape(people.text("/lost?lang=en"))
    assert "Lost calls: 4" in page
    assert "to call back: 2" in page
    assert f'href="tel:+{MARYAM}"' in page
    assert f'href="/customers/{MARYAM}"' in page
    assert page.count(">Take</button>") == 2
    assert "Lost calls: 2" in people.text("/lost?show=todo&lang=en")
    assert "Lost calls: 2" in people.text("/lost?show=unknown&lang=en")
    assert "Lost calls: 0" in people.text("/lost?from=2026-11-01&to=2026-11-02&lang=en")


def test_the_list_as_csv(people):
    answer = people.page("/lost?format=csv")
    assert answer.headers["content-disposition"] == (
        'attachment; filename="lost-calls-2026-11-16-2026-11-22.csv"'
    )
    assert answer.body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(StringIO(answer.body.decode("utf-8-sig"))))
    assert [row["call_id"] for row in rows] == ["1.4", "1.3", "1.2", "1.1"]
    assert [row["result"] for row in rows] == ["unknown", "unknown", "open", "open"]
    assert rows[3]["wait_seconds"] == "95.0"


@pytest.mark.parametrize(
    "query",
    ["from=x", "to=2026-13-01", "from=2026-11-22&to=2026-11-01", "from=2020-01-01", "show=x", "from=%00"],
)
def test_faulty_filters(people, query):
    assert people.page(f"/lost?{query}").code == 400


def test_taking_a_call(people):
    answer = take(people, SARA, "/lost?queue=sales")
    assert (answer.code, answer.headers["location"]) == (303, "/lost?queue=sales")
    (taken,) = follow_ups(people)
    assert (taken.taken_by, taken.reason, taken.owner) == ("sara", "lost_call", "sara")
    assert people.opened == ["lost_call"]
    late = take(people, ADMIN, "/lost?lang=en")
    assert late.code == 409
    assert "Another user was faster. Taken: <bdi>sara</bdi>" in re.sub(r"\s+", " ", late.body.decode())
    assert len(follow_ups(people)) == 1
    assert people.opened == ["lost_call"]


@pytest.mark.parametrize(
    ("visitor", "fields", "code"),
    [
        (ALI, {}, 403),
        (VIEWER, {}, 403),
        (SARA, {"key": "x"}, 403),
        (SARA, {"call_id": "1.4"}, 400),
        (SARA, {"call_id": "1.3"}, 400),
        (SARA, {"call_id": "2.1"}, 404),
        (SARA, {"call_id": ""}, 404),
        (SARA, {"call_id": "1.1\0"}, 404),
        (SARA, {"call_id": "x" * 2000}, 404),
        (SARA, {"pbx": HOSTILE}, 404),
    ],
)
def test_what_cannot_be_taken(people, visitor, fields, code):
    assert take(people, visitor, **fields).code == code
    assert follow_ups(people) == []


# -- customers


@pytest.mark.parametrize("number", ["09121110001", "+98 912 111 0001", "۰۹۱۲۱۱۱۰۰۰۱", "00989121110001"])
def test_a_number_is_found_in_any_form(people, number):
    answer = people.page(f"/customers?q={quote(number)}")
    assert answer.code == 303
    assert answer.headers["location"].endswith("/customers/09121110001")
    for typed in (answer.headers["location"], f"/customers/{quote(number)}"):
        assert '<a class="phone" href="tel:09121110001">09121110001</a>' in people.text(typed)
    page = people.text(answer.headers["location"])
    assert "C-17" in page
    assert "/calls/main/2.1" in page


def test_a_shared_number_says_so(people):
    page = people.text(f"/customers/{SHARED}?lang=en")
    assert "Many people call from this number" in page
    assert "/calls/" not in page


def test_no_number_is_logged(people, logged):
    for path in (f"/customers/{MARYAM}", f"/customers?q={MARYAM}", "/calls/main/2.1", COMMENT, "/lost"):
        people.page(path)
    assert logged
    assert not any(MARYAM in str(event) or "9121110001" in str(event) for event in logged)


# -- values that came from outside


@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize(
    "path", ["/lost", "/customers?q=maryam", f"/customers/{MARYAM}", "/calls/main/2.1", "/agents"]
)
def test_a_hostile_name_is_shown_as_text(people, path, language):
    page = people.text(f"{path}{'&' if '?' in path else '?'}lang={language}")
    assert "<img" not in page
    assert path == "/agents" or "&lt;img" in page


BAD = ["..", "%2e%2e", "%00", "a%00b", "%2Fetc%2Fpasswd", "..%2F..%2Fetc%2Fpasswd", "%ff", "x" * 1800, "%0A",
       quote(HOSTILE), "%F0%9F%98%80", "'", "%5C", "%25"]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("/calls/main/{}", {404}),
        ("/calls/{}/2.1", {404}),
        ("/calls/{}", {404}),
        ("/comments/main/{}/comment", {404}),
        ("/comments/{}/2.1-a/comment", {404}),
        ("/comments/main/2.1-a/{}", {404}),
        ("/customers/{}", {404}),
        ("/customers?q={}", {200}),
        ("/agents/{}", {200, 404}),
        ("/lost?queue={}", {200}),
        ("/lost?from={}", {400}),
    ],
)
def test_hostile_parts_of_the_address(people, path, codes, bad):
    answer = people.page(path.format(bad))
    assert answer.code in codes
    assert b"<img" not in answer.body


# -- comments


def test_a_comment_is_heard(people, logged):
    answer = people.page(COMMENT, ALI)
    assert (answer.code, answer.body) == (200, WAV)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "no-store"
    (event,) = (each for each in logged if each.get("attempt"))
    assert (event["attempt"], event["queue"], event["name"], event["role"]) == (
        "2.1-a",
        "support",
        "ali",
        "lead",
    )


def test_a_part_of_a_comment(people):
    answer = people.page(COMMENT, ALI, Range="bytes=4-7")
    assert (answer.code, answer.body) == (206, WAV[4:8])
    assert answer.headers["content-range"] == f"bytes 4-7/{len(WAV)}"
    answer = people.page(COMMENT, ALI, Range="bytes=99999-")
    assert (answer.code, answer.headers["content-range"]) == (416, f"bytes */{len(WAV)}")


# -- calls in progress: the record of the whole call is written at its end

IN_PROGRESS = {  # kinds of records that are stored -> the number that the lists and the page of the call show
    (QueueVisit,): f"+{MARYAM}",
    (QueueVisit, Talk, Ring): f"+{MARYAM}",
    (Talk, SurveyDecision, SurveyAttempt, Answer): MARYAM,
    (SurveyDecision,): MARYAM,
    (SurveyAttempt, Answer): MARYAM,
    (Talk,): None,
    (Ring,): None,
}


@pytest.mark.parametrize("kinds", IN_PROGRESS, ids=lambda kinds: "-".join(each.__name__ for each in kinds))
def test_the_number_of_a_call_in_progress(people, kinds):
    write(people.engine, *(each for each in answered("9.1", MARYAM, NOW - 600, "") if type(each) in kinds))
    lists = {
        QueueVisit: "visits", Talk: "talks", Ring: "rings", SurveyDecision: "decisions",
        SurveyAttempt: "attempts", Answer: "answers",
    }  # fmt: skip
    for path in ("/calls/main/9.1", *(f"/calls?from=2026-11-22&list={lists[kind]}" for kind in kinds)):
        page = people.text(path)
        if path.startswith("/calls?"):
            page = "".join(row for row in page.split("<tr>") if "/calls/main/9.1" in row)
            page = page.partition("</table>")[0]
        assert "2026-11-22 18:2" in page
        assert "no number" not in page
        if IN_PROGRESS[kinds]:
            assert f"tel:{IN_PROGRESS[kinds]}" in page
            assert f'href="/customers/{MARYAM}"' in page
        assert ("not known yet" in page) == (IN_PROGRESS[kinds] is None)
    assert "This call is still in progress, or there is no record of the whole call" in people.text(
        "/calls/main/9.1"
    )


def test_a_call_in_progress_without_a_number(people):
    withheld = (QueueVisit, Talk)
    write(people.engine, *(each for each in answered("9.1", "", NOW - 600, "") if type(each) in withheld))
    for path in ("/calls/main/9.1", "/calls?from=2026-11-22&list=talks"):
        page = people.text(path)
        assert "not known yet" not in page
        assert '<span class="quiet">no number</span>' in page


def test_an_erased_comment_is_gone(people):
    (people.folder / "2.1-a-comment.wav").unlink()
    assert people.page(COMMENT).code == 404
    with people.engine.begin() as connection:
        connection.execute(answers.update().values(recording=""))
    assert people.page(COMMENT).code == 404
    assert "recording erased" in people.text("/calls/main/2.1?lang=en")
    assert "<audio" not in people.text("/calls/main/2.1")


@pytest.mark.parametrize(
    "recording", ["{}/../secret.wav", "/etc/passwd", "{}/link.wav", "{}", "{}/..", "x\0y"]
)
def test_no_file_outside_the_folder_is_read(people, recording):
    secret = people.folder.parent / "secret.wav"
    secret.write_bytes(b"secret")
    (people.folder / "link.wav").symlink_to(secret)
    with people.engine.begin() as connection:
        path = recording.format(people.folder)
        connection.execute(answers.update().where(answers.c.kind == "comment").values(recording=path))
    assert people.page(COMMENT).code == 404


def test_a_comment_on_another_machine(people):
    elsewhere = PeopleSite(
        people.engine, people.folder, fill=False,
        recordings={"comments_url": "https://pbx.example/{pbx}/{file}", "url": "https://pbx.example/{uniqueid}"},
    )  # fmt: skip
    answer = elsewhere.page(COMMENT)
    assert (answer.code, answer.headers["location"]) == (303, "https://pbx.example/main/2.1-a-comment.wav")
    page = elsewhere.text("/calls/main/2.1")
    assert "<audio" not in page
    assert f'href="{COMMENT}"' in page
    assert 'href="https://pbx.example/2.1"' in page
    assert elsewhere.page(COMMENT, SARA).code == 403


# -- the call, the agents, the system


def test_the_journey_of_a_call(people):
    page = re.sub(r"<[^>]+>|\s+", " ", people.text("/calls/main/2.1?lang=en"))
    for told in (
        "Ended by a transfer · holds: 1, 12 s · transferred after a consultation to support",
        "No answer",
        "Invited to the survey",
        "Ended before the last question (hung up)",
        "2 of 5",
    ):
        assert told in page
    assert "/agents/Sara%20A" in people.text("/calls/main/2.1")


def test_a_persian_page(people):
    page = people.text("/calls/main/2.1?lang=fa")
    assert "به نظرسنجی دعوت شد" in page
    assert "فروش" in page
    assert not re.search(
        r"[0-9]", re.sub(r"<[^>]+>|989121110001|>fa<|2\.1|main|600", "", page.partition("journey")[2])
    )


def test_the_page_of_an_agent(people):
    page = people.text("/agents/Reza%20R?lang=en")
    assert "Ratings of customers" in page
    assert COMMENT in page
    assert 'href="/agents/Reza%20R?from=2026-11-20' in people.text("/agents?from=2026-11-20")


def test_the_row_of_all_agents_has_sample_sizes_too(people):
    page = re.sub("[\u2066-\u2069]", "", people.text("/agents?from=2026-11-20&lang=en"))
    (total,) = re.findall(r"<tfoot>.*?</tfoot>", page, re.DOTALL)
    (row,) = (row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if ">Reza R<" in row)
    assert re.findall(r"<small>(n=\d+)", row) == re.findall(r"<small>(n=\d+)", total) != []


def test_the_page_of_the_system(people):
    page = re.sub(r"<[^>]+>|\s+", " ", people.text("/system?lang=en"))
    assert "Link to the PBX Well" in re.sub(" +", " ", page)
    assert "Fault: the disk is full" in re.sub(" +", " ", page)
    assert "Link to the PBX lost" in page
