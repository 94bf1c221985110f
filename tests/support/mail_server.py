"""A real mail server for tests: aiosmtpd on loopback, in a thread, with its own certificate.

`mails` holds the received mails, `commands` the received commands. `replies` are the next replies to RCPT or
DATA in place of acceptance.

Note: commands that a client sends right before it hangs up are known only after the server has read them. So
a test checks `commands` only after the client has received an answer.
"""

import socket
import ssl
from collections import defaultdict, deque
from email import policy
from email.parser import BytesParser

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from unit.ami.test_tls import certificate

__all__ = ["MailServer", "mail_server", "mail_servers"]

USER, PASSWORD = "bridge", "s3cret-of-the-mail-server"


class MailServer:
    """One mail server. `host` is the name in its certificate, and must resolve to loopback."""

    def __init__(self, folder, *, tls="starttls", host="localhost", auth=True):
        self.mails = []  # pairs of recipient and parsed mail
        self.commands = []
        self.replies = defaultdict(deque)
        self.on_data = lambda: None
        self.host = host
        self.tls = tls
        pem, key = certificate(host)
        self.ca_file = folder / "mail-ca.pem"
        self.ca_file.write_bytes(pem)
        both = folder / "mail-both.pem"
        both.write_bytes(key + pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        wanted = {"starttls": {"tls_context": context}, "implicit": {"ssl_context": context}, "none": {}}[tls]
        if auth:
            wanted |= {"authenticator": self._let_in, "auth_required": True}
            if tls == "implicit":
                wanted["auth_require_tls"] = False  # aiosmtpd regards only STARTTLS as TLS
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **wanted)
        self._controller.start()
        self._runs = True

    def close(self):
        if self._runs:
            self._runs = False
            self._controller.stop()

    def _let_in(self, _server, _session, _envelope, _mechanism, data):
        self.commands.append("AUTH")
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)  # aiosmtpd sends the refusal

    async def handle_EHLO(self, _server, session, _envelope, hostname, responses):  # noqa: N802
        session.host_name = hostname
        self.commands.append("EHLO")
        return responses

    async def handle_MAIL(self, _server, _session, envelope, address, options):  # noqa: N802
        self.commands.append("MAIL")
        envelope.mail_from = address
        envelope.mail_options += options
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        self.commands.append("RCPT")
        if self.replies["RCPT"]:
            return self.replies["RCPT"].popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        self.commands.append("DATA")
        self.on_data()
        reply = self.replies["DATA"].popleft() if self.replies["DATA"] else "250 OK"
        if reply == "hang up":
            server.transport.abort()
        if reply == "hang up" or reply.startswith("250"):
            parsed = BytesParser(policy=policy.default).parsebytes(envelope.content)
            self.mails += [(address, parsed) for address in envelope.rcpt_tos]
        return reply if reply != "hang up" else "250 OK"


@pytest.fixture
def mail_server(tmp_path):
    server = MailServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def mail_servers(tmp_path):
    """Return a function that starts a mail server with the given options. All end with the test."""
    made = []

    def server(**kind):
        made.append(MailServer(tmp_path, **kind))
        return made[-1]

    yield server
    for each in made:
        each.close()
