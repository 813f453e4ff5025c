"""Every setting: its type, its default, what it means.

They are read from the environment (`DESK_PUBLIC_URL=...`) or a `desk.toml` beside the command, the environment first.
All mistakes are reported together, and a mistyped name is one.
"""

import re
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DESK_", extra="forbid", toml_file="desk.toml")

    name: str = Field("窓口", description="The desk's name, shown on every page and in mail.")
    data: Path = Field(Path("data"), description="Folder for the SQLite file, attachments and trained models.")
    database_url: str = Field(
        "", description='Empty: SQLite in the data folder. Or "postgresql+psycopg://user:password@host/database".'
    )
    public_url: str = Field(
        "",
        description="How the outside reaches the desk; signatures are checked against it. Empty: this machine.",
    )
    files_url: str = Field(
        "", description="Another address of this desk, for files and formatted mail alone. Empty: the same address."
    )
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the web server listens on.")
    timezone: str = Field("Asia/Tokyo", description="Zone of dates on pages and in mail.")
    region: str = Field("JP", description="Country assumed for a telephone number that names none.")
    language: str = Field("ja", description='Language before anybody has signed in: "ja" or "en".')

    mail_host: str = Field("127.0.0.1", description="Address the desk's own mail listener binds to.")
    mail_port: int = Field(8025, ge=-1, le=65535, description="Its port; 0 switches it off, -1 takes any.")
    mail_lmtp: bool = Field(False, description="Speak LMTP instead of SMTP on that port.")
    mail_addresses: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses accepted besides the queues' own, with a comma between. A plus-tag is always accepted.",
    )
    mail_tls_certificate: str = Field(
        "", description="Its certificate, a PEM file with the chain. Empty: mail comes in without TLS."
    )
    mail_tls_key: str = Field("", description="The certificate's key, a PEM file. Empty: in the same file.")
    mail_tls: Literal["offered", "required", "implicit"] = Field(
        "offered", description='STARTTLS "offered" or "required", or TLS from the first byte: "implicit".'
    )
    mail_users: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description='Who may hand over mail: "name=password" with a comma between. Empty: nobody needs to sign in.',
    )
    mail_connections: int = Field(500, ge=1, description="How many senders may be connected to it at once.")
    mail_peer_connections: int = Field(50, ge=1, description="How many connections one sender may have at once.")
    mail_peer_mails: int = Field(600, ge=1, description="How many mails one sender may hand over in a minute.")
    mail_peer_recipients: int = Field(1200, ge=1, description="How many recipients one sender may name in a minute.")
    mail_own_peers: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["127.0.0.0/8", "::1/128"],
        description="Your own mail servers, addresses or networks: limits of one sender do not hold for them.",
    )
    mail_max_bytes: int = Field(30_000_000, ge=1000, description="Largest mail accepted, in bytes.")
    mail_push_tokens: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description='Who may post mail by HTTP: "name=token" with a comma between. The token is part of their URL.',
    )
    mail_push_key: str = Field(
        "", description="Public key by which SendGrid's signature is proved. Empty: the token alone proves it."
    )
    mail_from: str = Field("desk@example.com", description="Sender where a queue has no address of its own.")
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description='Where replies leave: "smtp://user:password@host:587" (STARTTLS when offered) or "smtps://...".',
    )
    undo_seconds: int = Field(
        10, ge=0, le=60, description="How long a mail that was sent can be taken back before it leaves. 0: not at all."
    )
    draft_keep_days: int = Field(
        60, ge=1, description="How long what an agent has begun to write is kept after the last word."
    )
    mail_poll_seconds: int = Field(
        60, ge=1, description="How often a mailbox is looked into whose server cannot tell of new mail (IDLE)."
    )
    mail_takes_reply_to: bool = Field(
        False, description="Take Reply-To for the customer's address, of mail to none of the queues and mailboxes."
    )
    mail_strangers: Literal["note", "park"] = Field(
        "note", description="Mail of somebody who quotes a ticket without taking part: shown on it, or set aside."
    )
    mail_tickets_per_hour: int = Field(
        20, ge=1, description="What one sender writes beyond so many new tickets in an hour is set aside."
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Seals the passwords of mailboxes. Empty: a key made in the data folder when first needed.",
    )

    dns_server: str = Field(
        "",
        description="Server asked for the records of sending domains, an IP address with a port or without. "
        "Empty: the system's.",
    )

    twilio_account_sid: str = Field("", description="Needed to pull a waiting caller to an agent's telephone.")
    twilio_auth_token: SecretStr = Field(SecretStr(""), description="Proves Twilio's callbacks.")
    twilio_auth_token_old: SecretStr = Field(SecretStr(""), description="Still accepted while tokens are rotated.")
    twilio_base_url: str = Field("", description="Another address for Twilio's REST interface, for tests.")
    sms_from: str = Field(
        "", description='Twilio number, or messaging service ("MG..."), that surveys are sent from by SMS. Empty: none.'
    )
    sms_segments_per_day: int = Field(200, ge=0, description="SMS parts a day that are paid for at most.")
    sms_hours: str = Field("09:00-20:00", description="When SMS are sent, on the desk's clock; later ones wait.")
    ring_seconds: int = Field(25, ge=5, le=600, description="How long agents' telephones ring before an apology.")
    push_tokens: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description='Exchanges that may post calls: "name=token" with a comma between. The token is part of their URL.',
    )
    exchange_log_days: int = Field(
        30, ge=1, description="How long it is known what telephone systems said and were answered."
    )
    placetel_secret: SecretStr = Field(SecretStr(""), description="Shared secret of Placetel's signature, if used.")

    rules_reach_private: bool = Field(
        False, description="Rules may post to addresses of private networks and of this machine, too."
    )

    push_services: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: [
            "fcm.googleapis.com",
            "*.push.services.mozilla.com",
            "*.push.apple.com",
            "*.notify.windows.com",
        ],
        description="Hosts of push services that browsers may name, with a comma between. Empty: nothing is pushed.",
    )
    report_domains: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Domains to whose addresses reports may be mailed, with a comma between. Agents need none.",
    )
    login_hours: int = Field(12, ge=1, description="A sign-in ends after this many hours without use.")
    reopen_days: int = Field(14, ge=0, description="A reply to a ticket resolved longer ago opens a new one.")
    open_ticket_days: int = Field(14, ge=0, description="A call joins an open ticket that moved this recently.")
    wrap_up_seconds: int = Field(180, ge=0, description="After a call: how long the wrap-up counts down.")
    raw_keep_days: int = Field(90, ge=1, description="How long the bytes of what arrived are kept.")
    train_at: str = Field(
        "03:30", description="When the classifier learns every night, in the desk's time zone. Empty: only when asked."
    )
    demo: bool = Field(False, description="Sample company, demonstration sign-ins and the Try it page.")

    @field_validator("mail_addresses", "mail_own_peers", "push_services", "report_domains", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip().lower() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("push_tokens", "mail_push_tokens", "mail_users", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.strip().split("=", 1) for part in value.split(",") if part.strip()]
        if any(len(pair) != 2 or not pair[0] or len(pair[1]) < 16 for pair in pairs):
            raise ValueError('write "name=secret", with a secret of at least 16 characters')
        return {name: SecretStr(token) for name, token in pairs}

    @field_validator("mail_own_peers")
    @classmethod
    def _peers(cls, value: list[str]) -> list[str]:
        for each in value:
            try:
                ip_network(each)
            except ValueError as error:
                raise ValueError(f"{each!r} is no address or network; one is 192.0.2.0/24") from error
        return value

    @field_validator("mail_push_key")
    @classmethod
    def _push_key(cls, value: str) -> str:
        if value:
            from helpdesk.mail.posted import public_key  # loaded only by who has such a key

            public_key(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is no time zone; one is Asia/Tokyo") from error
        return value

    @field_validator("train_at")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        if value and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError("write a time of day such as 03:30, or leave it empty")
        return value

    @field_validator("sms_hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        clock = r"(?:[01]\d|2[0-3]):[0-5]\d"
        if not re.fullmatch(f"{clock}-{clock}", value) or value[:5] >= value[6:]:
            raise ValueError("write two times of one day such as 09:00-20:00")
        return value

    @field_validator("language")
    @classmethod
    def _language(cls, value: str) -> str:
        if value not in {"ja", "en"}:
            raise ValueError('the pages speak "ja" and "en"')
        return value

    @field_validator("public_url", "files_url")
    @classmethod
    def _public(cls, value: str) -> str:
        if value and not (value.startswith(("http://", "https://")) and urlsplit(value).hostname):
            raise ValueError("write https://desk.example.com (or http:// on one machine)")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        server = urlsplit(value.get_secret_value())
        if value.get_secret_value() and not (server.scheme in ("smtp", "smtps") and server.hostname):
            raise ValueError("write smtp://user:password@host:587 or smtps://user:password@host")
        return value

    @field_validator("mail_from")
    @classmethod
    def _address(cls, value: str) -> str:
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise ValueError(f"{value!r} is no mail address")
        return value

    @field_validator("secret_key")
    @classmethod
    def _key(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("write at least 32 random characters")
        return value

    @field_validator("dns_server")
    @classmethod
    def _resolver(cls, value: str) -> str:
        if value and not re.fullmatch(r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\])(:\d{1,5})?", value):
            raise ValueError("write an IP address, with a port where it is not 53: 192.0.2.53 or [2001:db8::53]:5353")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("write postgresql+psycopg://user:password@host/database, or leave it empty for SQLite")
        return value

    @field_validator("region")
    @classmethod
    def _region(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Z]{2}", value) or (value != "JP" and value not in _regions()):
            raise ValueError(f"{value!r} is no country of two letters; one is JP")
        return value

    @model_validator(mode="after")
    def _mail_security(self) -> "Settings":
        needs = self.mail_tls != "offered" or self.mail_users or self.mail_tls_key
        if not self.mail_tls_certificate:
            if needs:
                raise ValueError("mail_tls, mail_tls_key and mail_users need mail_tls_certificate")
            return self
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.mail_tls_certificate, self.mail_tls_key or self.mail_tls_certificate)
        except OSError as error:  # which ssl.SSLError is, too
            raise ValueError(f"mail_tls_certificate and mail_tls_key cannot be used together: {error}") from error
        return self

    @model_validator(mode="after")
    def _here(self) -> "Settings":
        if not self.public_url:
            host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
            self.public_url = f"http://{host}:{self.port}"
        if self.files_url and urlsplit(self.files_url).netloc == urlsplit(self.public_url).netloc:
            raise ValueError("files_url is another address than public_url, or empty")
        return self

    @property
    def database(self) -> str:
        """The database's address, whichever way it was given."""
        return self.database_url or f"sqlite:///{(self.data / 'desk.db').absolute()}"

    @property
    def attachments(self) -> Path:
        """The folder of attachments."""
        return self.data / "attachments"

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the desk by TLS, so that cookies may insist on it."""
        return self.public_url.startswith("https://")

    def can_command(self, source: str) -> bool:
        """Whether the desk may tell the telephone system of a call what to do with it."""
        return source == "twilio" and bool(self.twilio_account_sid and self.twilio_auth_token.get_secret_value())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Given in code, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _regions() -> set[str]:
    import phonenumbers  # loaded only by who is not in Japan

    return set(phonenumbers.SUPPORTED_REGIONS)
