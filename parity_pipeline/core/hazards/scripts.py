"""Texts in signs that a narrow tokenizer lacks: emoji, right-to-left scripts, Chinese, Japanese and Korean.

Here belongs what a wrong or poor vocabulary turns into unknown tokens. Unicode forms of one text belong to `letters`.
"""

from typing import Final

from parity_pipeline.core.hazards.probe import HazardProbe, Relation, groups, singles

_ZWJ: Final = "\u200d"
_TEXT_STYLE: Final = "\ufe0e"
_EMOJI_STYLE: Final = "\ufe0f"

_EMOJI: Final = {
    "one": "\U0001f600",
    "in-a-sentence": "The truck is here \U0001f69a please unload \U0001f4e6",
    "only-emoji": "\U0001f4e6\U0001f69a\U0001f3ed\u26fd",
    "repeated": "\U0001f389" * 12,
    "keycap": "Press 1\ufe0f\u20e3 then 2\ufe0f\u20e3",
    "tag-flag": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f in the stands",
    "between-letters": "ship\U0001f6a2ment",
}

_EMOJI_GROUPS: Final = {
    "family": (
        f"\U0001f468{_ZWJ}\U0001f469{_ZWJ}\U0001f467 dinner for three",
        "\U0001f468\U0001f469\U0001f467 dinner for three",
    ),
    "worker": (f"\U0001f469{_ZWJ}\U0001f3ed on shift", f"\U0001f468{_ZWJ}\U0001f3ed on shift"),
    "flag": ("\U0001f1eb\U0001f1f7 office", "\U0001f1ee\U0001f1f9 office", "\U0001f1eb \U0001f1f7 office"),
    "thumb": ("Done \U0001f44d", "Done \U0001f44d\U0001f3fb", "Done \U0001f44d\U0001f3ff"),
    "heart": (f"Thanks \u2764{_EMOJI_STYLE}", f"Thanks \u2764{_TEXT_STYLE}", "Thanks \u2764"),
}

_RIGHT_TO_LEFT: Final = {
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

_EAST_ASIAN: Final = {
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


def scripts() -> tuple[HazardProbe, ...]:
    """Return the probes of this module."""
    return (
        *singles("emoji", (15,), _EMOJI, "emoji, alone and in a sentence"),
        *groups("emoji", (15,), _EMOJI_GROUPS, Relation.MAY_EQUAL, "emoji that differ in joiner, flag, skin or style"),
        *singles("right-to-left", (15,), _RIGHT_TO_LEFT, "right-to-left script or marks of direction"),
        *singles("cjk", (15,), _EAST_ASIAN, "a script without spaces, or with signs of many bytes"),
    )
