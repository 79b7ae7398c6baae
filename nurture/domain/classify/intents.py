"""What a person wants by a reply, judged on the new text alone: a quote below it holds our own words and footer.

Patterns are folded text (lower case, no accents) in seven languages. Each verdict names the words that made it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nurture.domain.response import Intent
from nurture.domain.sentences import sentences
from nurture.domain.time_words import folded

# Said before a wish, it turns it around: "not interested", "please don't remove me".
_NOT: Final = re.compile(
    r"(?:\b(?:not|never|no|don'?t|do not|didn'?t|did not|isn'?t|aren'?t|won'?t|cannot|can'?t|nicht|kein(?:e|en|er)?"
    r"|nie|ne|n'|pas|aucun|plus|ni|nunca|non|nessun[oa]?|niet|geen|nao|nem|sem|haven'?t|without|ohne|sans|sin|senza"
    r"|zonder)\b|n')"
    r"[^.!?,;]{0,25}$"
)
_SAYS_NO: Final = re.compile(
    r"\b(?:not?|don'?t|pass|kein(?:en)?|nicht|nein|pas|non|aucun|ne|niet|geen|nee|nao|sem|sin|senza)\b"
)
_UNSUBSCRIBE: Final = re.compile(
    r"\b(?:unsubscrib\w*|opt(?:ing)?[ -]?(?:me )?out|(?:remove|delete|take|strike) (?:me|us|my (?:e-?mail|name"
    r"|address|details|data)|this (?:address|e-?mail))\b[^.!?]{0,40}(?:list|database|mailing|off|from|records|system)"
    r"|(?:remove|delete) me\b(?! from the (?:cc|thread|invite))|take (?:me|us) off|(?:stop|quit|cease) (?:e-?mailing"
    r"|sending|contacting|writing|messaging|spamming|bothering|(?:these|all|the|your|this) (?:e-?mails?|mails?"
    r"|messages|spam|communications?))"
    r"|(?:do not|don'?t|never) (?:e-?mail|contact|write(?: to)?|message|send)(?: (?:to )?(?:me"
    r"|us))?(?: any(?:thing)?)?(?: e-?mails?)? ?(?:again|any ?more|any longer|further|ever)"
    r"|(?:do not|don'?t) wish to receive|no (?:more|further) (?:e-?mails?|messages|mailings|contact)"
    r"|no longer (?:wish|want) to (?:receive|get|be contacted)"
    r"|abmelden|abbestell\w*|austragen|aus (?:ihrem|dem|ihrer|der) (?:verteiler|liste|mailingliste|newsletter)"
    r"|keine (?:weiteren )?(?:e-?mails?|mails|nachrichten|werbung|newsletter)(?: mehr)?\b"
    r"|schreiben sie mir nicht mehr|nicht (?:mehr|weiter) (?:kontaktieren|anschreiben|schreiben)|daten (?:zu )?loschen"
    r"|(?:me )?desabonn\w*|desinscri\w*|(?:retirez|supprimez|enlevez|rayez)[ -](?:moi|nous|mon|notre)|ne (?:plus"
    r"|souhaite plus) (?:recevoir|m'ecrire|me contacter|m'envoyer)|cessez de|arretez de m'|ne m'(?:envoyez"
    r"|ecrivez) plus"
    r"|dar(?:me)? de baja|darse de baja|dame de baja|denme de baja|(?:eliminenme|eliminen?|borrenme|quitenme|borren?"
    r"|quiten?) (?:mi |de )|no (?:quiero|deseo) (?:recibir|que me)|no me (?:envien|escriban|contacten|manden) mas"
    r"|dejen de"
    r"|disiscri\w*|cancella(?:te|temi|rmi|mi)|rimuove(?:temi|rmi|te)|non (?:voglio|desidero|vorrei) (?:piu )?ricevere"
    r"|non (?:scrivetemi|contattatemi|inviatemi) piu|smettete di|toglietemi"
    r"|uitschrijven|afmelden|schrijf (?:me|mij) uit|verwijder (?:me|mij|mijn)|geen (?:e-?mails?|mails|berichten"
    r"|nieuwsbrieven?)(?: meer)?|niet meer (?:mailen|ontvangen|benaderen|contacteren)|stop met (?:mailen|sturen"
    r"|het sturen)"
    r"|descadastr\w*|cancelar (?:a )?(?:minha )?(?:inscricao|subscricao|assinatura)|remov(?:am|a"
    r"|er)(?:[ -]me)?\b[^.!?]{0,40}(?:lista|base|contato|email)|remova-me|retirem-me|nao (?:quero|desejo"
    r"|pretendo) (?:mais )?receber|parem de|nao me (?:enviem|contatem|contactem) mais)"
)
# The whole answer is one of these words, as footers used to ask for.
_ONE_WORD: Final = re.compile(
    r"^\W*(?:please |bitte )?(?:stop|unsubscribe|remove|remove me|opt[ -]?out|abmelden|stopp|desabonner"
    r"|desinscription|baja|stop mail|cancellami|cancella|afmelden|uitschrijven|remover|sair"
    r"|descadastrar)(?:,? (?:please|thanks|thank you|bitte|danke|merci|gracias|grazie|bedankt|obrigad[oa]))?\W*$"
)
_REFERRAL: Final = re.compile(
    r"\b(?:(?:not|isn'?t) the (?:right|best|correct|appropriate) (?:person|contact|one)|wrong person"
    r"|(?:please )?(?:contact|reach out to|speak (?:to|with)|talk to|write to|get in touch with|e-?mail"
    r"|ask) (?:instead )?(?:my|our|the) (?:colleague|boss|manager|head|director|team|cto|cfo|ceo|coo|vp|buyer"
    r"|procurement|purchasing|it department)"
    r"|(?:my|our) colleague \w+[^.!?]{0,60}(?:responsible|in charge|handles|takes care|looks after|is the)|(?:i(?:'ve"
    r"| have)?) (?:cc'?d|copied|forwarded|passed|looped)|(?:forwarded|passed) (?:this|it|your (?:mail|e-?mail"
    r"|message)) (?:on )?to|you should (?:contact|talk to|speak (?:to|with))|(?:is|are) responsible for (?:this|these"
    r"|that)|better (?:person|contact)|looping in|copying in"
    r"|nicht (?:der|die) (?:richtige|zustandige)|(?:bin|sind) (?:dafur |hierfur )?nicht zustandig|nicht mein bereich"
    r"|(?:mein|meine|unser|unsere)[nm]? kolleg\w+|wenden sie sich (?:bitte )?an|zustandig ist"
    r"|ansprechpartner\w* (?:ist|fur|ware)|habe? (?:ihre (?:mail|nachricht) )?(?:an .{1,40} )?weitergeleitet"
    r"|pas la bonne (?:personne|interlocuteur)|pas le bon (?:contact|interlocuteur)|(?:mon|ma|notre) (?:collegue"
    r"|responsable)|(?:adressez|adresser)[ -]vous a|veuillez contacter|(?:j'ai )?transmis (?:votre|a)"
    r"|la personne (?:en charge|responsable)"
    r"|no soy la persona|(?:mi|nuestr[oa]) (?:companer[oa]|colega|responsable)|(?:contacte|dirijase|dirigirse"
    r"|pongase en contacto|hable) (?:a|con)\b|la persona (?:adecuada|encargada|responsable)|he reenviado"
    r"|non sono la persona|(?:il mio|la mia|un mio|il nostro) collega|(?:si rivolga|contatti|rivolgersi|scriva) (?:a"
    r"|al|alla|il)\b|la persona (?:giusta|responsabile|di riferimento)|ho inoltrato"
    r"|niet de juiste (?:persoon|contactpersoon)|(?:mijn|onze) collega|neem contact op met|(?:is|zijn) (?:hiervoor"
    r"|daarvoor) verantwoordelijk|doorgestuurd|kunt u terecht bij"
    r"|nao sou a pessoa|(?:o meu|a minha|meu|minha|nosso) colega|(?:contacte|contate|fale com|entre em contato com"
    r"|dirija-se)\b|a pessoa (?:certa|responsavel|indicada)|encaminhei|reencaminhei)"
)
_REQUEST: Final = re.compile(
    r"\b(?:(?:call|ring|phone) me|give (?:me|us) a (?:call|ring)|(?:schedule|set up|book|arrange|organi[sz]e|have|do"
    r"|jump on|hop on) (?:a|an|the|some)? ?(?:quick |short |brief |first |intro(?:ductory)? |demo )*(?:call|demo"
    r"|demonstration|meeting|appointment|chat|conversation)"
    r"|(?:send|get|give|provide|need|want|(?:would|'d) like(?: to (?:have|get|receive|see))?|receive|prepare|email"
    r"|forward)(?: (?:me|us))?(?: (?:over|through))? (?:a|an|the|your|some|more)? ?(?:(?:detailed|rough|formal|price"
    r"|your|first|current|written) )*(?:quote|quotation|pricing|prices|price list|proposal|offer|demo|trial|estimate)"
    r"|(?:book|see|want|would like|like|love) a demo|talk to (?:sales|your sales"
    r"|someone in sales)|come (?:by|over) and (?:show|present)|when (?:can|could) (?:we|you) (?:talk|speak|meet|call)"
    r"|ready to (?:buy|order|move forward|proceed)"
    r"|(?:rufen sie|ruf) mich(?: bitte)?(?: \w+)? (?:an|zuruck)|(?:bitte )?um (?:ein angebot|ihren anruf|ruckruf"
    r"|einen ruckruf|einen termin|eine demo)|(?:ein|ihr|das) angebot (?:zu|uber|fur|erstellen|schicken|senden"
    r"|zukommen|machen|unterbreiten)|schicken sie (?:mir|uns)[^.?!]{0,30}(?:angebot|preis\w*)"
    r"|termin (?:vereinbaren|machen|ausmachen)|(?:eine|die) demo\b|preisliste|telefonieren"
    r"|(?:appelez|rappelez)[ -](?:moi|nous)|(?:un|votre) devis|une (?:demo|demonstration)|(?:prendre|fixer"
    r"|convenir d'un) (?:un )?(?:rendez[ -]vous|rdv)"
    r"|vos tarifs|une (?:offre|proposition)"
    r"|(?:llameme|llamame|llamenos|me puede llamar|puede llamarme)|(?:un|el|su) presupuesto|una (?:cotizacion|demo"
    r"|demostracion|propuesta|oferta)|(?:agendar|concertar|programar) (?:una |un )?(?:reunion|llamada"
    r"|cita|demo)|lista de precios"
    r"|(?:mi chiami|chiamatemi|mi chiamate|chiamami|richiamatemi)|(?:un|il|vostro) preventivo|una (?:demo"
    r"|dimostrazione|offerta|quotazione|proposta)|(?:fissare|organizzare) (?:una |un )?(?:riunione"
    r"|chiamata|appuntamento|call|incontro)|listino"
    r"|bel (?:me|mij|ons)|(?:kunt u|kun je|wilt u) (?:me|mij|ons) (?:terug)?bellen|(?:een|uw) (?:offerte|prijsopgave"
    r"|demo)|(?:afspraak|gesprek) (?:maken|plannen|inplannen)|prijslijst"
    r"|(?:ligue|liguem|ligue-me|me ligue)|(?:um|o|seu) (?:orcamento)|uma (?:demo|demonstracao|proposta|cotacao)"
    r"|(?:agendar|marcar) (?:uma |um )?(?:reuniao|chamada|conversa|demo|ligacao)|tabela de precos)"
)
# To ask what it costs is no wish to be called: it is answered, like any other question.
_PRICE: Final = re.compile(
    r"\b(?:(?:how much|what) (?:does|do|would|is|are|will)[^.?!]{0,40}(?:cost|price|pricing|charge)|what(?:'s"
    r"| is) (?:the|your) (?:price|pricing|cost)|was kostet|quel(?:s)? (?:est|sont) (?:le|les|vos) (?:prix|tarifs?)"
    r"|combien (?:coute|ca coute)|cuanto cuesta|que precio|quanto costa|wat kost|quanto custa)"
)
_REFUSAL: Final = re.compile(
    r"\b(?:not (?:really |at all |currently |particularly )?interested|no interest|no,? (?:thanks|thank you)|no thx"
    r"|not for us|not (?:a|the right) (?:fit|match)|not relevant|we(?:'ll| will| have to)? pass\b|i(?:'ll"
    r"| will)? pass\b|we (?:don'?t|do not) (?:need|use|want|require)|(?:don'?t|do not) (?:need|want) (?:this|it|your"
    r"|any)|no need\b|not (?:looking|in the market)"
    r"|(?:already|just) (?:have|use|using|work with|working with|signed|chose|chosen|bought|decided (?:on|for)"
    r"|went with)|(?:we )?(?:went|gone|decided to go) with (?:another|a different|someone|\w+ instead)"
    r"|happy with (?:our|what|the) (?:current|existing|present)|have a (?:supplier|vendor|solution|partner)"
    r"|chosen (?:another|a different)"
    r"|kein(?:en)? (?:interesse|bedarf)|nicht interessiert|nein,? danke|brauchen wir nicht|benotigen wir nicht"
    r"|(?:bereits|schon) (?:versorgt|einen (?:anbieter|partner|lieferanten)|eine losung)"
    r"|fur einen anderen (?:anbieter|partner) entschieden"
    r"|pas interesse\w*|non,? merci|pas besoin|aucun (?:besoin|interet)|pas d'interet|(?:deja) (?:un|equipe"
    r"|une)\w* ?(?:fournisseur|solution|prestataire)?|ne (?:nous )?(?:concerne|interesse) pas|ne sommes pas interesses"
    r"|no (?:me|nos) interesa|no (?:estoy|estamos) interesad\w+|no,? gracias|no (?:lo )?necesit\w+|ya (?:tenemos"
    r"|contamos|trabajamos|usamos)"
    r"|non (?:sono|siamo|mi|ci) (?:interessat\w+|interessa)|no,? grazie|non (?:ne )?abbiamo bisogno|non ci serve"
    r"|(?:abbiamo|siamo) gia (?:un|una|forniti|coperti)"
    r"|geen (?:interesse|belangstelling|behoefte)|niet geinteresseerd|nee,? (?:bedankt|dank)|hebben (?:al"
    r"|reeds) (?:een|iets)"
    r"|(?:nao (?:tenho|temos|ha) interesse|sem interesse)|nao (?:estou|estamos) interessad\w+|nao,? obrigad\w+"
    r"|nao precisamos|ja (?:temos|usamos|trabalhamos))"
)
_NOT_NOW: Final = re.compile(
    r"\b(?:not (?:right )?now|not (?:at (?:this|the) (?:time|moment|stage|point)|at present|yet|this (?:year|quarter"
    r"|month)|today|until|before|currently)|(?:bad|not a good|not the right|wrong) tim(?:e|ing)|maybe later|(?:too"
    r"|very) (?:busy|early|soon)|(?:no|don'?t have (?:a|the|any)) budget|budget is (?:frozen|gone|spent|closed|used)"
    r"|(?:try|contact|call|ping|e-?mail|reach out to|write to|ask|remind) (?:me |us )?(?:again|back)"
    r"|get back (?:to (?:me|us)|in touch)|check (?:back|in (?:again|later|with (?:me|us)))|circle back|(?:touch base"
    r"|follow up|reach out|revisit|reconnect|get in touch) (?:again )?(?:with (?:me|us) )?(?:later|in|after|next"
    r"|early|at|on|around|when)|on hold|postponed|put (?:it |this )?off|down the (?:road|line)|other priorities"
    r"|come back (?:to (?:me|us|this|you))?|not a priority|next year"
    r"|(?:derzeit|momentan|aktuell|im moment|zur ?zeit|zum jetzigen zeitpunkt|gerade|vorerst)[^.!?]{0,40}(?:nicht"
    r"|kein)|(?:nicht|kein)[^.!?]{0,30}(?:derzeit|momentan|aktuell|im moment|zurzeit|jetzt)|noch nicht|erst (?:im|in"
    r"|ab|nach|wieder)|(?:melden|kontaktieren|rufen) sie (?:sich|mich|uns)[^.!?]{0,60}(?:wieder|noch ?mal|erneut|im"
    r"|nach|ab)|spater|zu fruh|kein budget|zuruckgestellt"
    r"|pas (?:maintenant|pour (?:le moment|l'instant)|encore|en ce moment|actuellement|dans l'immediat)"
    r"|(?:recontactez|rappelez|relancez|revenez)[ -](?:moi|nous|vers)|plus tard|pas de budget|trop tot"
    r"|reprendre contact"
    r"|(?:ahora|por ahora|de momento|por el momento|actualmente)[^.!?]{0,20} no\b|no (?:ahora|por ahora|es (?:el"
    r"|un buen) momento|en este momento)|no [^.!?]{0,30}(?:de momento|por ahora|en este momento|ahora mismo)"
    r"|todavia no|mas adelante|(?:contacteme|llameme|escribame|vuelva a|vuelvan a|contactenos)|(?:no (?:hay|tenemos)"
    r"|sin) presupuesto"
    r"|(?:non|no) (?:ora|adesso|in questo momento|per ora|al momento)|(?:al momento|per ora|per il momento"
    r"|attualmente) no[n]?\b|non [^.!?]{0,30}(?:al momento|per ora|in questo momento)|non ancora|piu avanti"
    r"|(?:mi ricontatti|ricontattatemi|ci risentiamo|risentiamoci|ricontattateci|mi risenta)|niente budget"
    r"|non abbiamo budget"
    r"|(?:nu|momenteel|op dit moment|voorlopig)[^.!?]{0,20}(?:niet|geen)|niet (?:nu|op dit moment)|nog niet|(?:neem"
    r"|zoek)[^.!?]{0,40}contact[^.!?]{0,20}(?:op|weer|opnieuw)|geen budget|kom (?:er )?(?:later|dan) op terug"
    r"|later (?:nog )?(?:eens|weer)"
    r"|(?:agora|neste momento|por enquanto|de momento|no momento|por agora)[^.!?]{0,15} nao|nao (?:agora"
    r"|neste momento|por enquanto|de momento|no momento)|nao [^.!?]{0,30}(?:de momento|por enquanto|neste momento"
    r"|no momento|agora)|ainda nao|mais (?:tarde|para a frente|adiante)|(?:contacte-me|volte a|voltem a"
    r"|entre em contato novamente|fale comigo|retome)|sem (?:budget|orcamento|verba)|nao (?:temos|ha) (?:budget"
    r"|orcamento|verba))"
)
_INTERESTED: Final = re.compile(
    r"\b(?:(?:i'?m|i am|we'?re|we are|very|quite|definitely|would be|might be|could be) interested|interested in"
    r"|sounds? (?:good|great|interesting|promising|perfect)|looks? (?:good|great|interesting|promising)|tell me more"
    r"|(?:more|further|additional) (?:information|info|details)|learn more|know more|hear more|keen (?:to|on)|curious"
    r"|love to|exactly what we|relevant (?:to|for) us|works for (?:me|us)|happy to (?:talk|chat|discuss|learn)"
    r"|let'?s (?:talk|chat|discuss|speak|do (?:it|this))|great (?:article|guide|report|read)|very (?:useful|helpful)"
    r"|interessiert (?:mich|uns)|(?:bin|sind|ware|waren) (?:sehr |durchaus )?(?:daran |an .{1,40} )?interessiert"
    r"|(?:grosses )?interesse (?:an|besteht|haben)|klingt (?:gut|interessant|spannend)|mehr (?:informationen|infos"
    r"|details|erfahren|daruber)|nahere informationen|spannend"
    r"|(?:suis|sommes|serais|serions) (?:tres )?interesse\w*|(?:m'|nous )interesse|en savoir plus|(?:plus"
    r"|davantage) d'(?:informations?|infos?|details)|avec plaisir|interessant"
    r"|(?:me|nos) interesa|(?:estoy|estamos|estaria|estariamos) (?:muy )?interesad\w+|mas (?:informacion|detalles"
    r"|info)|saber mas|suena (?:bien|interesante)"
    r"|(?:mi|ci) interessa|(?:sono|siamo|sarei|saremmo) (?:molto )?interessat\w+|(?:maggiori|ulteriori"
    r"|piu) (?:informazioni|dettagli|info)|saperne di piu|sembra interessante"
    r"|(?:ben|zijn|heb|hebben) (?:wel |zeker |zeer |erg )?(?:geinteresseerd|interesse)|meer (?:informatie|info|weten"
    r"|details)|klinkt (?:goed|interessant)|lijkt (?:me|ons) interessant"
    r"|(?:tenho|temos|teria) (?:muito )?interesse|(?:estou|estamos) (?:muito )?interessad\w+|(?:mais"
    r"|maiores) (?:informacoes|detalhes|info)|saber mais|parece (?:bom|interessante))"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """An intent with the words that show it."""

    intent: Intent
    why: str


def wishes(text: str) -> dict[Intent, str]:
    """Every intent that the text shows, with its words. Those that a "not" before them turns around do not count."""
    found: dict[Intent, str] = {}
    whole = folded(text[:10_000])
    if _ONE_WORD.match(whole) and len(whole) < 60:
        found[Intent.UNSUBSCRIBE] = whole.strip()
    for sentence in sentences(text[:10_000]):
        words = folded(sentence)
        asks = sentence.rstrip(" )\"'").endswith("?")
        for intent, pattern, own_negation in _PATTERNS:
            if intent in found:
                continue
            for match in pattern.finditer(words):
                if not own_negation and _NOT.search(words[: match.start()]):
                    continue
                if asks and intent is Intent.REFUSAL and not _SAYS_NO.search(match[0]):
                    continue  # "does it work with what we already have?"
                found[intent] = match[0]
                break
        if asks and Intent.QUESTION not in found:
            found[Intent.QUESTION] = sentence[-80:]
    return found


# The last value: the pattern says "not" itself where it means it.
_PATTERNS: Final = (
    (Intent.UNSUBSCRIBE, _UNSUBSCRIBE, False),
    (Intent.REFERRAL, _REFERRAL, True),
    (Intent.NOT_NOW, _NOT_NOW, True),
    (Intent.REFUSAL, _REFUSAL, True),
    (Intent.REQUEST, _REQUEST, False),
    (Intent.QUESTION, _PRICE, True),
    (Intent.INTERESTED, _INTERESTED, False),
)
# A person who asks to be left alone is obeyed whatever else is said; "not interested now, try in May" is not a refusal.
_ORDER: Final = (
    Intent.UNSUBSCRIBE,
    Intent.REFERRAL,
    Intent.NOT_NOW,
    Intent.REFUSAL,
    Intent.REQUEST,
    Intent.INTERESTED,
    Intent.QUESTION,
)


def wish(text: str, *, days_ahead: int | None) -> Wish:
    """The one intent of a text. `days_ahead`: how far away the stated date is, if there is one."""
    found = wishes(text)
    if Intent.REQUEST in found and Intent.NOT_NOW in found and (days_ahead is None or days_ahead <= 30):
        # "Call me again on Tuesday" asks for a call.
        if Intent.REFUSAL not in found and days_ahead is not None:
            del found[Intent.NOT_NOW]
    elif Intent.REQUEST in found and days_ahead is not None and days_ahead > 45:
        found[Intent.NOT_NOW] = f"{found[Intent.REQUEST]}, but not for {days_ahead} days"
    elif Intent.REFUSAL in found and days_ahead is not None and Intent.NOT_NOW not in found:
        found[Intent.NOT_NOW] = f"{found[Intent.REFUSAL]}, with a date to come back"
    for intent in _ORDER:
        if intent in found:
            return Wish(intent, f"the new text says '{found[intent][:80].strip()}'")
    return Wish(Intent.OTHER, "nothing in the new text shows what is wanted")
