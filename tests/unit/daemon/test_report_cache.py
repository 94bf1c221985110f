"""The cache of reports: a minute for past days, five seconds for today, nothing of an old configuration."""

from twisted.internet.task import Clock

from cc_bridge.daemon.services.report_cache import ReportCache


class Case:
    def __init__(self):
        self.clock = Clock()
        self.cache = ReportCache(self.clock.seconds)
        self.made = 0

    def ask(self, key="service", config="first", *, is_past=True):
        def make():
            self.made += 1
            return self.made

        return self.cache.result(config, key, make, is_past=is_past)


def test_a_report_of_past_days_is_kept_for_a_minute():
    case = Case()
    assert (case.ask(), case.ask()) == (1, 1)
    case.clock.advance(59)
    assert case.ask() == 1
    case.clock.advance(2)
    assert case.ask() == 2


def test_a_report_of_today_is_kept_for_five_seconds():
    case = Case()
    assert case.ask(is_past=False) == 1
    case.clock.advance(4)
    assert case.ask(is_past=False) == 1
    case.clock.advance(2)
    assert case.ask(is_past=False) == 2


def test_other_reports_and_another_configuration_have_other_results():
    case = Case()
    assert [case.ask("a"), case.ask("b"), case.ask("a")] == [1, 2, 1]
    assert [case.ask("a", "second"), case.ask("a", "second"), case.ask("b", "second")] == [3, 3, 4]


def test_the_oldest_results_are_dropped():
    case = Case()
    for number in range(65):
        case.ask(str(number))
    assert case.ask("64") == 65
    assert case.ask("0") == 66
