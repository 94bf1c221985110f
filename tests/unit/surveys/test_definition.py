"""Survey definitions: the shipped ones, languages, every question kind, and all faults reported together."""

import pytest

from cc_bridge import resource_path
from cc_bridge.errors import SurveyError
from cc_bridge.surveys.definition import parse_survey
from cc_bridge.surveys.library import SurveyLibrary
from cc_bridge.surveys.prompt_catalogue import parse_catalogue
from cc_bridge.surveys.questions import longer

SOUNDS = {
    "ask": {"en": "cc_bridge/ask", "fa": "cc_bridge/ask"},
    "invalid": {"en": "pm-invalid-option", "fa": "cc_bridge/invalid"},
    "thanks": {"en": "auth-thankyou", "fa": "cc_bridge/thanks"},
    "goodbye": {"en": "vm-goodbye"},
}
BOTH = {name: {"en": name, "fa": name} for name in SOUNDS}

GOOD = """
id = "csat"
version = 1
languages = ["en"]
thanks = "thanks"
goodbye = "goodbye"
[[questions]]
id = "satisfaction"
kind = "csat"
ask = "ask"
invalid = "invalid"
"""


def question(name, kind="csat", more="", invalid='invalid = "invalid"'):
    return f'[[questions]]\nid = "{name}"\nkind = "{kind}"\nask = "ask"\n{invalid}\n{more}\n'


def comment(name, more="", limit="max_seconds = 30"):
    return question(name, "comment", f'consent = "ask"\n{limit}\n{more}', invalid="")


def survey(*questions, head=""):
    return parse_survey(text_of(*questions, head=head), "s.toml", SOUNDS)


def text_of(*questions, head=""):
    return GOOD[: GOOD.index("[[")] + f"{head}\n" + "".join(questions)


def faults(text, sounds=SOUNDS):
    with pytest.raises(SurveyError) as raised:
        parse_survey(text, "csat.toml", sounds)
    return str(raised.value).splitlines()


def fault(*questions, head=""):
    """Return the only fault of a definition, without file and line."""
    (told,) = faults(text_of(*questions, head=head))
    return told.split(": ", 1)[1]


def test_the_shipped_surveys_are_right_in_english_and_persian():
    catalogue = parse_catalogue((resource_path("dialplans") / "prompts.toml").read_text(), "prompts.toml")
    surveys = SurveyLibrary.load(resource_path("config/surveys"), catalogue.sounds)
    assert list(surveys) == ["csat", "full"]
    csat, full = surveys.values()
    assert csat.languages == full.languages == ("en", "fa")
    assert [(question.id, question.kind) for question in csat.questions] == [("satisfaction", "csat")]
    assert (csat.retries, csat.wait_seconds, csat.skip_key, csat.opt_out_key) == (1, 5, None, None)
    kinds = [question.kind for question in full.questions]
    assert kinds == ["csat", "comment", "yes_no", "ces", "nps", "choice"]
    assert [full.following(0, value) for value in (1, 2, 3, 5, None)] == [1, 1, 2, 2, 2]
    assert full.questions[-1].wait_seconds == 8


def test_defaults():
    made = parse_survey(GOOD, "csat.toml", SOUNDS)
    assert (made.retries, made.wait_seconds, made.max_seconds) == (1, 5, 75)
    assert made.sound("thanks", "en") == "auth-thankyou"
    (only,) = made.questions
    assert (only.retries, only.wait_seconds, only.rates, only.skippable) == (1, 5, "last_agent", True)
    assert made.following(0, 3) == made.following(0, None) == 1


def test_a_question_may_have_its_own_retries_and_wait():
    more = 'retries = 0\nwait_seconds = 9\nrates = "queue:Sales 1"\nskippable = false'
    (only,) = survey(question("a", more=more)).questions
    assert (only.retries, only.wait_seconds, only.rates, only.skippable) == (0, 9, "queue:Sales 1", False)


