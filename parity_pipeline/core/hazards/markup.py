"""Texts that are written for machines: program code, SQL, HTML.

Here belongs what a client or a gateway may escape, strip or run together. Signs alone belong to `symbols`.
"""

from typing import Final

from parity_pipeline.core.hazards.probe import HazardProbe, singles

_CODE: Final = {
    "python": "def load(pallet):\n    return [box for box in pallet if box.weight > 0]\n",
    "python-tabs": "for dock in docks:\n\tif dock.free:\n\t\tbreak\n",
    "go": 'func (d *Dock) Free() bool {\n\treturn d.truck == nil && d.state != "closed"\n}',
    "rust": "fn free(&self) -> Option<&'static str> { self.truck.as_ref().map(|t| t.name()) }",
    "shell": "for f in *.csv; do wc -l \"$f\" | awk '{print $1}'; done",
    "javascript": "const free = docks.filter(({truck}) => truck == null) ?? [];",
    "json": '{"dock": 7, "trucks": ["A1", null, true], "weight": -1.5e3}',
    "json-in-json": '{"body": "{\\"dock\\": \\"7\\"}"}',
    "yaml": "dock:\n  - name: seven\n    free: yes\n",
    "regex": r"^(?:\d{4}-\d{2}-\d{2})\s+\[(\w+)\]\s*$",
    "escapes": r"tab \t newline \n quote \" unicode \u0041",
    "template": "Dear {{ name }}, dock ${dock} at %(time)s is %s",
    "trace": "File \"dock.py\", line 7, in load\nKeyError: 'pallet'",
}

_SQL: Final = {
    "select": "SELECT dock, COUNT(*) FROM trucks WHERE weight >= 7.5 GROUP BY dock HAVING COUNT(*) > 2;",
    "quoted": "SELECT \"Dock\" FROM \"Trucks\" WHERE name = 'O''Hara'",
    "comment": "SELECT 1 -- the dock\n/* and the truck */ FROM docks",
    "injection": "x'; DROP TABLE docks; --",
    "like": "SELECT * FROM docks WHERE name LIKE '%seven\\_%' ESCAPE '\\'",
    "join": "SELECT d.id, t.id FROM docks d LEFT JOIN trucks t ON t.dock = d.id WHERE t.id IS NULL",
    "insert": "INSERT INTO docks (id, name) VALUES (7, N'Tür'), (8, NULL)",
    "window": "SELECT id, ROW_NUMBER() OVER (PARTITION BY dock ORDER BY arrived DESC) FROM trucks",
}

_HTML: Final = {
    "paragraph": "<p>The <b>second</b> shift is <i>full</i>.</p>",
    "entities": "Fish &amp; chips &lt;5 &euro; &#8364; &#x20AC; &nbsp;now",
    "bare-ampersand": "Fish & chips < 5 > 3",
    "attributes": "<a href=\"https://example.com/?a=1&amp;b=2\" title='dock'>dock</a>",
    "script": "<script>alert('dock')</script>",
    "comment": "<!-- not shown --> shown",
    "unclosed": "<div><span>dock seven",
    "breaks": "first<br>second<br/>third",
    "table": "<table><tr><td>7</td><td>free</td></tr></table>",
    "markdown": "# Dock\n\n- **seven** is `free`\n- [eight](https://example.com) | is | not |\n",
    "doctype": '<?xml version="1.0" encoding="UTF-8"?><dock id="7"/>',
}


def markup() -> tuple[HazardProbe, ...]:
    """Return the probes of this module."""
    return (
        *singles("code", (15, 18), _CODE, "program text, with its indentation and escapes"),
        *singles("sql", (15, 18), _SQL, "SQL, with quotes and comments"),
        *singles("html", (15, 18), _HTML, "markup and entities"),
    )
