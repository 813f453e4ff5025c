"""What DNS says of a domain we send from, and what it ought to say: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489).

The one idea: looking up and judging are one pass over a plain question, without the database. Every answer is kept with
what was found and a code for each thing that is right, doubtful, wrong or could not be learned; the page says them in
words. Asking has a limit of time for each name and for all together, and never happens while a page is drawn.
"""

import ipaddress
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from helpdesk.errors import Unreachable

Ask = Callable[[str, str], list[str]]
"""The values of a name's records of one type, [] where there are none. Raises `Unreachable` with a code."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

EACH_SECONDS, ALL_SECONDS = 3.0, 12.0
LOOKUPS = 10  # of one SPF record, RFC 7208, 4.6.4
_PROVIDERS = (  # whose own list says where they send from
    (r"smtp(?:-relay)?\.(?:gmail|googlemail)\.com", "include:_spf.google.com"),
    (r"smtp\.office365\.com|.+\.mail\.protection\.outlook\.com", "include:spf.protection.outlook.com"),
    (r"smtp\.sendgrid\.net", "include:sendgrid.net"),
    (r"email-smtp\..+\.amazonaws\.com", "include:amazonses.com"),
    (r"smtp\.(?:eu\.)?mailgun\.org", "include:mailgun.org"),
)
_TERM = re.compile(
    r"(?P<sign>[-+?~]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)(?::(?P<value>[^/\s]*))?"
    r"(?P<mask>(?:/(?P<four>\d{1,3}))?(?://(?P<six>\d{1,3}))?)",
    re.IGNORECASE,
)
_END = re.compile(r"[-+?~]?all|redirect=\S*", re.IGNORECASE)
_MODIFIER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.-]*)=(?P<value>\S*)")


@dataclass(frozen=True, slots=True)
class Question:
    """A domain, the servers its mails leave by (names or addresses the world can see), and its key if it has one."""

    domain: str
    servers: Sequence[str] = ()
    selector: str = ""
    public_key: str = ""
    signs: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    level: str  # "right", "doubtful", "wrong", "unknown"
    code: str
    facts: dict[str, str] = field(default_factory=dict)


def look_up(question: Question, ask: Ask) -> dict[str, Any]:
    """What was found and what to think of it, as JSON: for "spf", "dkim" and "dmarc" each `records` and `findings`
    (level, code, facts); for "spf" also the record to `set`; and the `selector` that was asked for."""
    spf = _tried(lambda: _spf(question, ask), {"set": ""})
    dkim = _tried(lambda: _dkim(question, ask))
    authentic = [question.signs and _is_right(dkim), _is_right(spf)]
    dmarc = _tried(lambda: _dmarc(question, ask, refuses=not any(authentic)))
    return {"spf": spf, "dkim": dkim, "dmarc": dmarc, "selector": question.selector}


def resolver(server: str = "") -> Ask:
    """Asks the server (see `Settings.dns_server`), or the system's, and gives up after `ALL_SECONDS` in all. Raises
    `Unreachable` where this machine knows no server to ask."""
    import dns.exception
    import dns.resolver

    try:
        asked = dns.resolver.Resolver(configure=not server)
    except dns.resolver.NoResolverConfiguration as error:
        raise Unreachable("dns_failed") from error
    if server:
        host, _, port = server.rpartition(":") if re.search(r"[\]\d]:\d+$", server) else (server, "", "53")
        asked.nameservers, asked.port = [host.strip("[]")], int(port)
    asked.timeout, end = EACH_SECONDS / 2, time.monotonic() + ALL_SECONDS

    def ask(name: str, kind: str) -> list[str]:
        left = end - time.monotonic()
        if left <= 0:
            raise Unreachable("dns_timeout")
        try:
            found = asked.resolve(name + ".", kind, lifetime=min(EACH_SECONDS, left), search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.resolver.LifetimeTimeout as error:
            raise Unreachable("dns_timeout") from error
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise Unreachable("dns_failed") from error
        if kind == "TXT":
            return [b"".join(each.strings).decode("utf-8", "replace") for each in found]
        return [str(each.exchange if kind == "MX" else each.address).rstrip(".") for each in found]

    return ask


def mechanism(server: str) -> str:
    """What lets a server send for a domain in its SPF record: `include:` of a provider's list, `ip4:` or `a:`."""
    if address := _address(server):
        return f"ip{address.version}:{address}"
    known = (include for pattern, include in _PROVIDERS if re.fullmatch(pattern, server.lower()))
    return next(known, f"a:{server.lower()}")


