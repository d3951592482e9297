"""Refusals as servers word them (wordings.txt): each is read as a person would read it."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.bounces import diagnostic, inspect
from streams.classify import CLASSES, STAGES, classify
from tests.unit.streams.bounces.samples import mail

_REPLY = re.compile(r"([245]\d\d)[ -](?=#?([245]\.\d{1,3}\.\d{1,3})?)")


class Wording(NamedTuple):
    """A line of the table."""

    classes: tuple[str, ...]
    hard: bool
    stage: str
    words: str


def wordings() -> list[Wording]:
    lines = Path(__file__).with_name("wordings.txt").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|", 3)] for line in lines if not line.startswith("#")]
    return [Wording(tuple(classes.split()), hard == "hard", stage, words) for classes, hard, stage, words in rows]


def read(stage: str, words: str) -> tuple[str, bool]:
    """As the reader reads a returned mail, or as the worker reads a reply."""
    if stage == "dsn":
        found = diagnostic.recipient("", words)
        return found.bounce_class, found.hard
    reply = _REPLY.match(words)
    assert reply
    verdict = classify(stage, int(reply[1]), reply[2] or "", words[reply.end() :])
    return verdict.bounce_class, verdict.hard


@pytest.mark.parametrize("wording", wordings(), ids=lambda w: w.words[:60].encode("ascii", "replace").decode())
def test_c7_52_a_wording(wording: Wording) -> None:
    bounce_class, hard = read(wording.stage, wording.words)
    assert bounce_class in wording.classes
    assert hard is wording.hard


def test_the_table_is_well_formed_and_has_every_class() -> None:
    rows = wordings()
    assert {w.stage for w in rows} <= set(STAGES)
    assert {name for w in rows for name in w.classes} == set(CLASSES) - {"unknown"}
    assert len({w.words for w in rows}) == len(rows)


SENTENCES = [
    (
        "Nachricht konnte nicht zugestellt werden",
        "Ihre Nachricht an {} konnte nicht zugestellt werden",
        "Empfänger unbekannt",
    ),
    ("Échec de la remise du message", "Votre message à {} n'a pas pu être remis", "utilisateur inconnu"),
    ("No se pudo entregar el mensaje", "Su mensaje para {} no pudo ser entregado", "el usuario no existe"),
    ("Falha na entrega da mensagem", "A sua mensagem para {} não pôde ser entregue", "usuário desconhecido"),
    ("Messaggio non consegnato", "Il messaggio per {} non è stato consegnato", "utente sconosciuto"),
    ("Bericht niet bezorgd", "Uw bericht aan {} kon niet worden bezorgd", "onbekende gebruiker"),
    ("Meddelandet kunde inte levereras", "Ditt meddelande till {} kunde inte levereras", "okänd användare"),
    ("Meddelelsen blev ikke leveret", "Din besked til {} kunne ikke leveres", "ukendt bruger"),
    ("Viestiä ei voitu toimittaa", "Viestiä osoitteeseen {} ei voitu toimittaa", "tuntematon käyttäjä"),
    ("Nie można dostarczyć wiadomości", "Wiadomość do {} nie została dostarczona", "użytkownik nie istnieje"),
    ("Nedoručitelná zpráva", "Zprávu pro {} se nepodařilo doručit", "uživatel neexistuje"),
    ("Kézbesítési hiba", "Az üzenet nem kézbesíthető: {}", "ismeretlen felhasználó"),
    ("Mesaj teslim edilemedi", "{} adresine gönderilen mesaj teslim edilemedi", "kullanıcı bulunamadı"),  # noqa: RUF001
    ("Сообщение не доставлено", "Ваше сообщение для {} не может быть доставлено", "пользователь не найден"),
    ("Повідомлення не доставлено", "Ваше повідомлення для {} не доставлено", "користувача не знайдено"),
    ("メールを配信できませんでした", "次の宛先にメールを配信できませんでした: {} ", "ユーザーが存在しません"),
    ("退信通知", "您发送给 {} 的邮件被退回", "收件人不存在"),
    ("메일이 반송되었습니다", "{} 로 보낸 메일이 반송되었습니다", "존재하지 않는 사용자"),
]


@pytest.mark.parametrize(("subject", "sentence", "reason"), SENTENCES)
def test_a_mail_in_another_language_is_a_bounce_with_its_address_and_reason(
    subject: str, sentence: str, reason: str
) -> None:
    body = f"{sentence.format('ann@example.org')}.\n{reason}\n"
    found = inspect(mail(body, subject=subject, content_type="text/plain; charset=utf-8"))
    assert found.kind == "bounce"
    (one,) = found.recipients
    assert (one.address, one.bounce_class, one.hard) == ("ann@example.org", "invalid_recipient", True)
