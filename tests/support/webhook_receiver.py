"""A webhook receiver for tests: a real HTTP server in a thread, which can misbehave on request.

It checks each signature with the reference library of the specification (Standard Webhooks), not with our
code.
"""

import base64
import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError

__all__ = ["SECRET", "Receiver", "certificate"]

_KEY = b"a key of the house, 32 bytes ..."
SECRET = "whsec_" + base64.b64encode(_KEY).decode()


class Receiver:
    """A receiver on a free port, or on `port`. `behave(event)` returns the answer to each request.

    A number is a status. A pair is a status and its Retry-After. A text is "hang" (no answer until
    `release`), "cut" (close within the answer), "slam" (close without an answer), "long" (an endless answer)
    or the address of a redirect.
    """

    def __init__(self, behave=lambda _: 204, port=0, context=None, protocol="HTTP/1.1"):
        self.behave = behave
        self.events = []  # all received events, in order
        self.taken = []  # ids of the accepted events
        self.faults = []  # what is wrong in requests, such as "signature"
        self.connections = set()
        self.release = threading.Event()
        self.closed = False
        self._lock = threading.Lock()
        receiver = self

        class Request(BaseHTTPRequestHandler):
            protocol_version = protocol
            timeout = 30

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver._came(self, body)

            do_GET = do_POST  # noqa: N815 - http.server's name

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass  # connections are closed on purpose

        self._server = Server(("127.0.0.1", port), Request)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}/events?for=us"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self):
        self.closed = True  # read by connections that stay open
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def ids(self):
        return [event["id"] for event in self.events]

    def _came(self, request, body):
        event = json.loads(body)
        with self._lock:
            self._check(request.headers, body, event)
            self.events.append(event)
            self.connections.add(request.client_address)
            how = "slam" if self.closed else self.behave(event)
            if isinstance(how, int) and 200 <= how <= 299:
                self.taken.append(event["id"])
        self._answer(request, how)

    def _answer(self, request, how):
        status, after = how if isinstance(how, tuple) else (how, None)
        if how == "hang":
            self.release.wait(30)
            request.close_connection = True
        elif how == "slam":
            request.close_connection = True
        elif how == "cut":
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            request.close_connection = True
        elif how == "long":
            request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while not self.release.is_set():
                request.wfile.write(b"x" * 65_536)
        elif isinstance(how, str):
            request.send_response(307)
            request.send_header("location", how)
            request.send_header("content-length", "0")
            request.end_headers()
        else:
            request.send_response(status)
            if after is not None:
                request.send_header("retry-after", after)
            if status != 204:
                request.send_header("content-length", "4")
            request.end_headers()
            request.wfile.write(b"" if status == 204 else b"well")

    def _check(self, headers, body, event):
        stamp = headers["webhook-timestamp"]
        try:
            Webhook(SECRET).verify(body, dict(headers))
            is_genuine = True
        except WebhookVerificationError:
            is_genuine = False
        for fault, found in {
            "signature": not is_genuine,
            "id": headers["webhook-id"] != event["id"],
            "timestamp": abs(time.time() - int(stamp)) > 60,
            "type": headers["content-type"] != "application/json",
        }.items():
            if found:
                self.faults.append(fault)


def certificate(folder, name="localhost"):
    """Create a CA and a certificate for `name`. Return the server's TLS context and the CA's file."""

    def made(subject, key, issuer, issuer_key, extension, critical):
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(hours=1),
            not_valid_after=now + timedelta(days=1),
        )
        return builder.add_extension(extension, critical).sign(issuer_key, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = made("test CA", ca_key, "test CA", ca_key, x509.BasicConstraints(ca=True, path_length=None), True)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = made(name, key, "test CA", ca_key, names, False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, folder / "ca.pem"
