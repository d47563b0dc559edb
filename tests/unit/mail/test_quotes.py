"""Replies as mail programs of many languages write them: whose words are whose."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.mail.message import Message
from mailguard.mail.quotes import Line, split, split_plain
from mailguard.mail.text import Text, body_text


def plain(body: str) -> Text:
    return body_text(Message(f"In-Reply-To: <1@x>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()))


@pytest.mark.parametrize(
    "attribution",
    [
        # Gmail
        "Op vr 20 nov 2026 om 10:00 schreef Kim Client <kim@client.example>:",
        "Il giorno ven 20 nov 2026 alle ore 10:00 Kim Client <kim@client.example> ha scritto:",
        "Em sex., 20 de nov. de 2026 às 10:00, Kim Client <kim@client.example> escreveu:",
        "Den fre 20 nov. 2026 kl 10:00 skrev Kim Client <kim@client.example>:",
        "pá 20. 11. 2026 v 10:00 odesílatel Kim Client <kim@client.example> napsal:",
        "пт, 20 нояб. 2026 г. в 10:00, Kim Client <kim@client.example>:",
        "2026年11月20日(金) 10:00 Kim Client <kim@client.example>:",
        "Kim Client <kim@client.example> 于2026年11月20日周五 10:00写道：",
        "El vie, 20 nov 2026 a las 10:00, Kim Client (<kim@client.example>) escribió:",
        "pe 20. marraskuuta 2026 klo 10.00 Kim Client\n<kim@client.example> kirjoitti:",
        "20. november 2026 kl. 10.00 skrev Kim Client <kim@client.example>:",
        'In data 20 novembre 2026 10:00:31 "Kim Client" <kim@client.example> ha scritto:',
        # Zoho, mail.ru, Samsung
        "---- On Fri, 20 Nov 2026 10:00:50 +0530 kim@client.example wrote ----",
        "Fri, 20 Nov 2026 10:00:51 +0400 от Kim Client <kim@client.example>:",
        "-------- Oprindelig besked --------\nFra: Kim <kim@client.example>\nDato: 20.11.2026 10.00\nTil: ann",
        # Apple Mail
        "On 20 Nov 2026, at 10:00, Kim Client <kim@client.example> wrote:",
        "Wiadomość napisana przez Kim Client <kim@client.example> w dniu 20.11.2026 pisze:",
        "Op 20 nov 2026 om 10:00 heeft Kim Client <kim@client.example> het volgende geschreven:",
        "2026/11/20 10:00、Kim Client <kim@client.example>のメール:",
        "Le 20 nov. 2026 à 10:00, Kim Client <kim@client.example> a écrit :",
        # Thunderbird, Yahoo
        "On 20/11/2026 10:00, Kim Client wrote:",
        "Il 20/11/2026 10:00, Kim Client ha scritto:",
        "On Friday, November 20, 2026 at 10:00:12 AM GMT+1, Kim Client <kim@client.example> wrote:",
        # Outlook
        "Da: Kim Client <kim@client.example>\nInviato: venerdì 20 novembre 2026 10:00\nA: Ann\nOggetto: Piano",
        "Van: Kim Client <kim@client.example>\nVerzonden: vrijdag 20 november 2026 10:00\nAan: Ann\nOnderwerp: Plan",
        "De: Kim Client <kim@client.example>\nEnviado: 20 de novembro de 2026 10:00\nPara: Ann\nAssunto: Plano",
        "Från: Kim Client <kim@client.example>\nSkickat: den 20 november 2026 10:00\nTill: Ann\nÄmne: Plan",
        "Fra: Kim Client <kim@client.example>\nSendt: 20. november 2026 10:00\nTil: Ann\nEmne: Plan",
        "Od: Kim Client <kim@client.example>\nOdesláno: pátek 20. listopadu 2026 10:00\nKomu: Ann\nPředmět: Plán",
        "От: Kim Client <kim@client.example>\nОтправлено: 20 ноября 2026 г. 10:00\nКому: Ann\nТема: План",
        "差出人: Kim Client <kim@client.example>\n送信日時: 2026年11月20日 10:00\n宛先: Ann\n件名: 計画",
        "发件人: Kim Client <kim@client.example>\n发送时间: 2026年11月20日 10:00\n收件人: Ann\n主题: 计划",
        "________________________________\nFrom: Kim <kim@client.example>\nSent: Friday\nTo: Ann\nSubject: Plan",
        "From: Client Human Resources \n<a-long-address@client.example> \nSent: Friday 10:00\nTo: Ann\nSubject: Plan",
        "-----Messaggio originale-----",
        "-----Oorspronkelijk bericht-----",
        "-----Původní zpráva-----",
        "Inizio messaggio inoltrato:",
    ],
)
def test_what_mail_programs_of_many_languages_quote_is_not_new(attribution: str) -> None:
    text = plain(f"My answer\n\n{attribution}\n\nold words\n")
    assert text.new.strip("_\n") == "My answer"
    assert "old words" in text.quoted


@pytest.mark.parametrize(
    "closing",
    [
        "Best regards,\n\nAnn Example\nHead of Secret Services Ltd\nTel. +48 22 123 45 67",
        "Pozdrawiam\nAnna Przykład\nDział Spraw Poufnych\nkom. 601 602 603",
        "Mit freundlichen Grüßen\n\nAnna Beispiel\nGeheimschutz GmbH\nHauptstr. 1, Berlin\nwww.beispiel.example",
        "Cordialement,\nAnne Exemple\nService confidentiel\nanne@exemple.example",
        "Un saludo,\nAna Ejemplo\n+34 600 000 000",
        "Sent from my iPhone",
        "Wysłano z iPhone'a",
        "Von meinem iPhone gesendet",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "iPhoneから送信",
        "Get Outlook for iOS",
    ],
)
def test_name_firm_and_telephone_below_the_regards_are_the_signature(closing: str) -> None:
    new = plain(f"Here is the offer.\n\n{closing}\n").new.split("\n")
    assert new[0] == "Here is the offer."
    assert len([line for line in new if line]) <= 2  # the regards themselves may stay


@pytest.mark.parametrize(
    "text",
    [
        "Thanks\n\nThe secret merger is on Monday.",
        "Best regards,\nAnn\n\nPS: the secret merger is on Monday, call +48 22 123 45 67.",
        "Thanks\nCall me about the secret merger, it is urgent: +48 22 123 45 67",
        "Regards\nthe secret merger!\n+48 22 123 45 67",
        "Regards\n" + "the secret merger goes on\n" * 20 + "www.corp.example",
    ],
)
def test_what_somebody_adds_below_the_regards_stays_new(text: str) -> None:
    assert "secret merger" in plain(text).new


@pytest.mark.parametrize(
    "disclaimer",
    [
        "Ce message est confidentiel et réservé à son destinataire. Si reçu par erreur, merci de le détruire.",
        "Este mensaje es confidencial y va dirigido a su destinatario. Si lo recibe por error, bórrelo.",
        "Questo messaggio contiene informazioni riservate al solo destinatario. Se ricevuto per errore, cancellatelo.",
        "Dit bericht is uitsluitend bestemd voor de geadresseerde en kan vertrouwelijke informatie bevatten.",
        "Esta mensagem é confidencial e destina-se apenas ao seu destinatário. Se a recebeu por engano, elimine-a.",
        "本メールは宛先以外の方が誤って受信された場合、直ちに破棄してください。",
    ],
)
def test_disclaimers_of_more_languages_are_nobodys_words(disclaimer: str) -> None:
    text = plain(f"Here is the offer.\n\n{disclaimer}\n")
    assert text.new.strip() == "Here is the offer."


PIECES = st.sampled_from(
    [
        "On 20 Nov 2026, at 10:00, Kim <kim@client.example> wrote:",
        "-----Original Message-----",
        "begin forwarded message:",
        "転送されたメッセージ：",
        *("From: Kim", "* Von : Kim", "\u3000From: Kim", "Sent: Friday", "Subject: x", "at 10:30", "Hello"),
        *("> quoted", "   | quoted", "\x1f> x", "____", "--", "   ", "", "Regards", "Tel. +48 22 123 45 67"),
        "word " * 90,
    ]
)


@given(st.lists(st.lists(PIECES, min_size=1, max_size=2).map("".join), max_size=9))
@settings(max_examples=500, deadline=None)
def test_plain_text_is_split_as_text_with_markup_is(lines: list[str]) -> None:
    texts = [line.rstrip() for line in lines]
    assert split_plain(texts) == split([Line(text) for text in texts])
