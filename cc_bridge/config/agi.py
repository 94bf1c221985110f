"""Section [agi]: the address and limits of the FastAGI server."""

from pydantic import Field

from cc_bridge.config.fields import Section

__all__ = ["AgiConfig"]


class AgiConfig(Section):
    """Address and limits of the FastAGI server."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=14573, ge=0, le=65535)
    max_callers: int = Field(default=100, ge=1, le=5000)
    max_session_seconds: float = Field(default=240, ge=5, le=900)
    max_header_lines: int = Field(default=100, ge=20, le=1000)
    max_header_bytes: int = Field(default=16384, ge=1024, le=1048576)
    header_timeout_seconds: float = Field(default=5, ge=0.5, le=60)
