"""The detectors of one process, as the configuration sets them."""

from dataclasses import replace
from functools import partial

from core.detectors.certificate_endpoints import Endpoint
from core.detectors.jobs import Expect, Settings, jobs
from core.detectors.scheduler import Scheduler
from core.dns.expected import Expected
from core.service.core import Core
from core.service.expected import expected
from core.service.mailbox_usage import look
from core.service.patience import patiently
from core.store.clock import DAY_MS

__all__ = ["scheduler_of"]


def scheduler_of(core: Core, *, hurry: float = 1.0) -> Scheduler:
    """Ready to run. `hurry` divides every period, for tests."""
    made = jobs(core.database, _settings(core), core.resolver, _expecting(core), partial(look, core))
    hurried = [replace(job, period_ms=max(round(job.period_ms / hurry), 1)) for job in made]
    return Scheduler(core.database, hurried, core.clock, told=lambda _: core.outward.wake())


def _settings(core: Core) -> Settings:
    config = core.config
    return Settings(
        chain=core.chain,
        certificate_paths=config.certificate_paths,
        certificate_endpoints=tuple(Endpoint.parse(text) for text in config.certificate_endpoints),
        allow_networks=config.allow_networks,
        licence_path=config.licence_file,
        licence_keys=config.licence_keys,
        reports_kept_ms=config.report_days * DAY_MS,
        audit_kept_ms=None if config.audit_days is None else config.audit_days * DAY_MS,
    )


def _expecting(core: Core) -> Expect:
    async def expect(tenant: str, domain: str) -> Expected:
        return await patiently(lambda: expected(core, tenant, domain))

    return expect
