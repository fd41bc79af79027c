"""The rule table: each rule is a name, a weight, what it speaks for, and one small pure function.

Names follow rspamd's habit; weights are our own, tuned on the made mail of the sandbox.
"""

from core.engine.rules import files, sender, transport, urls, words
from core.engine.rules.rule import Context, Group, Rule

__all__ = ["RULES", "Context", "Group", "Rule"]

RULES: tuple[Rule, ...] = urls.RULES + sender.RULES + words.RULES + files.RULES + transport.RULES
