"""A caller from outside with free choice of the headers of the INVITE; no phone sends such ones."""

import socket
from urllib.parse import quote

__all__ = ["invite"]

_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
_REQUEST = (
    "{method} sip:{exten}@127.0.0.1:{to} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{method}{port}\r\n"
    'From: "{name}" <sip:{number}@127.0.0.1>;tag=1\r\n'
    "To: <sip:{exten}@127.0.0.1>{tag}\r\n"
    "Call-ID: stranger-{port}\r\n"
    "CSeq: 1 {method}\r\n"
    "Contact: <sip:x@127.0.0.1:{port}>\r\n"
    "Max-Forwards: 70\r\n"
)
_OF_AN_ANSWER = ("Via:", "From:", "To:", "Call-ID:", "CSeq:")


def invite(sip_port: int, exten: str, number: str, name: str = "x", seconds: float = 30.0) -> None:
    """Call an extension from a number and a name with line breaks, and return when the PBX hung up.

    The line breaks are sent as `%0D%0A`, which Asterisk decodes in the number.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(seconds)
        port = phone.getsockname()[1]
        caller = {"number": quote(number), "name": quote(name, safe=" :,.")}

        def send(method: str, tag: str, body: str = "") -> None:
            head = _REQUEST.format(method=method, exten=exten, to=sip_port, port=port, tag=tag, **caller)
            kind = "Content-Type: application/sdp\r\n" if body else ""
            message = f"{head}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
            phone.sendto(message.encode(), ("127.0.0.1", sip_port))

        send("INVITE", "", _SDP.format(port=port))
        while True:
            lines = phone.recv(65536).decode(errors="replace").split("\r\n")
            if lines[0].startswith("BYE "):
                kept = [line for line in lines if line.startswith(_OF_AN_ANSWER)]
                answer = "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])
                phone.sendto(answer.encode(), ("127.0.0.1", sip_port))
                return
            if lines[0].startswith("SIP/2.0 200 "):
                (to,) = (line for line in lines if line.startswith("To:"))
                send("ACK", "".join(to.partition(";tag=")[1:]))
            else:
                assert lines[0].startswith("SIP/2.0 1"), lines[0]
