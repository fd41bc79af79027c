"""What the configuration of the core refuses."""

import pytest
from pydantic import ValidationError

from core.config import CoreConfig


@pytest.mark.parametrize("record", ["p=none", "v=DMARC1", "v=DMARC1; p=all"])
def test_a_default_policy_that_cannot_be_published_is_refused(record):
    with pytest.raises(ValidationError, match="dmarc_record"):
        CoreConfig(dmarc_record=record)


def test_the_default_policy_can_be_published():
    assert CoreConfig().dmarc_record == "v=DMARC1; p=none"