def spf_record(servers: Sequence[str], *, existing: str = "", missing: Sequence[str] | None = None) -> str:
    """The SPF record to set: a new one, or the existing one with what is `missing` put in before its end."""
    added = [mechanism(server) for server in servers] if missing is None else list(missing)
    if not existing:
        return " ".join(("v=spf1", *(dict.fromkeys(added) or ["mx"]), "~all"))
    terms = existing.split()
    end = next((at for at, term in enumerate(terms) if _END.fullmatch(term)), len(terms))
    return " ".join([*terms[:end], *(each for each in dict.fromkeys(added) if each not in terms), *terms[end:]])


# --- SPF


@dataclass
class _Walk:
    """A record and those it includes: what they allow, and how many look-ups that costs a receiver."""

    ask: Ask
    networks: list[Network] = field(default_factory=list)
    includes: set[str] = field(default_factory=set)
    lookups: int = 0
    has_macros: bool = False
    bad: str = ""

    def follow(self, record: str, domain: str, *, depth: int = 0) -> str:
        """Take in the record. Returns the sign of its "all" ("" where it has none)."""
        end, redirect = "", ""
        for term in record.split()[1:]:
            found, modifier = _TERM.fullmatch(term), _MODIFIER.fullmatch(term)
            if modifier:
                redirect = modifier["value"] if modifier["name"].lower() == "redirect" else redirect
            elif not found:
                self.bad = self.bad or term
            elif found["name"].lower() == "all":
                return found["sign"] or "+"
            else:
                self._take(found, domain, depth)
        if redirect:
            self.lookups += 1
            return self._into(redirect, depth) if self._may_follow(redirect, depth) else ""
        return end

    def _take(self, term: re.Match[str], domain: str, depth: int) -> None:
        name, value, counts = term["name"].lower(), term["value"] or "", (term["sign"] or "+") == "+"
        if name in ("ip4", "ip6"):
            try:
                network = ipaddress.ip_network(value + term["mask"], strict=False)
            except ValueError:
                self.bad = self.bad or term[0]
                return
            if counts:
                self.networks.append(network)
            return
        self.lookups += 1
        if not self._may_follow(value, depth) or not counts:
            return
        if name == "include":
            self.includes.add(value.lower().rstrip("."))
            self._into(value, depth)
        elif name in ("a", "mx"):
            hosts = [value or domain] if name == "a" else self.ask(value or domain, "MX")[:LOOKUPS]
            for host in hosts:
                for kind, mask, most in (("A", term["four"], 32), ("AAAA", term["six"], 128)):
                    bits = min(int(mask), most) if mask else most
                    self.networks += [ipaddress.ip_network(f"{each}/{bits}", strict=False)
                                      for each in self.ask(host, kind)]  # fmt: skip

    def _may_follow(self, name: str, depth: int) -> bool:
        self.has_macros = self.has_macros or "%" in name
        return "%" not in name and self.lookups <= LOOKUPS and depth < LOOKUPS

    def _into(self, domain: str, depth: int) -> str:
        records = _spf_records(self.ask(domain.rstrip("."), "TXT"))
        return self.follow(records[0], domain, depth=depth + 1) if len(records) == 1 else ""


def _spf(question: Question, ask: Ask) -> dict[str, Any]:
    records = _spf_records(ask(question.domain, "TXT"))
    if not records:
        return _told([], [Finding("wrong", "spf_missing")], set=spf_record(question.servers))
    if len(records) > 1:
        return _told(
            records, [Finding("wrong", "spf_several")], set=spf_record(question.servers, existing=_joined(records))
        )
    walk = _Walk(ask)
    end = walk.follow(records[0], question.domain)
    findings, missing = [], []
    if walk.bad:
        findings.append(Finding("wrong", "spf_syntax", {"term": walk.bad[:100]}))
    if walk.lookups > LOOKUPS:
        findings.append(Finding("wrong", "spf_too_many", {"count": str(walk.lookups)}))
    if end == "+":
        findings.append(Finding("wrong", "spf_open"))
    elif end in ("", "?"):
        findings.append(Finding("doubtful", "spf_no_end"))
    for server in question.servers:
        wanted = mechanism(server)
        if _allows(walk, server, wanted, ask):
            findings.append(Finding("right", "spf_allows", {"server": server}))
        else:
            missing.append(wanted)
            level = "wrong" if wanted.startswith("include:") and not walk.has_macros else "doubtful"
            findings.append(Finding(level, "spf_lacks", {"server": server, "term": wanted}))
    if not question.servers:
        findings.append(Finding("doubtful", "spf_no_server"))
    return _told(records, findings, set=spf_record((), existing=records[0], missing=missing))


