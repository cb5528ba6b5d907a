"""One module a stage, named as its command and its rule: `repro.pipeline` lists them with their inputs and outputs."""