@pytest.mark.parametrize(
    ("kind", "keys", "values"),
    [
        ("csat", "1 2 3 4 5", [1, 2, 3, 4, 5]),
        ("ces", "1 2 3 4 5 6 7", [1, 2, 3, 4, 5, 6, 7]),
        ("nps", "0 1 2 3 4 5 6 7 8 9 10", list(range(11))),
        ("yes_no", "1 2", [0, 1]),
    ],
)
def test_keys_and_values_of_each_kind(kind, keys, values):
    (asked,) = survey(question("a", kind)).questions
    assert sorted(asked.keys, key=int) == keys.split()
    assert asked.values == values
    for wrong in ("", "*", "#", "00", "01", "11", "55", "100", "x", "٣"):
        assert asked.value_of(wrong) is None


def test_yes_is_one_and_no_is_two():
    (asked,) = survey(question("a", "yes_no")).questions
    assert (asked.value_of("1"), asked.value_of("2")) == (1, 0)
    assert (asked.label(1), asked.label(0)) == ("yes", "no")


def test_the_titles_of_choices_belong_to_its_labels():
    keys = 'keys = { 1 = "delivery", 2 = "bill" }\nchoice_titles = { bill = { en = "The bill" } }'
    (asked,) = survey(question("a", "choice", keys)).questions
    assert asked.choice_titles == {"bill": {"en": "The bill"}}
    with pytest.raises(SurveyError, match="no key of the question has the label 'bil'"):
        survey(question("a", "choice", keys.replace("{ bill", "{ bil")))


def test_a_choice_stores_its_key_and_label():
    (asked,) = survey(question("a", "choice", 'keys = { 1 = "delivery", 7 = "صورت‌حساب" }')).questions
    assert (asked.value_of("7"), asked.value_of("2")) == (7, None)
    assert asked.values == [1, 7]
    assert asked.label(7) == "صورت‌حساب"


def test_a_comment_has_no_score():
    (asked,) = survey(comment("a", 'thanks = "thanks"\nyes_key = "5"')).questions
    assert asked.values == ()
    assert asked.value_of("5") == 1
    assert (asked.comment.max_seconds, asked.comment.silence_seconds) == (30, 3)
    assert (asked.ask, asked.comment.after_beep, asked.comment.thanks) == ("ask", "ask", "thanks")


def test_only_what_may_go_on_waits_for_another_key():
    nps = [str(value) for value in range(11)]
    assert [key for key in [*nps, "*", ""] if longer(key, nps)] == ["1", ""]


# Languages


@pytest.mark.parametrize(
    ("channel", "asked_in"),
    [("fa", "fa"), ("fa_IR", "fa"), ("fa-IR", "fa"), ("en_US", "en"), ("de", "en"), ("", "en"), ("f", "en")],
)
def test_the_callers_language_or_its_base_or_the_first(channel, asked_in):
    made = parse_survey(GOOD.replace('["en"]', '["en", "fa"]'), "csat.toml", BOTH)
    assert made.language_for(channel) == asked_in
    assert made.speaks(channel) == (asked_in if channel[:2] in {"en", "fa"} else None)


def test_an_exact_language_is_better_than_its_base():
    sounds = {name: {"en": name, "en_GB": name} for name in SOUNDS}
    made = parse_survey(GOOD.replace('["en"]', '["en", "en_GB"]'), "csat.toml", sounds)
    assert made.language_for("en_GB") == "en_GB"


ASK_LANGUAGE = 'ask_language = { prompt = "ask", keys = { 1 = "en", 2 = "fa" } }\n[[questions]]'


def test_the_language_may_be_asked():
    text = GOOD.replace('["en"]', '["en", "fa"]').replace("[[questions]]", ASK_LANGUAGE)
    made = parse_survey(text, "csat.toml", BOTH)
    assert (made.ask_language.when, made.ask_language.keys) == ("unknown", {"1": "en", "2": "fa"})


