import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.classifier import MIN_LESSONS, score
from core.engine.verdict import Thresholds
from tests.factories.classifier import empty, forget, learn
from tests.factories.core import CONTEXT, mail, raw_mail
from tests.factories.engine import scanned, topic_mail
from tests.factories.rules import judge

LESSONS = 50


def corpus(seed, count):
    """`count` messages of each class, `(class, message)`, and the dice's own order."""
    rng = random.Random(seed)
    made = [(klass, topic_mail(rng, klass)) for klass in ("spam", "ham") for _ in range(count)]
    rng.shuffle(made)
    return made


def taught(lessons, state=None):
    state = empty(b"tenant-a") if state is None else state
    for klass, message in lessons:
        state = learn(state, message, klass)
    return state


def accuracy(state, messages):
    """The share that a domain with usual limits gets right: spam tagged or worse, ham not."""
    right = 0
    for klass, message in messages:
        probability = score(state, message)
        points = judge(message, CONTEXT, Thresholds()).score
        points += 5.0 if probability is not None and probability >= 0.9 else 0.0
        right += (points >= Thresholds().tag) == (klass == "spam")
    return right / len(messages)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fifty_lessons_a_class_teach_what_the_rules_cannot_see(seed):
    held_out = corpus(seed + 100, 100)
    before, after = accuracy(empty(), held_out), accuracy(taught(corpus(seed, LESSONS)), held_out)

    assert before <= 0.60
    assert after >= 0.90


async def test_lessons_change_the_verdicts_of_their_tenant_and_of_no_other():
    """Through the whole scan."""
    held_out = corpus(7, 20)
    mine, other = empty(b"tenant-a"), taught(corpus(8, 12), empty(b"tenant-b"))

    async def verdicts(state):
        found = []
        for klass, message in held_out:
            verdict = await scanned(raw_of(message), classifier=state)
            found.append((klass, verdict.recipients[0].fate, verdict.score, verdict.spam_probability))
        return found

    before, others_before = await verdicts(mine), await verdicts(other)
    mine = taught(corpus(9, LESSONS), mine)
    after, others_after = await verdicts(mine), await verdicts(other)

    def right(rows):
        return sum((fate != "deliver") == (klass == "spam") for klass, fate, _, _ in rows) / len(rows)

    assert right(before) <= 0.60
    assert right(after) >= 0.90
    assert others_after == others_before


def raw_of(message):
    return raw_mail(message.text, Subject=message.subject, Message_ID=message.header("message-id"))


def test_too_few_lessons_of_either_class_are_no_opinion():
    rng = random.Random(1)
    state = taught([("spam", topic_mail(rng, "spam")) for _ in range(100)])
    few = taught([("ham", topic_mail(rng, "ham")) for _ in range(MIN_LESSONS - 1)], state)

    assert score(state, topic_mail(rng, "spam")) is None
    assert score(few, topic_mail(rng, "spam")) is None
    assert score(taught([("ham", topic_mail(rng, "ham"))], few), topic_mail(rng, "spam")) is not None


def test_a_corrected_lesson_turns_the_opinion_on_its_message():
    rng = random.Random(4)
    state, message = taught(corpus(4, LESSONS)), topic_mail(rng, "ham")
    wrong = state
    for _ in range(5):
        wrong = learn(wrong, message, "spam")
    corrected = wrong
    for _ in range(5):
        corrected = learn(forget(corrected, message, "spam"), message, "ham")

    assert score(wrong, message) > 0.9
    assert score(corrected, message) < 0.1


def test_the_same_lessons_give_the_same_state_in_any_order():
    lessons = corpus(5, 10)

    assert taught(lessons) == taught(lessons[::-1])


def test_a_state_stays_as_small_as_it_began():
    state = taught(corpus(6, 200))

    assert len(state.spam) == len(state.ham) == len(empty().spam)


def test_two_tenants_hash_the_same_words_differently():
    message = topic_mail(random.Random(1), "spam")

    assert learn(empty(b"a"), message, "spam").spam != learn(empty(b"b"), message, "spam").spam


@settings(max_examples=30)
@given(st.text(max_size=300), st.text(max_size=60), st.sampled_from(["spam", "ham"]))
def test_any_text_can_be_taught_and_scored(text, subject, klass):
    message = mail(raw_mail(text, Subject=subject.replace("\n", " ").replace("\r", " ")).replace(b"\0", b""))
    state = taught(corpus(1, MIN_LESSONS))
    found = score(learn(state, message, klass), message)

    assert 0.0 <= found <= 1.0


def test_scripts_without_spaces_are_read_in_pairs():
    state = empty()
    for number in range(MIN_LESSONS):
        state = learn(state, mail(raw_mail(f"無料でお金がもらえます今すぐ登録{number}")), "spam")
        state = learn(state, mail(raw_mail(f"来週の会議の資料を送ります確認{number}")), "ham")

    assert score(state, mail(raw_mail("今だけ無料でお金がもらえます"))) > 0.9
    assert score(state, mail(raw_mail("明日の会議の資料を確認します"))) < 0.1
