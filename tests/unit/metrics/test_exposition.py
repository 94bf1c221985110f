"""The page of our metric families equals that of prometheus_client's own families."""

import prometheus_client
import pytest
from hypothesis import given, strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cc_bridge.metrics.exposition import Counter, Family, Histogram

HOSTILE = 'a "queue" \\ with\na new line, {braces} and گفتگو'
NAMES = st.sampled_from(["sales", HOSTILE, "", "\\n"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)
AMOUNTS = st.floats(0, 1e9) | st.integers(0, 10**12) | st.sampled_from([5, 20.0, 20.000001, 1800])


def samples(text):
    """Return the values by name and labels, without `_created` samples, which our page does not have."""
    found = [
        ((sample.name, *sorted(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def with_heading(family):
    name = f"{family.name}_total" if family.kind == "counter" else family.name
    return f"# HELP {name} {family.documentation}\n# TYPE {name} {family.kind}\n{''.join(family.render())}"


@given(st.lists(st.tuples(NAMES, NAMES, AMOUNTS), max_size=20), NAMES, NAMES)
def test_renamed_series_are_as_if_they_had_the_new_name_from_the_start(counted, old, new):
    renamed, expected = [
        (
            Counter("visits", "Visits.", "pbx", "queue", "outcome"),
            Histogram("wait", "Wait.", [5, 20], "pbx", "queue", "outcome"),
        )
        for _ in range(2)
    ]
    for queue, outcome, amount in counted:
        for (counter, histogram), name in ((renamed, queue), (expected, new if queue == old else queue)):
            counter.inc(name, outcome, by=amount)
            histogram.observe(amount, name, outcome)
    for instrument, other in zip(renamed, expected, strict=True):
        instrument.rename(old, new)
        assert samples(with_heading(instrument)) == pytest.approx(samples(with_heading(other)))


@given(st.lists(st.tuples(NAMES, NAMES, AMOUNTS), max_size=20))
def test_a_counter_is_as_prometheus_client_has_it(counted):
    registry = CollectorRegistry()
    theirs = prometheus_client.Counter("visits", "Visits.", ["pbx", "queue", "outcome"], registry=registry)
    ours = Counter("visits", "Visits.", HOSTILE, "queue", "outcome")
    for queue, outcome, amount in counted:
        theirs.labels(HOSTILE, queue, outcome).inc(amount)
        ours.inc(queue, outcome, by=amount)
    assert samples(with_heading(ours)) == samples(generate_latest(registry).decode())


@given(st.lists(st.tuples(NAMES, AMOUNTS), max_size=20))
def test_a_histogram_is_as_prometheus_client_has_it(observed):
    registry, bounds = CollectorRegistry(), [5, 20.0, 300, 1800]
    theirs = prometheus_client.Histogram("wait", "Wait.", ["pbx", "queue"], buckets=bounds, registry=registry)
    ours = Histogram("wait", "Wait.", bounds, "main", "queue")
    theirs.labels("main", "known")
    ours.init_series("known")
    for queue, amount in observed:
        theirs.labels("main", queue).observe(amount)
        ours.observe(amount, queue)
    assert samples(with_heading(ours)) == samples(generate_latest(registry).decode())


def test_what_was_not_counted_yet_can_be_there_at_zero():
    counter = Counter("visits", "Visits.", "main", "queue")
    counter.init_series("sales")
    assert list(counter.render()) == ['visits_total{pbx="main",queue="sales"} 0\n']
    counter.inc("sales")
    counter.init_series("sales")
    assert list(counter.render()) == ['visits_total{pbx="main",queue="sales"} 1\n']


def test_a_gauge_has_the_values_that_it_is_given():
    gauge = Family("gauge", "waiting", "Callers.", "main", "queue")
    assert list(gauge.lines({gauge.series("sales"): 2, gauge.series('"'): 0.5})) == [
        'waiting{pbx="main",queue="sales"} 2\n',
        'waiting{pbx="main",queue="\\""} 0.5\n',
    ]


def test_labels_without_a_value_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        Counter("visits", "Visits.", "main", "queue", "outcome").inc("sales")
