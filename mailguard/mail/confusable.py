"""Letters that look like others: what a hurried eye reads. The table is cut from Unicode's confusables (UTS #39)."""

import unicodedata

# What a domain may hold (IDNA 2008) and the eye takes for this letter, and shapes close enough in most fonts.
_LOOKS_LIKE = {
    "a": "ɑαа", "b": "ᑲвьъ", "c": "сᴄⲥ𐐽", "d": "ԁᑯꓒ", "e": "еҽꬲєε", "f": "քẝꞙꬵ", "g": "ƍɡցᶃ", "h": "һհн",
    "i": "ıɩɪιіӏꙇ𑣃", "j": "ϳј", "k": "кκқ", "l": "ǀ۱ᛁⵏꓲ𐊊𐌉𖼨ł", "m": "м", "n": "ոռпη",
    "o": "οσоօ۵०੦૦௦ం౦ಂ೦ംഠ൦ං๐໐ဝ၀ჿᴏᴑⲟꬽ𐐬𐓪𑣈𑣗ø", "p": "рρⲣ", "q": "ԛգզ", "r": "гᴦⲅꭇꭈ", "s": "ƽѕꜱ𐑈𑣁",
    "t": "тτ", "u": "ʋυսᴜꞟꭎꭒ𐓶𑣘", "v": "νѵᴠ𑜆𑣀", "w": "ɯѡԝաᴡ𑜊𑜎𑜏ω", "x": "хᕁᕽ", "y": "ɣʏγуүყᶌỿꭚ𑣜", "z": "ᴢ𑣄",
    "2": "ᒿ", "3": "𑣊𖼻з", "6": "б𑣕", "7": "𑣆", "8": "ȣ৪੪ଃ𐌚", "9": "৭੧୨൭𑣌𑣖",
}  # fmt: skip
_TABLE = {ord(other): plain for plain, others in _LOOKS_LIKE.items() for other in others}


def plain(text: str) -> str:
    """Every letter as the Latin letter or digit it looks like, accents taken off, in lower case."""
    if text.isascii():
        return text.lower()
    bare = "".join(char for char in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(char))
    return bare.translate(_TABLE)


def foreign(text: str) -> str:
    """The first letter in it that is not what it looks like, '' for none."""
    return next((char for char in text if not char.isascii()), "")
