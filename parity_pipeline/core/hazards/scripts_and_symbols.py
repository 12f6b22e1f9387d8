"""The hazard texts of signs: punctuation, numbers, special tokens written out, scripts, emoji, program text.

Here belongs what a tokenizer drops, splits in an odd way or takes for a command. Each table holds a text, or the texts of one
group, by key; which set and which cases they are of is in `corpus`.
"""

from typing import Final

PUNCTUATION: Final = {
    "full-stop": "...",
    "ellipsis": "\u2026",
    "question": "???",
    "mixed": "?!?!;:--",
    "dashes": "- \u2010 \u2013 \u2014 \u2212",
    "quotes": "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb",
    "brackets": "([{<>}])",
    "slashes": "/\\|//\\\\",
    "rule": "-" * 40,
    "dots-in-words": "e.g. U.S.A. etc. a.m.",
    "apostrophes": "don't can't o'clock rock 'n' roll",
    "hyphens": "state-of-the-art top-of-the-line",
    "bullets": "\u2022 first \u2022 second \u25aa third",
    "spanish": "\u00bfDónde? \u00a1Aquí!",
    "backticks": "`run` ``twice`` ```thrice```",
    "money": "$5 \u20ac6 \u00a37 \u00a58 \u20b99",
    "address": "a.b+c@example.com, https://example.com/a?b=c&d=e#f",
    "stars": "*** ~~~ ___ ^^^ ###",
}

NUMBERS: Final = {
    "plain": ("1000 pallets", "1001 pallets"),
    "grouped": ("1,000 pallets", "1.000 pallets", "1 000 pallets"),
    "sign": ("-5 degrees", "+5 degrees", "5 degrees"),
    "decimal": ("3.14 metres", "3.17 metres"),
    "zero": ("007 left", "7 left"),
    "exponent": ("1e10 volts", "1e-10 volts"),
    "date": ("2026-04-30", "2026-05-31"),
    "time": ("06:30", "18:30"),
    "phone": ("+1 630 555 0142", "+1 630 555 0149"),
    "long": ("31415926535897932384626433832795", "31415926535897932384626433832796"),
    "version": ("version 1.10", "version 1.1"),
}

ONE_CHARACTER: Final = {
    "a": "a", "z": "z", "capital": "X", "digit": "5", "full-stop": ".", "comma": ",", "question": "?", "at": "@",
    "hash": "#", "quote": '"', "backslash": "\\", "accent": "é", "sharp-s": "ß", "euro": "\u20ac", "degree": "\u00b0",
    "cyrillic": "ж", "arabic": "ع", "han": "人", "emoji": "\U0001f69a", "combining": "\u0301", "replacement": "\ufffd",
    "control": "\x01", "nul": "\x00",
}  # fmt: skip

SPECIAL: Final = {
    "cls": ("Send [CLS] the invoice", "Send the invoice"),
    "sep": ("first part [SEP] second part", "first part second part"),
    "mask": ("The [MASK] drives the forklift", "The drives the forklift"),
    "pad": ("[PAD] [PAD] loading dock", "loading dock"),
    "unk": ("an [UNK] item", "an item"),
    "sentence": ("<s>shift plan</s>", "shift plan"),
    "end-of-text": ("before<|endoftext|>after", "before after"),
    "turn": ("<|im_start|>user asks<|im_end|>", "user asks"),
    "instruction": ("[INST] list the drivers [/INST]", "list the drivers"),
}

LONG_WORDS: Final = {
    "letters-99": "a" * 99,
    "letters-100": "b" * 100,
    "letters-101": "c" * 101,
    "letters-2000": "d" * 2000,
    "compound": "Lager" + "halleneingangstor" * 7,
    "in-a-sentence": f"the part {'abcdefghij' * 12} is on the shelf",
    "digits": "0123456789" * 20,
    "hex": "9f86d081884c7d65" * 16,
    "path": "/srv" + "/warehouse" * 15,
    "base64": "QUJDREVGR0g" * 14 + "==",
    "underscores": "stock_level_" * 12 + "end",
}

_ZWJ: Final = "\u200d"
_TEXT_STYLE: Final = "\ufe0e"
_EMOJI_STYLE: Final = "\ufe0f"

