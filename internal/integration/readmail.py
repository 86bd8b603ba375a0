#!/usr/bin/env python3
"""Reads one mail the way a mail program does and prints what it saw as JSON.

Only the standard library is used. Everything is decoded strictly: an octet that
the declared charset doesn't have ends the program. Faults that the parser
noticed are listed, not forgiven:

    defects         of the structure, in any part
    header_defects  of header fields, as "Field: text"

Usage: readmail.py FILE
"""

import base64
import email
import email.header
import email.policy
import email.utils
import hashlib
import json
import sys


def decoded(value):
    """Decodes RFC 2047 words wherever they stand, also inside quotes."""
    words = email.header.decode_header(value)
    return "".join(
        text if isinstance(text, str) else text.decode(charset or "ascii", "strict")
        for text, charset in words
    )


def old_style_name(old):
    """The name= parameter of Content-Type, which old mail programs look at."""
    name = old.get_param("name")
    if name is None:
        return None
    if isinstance(name, tuple):  # RFC 2231
        return email.utils.collapse_rfc2231_value(name)
    return decoded(name.replace("\r\n", "").replace("\n", ""))


def people(message, old, field):
    """The mailboxes of a field.

    The new policy puts a blank between two encoded words of one display name, so
    the names are taken from the field as it was sent, and the new policy has to
    agree about the addresses.
    """
    raw = [value.replace("\r\n", "").replace("\n", "") for value in old.get_all(field, [])]
    found = [
        {"name": decoded(name), "address": address}
        for name, address in email.utils.getaddresses(raw)
        if address
    ]
    new = [a.addr_spec for header in message.get_all(field, []) for a in header.addresses]
    if new != [a["address"] for a in found]:
        raise ValueError(f"{field}: {new} or {found}?")
    return found


def text_of(part):
    raw = part.get_payload(decode=True)
    charset = part.get_content_charset("us-ascii")
    return {
        "text": raw.decode(charset, "strict").replace("\r\n", "\n"),
        "charset": charset,
        "encoding": part.get("Content-Transfer-Encoding", "7bit").lower(),
        "raw": base64.b64encode(raw).decode("ascii"),
    }


def file_of(part, old):
    data = part.get_payload(decode=True)
    return {
        "filename": part.get_filename(),
        "name": old_style_name(old),
        "type": part.get_content_type(),
        "id": (part.get("Content-ID") or "").strip().strip("<>"),
        "disposition": part.get_content_disposition() or "",
        "encoding": part.get("Content-Transfer-Encoding", "7bit").lower(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }


def read(message, old):
    out = {
        "subject": message["Subject"],
        "message_id": (message["Message-ID"] or "").strip("<>"),
        "date": message["Date"],
        "headers": message.keys(),
        "structure": [],
        "text": None,
        "html": None,
        "files": [],
        "defects": [],
        "header_defects": [],
    }
    for field in ("From", "Sender", "Reply-To", "To", "Cc", "Bcc"):
        out[field.lower().replace("-", "_")] = people(message, old, field)
    for part, raw in zip(message.walk(), old.walk()):
        kind = part.get_content_type()
        out["structure"].append(kind)
        for field, value in part.items():
            for d in getattr(value, "defects", ()):
                out["header_defects"].append(field + ": " + type(d).__name__ + ": " + str(d))
        if not part.is_multipart():
            body = {"text/plain": "text", "text/html": "html"}.get(kind)
            if body and part.get_content_disposition() is None and out[body] is None:
                out[body] = text_of(part)
            else:
                out["files"].append(file_of(part, raw))
        # Decoding finds defects too, so these come last.
        out["defects"] += [kind + ": " + repr(d) for d in part.defects]
    return out


def main():
    with open(sys.argv[1], "rb") as f:
        octets = f.read()
    # The old policy shows header fields as they were sent.
    message = email.message_from_bytes(octets, policy=email.policy.default)
    old = email.message_from_bytes(octets, policy=email.policy.compat32)
    json.dump(read(message, old), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