@pytest.mark.parametrize("keys", ['{ 1 = "en", 2 = "de" }', '{ 1 = "en", 2 = "en" }'])
def test_every_language_is_offered(keys):
    text = GOOD.replace('["en"]', '["en", "fa"]')
    text = text.replace("[[questions]]", ASK_LANGUAGE.replace('{ 1 = "en", 2 = "fa" }', keys))
    (told,) = faults(text, BOTH)
    assert told.startswith("csat.toml:7: ask_language.keys: must be the survey's languages, each once: ")


# Branches

NO_CONDITION = "is no condition; write <=2, >=9, 3, a list such as 1,2, or skipped"


def test_branches():
    made = survey(
        question("a", more='next = [{ when = "<=2", go = "c" }, { when = "3,5", go = "end" }]'),
        question("b", more='[[questions.next]]\nwhen = "skipped"\ngo = "end"'),
        question("c", "nps"),
        head='skip_key = "*"',
    )
    assert [made.following(0, value) for value in (1, 2, 3, 4, 5, None)] == [2, 2, 3, 1, 3, 1]
    assert [made.following(1, value) for value in (1, None)] == [2, 3]
    assert made.following(2, 10) == 3


def test_a_branch_without_a_condition_is_always_taken():
    made = survey(
        question("a", more='next = [{ when = ">=4", go = "c" }]'),
        comment("b", 'next = [{ go = "end" }]'),
        question("c"),
    )
    assert [made.following(1, value) for value in (17, None)] == [3, 3]


@pytest.mark.parametrize(
    ("branch", "told"),
    [
        ('{ when = "<=2", go = "d" }', "questions.1.next.0.go: no question 'd'"),
        (
            '{ when = "<=2", go = "lates" }',
            "questions.1.next.0.go: no question 'lates', did you mean 'late'?",
        ),
        (
            '{ when = "<=2", go = "a" }',
            "questions.1.next.0.go: 'a' is not a later question; branches lead only forward",
        ),
        (
            '{ when = "<=2", go = "b" }',
            "questions.1.next.0.go: 'b' is not a later question; branches lead only forward",
        ),
        ('{ when = "6", go = "late" }', "questions.1.next.0.when: no answer has the value 6"),
        (
            '{ when = "<=0", go = "late" }',
            "questions.1.next.0.when: never holds: none of the remaining answers fits",
        ),
        (
            '{ when = "skipped", go = "late" }',
            "questions.1.next.0.when: never holds: none of the remaining answers fits",
        ),
        (
            '{ when = ">=3", go = "late" }, { when = "4,5", go = "end" }',
            "questions.1.next.1.when: never holds: none of the remaining answers fits",
        ),
        (
            '{ when = "low", go = "late" }',
            f"questions.1.next.0.when: 'low' {NO_CONDITION}",
        ),
        (
            '{ when = "<=2,3", go = "late" }',
            f"questions.1.next.0.when: '<=2,3' {NO_CONDITION}",
        ),
    ],
)
def test_wrong_branches(branch, told):
    assert fault(question("a"), question("b", more=f"next = [{branch}]"), question("late")) == told


def test_a_question_that_is_never_asked():
    away = question("a", more='next = [{ go = "c" }]')
    assert fault(away, question("b"), question("c")) == (
        "questions.1: 'b' is never asked: every branch skips it"
    )
    assert survey(question("a", more='next = [{ when = "<=5", go = "c" }]'), question("b"), question("c"),
                  head='skip_key = "*"').questions[1].id == "b"  # fmt: skip


# Faults


def test_all_faults_are_told_at_once_with_the_file_and_the_line():
    told = faults(
        'id = "Csat!"\nversion = "1"\nlanguages = []\nthanks = "thanks"\ncolour = 1\nquestions = []'
    )
    assert [line.split(": ")[:2] for line in told] == [
        ["csat.toml:1", "id"],
        ["csat.toml:1", "goodbye"],
        ["csat.toml:2", "version"],
        ["csat.toml:3", "languages"],
        ["csat.toml:5", "colour"],
        ["csat.toml:6", "questions"],
    ]


