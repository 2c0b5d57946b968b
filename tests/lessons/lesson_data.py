"""What a page of --lesson holds, for tests to read."""

import json
import re


def data_of(html: str) -> dict:
    """Return the data that Python filled in."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(text)
