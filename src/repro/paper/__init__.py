"""The JSON of a report in, the paper out as Markdown, PDF and page."""
