"""URLs in output: no part that can be a secret is shown, wherever a password stands."""

import pytest
from hypothesis import given, strategies as st

from cc_bridge.safe_text.redaction import MASK, has_address, redacted, redacted_url

PASSWORD = "s3cret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user@host/name", "postgresql://user@host/name"),
        ("postgresql://user:s3cret@host:5432/name", f"postgresql://user:{MASK}@host:5432/name"),
        ("postgresql+psycopg://:s3cret@host/name", f"postgresql+psycopg://:{MASK}@host/name"),
        ("postgresql://user%3As3cret@host/name", f"postgresql://{MASK}@host/name"),
        ("postgresql://user@[::1]:5432/name", "postgresql://user@[::1]:5432/name"),
        ("postgresql://host/name?password=s3cret", f"postgresql://host/name?password={MASK}"),
        (
            "postgresql://host/name?sslmode=require&sslpassword=s3cret",
            f"postgresql://host/name?sslmode=require&sslpassword={MASK}",
        ),
        ("postgresql://host/name?sslmode=x;y=s3cret!", f"postgresql://host/name?sslmode={MASK}"),
        ("postgresql://host/name?s3cret", f"postgresql://host/name?{MASK}"),
        ("mysql+pymysql://user@host/name;password=s3cret", f"mysql+pymysql://user@host/{MASK}"),
        ("sqlite:////var/lib/cc bridge/calls.sqlite?timeout=0.5",) * 2,
        ("sqlite:////var/lib/calls.sqlite?key=s3cret", f"sqlite:////var/lib/calls.sqlite?key={MASK}"),
        ("https://crm.example.com/", "https://crm.example.com/"),
        ("https://crm.example.com:8443/hooks/s3cret?x=s3cret", f"https://crm.example.com:8443/{MASK}"),
        # A URL with a mistake: it is unclear where the password ends.
        ("postgresql://user:s3@cret@host/name", MASK),
        ("postgresql://user:s3/cret@host/name", MASK),
        ("postgresql://user:s3?cret@host/name", MASK),
        ("postgresql://user:s3#cret@host/name", MASK),
        ("postgresql://user:s3cret", MASK),
        ("postgresql://user:s3cret/name", MASK),
        ("postgresql:/user:s3cret@host/name", MASK),
        ("postgresql:user:s3cret@host/name", MASK),
        ("user:s3cret@host/name", MASK),
        (":s3cret@host", MASK),
        ("//user:s3cret@host/name", MASK),
        ("s3cret", MASK),
    ],
)
def test_only_parts_without_a_secret_are_shown(url, shown):
    assert redacted_url(url) == shown


@given(
    st.text(alphabet="ab1:/?#@&=;%. \n\u202e", max_size=12), st.text(alphabet="ab1:/?#@&=;%.", max_size=12)
)
def test_a_password_between_user_and_host_is_never_shown(before, after):
    for url in (f"postgresql://user:{before}{PASSWORD}{after}@host/name", f"{before}:{PASSWORD}{after}@host"):
        assert PASSWORD not in redacted_url(url)
        assert PASSWORD not in redacted(url)


@pytest.mark.parametrize("text", ["sara@example.com", "PJSIP/{number}@trunk", "10:30", "Sales: all", "/a/b"])
def test_a_text_that_is_no_url_is_not_changed(text):
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("url", "valid"),
    [
        ("postgresql://u@h/d", True),
        ("postgresql://u:a%40b@h:5432/d?x=y@z", True),
        ("postgresql:///d?host=/run", True),
        ("postgresql://u:a/b?c#d:e@[::1]:5432/d", True),
        ("postgresql://u:a@b@h/d", False),
        ("postgresql://u:a", False),
        ("postgresql:/u:a@h/d", False),
        ("u:a@h/d", False),
    ],
)
def test_the_address_follows_the_password(url, valid):
    assert has_address(url) is valid