EMOJI: Final = {
    "one": "\U0001f600",
    "in-a-sentence": "The truck is here \U0001f69a please unload \U0001f4e6",
    "only-emoji": "\U0001f4e6\U0001f69a\U0001f3ed\u26fd",
    "repeated": "\U0001f389" * 12,
    "keycap": "Press 1\ufe0f\u20e3 then 2\ufe0f\u20e3",
    "tag-flag": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f in the stands",
    "between-letters": "ship\U0001f6a2ment",
}

EMOJI_GROUPS: Final = {
    "family": (
        f"\U0001f468{_ZWJ}\U0001f469{_ZWJ}\U0001f467 dinner for three",
        "\U0001f468\U0001f469\U0001f467 dinner for three",
    ),
    "worker": (f"\U0001f469{_ZWJ}\U0001f3ed on shift", f"\U0001f468{_ZWJ}\U0001f3ed on shift"),
    "flag": ("\U0001f1eb\U0001f1f7 office", "\U0001f1ee\U0001f1f9 office", "\U0001f1eb \U0001f1f7 office"),
    "thumb": ("Done \U0001f44d", "Done \U0001f44d\U0001f3fb", "Done \U0001f44d\U0001f3ff"),
    "heart": (f"Thanks \u2764{_EMOJI_STYLE}", f"Thanks \u2764{_TEXT_STYLE}", "Thanks \u2764"),
}

RIGHT_TO_LEFT: Final = {
    "arabic": "المستودع مفتوح من السادسة صباحا",
    "arabic-vowels": "مُسْتَوْدَعٌ كَبِيرٌ",
    "hebrew": "המחסן נפתח בשש בבוקר",
    "hebrew-points": "שָׁלוֹם לְכֻלָּם",
    "persian": "راننده لیفتراک امروز نمی\u200cآید",
    "urdu": "گودام صبح چھ بجے کھلتا ہے",
    "mixed": "Order 4711 עבור המחסן in Haifa",
    "digits": "الطلب رقم ٤٧١١",
    "marks": "left \u200fright\u200e left again",
    "embedded": "before \u202binside\u202c after",
    "isolated": "before \u2067inside\u2069 after",
}

EAST_ASIAN: Final = {
    "chinese": "仓库早上六点开门",
    "chinese-traditional": "倉庫早上六點開門",
    "chinese-long": "叉车司机必须戴安全帽,并在每班开始前检查刹车、喇叭和货叉。",
    "japanese": "倉庫は朝六時に開きます",
    "hiragana": "そうこはあさろくじにあきます",
    "katakana": "フォークリフトドライバー",
    "korean": "창고는 아침 여섯 시에 문을 엽니다",
    "jamo": "ㅋㅋㅋ ㅠㅠ",
    "mixed": "注文番号4711をAuroraへ",
    "rare": "\U00020000\U00020001\u9f98\u9f49",
    "one-sign": "车",
    "variant": "葛\U000e0100城市",
    "spaces": "仓库\u3000早上\u3000开门",
    "thai": "คลังสินค้าเปิดหกโมงเช้า",
    "hindi": "गोदाम सुबह छह बजे खुलता है",
    "tamil": "கிடங்கு காலை ஆறு மணிக்கு திறக்கும்",
    "bopomofo": "ㄘㄤ ㄎㄨ",
}

CODE: Final = {
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

SQL: Final = {
    "select": "SELECT dock, COUNT(*) FROM trucks WHERE weight >= 7.5 GROUP BY dock HAVING COUNT(*) > 2;",
    "quoted": "SELECT \"Dock\" FROM \"Trucks\" WHERE name = 'O''Hara'",
    "comment": "SELECT 1 -- the dock\n/* and the truck */ FROM docks",
    "injection": "x'; DROP TABLE docks; --",
    "like": "SELECT * FROM docks WHERE name LIKE '%seven\\_%' ESCAPE '\\'",
    "join": "SELECT d.id, t.id FROM docks d LEFT JOIN trucks t ON t.dock = d.id WHERE t.id IS NULL",
    "insert": "INSERT INTO docks (id, name) VALUES (7, N'Tür'), (8, NULL)",
    "window": "SELECT id, ROW_NUMBER() OVER (PARTITION BY dock ORDER BY arrived DESC) FROM trucks",
}

HTML: Final = {
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
