"""Claims of the published study and the rules that judge them on a results.json."""