def test_broken_toml_names_the_line():
    assert faults('id = "csat"\nversion = 1\nlanguages = en')[0].startswith("csat.toml:3: ")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('ask = "ask"', 'aks = "ask"\nask = "ask"', "10: questions.0.aks: unknown key, did you mean 'ask'?"),
        (
            'thanks = "thanks"',
            'thanks = "thanks"\nwait_second = 5',
            "6: wait_second: unknown key, did you mean 'wait_seconds'?",
        ),
        ('kind = "csat"', 'kind = "csat"\nlow = 1', "10: questions.0.low: unknown key"),
        (
            'kind = "csat"',
            'kind = "csat"\nnext = [\n  { wehn = "1", go = "end" },\n]',
            "10: questions.0.next.0.wehn: unknown key, did you mean 'when'?",
        ),
        (
            'invalid = "invalid"',
            'invalid = "invalid"\n[[questions.next]]\nwen = "1"\ngo = "end"',
            "13: questions.0.next.0.wen: unknown key, did you mean 'when'?",
        ),
    ],
)
def test_unknown_keys(old, new, told):
    assert faults(GOOD.replace(old, new)) == [f"csat.toml:{told}"]


def test_a_missing_key_is_told_at_the_table_that_lacks_it():
    second = '[[questions]]\nid = "b"\nkind = "choice"\nask = "ask"\ninvalid = "invalid"\n'
    third = '[[questions]]\nid = "c"\nkind = "comment"\nask = "ask"\n'
    assert faults(GOOD + second + third) == [
        "csat.toml:12: questions.1.keys: Field required",
        "csat.toml:17: questions.2.consent: Field required",
        "csat.toml:17: questions.2.max_seconds: Field required",
    ]


def test_text_that_looks_like_keys_is_not_taken_for_them():
    text = GOOD.replace(
        'thanks = "thanks"', 'thanks = """\ngoodbye = 1\n[[questions]]\nid = "no"\n"""\ngoodby = 1'
    )
    assert "csat.toml:10: goodby: unknown key, did you mean 'goodbye'?" in faults(text)
    assert any(line.startswith("csat.toml:5: thanks: ") for line in faults(text))


def test_prompts_that_the_catalogue_lacks():
    text = GOOD.replace('["en"]', '["en", "fa"]').replace('invalid = "invalid"', 'invalid = "nope"')
    assert faults(text) == [
        "csat.toml:6: goodbye: the catalogue has no prompt 'goodbye' in fa",
        "csat.toml:11: questions.0.invalid: the catalogue has no prompt 'nope' in en, fa",
    ]


@pytest.mark.parametrize(
    ("head", "more", "place"),
    [
        ('welcome = "nope"', "", "welcome"),
        ('skipped = "nope"', "", "skipped"),
        ('opt_out_key = "*"\nopted_out = "nope"', "", "opted_out"),
        ("", comment("b", 'thanks = "nope"'), "questions.1.thanks"),
        ("", comment("b").replace('consent = "ask"', 'consent = "nope"'), "questions.1.consent"),
        ("", question("b").replace('ask = "ask"', 'ask = "nope"'), "questions.1.ask"),
    ],
)
def test_every_prompt_is_looked_for(head, more, place):
    assert fault(question("a"), more, head=head) == f"{place}: the catalogue has no prompt 'nope' in en"


