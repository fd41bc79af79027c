"""Messages for people: templates that yield JSON, and what makes a stranger's text harmless.

`templates` imports the template engine; import what needs none from `sources` and `text`.
"""
