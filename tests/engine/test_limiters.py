from __future__ import annotations

from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.limiter import BucketLimiter, Limiter
from batch_onboard.core.targets import Domain
from batch_onboard.engine.limiters import Limiters

OK, THROTTLED = Answer(Meaning.OK), Answer(Meaning.THROTTLED)


def domain(number: int) -> Domain:
    """Name a domain."""
    return Domain(f"{number:012}", "eu-west-2")


def call(limiters: Limiters, where: Domain, answer: Answer) -> None:
    """Make a Start, and have it answered."""
    ticket = limiters.of(where, Operation.START).send(0.0)
    limiters.answered(where, Operation.START, ticket, answer, 0.1)


def test_a_domain_that_is_over_hands_its_limiters_over() -> None:
    """Each is handed over once, and a domain that begins anew counts anew."""
    gone: list[tuple[Domain, Operation, Limiter]] = []
    limiters = Limiters(lambda *_: BucketLimiter(), lambda *each: gone.append(each))
    start = limiters.of(domain(1), Operation.START)
    assert limiters.of(domain(1), Operation.START) is start
    status = limiters.of(domain(1), Operation.STATUS)
    assert (limiters.domains, limiters.has(domain(1)), limiters.has(domain(2))) == (1, True, False)
    assert limiters.forget(domain(1)) == [start, status]
    assert gone == [(domain(1), Operation.START, start), (domain(1), Operation.STATUS, status)]
    assert limiters.forget(domain(1)) == []
    assert not limiters.current


def test_of_domains_that_are_over_some_are_remembered_those_with_throttles_first() -> None:
    """However many there were, so that a metrics file of a large batch stays small."""
    limiters = Limiters(lambda *_: BucketLimiter())
    for number in range(1, 1_001):
        call(limiters, domain(number), THROTTLED if number % 100 == 0 else OK)
        limiters.forget(domain(number))
    call(limiters, domain(2_000), OK)
    call(limiters, domain(3_000), THROTTLED)
    known = limiters.statistics()
    assert len(known) == 612  # ten that met throttles and 600 that did not, and what is there now
    first = list(known)[:11]
    assert {where for where, _ in first} == {domain(100 * each) for each in (*range(1, 11), 30)}
    assert all(known[scope].throttled == 1 for scope in first)
    assert limiters.domains == 1_002
    assert [where for where, _, _ in limiters.slowest(5)] == [domain(3_000)]
