import base64

import pytest

from mailguard.errors import CannotTell
from mailguard.mail import charset
from mailguard.mail.message import Message
from mailguard.mail.text import Text, body_text, fold


def plain(body: str, head: str = "Content-Type: text/plain; charset=utf-8") -> Text:
    return body_text(Message(f"{head}\r\n\r\n{body}".encode()))


def html(body: str, *, reply: bool = False) -> Text:
    head = "In-Reply-To: <1@x>\r\n" if reply else ""
    return plain(body, f"{head}Content-Type: text/html; charset=utf-8")


def both(text: str, markup: str) -> Text:
    body = f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    body += f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{markup}\r\n--b--\r\n"
    return plain(body, "Content-Type: multipart/alternative; boundary=b")


# --- quotations in plain text ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attribution",
    [
        "On Mon, Nov 20, 2026 at 10:00 AM Bob <b@c.example> wrote:",
        "On Mon, Nov 20, 2026 at 10:00 AM Bob\n<b@c.example> wrote:",
        "W dniu 20.11.2026 o 10:00, Jan Kowalski pisze:",
        "pt., 20 lis 2026 o 10:00 Jan Kowalski <jan@c.example> napisał(a):",
        "Am 20.11.2026 um 10:00 schrieb Max Muster:",
        "Am Fr., 20. Nov. 2026 um 10:00 Uhr schrieb Max Muster <m@c.example>:",
        "Le ven. 20 nov. 2026 à 10:00, Luc <l@c.example> a écrit :",
        "El vie, 20 nov 2026 a las 10:00, Ana (<a@c.example>) escribió:",
        "-----Original Message-----",
        "-------- Forwarded Message --------",
        "---------- Forwarded message ---------",
        "-----Wiadomość oryginalna-----",
        "-----Ursprüngliche Nachricht-----",
        "Begin forwarded message:",
        "From: Bob <b@c.example>\nSent: Monday, 20 November 2026 10:00\nTo: Ann\nSubject: Old",
        "*From:* Bob <b@c.example>\n*Date:* Monday\n*To:* Ann\n*Subject:* Old",
        "Od: Jan <b@c.example>\nWysłano: poniedziałek\nDo: Anna\nTemat: Stare",
        "Von: Max <b@c.example>\nGesendet: Montag\nAn: Anna\nBetreff: Alt",
        "De : Luc <b@c.example>\nEnvoyé : lundi\nÀ : Anna\nObjet : Vieux",
    ],
)
def test_what_a_mail_program_quotes_is_not_new(attribution: str) -> None:
    text = plain(f"My answer\n\n{attribution}\n\nold words\n")
    assert text.new == "My answer"
    assert "old words" in text.quoted


def test_an_answer_below_a_marked_quotation_is_new() -> None:
    text = plain(
        "On Mon, 20 Nov 2026, Bob <b@c.example> wrote:\n> first question\n>> older\n\nmy answer\n> second\nmore\n"
    )
    assert text.new.split() == ["my", "answer", "more"]
    assert "first question" in text.quoted
    assert "\nolder" in text.quoted


@pytest.mark.parametrize(
    "line",
    [
        "From: the whole team, thank you",
        "He wrote: yes",
        "On Monday we go on holiday:",
        "Please note what Bob wrote:",
        "Deadline: Monday",
        "a > b is true",
    ],
)
def test_ordinary_lines_of_the_author_stay_new(line: str) -> None:
    text = plain(f"before\n{line}\nafter\n")
    assert text == Text(new=f"before\n{line}\nafter")


def test_the_authors_line_right_above_the_attribution_stays_new() -> None:
    text = plain("the secret plan\nBob <b@c.example> wrote:\n> old\n")
    assert text.new == "the secret plan"


