#!/usr/bin/env python3
"""Reads one delivery status notification (RFC 3464) and prints it as JSON.

Only the standard library is used. Field names are given in lower case:

    message     the fields about the message
    recipients  the fields about each recipient, in their order
    returned    what of the message came back: its Message-ID, and whether its
                content came too

Usage: readreport.py FILE
"""

import email
import email.policy
import json
import sys


def fields(block):
    return {name.lower(): str(value).strip() for name, value in block.items()}


def returned(part):
    whole = part.get_content_type() == "message/rfc822"
    if whole:
        message = part.get_payload(0)
    else:
        message = email.message_from_string(part.get_payload(), policy=email.policy.default)
    return {"message_id": (message["Message-ID"] or "").strip("<>"), "whole": whole}


def main():
    with open(sys.argv[1], "rb") as f:
        report = email.message_from_bytes(f.read(), policy=email.policy.default)
    if report.get_content_type() != "multipart/report":
        raise ValueError("not a report: " + report.get_content_type())
    if report.get_param("report-type") != "delivery-status":
        raise ValueError("not about delivery: " + str(report.get_param("report-type")))
    text, status, original = report.iter_parts()
    if text.get_content_type() != "text/plain" or status.get_content_type() != "message/delivery-status":
        raise ValueError(f"{text.get_content_type()}, {status.get_content_type()}?")
    defects = [repr(d) for part in report.walk() for d in part.defects]
    if defects:
        raise ValueError(str(defects))
    # Python makes a message of each block of fields.
    about, *recipients = [fields(block) for block in status.get_payload()]
    json.dump({"message": about, "recipients": recipients, "returned": returned(original)}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
