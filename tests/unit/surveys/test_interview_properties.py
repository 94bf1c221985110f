"""Random valid surveys, callers and faults: an interview always ends soon, with a true report of itself."""

from hypothesis import given, settings, strategies as st

from cc_bridge.records import SurveyResult
from cc_bridge.surveys.interview import Interview, InterviewState
from cc_bridge.surveys.steps import (
    AskKey,
    Begin,
    CommentRecorded,
    Finish,
    InterviewEnd,
    KeyPressed,
    Listen,
    Play,
    RecordComment,
    Save,
    StepResult,
    StopAsking,
)
from support.generated_surveys import surveys

KEYS = st.builds(KeyPressed, st.sampled_from("0123456789*#"))
DONE, SILENCE, MISSING, NOT_STORED = (
    StepResult.DONE,
    StepResult.SILENCE,
    StepResult.PROMPT_MISSING,
    StepResult.NOT_STORED,
)
LISTENED = st.one_of(KEYS, KEYS, KEYS, st.just(SILENCE))
STORED = st.sampled_from([DONE] * 9 + [NOT_STORED])
FITTING = {
    AskKey: st.one_of(LISTENED, LISTENED, LISTENED, st.just(MISSING)),
    Listen: LISTENED,
    RecordComment: st.one_of(
        st.builds(CommentRecorded, st.integers(1, 30)), st.sampled_from([SILENCE, StepResult.NOT_RECORDED])
    ),
    Begin: STORED,
    Save: STORED,
    StopAsking: STORED,
}
ANYTHING = st.one_of(
    st.sampled_from([*StepResult, *InterviewEnd]),
    st.builds(CommentRecorded, st.integers(-5, 1000)),
    st.builds(KeyPressed, st.sampled_from([*"0123456789*#", "", "55", "x", "٣", "*0"])),
)
CUTS = st.sampled_from([*InterviewEnd, StepResult.TIME_IS_UP])


def most_steps(survey):
    """Return the largest number of steps of an interview, counted from the definition.

    The sum has: start, thanks, goodbye and welcome; each round of language offers, and the choice; an opt-out
    and its confirmation. Each question adds at most a lead-in; the question and a second key for each try;
    and the instruction, the recording, the storing and a closing prompt.
    """
    offers = len(survey.languages) * (survey.retries + 1) + 1
    return 4 + offers + 2 + sum(3 * (asked.retries + 1) + 4 for asked in survey.questions)


class Walk:
    """An interview in progress, observed by its steps and events only."""

    def __init__(self, survey):
        self.survey = survey
        self.interview = Interview(survey, "de")
        self.saved = {}
        self.numbers = [0]  # the numbers of the questions that were asked
        self.cut = False

    def run(self, happens):
        """Run the interview to its end with the events of `happens`. Return the last step."""
        step, taken, goodbye = self.interview.begin(), 0, False
        while not isinstance(step, Finish):
            event = happens(step)
            following = self.interview.next(event)
            self.cut |= isinstance(event, InterviewEnd)
            self.watch(step, event)
            goodbye |= step in (Play("thanks"), Play("goodbye"))
            step = following
            taken += 1
            assert taken <= most_steps(self.survey)
        assert goodbye or self.cut
        assert self.interview.state is InterviewState.OVER
        self.judge(step)
        return step

    def watch(self, step, event):
        if self.interview.stage == "answered":
            assert isinstance(step, Save)
            assert event is DONE
            assert step.question.id not in self.saved
            assert step.question is self.survey.questions[self.numbers[-1]]
            assert 1 <= step.tries <= step.question.retries + 1
            if not step.question.comment:
                assert step.value in step.question.values
            self.saved[step.question.id] = step.value
            self.go_on(step.value)
        elif self.interview.stage in {"skipped", "not_recorded"}:
            self.go_on(None)

    def go_on(self, value):
        self.numbers.append(self.survey.following(self.numbers[-1], value))

    def judge(self, finish):
        assert self.numbers == sorted(set(self.numbers))  # questions are asked in order, without repeats
        walked = self.numbers[-1] == len(self.survey.questions)
        if finish.reason == "not_stored":
            assert finish.result in {SurveyResult.DECLINED, SurveyResult.PARTIAL}
        elif not self.saved:
            assert finish.result is SurveyResult.DECLINED
        else:
            assert finish.result is (SurveyResult.COMPLETE if walked else SurveyResult.PARTIAL)
        assert bool(finish.reason) is (finish.result is not SurveyResult.COMPLETE)


@settings(max_examples=150)
@given(surveys(), st.data())
def test_a_caller_who_does_what_callers_do(survey, data):
    Walk(survey).run(lambda step: data.draw(FITTING.get(type(step), st.just(DONE)), label=str(step)))


@settings(max_examples=150)
@given(surveys(), st.data())
def test_whatever_happens_it_ends_and_adds_up(survey, data):
    def happens(step):
        fitting = FITTING.get(type(step), st.sampled_from([DONE, MISSING]))
        return data.draw(st.one_of(fitting, fitting, fitting, fitting, ANYTHING), label=str(step))

    Walk(survey).run(happens)


@settings(max_examples=100)
@given(surveys(), st.integers(0, 30), CUTS, st.data())
def test_it_may_be_cut_at_any_moment(survey, after, cut, data):
    left = iter(range(after))

    def happens(step):
        if next(left, None) is None:
            return cut
        return data.draw(FITTING.get(type(step), st.just(DONE)), label=str(step))

    Walk(survey).run(happens)


@given(surveys(), st.lists(ANYTHING, max_size=10))
def test_after_the_end_nothing_begins_again(survey, events):
    interview = Interview(survey)
    interview.begin()
    finished = interview.next(InterviewEnd.HUNG_UP)
    assert all(interview.next(event) == finished for event in events)


@settings(max_examples=60)
@given(surveys())
def test_a_patient_caller_with_right_answers_completes_it(survey):
    def happens(step):
        if isinstance(step, AskKey | Listen):
            number = walk.numbers[-1]
            asked = survey.questions[number] if number < len(survey.questions) else None
            if isinstance(step, Listen):
                return KeyPressed("#")
            return KeyPressed("1") if step.prompt == "which" else KeyPressed(min(asked.keys))
        return CommentRecorded(7) if isinstance(step, RecordComment) else DONE

    walk = Walk(survey)
    assert walk.run(happens).result is SurveyResult.COMPLETE
    assert set(walk.saved) == {survey.questions[number].id for number in walk.numbers[:-1]}
