"""What mail programs and their users write around quotations, signatures and disclaimers, by language.

English, Polish, German, French, Spanish, Italian, Dutch, Portuguese, Swedish, Danish, Norwegian, Czech,
Finnish, Russian, Japanese and Chinese; Outlook, Gmail, Apple Mail, Thunderbird, Yahoo and Proton.
"""

import re

from mailguard.mail.caseless import Caseless

COLONS = (":", "：")
RULERS = tuple("-_=*")
WROTE = re.compile(
    r"(?:\bwrote|\bnapisał(?:\(a\)|a|/a)?|\bpisze|\bpisał(?:\(a\)|a)?|\bschrieb\b[^:]{0,120}|\ba écrit|\bescribió"
    r"|\bha scritto|\bschreef\b[^:]{0,120}|\bhet volgende geschreven|\bescreveu|\bskrev\b[^:]{0,120}"
    r"|\bnapsal(?:\(a\)|a)?"
    r"|\bнаписал(?:\(а\)|а)?|\bпишет|のメール|\bkirjoitti|は書きました|さんの投稿|写道)\s*[:：]\Z",
    re.IGNORECASE,
)
WHEN = re.compile(
    r"(?:On|W dniu|Dnia|Am|Le|El|Il|At|Op|Em|Den|Dne|В|在|\d{4}[年/]|\S{2,4} \d{1,2}\.|\d{1,2}\.? \S{3,12} \d{4}).*\d",
    re.IGNORECASE,
)
WHO = re.compile(r".*[<@]")
# Gmail in some languages: a date and an address, and no verb
DATED = re.compile(
    r"(?:\d{4}年\d{1,2}月\d{1,2}日|(?:пн|вт|ср|чт|пт|сб|вс), \d{1,2} \S{3,9} \d{4}"
    r"|\S{2,5}\.?,? \d{1,2}\.? \S{3,9}\.? \d{4})"
    r".{0,200}<[^<>\s]+@[^<>\s]+>\s*[:：]"
)
SEPARATOR = re.compile(
    r"(?:[-_=*]{2,}\s*(?:original message|forwarded message|wiadomość oryginalna|oryginalna wiadomość"
    r"|wiadomość przekazana|przekazana wiadomość|treść przekazanej wiadomości|wiadomość przesłana dalej"
    r"|ursprüngliche nachricht|originalnachricht|weitergeleitete nachricht|message d['’]origine|message original"
    r"|message transféré|mensaje original|mensaje reenviado|messaggio originale|messaggio inoltrato"
    r"|oorspronkelijk bericht|doorgestuurd bericht|mensagem original|mensagem encaminhada"
    r"|ursprungligt meddelande|vidarebefordrat meddelande|oprindelig meddelelse|videresendt meddelelse"
    r"|opprinnelig melding|videresendt melding|původní zpráva|přeposlaná zpráva|исходное сообщение"
    r"|oprindelig besked|videresendt besked|alkuperäinen viesti|välitetty viesti|on .{10,200} wrote"
    r"|пересылаемое сообщение|元のメッセージ|転送メッセージ|原始邮件|转发的邮件|forwarded by .{1,200})\s*[-_=*]*"
    r"|begin forwarded message:|anfang der weitergeleiteten nachricht:|początek przekazywanej wiadomości:"
    r"|début du message (?:transféré|réexpédié)\s*:|inicio del mensaje reenviado:|inizio messaggio inoltrato:"
    r"|begin doorgestuurd bericht:|início da mensagem reencaminhada:|転送されたメッセージ[:：])\s*",
    re.IGNORECASE,
)
FROM = re.compile(
    r"[*\s]{0,3}(?:From|Od|Von|De|Da|Van|Från|Fra|Lähettäjä|От|差出人|发件人|寄件者)\s?\*?\s?[:：]\s?\*?\s*\S.{0,300}",
    re.IGNORECASE,
)
OTHER_HEADER = re.compile(
    r"[*\s]{0,3}(?:(Sent|Date|Wysłano|Wysłane|Data|Gesendet|Datum|Envoyé|Enviado(?: el| em)?|Fecha|Inviato|Verzonden"
    r"|Skickat|Sendt|Dato|Odesláno|Lähetetty|Отправлено|Дата|送信日時|日付|日時|发送时间|日期)"
    r"|To|Do|An|À|A|Para|Aan|Till|Til|Komu|Vastaanottaja|Кому|宛先|收件人|Subject|Temat|Betreff|Objet|Asunto|Oggetto|Onderwerp|Assunto"
    r"|Ämne|Emne|Předmět|Aihe|Тема|件名|主题|Cc|DW|Kopia|Kopie|Копия)\s?\*?\s?[:：]",
    re.IGNORECASE,
)
MARK = re.compile(r"\s{0,3}((?:[>|]\s?)+)")
# Of all lines, each with a line end before it: whatever SEPARATOR, FROM or MARK matches begins so, or ends with one of
# COLONS; and a line that is cut is looked at
HINT = re.compile(r"\n(?:[^\S\n]*+(?:[>|\-_=*]|[^:：\n]{0,14}+[:：])|[^\n]{400})")

