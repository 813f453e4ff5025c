"""A fresh access token for a mailbox whose provider takes no passwords (RFC 6749).

With a refresh token it speaks for the person who gave it; without one for the application itself (client credentials),
as Microsoft offers for shared mailboxes.
"""

from dataclasses import dataclass, field

from helpdesk.errors import Rejected, Unreachable
from helpdesk.mail.imap import failed

TIMEOUT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Token:
    """Good for `seconds` from when it was asked for. `refresh` is the refresh token from now on, "" for the old one."""

    access: str = field(repr=False)
    seconds: float
    refresh: str = field(repr=False, default="")


def ask(token_url: str, *, client_id: str, client_secret: str, refresh_token: str, scope: str) -> Token:
    """Ask the provider, by HTTPS only. Raises `Unreachable`, or `Rejected("oauth_refused")` when it says no."""
    import requests

    form = {"client_id": client_id, "grant_type": "refresh_token" if refresh_token else "client_credentials"}
    given = {"client_secret": client_secret, "refresh_token": refresh_token, "scope": scope}
    form |= {name: value for name, value in given.items() if value}
    if not token_url.startswith("https://"):
        raise Rejected("oauth_not_https")
    try:
        answer = requests.post(token_url, data=form, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        told = answer.json() if answer.content else {}
    except requests.exceptions.JSONDecodeError:
        told = {}
    except requests.exceptions.SSLError as error:
        failed(Rejected, "oauth_certificate", type(error).__name__)
    except requests.exceptions.RequestException as error:
        failed(Unreachable, "oauth_unreachable", type(error).__name__)
    if answer.status_code == 429 or answer.status_code >= 500:
        failed(Unreachable, "oauth_unreachable", answer.status_code)
    if not isinstance(told, dict) or answer.status_code != 200 or not isinstance(told.get("access_token"), str):
        # The provider's code ("invalid_grant") and no more: its description may quote what was sent.
        failed(Rejected, "oauth_refused", str(told.get("error", ""))[:60] if isinstance(told, dict) else "")
    lasts = told.get("expires_in")
    return Token(
        access=told["access_token"],
        seconds=float(str(lasts)) if str(lasts).isdigit() else 300.0,
        refresh=told["refresh_token"] if isinstance(told.get("refresh_token"), str) else "",
    )
