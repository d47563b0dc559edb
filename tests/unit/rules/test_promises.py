"""A forgotten attachment: what people write when they forget one, and what only sounds like it."""

from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailguard.mail.text import Text
from mailguard.records import Match
from mailguard.rules.promises import LANGUAGES
from tests.unit.rules.judge import ask, facts

MISSING = "{attachment: {missing: true}}"
PROMISES = [
    "Hi Kim,\n\nplease find attached the offer we spoke about.\n\nBest\nAnn",
    "Could you have a look at the attached and tell me what you think?",
    "I've attached the signed contract. Thanks for your patience yesterday.",
    "The minutes are attached.",
    "As discussed in my last call: see attached.",
    "Dzień dobry,\nw załączeniu przesyłam fakturę za listopad.\nPozdrawiam",
    "Załączam umowę do podpisu.",
    "Szczegóły w załączniku.",
    "w zalaczeniu oferta",
    "Guten Tag,\n\nanbei erhalten Sie unser Angebot.\n\nMit freundlichen Grüßen",
    "Die Rechnung finden Sie im Anhang.",
    "Den unterschriebenen Vertrag habe ich angehängt.",
    "Bonjour,\nvous trouverez ci-joint le devis.\nCordialement",
    "Je vous joins le contrat signé.",
    "Le rapport est en pièce jointe.",
    "Buenos días,\nadjunto la factura de noviembre.\nUn saludo",
    "Te adjunto el informe.",
    "En el archivo adjunto están los detalles.",
    "お世話になっております。見積書を添付いたします。ご確認ください。",
    "資料を添付しましたのでご確認ください。",
    "添付ファイルをご確認ください。",
]
NO_PROMISES = [
    "Sorry, I forgot to attach the offer, it comes in a minute.",
    "Thanks for the attached, I'll read it tonight.",
    "I could not open the attached file you sent.",
    "The file you attached to your mail is empty.",
    "Please attach the invoice to your reply.",
    "I will attach the photos tomorrow.",
    "The report was attached to my previous email.",
    "I'm too attached to this flat to sell it.",
    "The sign is attached to the wall.",
    "There are no strings attached.",
    "Nie dołączyłem jeszcze do projektu, dołączam do zespołu w maju.",
    "Proszę załączyć fakturę.",
    "Zapomniałam załączyć plik, wyślę zaraz.",
    "Zgodnie z zapisem w załączniku nr 2 do umowy termin mija w maju.",
    "Dane były w załączniku w poprzednim mailu.",
    "Ich habe Ihren Anhang nicht öffnen können.",
    "Sorry, ich habe den Anhang vergessen.",
    "Die Zahlen waren beigefügt in der letzten Mail.",
    "In der Anlage läuft die neue Pumpe.",
    "Votre document joint est illisible.",
    "Merci de joindre la facture.",
    "Il est parti rejoindre ses parents.",
    "Por favor adjunte la factura a su respuesta.",
    "El director adjunto está de vacaciones.",
    "No te adjunto nada todavía.",
    "添付ファイルが開けませんでした。",
    "請求書を添付してください。",
    "添付いただいた資料を拝見しました。",
    "Detach the cable and attach it again.",
    "See you at the station.",
]


def missing(body: str, **mail: Any) -> Match | None:
    return ask(MISSING, facts(body=body, **mail))


@pytest.mark.parametrize("body", PROMISES)
def test_a_promise_without_a_file_is_noticed_and_with_one_is_not(body: str) -> None:
    found = missing(body)
    assert found is not None
    assert found.reason.startswith("the text says “")
    assert missing(body, attach=[{"name": "offer.pdf", "type": "application/pdf", "text": "x"}]) is None


@pytest.mark.parametrize("body", NO_PROMISES)
def test_what_is_no_promise_is_left_alone(body: str) -> None:
    assert missing(body) is None


def test_only_the_senders_own_new_text_promises() -> None:
    assert (
        ask(MISSING, facts(text=Text(new="Thanks!", quoted="please find attached", signature="see attached"))) is None
    )


def test_a_sentence_that_takes_it_back_speaks_for_itself_alone() -> None:
    assert missing("You attached the old list. I've attached the new one.") is not None


@pytest.mark.parametrize(
    "link",
    [
        "https://corp.sharepoint.com/:x:/s/team/Ea1",
        "https://1drv.ms/x/s!Aa",
        "https://drive.google.com/file/d/1/view",
        "https://docs.google.com/document/d/1",
        "https://www.dropbox.com/s/abc/x.pdf",
        "https://we.tl/t-abc",
        "https://cloud.corp.example/index.php/s/aB3dE5gH7jK9mN1",
    ],
)
def test_a_link_to_a_shared_file_counts_as_attached(link: str) -> None:
    assert missing(f"Please find attached the plan: {link}") is None
    assert ask(MISSING, facts(html=f"<p>Please find attached the <a href='{link}'>plan</a></p>")) is None
    assert missing("Please find attached the plan: https://news.example/article") is not None


def test_pictures_in_the_text_answer_only_a_promise_of_a_picture() -> None:
    def mail(text: str) -> Match | None:
        message = EmailMessage()
        message["To"] = "kim@client.example"
        message.set_content(f"<p>{text}</p><img src='cid:a@b'>", subtype="html")
        message.add_related(b"\x89PNG\r\n\x1a\n", "image", "png", cid="<a@b>")
        headers = {"Content-Type": str(message["Content-Type"])}
        found = facts(headers=headers, to="kim@client.example", body="x")
        found.reading.message = type(found.message)(message.as_bytes())
        return ask(MISSING, found)

    assert mail("Please see the attached screenshot.") is None
    assert mail("Please see the attached contract.") is not None


def test_an_invitation_needs_no_file() -> None:
    calendar = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
    file = {"name": "invite.ics", "type": "text/calendar", "text": calendar}
    assert missing("The agenda is attached.", attach=[file]) is None


def test_every_language_has_its_promises_tested() -> None:
    home = Path(__file__).parents[3] / "mailguard" / "rules" / "lexicon"
    assert {path.stem.removeprefix("attached-") for path in home.glob("attached-*.txt")} == set(LANGUAGES)