# --- signature and disclaimer ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my phone", "SENT FROM OUTLOOK for Android", "Get Outlook for iOS", "Sent with Proton Mail",
        "Wysłane z telefonu", "Pobierz aplikację Outlook", "Von meinem Telefon gesendet", "Gesendet mit der App",
        "Outlook für Android herunterladen", "Envoyé depuis mon téléphone", "Obtenir Outlook pour iOS",
        "Télécharger Outlook pour iOS", "Enviado desde mi teléfono", "Obtener Outlook para iOS",
        "Descargar Outlook para iOS", "Inviato da telefono", "Verzonden vanaf mijn telefoon", "Skickat från telefonen",
        "Sendt fra min telefon", "Odesláno z telefonu", "Отправлено с телефона", "iPhoneから送信",
    ],
)  # fmt: skip
def test_what_a_phone_writes_below_a_mail_is_not_the_authors(line: str) -> None:
    assert plain(f"See you there.\r\n\r\n{line}\r\n") == Text("See you there.", "", line)


def test_control_characters_in_one_line_leave_all_others_as_they_are() -> None:
    assert plain("one\ttwo\r\nthr\x07ee\r\n four \r\n").new == "one two\nthree\n four"


@pytest.mark.parametrize("marker", ["-- ", "--"])
def test_below_the_marker_is_the_signature(marker: str) -> None:
    text = plain(f"Hello\n\n{marker}\nAnn Example\nConfidential Services Ltd\n")
    assert text.new == "Hello"
    assert "Confidential Services" in text.signature


def test_a_long_text_below_two_dashes_is_no_signature() -> None:
    text = plain("Hello\n-- \n" + "and another thing\n" * 60)
    assert "another thing" in text.new


@pytest.mark.parametrize(
    "disclaimer",
    [
        "This e-mail and its attachments are confidential. If you got it in error, delete it and notify us.",
        "CONFIDENTIALITY NOTICE: the contents are privileged and intended solely for the named recipient.",
        "Confidentiality notice\n\nThe contents are privileged and intended solely for the named recipient.",
        "Niniejsza wiadomość jest przeznaczona wyłącznie dla adresata. W razie pomyłki prosimy o jej usunięcie.",
        "Treść tej wiadomości zawiera informacje przeznaczone tylko dla adresata i prawnie chronione.",
        "Diese E-Mail ist vertraulich. Wenn Sie nicht der richtige Empfänger sind, vernichten Sie sie.",
    ],
)
def test_a_disclaimer_is_not_the_authors_text(disclaimer: str) -> None:
    text = plain(f"Here is the offer.\n\n{disclaimer}\n")
    assert text.new.strip() == "Here is the offer."
    assert disclaimer[-10:] in text.signature


@pytest.mark.parametrize(
    "sentence",
    [
        "This e-mail is confidential. Here are the numbers.",
        "Ta wiadomość jest poufna, proszę nie przekazywać.",
        "Please keep this confidential.",
        "Diese Nachricht ist vertraulich.",
    ],
)
def test_the_authors_own_request_for_confidence_stays_new(sentence: str) -> None:
    assert sentence in plain(f"Hello,\n\n{sentence}\n\nAnn\n").new


def test_the_text_after_a_disclaimer_is_read_again() -> None:
    text = plain(
        "Hi\n\nThis message is intended only for the addressee; delete it if received in error.\n\nPS secret merger\n"
    )
    assert "secret merger" in text.new


# --- HTML ------------------------------------------------------------------------------------------------------


def test_words_split_by_tags_stay_whole_and_blocks_stay_apart() -> None:
    text = html("<p>con<b>fid</b>ential</p><div>next<br>line</div><table><tr><td>a</td><td>b</td></tr></table>")
    assert text.new.split() == ["confidential", "next", "line", "a", "b"]


def test_markup_that_nobody_reads_is_left_out() -> None:
    text = html("<head><title>t</title><style>p{}</style></head><body><script>x()</script><!-- c -->seen</body>")
    assert text.new == "seen"


