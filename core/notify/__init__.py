"""Messages to people, by Apprise, behind the address guard."""
