"""Pure data: events, ids, outcomes, OCSF. Imports nothing of ours."""
