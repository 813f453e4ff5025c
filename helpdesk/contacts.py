"""Customers as a telephone system's own screen shows them: a list of contacts, in the shape 3CX and its like read.

The idea: what stands there is believed by whoever picks up, so a number finds whom it is known to belong to and nobody
else. Where it belongs to several, one contact names them all and leads to the page that lets the agent choose.
"""

from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlencode

from sqlmodel import Session

from helpdesk.customers import contact_points, matching, records
from helpdesk.settings import Settings
from models import ContactPoint, Customer, PointKind

MOST: Final = 20
NAMED: Final = 3
_MOBILE: Final = ("+8160", "+8170", "+8180", "+8190")


def with_number(db: Session, typed: str, *, settings: Settings) -> list[dict[str, Any]]:
    """The contact who has this number, in any spelling; [] when nobody has, or when it is withheld or none."""
    number = contact_points.read_number(typed, region=settings.region).e164
    match = matching.by_phone(db, number) if number else matching.NOBODY
    if match.customer_id is not None:
        return _contacts(db, [match.customer_id], settings=settings)
    if not match.candidates:
        return []
    names = [name for each in match.candidates[:NAMED] if (one := db.get(Customer, each)) and (name := one.name)]
    more = " …" if len(match.candidates) > NAMED else ""
    url = f"{settings.public_url}/pop?{urlencode({'number': number})}"
    return [
        _EMPTY | {"id": f"number:{number}", "lastname": " / ".join(names) + more, "phone_other": number, "url": url}
    ]


def found(db: Session, typed: str, *, settings: Settings) -> list[dict[str, Any]]:
    """Contacts by the beginning of a name, reading or company, by number or address. Nothing typed finds nobody."""
    if not typed.strip():
        return []
    customers = records.search(db, typed, region=settings.region, limit=MOST)
    return _contacts(db, [customer.id or 0 for customer in customers], settings=settings)


_EMPTY: dict[str, Any] = dict.fromkeys(
    ("id", "firstname", "lastname", "company", "email", "phone_business", "phone_business2", "phone_home",
     "phone_home2", "phone_mobile", "phone_mobile2", "phone_other", "url"), "")  # fmt: skip


def _contacts(db: Session, customer_ids: Collection[int], *, settings: Settings) -> list[dict[str, Any]]:
    records.load(db, customer_ids)
    points = records.points_of_many(db, list(customer_ids))
    return [
        _contact(customer, points.get(each, []), settings=settings)
        for each in customer_ids if (customer := db.get(Customer, each))
    ]  # fmt: skip


def _contact(customer: Customer, points: Collection[ContactPoint], *, settings: Settings) -> dict[str, Any]:
    """The family name stands first in Japanese, last elsewhere."""
    first, _, second = customer.name.strip().replace("\u3000", " ").partition(" ")
    family, given = (second, first) if customer.language != "ja" and second else (first, second)
    told = _EMPTY | {
        "id": str(customer.id), "firstname": given.strip(), "lastname": family.strip(), "company": customer.company,
        "email": next((point.value for point in points if point.kind == PointKind.EMAIL), ""),
        "url": f"{settings.public_url}/customers/{customer.id}",
    }  # fmt: skip
    places = {True: ["phone_mobile", "phone_mobile2"], False: ["phone_business", "phone_business2"]}
    for point in points:
        if point.kind == PointKind.PHONE:
            left = places[point.key.startswith(_MOBILE)]
            told[left.pop(0) if left else "phone_other"] = point.key
    return told