def _allows(walk: _Walk, server: str, wanted: str, ask: Ask) -> bool:
    if wanted.startswith("include:"):
        return wanted.removeprefix("include:") in walk.includes
    own = _address(server)
    found = [own] if own else [ipaddress.ip_address(each) for kind in ("A", "AAAA") for each in ask(server, kind)]
    return bool(found) and all(any(each in network for network in walk.networks) for each in found)


def _joined(records: list[str]) -> str:
    """Several records as the one they should be."""
    terms = dict.fromkeys(term for record in sorted(records) for term in record.split()[1:])
    return " ".join(("v=spf1", *(term for term in terms if not _END.fullmatch(term)), "~all"))


def _spf_records(texts: list[str]) -> list[str]:
    return [text for text in texts if re.match(r"v=spf1(?: |\Z)", text, re.IGNORECASE)]


# --- DKIM


def _dkim(question: Question, ask: Ask) -> dict[str, Any]:
    if not question.selector:
        return _told([], [Finding("doubtful", "dkim_no_key")])
    records = ask(f"{question.selector}._domainkey.{question.domain}", "TXT")
    findings = [_dkim_finding(records, question.public_key)]
    if question.signs and findings[0].level == "wrong":
        findings.append(Finding("wrong", "dkim_signs_in_vain"))
    return _told(records, findings)


def _dkim_finding(records: list[str], public_key: str) -> Finding:
    if not records:
        return Finding("wrong", "dkim_missing")
    if len(records) > 1:
        return Finding("wrong", "dkim_several")
    tags = _tags(records[0])
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags or tags.get("k", "rsa") != "rsa":
        return Finding("wrong", "dkim_syntax")
    key = re.sub(r"\s", "", tags["p"])
    if key != public_key:
        return Finding("wrong", "dkim_differs" if key else "dkim_revoked")
    if "sha256" not in tags.get("h", "sha256").split(":") or not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return Finding("wrong", "dkim_forbids")
    if "y" in tags.get("t", "").split(":"):
        return Finding("doubtful", "dkim_testing")
    return Finding("right", "dkim_found")


# --- DMARC


def _dmarc(question: Question, ask: Ask, *, refuses: bool) -> dict[str, Any]:
    """Of the domain, or of the nearest one above it that has a record."""
    labels = question.domain.split(".")
    for at in range(max(1, len(labels) - 1)):
        place = ".".join(labels[at:])
        texts = ask(f"_dmarc.{place}", "TXT")
        if records := [text for text in texts if re.match(r"v\s*=\s*DMARC1\s*(?:;|\Z)", text)]:
            return _told(records, _dmarc_findings(records, place, inherited=at > 0, refuses=refuses))
    return _told([], [Finding("wrong", "dmarc_missing")])


def _dmarc_findings(records: list[str], place: str, *, inherited: bool, refuses: bool) -> list[Finding]:
    if len(records) > 1:
        return [Finding("wrong", "dmarc_several")]
    tags = _tags(records[0])
    policy = (tags.get("sp") if inherited and "sp" in tags else tags.get("p", "")) or ""
    if policy.lower() not in ("none", "quarantine", "reject"):
        return [Finding("wrong", "dmarc_syntax")]
    facts = {"place": place}
    found = Finding("right", f"dmarc_{policy.lower()}_above" if inherited else f"dmarc_{policy.lower()}", facts)
    if policy.lower() != "none" and refuses:
        return [found, Finding("wrong", "dmarc_turns_on_us")]
    return [found]


def _tags(record: str) -> dict[str, str]:
    """ "v=DKIM1; k=rsa" as tags and values; the first of two counts."""
    pairs = (part.partition("=") for part in record.split(";") if "=" in part)
    tags: dict[str, str] = {}
    for name, _, value in pairs:
        tags.setdefault(name.strip(), value.strip())
    return tags


def _told(records: list[str], findings: Sequence[Finding], **more: str) -> dict[str, Any]:
    return {"records": records, "findings": [asdict(each) for each in findings], **more}


def _tried(look: Callable[[], dict[str, Any]], more: dict[str, str] | None = None) -> dict[str, Any]:
    try:
        return look()
    except Unreachable as error:
        return _told([], [Finding("unknown", str(error))], **(more or {}))


def _is_right(told: dict[str, Any]) -> bool:
    """Whether it is right, or could not be learned: what is not known is no reason to alarm anybody."""
    return all(each["level"] in ("right", "unknown") for each in told["findings"])


def _address(server: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(server.strip("[]"))
    except ValueError:
        return None
