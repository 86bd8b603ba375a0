#!/usr/bin/env python3
"""Reads the mails of a folder with Python's email package and prints what it saw
as JSON, once with its current interface and once with the old one, which shares
little code with it. Only the standard library is used.

Usage: read.py FOLDER
"""

import base64
import email
import email.header
import email.policy
import email.utils
import hashlib
import json
import pathlib
import sys

ADDRESSES = {"From": "From", "Sender": "Sender", "ReplyTo": "Reply-To", "To": "To", "Cc": "Cc", "Bcc": "Bcc"}
FIELDS = (
    "Message-ID", "Date", "In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post",
    "X-Priority", "Priority", "X-MSMail-Priority", "Importance", "X-Campaign",
)


class Current:
    """The interface of policy.default, which decodes everything itself."""

    policy = email.policy.default

    def field(self, message, name):
        return str(message[name])

    def people(self, message, name):
        return [
            {"Name": a.display_name, "Address": a.username + "@" + a.domain}
            for header in message.get_all(name, [])
            for a in header.addresses
        ]

    def name(self, part):
        return part["Content-Type"].params.get("name", "")

    def text(self, part):
        return part.get_content()


class Old:
    """The interface of policy.compat32, with its functions for decoding."""

    policy = email.policy.compat32

    def decoded(self, value):
        words = email.header.decode_header(value.replace("\r\n", ""))
        return "".join(
            text if isinstance(text, str) else text.decode(charset or "ascii", "replace")
            for text, charset in words
        )

    def field(self, message, name):
        return self.decoded(message[name])

    def people(self, message, name):
        raw = [value.replace("\r\n", "") for value in message.get_all(name, [])]
        # Being strict, where there is such a choice, means to drop address literals.
        choice = {"strict": False} if getattr(email.utils, "supports_strict_parsing", False) else {}
        found = email.utils.getaddresses(raw, **choice)
        return [{"Name": self.decoded(n), "Address": a} for n, a in found if a]

    def name(self, part):
        name = part.get_param("name", "")
        if isinstance(name, tuple):
            return email.utils.collapse_rfc2231_value(name)
        return self.decoded(name)

    def text(self, part):
        return part.get_payload(decode=True).decode(part.get_content_charset("us-ascii"), "replace")


def content(part):
    if part.get_content_type() == "message/rfc822":
        return part.get_payload(0).as_bytes(policy=email.policy.compat32.clone(linesep="\r\n"))
    return part.get_payload(decode=True)


def attachment(reader, part):
    return {
        "FileName": part.get_filename("") if part.get_content_disposition() else "",
        "Name": reader.name(part),
        "id": (part["Content-ID"] or "").strip("<>"),
        "sha256": hashlib.sha256(content(part)).hexdigest(),
    }


def body(reader, part):
    return {
        "text": reader.text(part),
        "charset": part.get_content_charset("us-ascii").upper(),
        "raw": base64.b64encode(part.get_payload(decode=True)).decode("ascii"),
    }


def leaves(part):
    if part.get_content_maintype() != "multipart":
        yield part
        return
    for child in part.get_payload():
        yield from leaves(child)


def read(reader, file):
    message = email.message_from_bytes(file.read_bytes(), policy=reader.policy)
    out = {"file": file.name, "files": []}
    out["subject"] = reader.field(message, "Subject") if "Subject" in message else ""
    out["fields"] = {name: reader.field(message, name) for name in FIELDS if name in message}
    for key, name in ADDRESSES.items():
        out[key] = reader.people(message, name)
    for part in leaves(message):
        kind = {"text/plain": "Text", "text/html": "HTML"}.get(part.get_content_type())
        if kind and part.get_content_disposition() is None and part.get_param("name") is None and kind not in out:
            out[kind] = body(reader, part)
        else:
            out["files"].append(attachment(reader, part))
    out["defects"] = [p.get_content_type() + ": " + repr(d) for p in message.walk() for d in p.defects]
    return out


def main():
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.eml"))
    readers = {"python": Current(), "python-compat32": Old()}
    json.dump({name: [read(r, f) for f in files] for name, r in readers.items()}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
