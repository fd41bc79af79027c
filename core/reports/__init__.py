"""What is told about mail over time: DMARC aggregate reports, alerts about them, statistics, quota."""
