"""Signs that nobody wrote a mail: out of office, left the company, a ticket opened, a list. Two weak ones make one.

`X-Auto-Response-Suppress` is no sign: it asks others not to answer, and real people's mail carries it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nurture.domain.time_words import folded

if TYPE_CHECKING:
    from nurture.domain.inbound import Inbound

_AUTO_HEADERS: Final = ("x-autoreply", "x-autorespond", "x-auto-reply", "x-mail-autoreply", "x-vacation")
_NO: Final = frozenset({"no", "false", "0", "none"})
# Subjects as mail programs write them, at the beginning: "Re: Automatic reply" is a person answering one.
_SUBJECT: Final = re.compile(
    r"^\W*(?:auto(?:matic|mated)?[ -]?(?:re(?:ply|sponse|sponder)|answer)|auto:|out[ -]of[ -](?:the[ -])?office|ooo\b"
    r"|away from (?:the office|my (?:desk|mail))|on (?:vacation|leave|holiday)"
    r"|i am (?:out of|away)|vacation (?:reply|notice|message)|abwesen|automatische (?:antwort|abwesenheit"
    r"|ruckmeldung)|autoantwort|ich bin (?:nicht im|abwesend)"
    r"|nicht im (?:buro|haus)|urlaub|reponse auto|message d'absence|absence\b|absent|je suis absent|reponse d'absence"
    r"|respuesta auto|fuera de (?:la )?oficina|ausencia|ausente"
    r"|risposta auto|fuori (?:ufficio|sede)|assente|assenza|automatisch (?:antwoord|bericht)|afwezig|niet aanwezig"
    r"|resposta auto|fora do escritorio|estou ausente|mensagem automatica"
    r"|mensaje automatico|messaggio automatico|message automatique)"
)
_AWAY: Final = re.compile(
    r"\b(?:out of (?:the )?office|away from (?:the office|my desk|my mail)|on (?:annual |parental |maternity "
    r"|paternity |sick |medical )?(?:leave|vacation|holiday)|(?:am|will be) (?:away|out|travell?ing)\b"
    r"|limited access to (?:my )?e-?mail|currently (?:away|out|travell?ing)|automatic (?:reply|response)"
    r"|be back (?:in the office )?on|return(?:ing)? to the office"
    r"|nicht im (?:buro|haus|office)|abwesend|abwesenheit|im urlaub|in elternzeit|in mutterschutz|(?:wieder"
    r"|erst) (?:ab|am) .{1,40}(?:erreichbar|im buro|da\b)|wieder (?:erreichbar|im buro|im haus|zuruck)"
    r"|nicht erreichbar|auf (?:dienst|geschafts)reise|wird nicht (?:weitergeleitet|gelesen)"
    r"|(?:suis|serai|sera) absente?|absente? du (?:bureau)|en conges?|en vacances|de retour (?:le|au|a partir|lundi"
    r"|mardi|mercredi|jeudi|vendredi)|hors du bureau|conge (?:maternite|parental)"
    r"|(?:suis|serai|actuellement) en deplacement|a mon retour"
    r"|fuera de (?:la )?oficina|(?:estoy|estare) (?:ausente|de vacaciones|fuera)|de vacaciones|de viaje|de baja"
    r"|fuori ufficio|fuori sede|(?:sono|saro) (?:assente|in ferie|fuori)|in ferie|in trasferta|assente dall'ufficio"
    r"|niet (?:op kantoor|aanwezig|bereikbaar)|(?:ben|afwezig) .{0,30}(?:afwezig|op vakantie|met verlof)|afwezig"
    r"|(?:op|met) vakantie|met verlof|weer (?:bereikbaar|aanwezig|op kantoor)|op zakenreis"
    r"|fora do escritorio|(?:estou|estarei) (?:ausente|de ferias|fora)|de ferias|ausente do escritorio)\b"
)
_LEFT: Final = re.compile(
    r"\b(?:no longer (?:with|works?|working|employed|at|part of|a member)|(?:has|have) left (?:the company"
    r"|our company|[a-z]+\b)|left the (?:company|organi[sz]ation|firm)|is no longer (?:in|an employee)"
    r"|(?:has|have) (?:moved on|retired)|am retired|not work(?:ing)? (?:here|at|for) .{0,30}(?:any ?more|any longer)"
    r"|my last day (?:at|with) .{0,40}was"
    r"|nicht mehr (?:im unternehmen|bei|fur|in unserem|hier|tatig|beschaftigt|in der firma)|(?:unser"
    r"|das) unternehmen verlassen|ausgeschieden|im ruhestand"
    r"|ne (?:travaille|fait) plus|n'est plus (?:dans|chez|en poste|employee?)|a quitte (?:l'entreprise|la societe"
    r"|notre|l'organisation)|plus partie de"
    r"|ya no (?:trabaja|forma parte|esta en|pertenece|labora)|ha dejado (?:la empresa|de trabajar|nuestra)"
    r"|non (?:lavora|fa|e) piu (?:presso|parte|in|qui|con noi|per)|non lavora piu|ha lasciato (?:l'azienda|la societa"
    r"|la nostra)"
    r"|niet (?:meer|langer) (?:werkzaam|in dienst|bij|actief)|werkt niet (?:meer|langer)|(?:heeft"
    r"|hebben) .{0,30}(?:bedrijf|organisatie) verlaten|uit dienst"
    r"|ja nao (?:trabalha|faz parte|esta)|nao (?:trabalha|faz) mais (?:parte|na|no|aqui)?|nao trabalha mais"
    r"|deixou (?:a empresa|a companhia)|saiu da empresa)\b"
)
_RECEIVED: Final = re.compile(
    r"\b(?:(?:we|has been|have been|we've|we have) (?:successfully )?received (?:your|and)"
    r"|thank you for (?:contacting|your (?:e-?mail|message|inquiry|enquiry|request))|ticket (?:number|id|#|no)"
    r"|case (?:number|id|#)"
    r"|this (?:mailbox|inbox|address) is not monitored|do not reply to this|wir haben ihre (?:nachricht|anfrage"
    r"|e-?mail)|ihre (?:anfrage|nachricht) (?:ist|wurde)|nous avons bien recu|accusons reception"
    r"|hemos recibido su|abbiamo ricevuto|we hebben (?:uw|je) (?:bericht|e-?mail|aanvraag)|recebemos (?:a sua|o seu"
    r"|sua|seu))"
)
_SERVER: Final = re.compile(r"^(?:mailer-?daemon|mail-?daemon|postmaster|mdaemon|ndr|auto-?reply|auto-?responder)@")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Signs:
    """What points to a machine, in words: `strong` ones prove it alone."""

    strong: tuple[str, ...]
    weak: tuple[str, ...]
    only_text: bool = False  # the one weak sign is what the text says, which a person may say as well

    @property
    def automatic(self) -> bool:
        """A strong sign, or two weak ones."""
        return bool(self.strong) or len(self.weak) >= 2


def signs(mail: Inbound) -> Signs:
    """The signs in headers, subject and text."""
    strong: list[str] = []
    weak: list[str] = []
    submitted = mail.header("auto-submitted").split(";")[0].strip().lower()
    if submitted and submitted != "no":
        strong.append(f"Auto-Submitted: {submitted[:40]}")
    if mail.header("return-path").strip() == "<>":
        strong.append("the envelope has no sender")
    if _SERVER.match(mail.sender):
        strong.append(f"the sender is a machine by its name: {mail.sender.partition('@')[0]}")
    carried = (name for name in _AUTO_HEADERS if name in mail.headers)
    strong += [f"it carries {name}" for name in carried if mail.header(name).strip().lower() not in _NO]
    for name in ("precedence", "x-precedence"):
        value = mail.header(name).strip().lower()
        if value in ("auto_reply", "auto-reply"):
            strong.append(f"{name}: {value}")
        elif value in ("bulk", "junk", "list"):
            weak.append(f"{name}: {value}")
    if mail.header("x-ms-exchange-inbox-rules-loop"):
        strong.append("a mailbox rule made it")
    if mail.header("list-id") or mail.header("list-unsubscribe"):
        weak.append("it comes through a list")
    if _SUBJECT.search(folded(mail.subject)):
        weak.append(f"the subject '{mail.subject[:60]}' is one that mail programs write")
    by_text = is_away(mail.new_text) or has_left(mail.new_text) or is_acknowledgment(mail.new_text)
    only_text = by_text and not weak and not strong
    if by_text:
        weak.append("the text is that of an automatic answer")
    return Signs(tuple(strong), tuple(weak), only_text)


def is_away(text: str) -> bool:
    """Whether the text says that somebody is away."""
    return _AWAY.search(folded(text[:4_000])) is not None


def has_left(text: str) -> bool:
    """Whether the text says that somebody left the company."""
    return _LEFT.search(folded(text[:4_000])) is not None


def is_acknowledgment(text: str) -> bool:
    """Whether the text only says that a mail arrived."""
    return _RECEIVED.search(folded(text[:4_000])) is not None


def named_address(text: str, *, but: frozenset[str]) -> str | None:
    """The first address in the text that is not one of `but`: whom to write to instead."""
    for match in _ADDRESS.finditer(text[:8_000]):
        address = match[0].strip(".'").lower()
        if address not in but:
            return address
    return None
