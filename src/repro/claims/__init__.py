"""Claims of the published study: read, judged on a results.json, written to verdicts.json."""