SENT_FROM = Caseless(
    r"(?:sent from (?:my |outlook |mail |yahoo |samsung |proton)|get outlook for |sent with proton"
    r"|wysłan[eoy] z |pobierz aplikację outlook"
    r"|von meinem .{2,30} gesendet|gesendet (?:von|mit) |outlook für .{2,20} (?:herunterladen|abrufen)"
    r"|envoyé (?:de mon|depuis|à partir d)|obtenir outlook pour|télécharger outlook pour"
    r"|enviado (?:desde|do meu|a partir)|obtener outlook para|descargar outlook para|inviato da"
    r"|verzonden (?:vanaf|vanuit)"
    r"|skickat från|sendt fra|odesláno z|отправлено (?:с|из)).{0,60}"
    r"|.{0,30}から送信"
)
REGARDS = Caseless(
    r"(?:(?:with |my )?(?:best|kind|kindest|warm|warmest) (?:regards|wishes)|regards|best|cheers|thanks"
    r"|thank you|many thanks"
    r"|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)"
    r"|pozdrawiam(?: serdecznie)?|(?:serdeczne |z )?pozdrowieni(?:a|ami)|serdecznie pozdrawiam|z poważaniem"
    r"|(?:z )?wyraz(?:y|ami) szacunku|dziękuję(?: i pozdrawiam)?"
    r"|(?:mit )?(?:freundlichen?|besten?|herzlichen?|vielen?|liebe|schöne) grü(?:ß|ss)en?(?: aus .{2,30})?|mfg|lg|vg"
    r"|(?:bien )?cordialement|bien à vous|sincères salutations|meilleures salutations"
    r"|(?:un )?(?:cordial |saludo|saludos)(?: saludo)?(?: cordial(?:es)?)?|atentamente|cordiali saluti|distinti saluti"
    r"|met vriendelijke groeten?|atenciosamente|med vänliga hälsningar|med venlig hilsen|med vennlig hilsen"
    r"|s pozdravem|с уважением)\s*[,.!]?"
)
# The same of all lines at once, each with a line end before it and behind: most mail has no such line
SENT_FROM_LINE = Caseless(rf"\n[^\S\n]*+(?:{SENT_FROM.pattern})")
REGARDS_LINE = Caseless(rf"\n[^\S\n]*+(?:{REGARDS.pattern})[^\S\n]*+\n")
POSTSCRIPT = re.compile(r"\s*P\.?\s?P?\.?\s?S\b", re.IGNORECASE)
CONTACT = re.compile(
    r"(?:\+|\b00)\d{1,3}[\d ()./\-]{6,20}\d"
    r"|\b(?:tel|phone|mobile?|mob|fax|telefon|kom|mobil|téléphone|móvil|t|m)\.?\s?:?\s?[\d(+]"
    r"|\S+@\S+\.[a-z]{2,}|\bwww\.|https?://",
    re.IGNORECASE,
)

DISCLAIMER_TITLE = Caseless(
    r"\W*(?:confidentiality (?:notice|note|statement)|(?:legal |e-?mail )?disclaimer|legal notice|important notice"
    r"|klauzula (?:o )?poufności|zastrzeżenie(?: prawne)?|nota prawna"
    r"|vertraulichkeitshinweis|haftungsausschluss|rechtlicher hinweis|wichtiger hinweis"
    r"|avis de confidentialité|avertissement|aviso legal|aviso de confidencialidad|avviso di riservatezza"
    r"|aviso de confidencialidade|vertrouwelijkheidsverklaring)\b"
)
DISCLAIMER_OPENER = Caseless(
    r"\b(?:th(?:is|e) (?:contents? of this |information (?:contained )?in this )?"
    r"(?:e-?mail|message|communication|transmission)"
    r"|if you (?:are not|have received|received)"
    r"|(?:niniejsz[aey]|t[ae]|treść (?:tej|niniejszej)) (?:wiadomoś|e-?mail|korespondencj|informacj)"
    r"|informacje (?:zawarte|przekazane)|jeśli nie (?:jest|są) |jeżeli nie (?:jest|są) "
    r"|diese (?:e-?mail|nachricht)|der inhalt dieser (?:e-?mail|nachricht)|wenn sie nicht der|sollten sie "
    r"|ce (?:message|courriel|mail)|cet e-?mail|les informations contenues|este (?:mensaje|correo|e-?mail)"
    r"|esta mensagem"
    r"|quest[oa] (?:messaggio|e-?mail|comunicazione)|le informazioni contenute|dit (?:bericht|e-?mailbericht)"
    r"|deze e-?mail"
    r"|本メール|このメール|本電子メール)"
)
LEGAL_WORD = Caseless(
    r"intended (?:only |solely |exclusively )?(?:for|recipient)|addressee|named recipient|privileged|\bin error\b"
    r"|notify (?:the|us)|unauthori[sz]ed|disseminat|strictly prohibited|delete (?:it|this|the)|disclos"
    r"|legally protected"
    r"|adresat|odbiorc|omyłk|pomyłk|przeznaczon|prawnie chronion|usunię|zawiadomi|powiadomi|zabronion|ujawni"
    r"|empfänger|irrtümlich|vernichten|unbefugt|weitergabe|rechtlich geschützt|nicht gestattet"
    r"|destinataire|destinatario|confidentiel|confidencial|par erreur|por error|destinatári|por engano|per errore"
    r"|riservat|geadresseerde|bestemd voor|vertrouwelijk|abusievelijk|受信者|宛先以外|誤って|破棄|削除"
)