@pytest.mark.parametrize(
    ("head", "more", "told"),
    [
        ('skip_key = "3"', question("a"), "skip_key: '3' is an answer to questions.0 ('a')"),
        ('skip_key = "10"', question("a", "nps"), "skip_key: '10' is an answer to questions.0 ('a')"),
        ('skip_key = "1"', comment("a"), "skip_key: '1' is an answer to questions.0 ('a')"),
        (
            'opt_out_key = "9"\nopted_out = "ask"',
            question("a", "nps"),
            "opt_out_key: '9' is an answer to questions.0 ('a')",
        ),
        (
            'skip_key = "*"\nopt_out_key = "*"\nopted_out = "ask"',
            question("a"),
            "opt_out_key: must differ from skip_key",
        ),
        (
            'opt_out_key = "*"',
            question("a"),
            "opt_out_key: needs the prompt opted_out, which confirms the opt-out to the caller",
        ),
        ("", question("end"), "questions.0.id: 'end' is reserved for the end"),
        ("", question("a") + question("a"), "questions.1.id: 'a' is the id of an earlier question"),
        (
            "max_seconds = 30",
            comment("a"),
            "questions.0.max_seconds: must be less than the survey's max_seconds, 30 s",
        ),
    ],
)
def test_what_does_not_fit_together(head, more, told):
    assert fault(more, head=head) == told


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('kind = "csat"', 'kind = "stars"', "questions.0"),
        ('kind = "csat"', 'kind = "choice"\nkeys = { 1 = "only" }', "questions.0.keys"),
        ('kind = "csat"', 'kind = "choice"\nkeys = { 1 = "a", 12 = "b" }', "questions.0.keys.12.[key]"),
        ('kind = "csat"', 'kind = "choice"\nkeys = { 1 = "a", 2 = "" }', "questions.0.keys.2"),
        ('kind = "csat"', 'kind = "csat"\nrates = "me"', "questions.0.rates"),
        ("version = 1", "version = 0", "version"),
        ("version = 1", "version = true", "version"),
        ("version = 1", "version = 1\nretries = -1", "retries"),
        ("version = 1", "version = 1\nmax_seconds = 5", "max_seconds"),
        ("version = 1", 'version = 1\nwait_seconds = "5"', "wait_seconds"),
        ("version = 1", 'version = 1\nskip_key = "#"', "skip_key"),
        ("version = 1", 'version = 1\nskip_key = "123"', "skip_key"),
        ('languages = ["en"]', 'languages = ["../en"]', "languages.0"),
        ('thanks = "thanks"', 'thanks = "../thanks"', "thanks"),
    ],
)
def test_wrong_values(old, new, place):
    (told,) = faults(GOOD.replace(old, new))
    assert told.split(": ")[1] == place


# The library


def test_a_library_is_a_folder(tmp_path):
    (tmp_path / "b.toml").write_text(GOOD.replace('id = "csat"', 'id = "b"'))
    (tmp_path / "a.toml").write_text(GOOD)
    (tmp_path / "README").write_text("no survey")
    surveys = SurveyLibrary.load(tmp_path, SOUNDS)
    assert list(surveys) == ["b", "csat"]
    assert surveys["csat"].questions[0].id == "satisfaction"
    assert "other" not in surveys


def test_faults_of_all_files_are_told(tmp_path):
    (tmp_path / "a.toml").write_text(GOOD)
    (tmp_path / "b.toml").write_text(GOOD.replace("version = 1", "version = 0"))
    (tmp_path / "c.toml").write_bytes(b"\xff")
    (tmp_path / "d.toml").write_text(GOOD)
    with pytest.raises(SurveyError) as raised:
        SurveyLibrary.load(tmp_path, SOUNDS)
    told = str(raised.value).splitlines()
    assert [line.partition(": ")[0] for line in told] == [
        f"{tmp_path}/{name}" for name in ("b.toml:3", "c.toml:1", "d.toml:1")
    ]
    assert told[2].endswith(f"'csat' is taken by {tmp_path}/a.toml")


def test_a_folder_without_surveys(tmp_path):
    with pytest.raises(SurveyError, match="no survey in this folder"):
        SurveyLibrary.load(tmp_path, SOUNDS)