@pytest.mark.parametrize(
    "quotation",
    [
        "<blockquote type='cite'>old</blockquote>",
        "<blockquote class='gmail_quote'>old</blockquote>",
        "<blockquote style='border-left: 1px solid'>old</blockquote>",
        "<blockquote>old</blockquote>",
        "<div class='gmail_quote'>old</div>",
        "<div class='gmail_quote'><div class='gmail_attr'>old</div><blockquote>old</blockquote></div>",
        "<div class='yahoo_quoted'>old</div>",
        "<hr id='stopSpelling'>Date: Thu, 26 Nov 2026 13:53:45 +0400<br>From: kim@client.example<br><div>old</div>",
        "<div class='moz-cite-prefix'>old</div><blockquote type='cite'>old</blockquote>",
        "<div id='appendonsend'></div><hr><div id='divRplyFwdMsg'>old</div><div>old</div>",
        "<div><div id='divRplyFwdMsg'>old</div></div><div><p>old</p></div>",
        "<div style='border-top:solid'><p><b>From:</b> B<br><b>Sent:</b> Monday<br><b>To:</b> A</p></div>old",
    ],
)
def test_a_quotation_in_html_is_not_new(quotation: str) -> None:
    text = html(f"<div>mine</div>{quotation}", reply=True)
    assert text.new == "mine"
    assert "old" in text.quoted


def test_an_answer_between_blockquotes_is_new() -> None:
    text = html(
        "<div class='gmail_quote'><blockquote>old</blockquote><div>mine</div><blockquote>old</blockquote></div>"
    )
    assert (text.new, text.quoted.split()) == ("mine", ["old", "old"])


def test_an_indent_is_no_quotation() -> None:
    indent = "<blockquote style='margin: 0 0 0 40px; border: none'>mine</blockquote>"
    assert html(indent, reply=True).new == "mine"
    assert html("<blockquote>mine</blockquote>").new == "mine"


def test_a_signature_in_html_is_not_new() -> None:
    text = html("<p>mine</p><div class='gmail_signature'>Ann</div><div id='Signature'>Ltd</div>")
    assert (text.new.strip(), text.signature.split()) == ("mine", ["Ann", "Ltd"])


def test_lines_of_preformatted_text_are_kept() -> None:
    text = html("<pre>mine\n\n-- \nAnn</pre>")
    assert (text.new, text.signature) == ("mine", "--\nAnn")


def test_pictures_inside_the_markup_cost_nothing() -> None:
    assert html(f"<img src='data:image/png;base64,{'A' * 3_000_000}'>seen").new == "seen"


@pytest.mark.timeout(20)  # a quadratic step would take minutes
@pytest.mark.parametrize("tag", ["<div>", "<b>", "<table><tr><td>", "<p>", "<blockquote>"])
def test_html_nested_too_deeply_cannot_stall_it(tag: str) -> None:
    try:
        html(tag * 100_000)
    except CannotTell as unknown:
        assert "nested" in str(unknown)  # noqa: PT017


@pytest.mark.parametrize(
    "markup",
    [
        "<div style='display:none'>the secret merger</div>",
        "<span style='color:#fff;background:#fff'>the secret merger</span>",
        "<font style='font-size:0'>the secret merger</font>",
        "<noscript>the secret merger</noscript>",
        "<div hidden>the secret merger</div>",
        "<table><tr><td>the secret</td></tr></table><p>the se&shy;cret mer<wbr>ger</p>",
        "<p>the se<span></span>cret&nbsp;mer<!-- x -->ger</p>",
        "<p>the s&#101;cret m&#x65;rger</p>",
    ],
)
def test_what_is_hidden_in_html_is_read(markup: str) -> None:
    assert "the secret merger" in fold(html(f"<p>Hello</p>{markup}").new)
    assert "secret merger" in fold(both("Hello", f"<p>Hello</p>{markup}").new)


@pytest.mark.parametrize("markup", ["", "<", "<html", "</p></p>", "<p", "&#0;&#xD800;x", "<!DOCTYPE", "\x00"])
def test_broken_html_is_read_as_far_as_it_goes(markup: str) -> None:
    html(markup).new.encode()


