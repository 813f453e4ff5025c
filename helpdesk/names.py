"""What things are called that supervisors make: in Japanese and, where they say so, in English.

One spelling for all of them, and one answer to a name that cannot be. How a row is then called in a reader's language,
`models.base.Named` knows.
"""

import unicodedata

from helpdesk.errors import Invalid

MOST = 100
"""Characters of a name that stands in lists."""


def both(name: str, name_en: str, *, most: int = MOST, field: str = "name", missing: str = "title_missing"
         ) -> tuple[str, str]:  # fmt: skip
    """The two as they are kept: composed letters (NFC), one space between words. The English one may be "".

    Raises `Invalid` with the field, which is `field` or that with "_en": `missing` where there is no Japanese one,
    "too_long" for more than `most` characters.
    """
    name, name_en = (" ".join(unicodedata.normalize("NFC", each).split()) for each in (name, name_en))
    if not name:
        raise Invalid(missing, field=field)
    for each, where in ((name, field), (name_en, f"{field}_en")):
        if len(each) > most:
            raise Invalid("too_long", field=where)
    return name, name_en