# --- alternatives ----------------------------------------------------------------------------------------------


def test_the_same_text_twice_is_read_once() -> None:
    text = both(
        "Hello Bob, this is *fine*.\r\nSee it <http://x>", "<p>Hello Bob, this is <b>fine</b>.</p><p>See it</p>"
    )
    assert text.new == "Hello Bob, this is *fine*.\nSee it <http://x>"


def test_words_only_in_the_html_are_seen() -> None:
    text = both("Hello Bob", "<p>Hello Bob</p><p>the <i>secret</i> merger</p>")
    assert "secret merger" in text.new


def test_words_side_by_side_only_in_the_html_are_seen_together() -> None:
    text = both(
        "strictly speaking a private matter", "<p>strictly speaking a private matter</p><p>strictly private</p>"
    )
    assert "strictly private" in text.new


def test_a_quotation_known_from_the_plain_text_is_not_new_in_the_html() -> None:
    text = both("Mine\r\n\r\n> the secret old plan\r\n", "<p>Mine</p><div style='x'>the secret old plan</div>")
    assert text.new == "Mine"


def test_every_text_part_counts_but_no_attached_text_file() -> None:
    file = "Content-Disposition: attachment; filename=x.txt\r\n\r\ntwo"
    body = f"--b\r\n\r\none\r\n--b\r\n{file}\r\n--b\r\n\r\nthree\r\n--b--"
    assert plain(body, "Content-Type: multipart/mixed; boundary=b").new == "one\nthree"


def test_an_attached_mail_counts_as_quoted() -> None:
    body = "--b\r\n\r\nmine\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ntheirs\r\n--b--"
    assert plain(body, "Content-Type: multipart/mixed; boundary=b") == Text(new="mine", quoted="theirs")


def test_an_invitation_is_read() -> None:
    ics = "BEGIN:VCALENDAR\r\nSUMMARY;LANGUAGE=en:Secret\r\n  merger\r\nDESCRIPTION:one\\ntwo\\, three\r\nEND:VCALENDAR"
    assert plain(ics, "Content-Type: text/calendar; method=REQUEST").new == "Secret merger\none two, three"


def test_more_text_than_can_be_read_is_cannot_tell() -> None:
    with pytest.raises(CannotTell, match="MB of text"):
        plain("words " * 1_500_000)


# --- characters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        ("zażółć".encode(), "utf-8", "zażółć"),
        ("zażółć".encode("iso-8859-2"), "iso-8859-2", "zażółć"),
        ("zażółć".encode("cp1250"), "windows-1250", "zażółć"),
        ("zażółć".encode(), "", "zażółć"),
        ("zażółć".encode(), "no-such-charset", "zażółć"),
        ("zażółć".encode(), "iso-8859-1", "zażółć"),
        ("zażółć".encode(), "us-ascii", "zażółć"),
        ("Tür".encode("latin-1"), "", "Tür"),
        ("Tür “x”".encode("cp1252"), "iso-8859-1", "Tür “x”"),
        (b"+AGMAbwBuAGYAaQBk-ential", "utf-7", "confidential"),
        ("日本".encode("iso-2022-jp"), "iso-2022-jp", "日本"),
        ("привет".encode("koi8-r"), "koi8-r", "привет"),
        ("ok ż".encode() + b"\xff", "utf-8", "ok ż\ufffd"),
        ("aż".encode()[:-1], "utf-8", "a"),
        (b"con +AGYAaQBkAGUAbgB0AGkAYQBs-", "", "con fidential"),
        (b"+48601602603-12 a+b=c C++ +Abcdef-", "us-ascii", "+48601602603-12 a+b=c C++ +Abcdef-"),
        ("poufność".encode("utf-16-le"), "utf-8", "poufność"),
        ("poufne dane".encode("utf-16-be"), "", "poufne dane"),
        ("poufne dane".encode("utf-16-be"), "utf-16", "poufne dane"),
        ("zażółć gęślą".encode("cp1250"), "utf-8", "zażółć gęślą"),
        ("zażółć gęślą".encode("iso-8859-2"), "", "zażółć gęślą"),
        ("São Tomé".encode("cp1252"), "utf-8", "São Tomé"),
        (b"41", "hex", "41"),
        (b"\\x41", "unicode_escape", "\\x41"),
        (b"x", "a" * 5000, "x"),
        (b"x", "\x00", "x"),
    ],
)
def test_text_is_read_although_its_charset_is_missing_or_wrong(data: bytes, label: str, text: str) -> None:
    assert charset.decode(data, label) == text


def test_the_charset_of_a_page_may_stand_in_the_page() -> None:
    raw = b"Content-Type: text/html\r\n\r\n<meta charset='iso-8859-2'><p>" + "zażółć".encode("iso-8859-2")
    assert body_text(Message(raw)).new == "zażółć"


def test_encoded_text_is_decoded() -> None:
    coded = base64.encodebytes("poufne".encode("utf-16")).decode()
    head = "Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64"
    assert plain(coded, head).new == "poufne"


@pytest.mark.parametrize(
    "written",
    [
        "Confidential",
        "CON\u00adFI\u00adDENTIAL",
        "con\u200bfi\u200ddential",
        "ｃｏｎｆｉｄｅｎｔｉａｌ",
        "\ufeffconfidential",
        "conﬁdential",
    ],
)
def test_folding_brings_together_what_reads_the_same(written: str) -> None:
    assert fold(written) == "confidential"


def test_folding_makes_one_blank_of_white_space_so_that_wrapped_phrases_match() -> None:
    assert fold("Strictly \r\n\u00a0 Private ") == "strictly private"
    assert fold("STRASSE Straße") == "strasse strasse"
    assert fold("Z\u0307 ż") == "ż ż"


def test_folding_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = "Strictly\u00a0 CONFIDENTIAL: \ufb01le e\u0301t\u00e9, stra\u00dfe\n na\u00ad\u0301ve  " * 20
    whole = fold(written)
    for size in range(1, 40):
        monkeypatch.setattr("mailguard.mail.text._PIECE", size)
        if size > 12:  # no word of it is longer than two pieces
            assert fold(written) == whole
    assert fold("x" * 100) == " ".join(["x" * 78, "x" * 22])  # what is no word is cut, too


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("соnfidеntiаl", "confidential"),  # Cyrillic с, о, е, а
        ("СОNFIDЕNТIАL", "confidential"),
        ("cοnfidential", "confidential"),  # Greek ο
        ("ѕесrеt", "secret"),
        ("a ѕесrеt plan", "a secret plan"),
        ("сахар", "caxap"),  # nothing around it says that it is Russian
        ("Привет, где сахар и сор?", "привет, где сахар и сор?"),
        ("Привет, ѕесrеt здесь", "привет, secret здесь"),
        ("VIPы и IT-шник", "vipы и it-шник"),
        ("καλημέρα, ο νους", "καλημέρα, ο νουσ"),
        ("5 μm", "5 μm"),
        ("zażółć", "zażółć"),
    ],
)
def test_letters_that_pretend_to_be_latin_are_read_so_and_real_ones_are_left_alone(written: str, read: str) -> None:
    assert fold(written) == fold(read) == read


@pytest.mark.parametrize("charset_", ["cp1252", "cp1250"])
def test_text_that_was_encoded_twice_is_read(charset_: str) -> None:
    assert fold("poufność".encode().decode(charset_)) == "poufność"
    assert fold("Ångström in Ålesund: “Öl”, „Ä“ und ÃO") == "ångström in ålesund: “öl”, „ä“ und ão"


def test_strokes_and_tags_that_hide_a_word_are_taken_away() -> None:
    assert fold("s\u0336e\u0336cret\U000e0041") == "secret"
