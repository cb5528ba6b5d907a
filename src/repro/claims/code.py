"""Rules for claims on the published code, judged on every study by what running the code showed."""

from repro.claims.evidence import Judgement, not_tested, published_protocol, published_variant
from repro.claims.published import Claim, Published
from repro.records.results import Results
from repro.records.retrieval import SIGNS


def similarity(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether the published hits are of the query's type; refuted where label and sign alone decide them."""
    del published
    variants = published_protocol(results, claim.model)
    features = {
        key: record.published for key, record in results.retrieval.items() if results.cells[key].variant in variants
    }
    if not features:
        return not_tested("no similarity search with this model in the published protocol")
    searches = {key: feature.search(label_filter=True, self_match=True) for key, feature in features.items()}
    most = max(features, key=lambda key: searches[key].distinct_hit_lists)
    lists, points = searches[most].distinct_hit_lists, features[most].points
    assert claim.query
    shown = [query for feature in features.values() for query in feature.queries if query.image.startswith(claim.query)]
    same = [sum(hit.defect == query.defect for hit in query.hits) for query in shown]
    measured = f"at most {lists} different {'list' if lists == 1 else 'lists'} of hits for {points} queries"
    if shown:
        measured += f"; for {shown[0].image}, {same[0]} of {len(shown[0].hits)} hits are of its type"
    index = features[most].searches.index(searches[most])
    evidence = f"retrieval.{most}.published.searches.{index}.distinct_hit_lists"
    if all(feature.decided_by_sign for feature in features.values()):
        return Judgement("refuted", measured, lists, evidence=evidence)
    if not shown:
        return not_tested("no such query in this study")
    holds = all(count == len(query.hits) for count, query in zip(same, shown, strict=True))
    return Judgement("reproduced" if holds else "not reproduced", measured, lists, evidence=evidence)


def feature(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether the published feature distinguishes images at all."""
    del claim, published
    if not results.retrieval:
        return not_tested("no similarity search in this study")
    most = max(results.retrieval, key=lambda key: results.retrieval[key].published.distinct_vectors)
    record = results.retrieval[most].published
    return Judgement(
        "refuted" if record.distinct_vectors <= SIGNS else "not reproduced",
        f"at most {record.distinct_vectors} distinct {'vector' if record.distinct_vectors == 1 else 'vectors'} among "
        f"{record.points} images",
        record.distinct_vectors,
        evidence=f"retrieval.{most}.published.distinct_vectors",
    )


def efficientnet(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether any trained EfficientAD has a module of an EfficientNet."""
    del claim, published
    keys = [key for key, cell in results.cells.items() if results.variants[cell.variant].model == "efficientad"]
    if not keys:
        return not_tested("no EfficientAD in this study")
    modules = {key: results.cells[key].efficientnet_modules or 0 for key in keys}
    most = max(modules, key=lambda key: modules[key])
    count = modules[most]
    return Judgement(
        "reproduced" if count else "refuted",
        f"{count} EfficientNet modules in the trained model",
        count,
        evidence=f"cells.{most}.efficientnet_modules",
    )


def pretrained(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether the published configuration gives its backbone trained weights."""
    del claim
    variant = published_variant(results, "patchcore", published.configuration["patchcore"])
    if isinstance(variant, Judgement):
        return variant
    weights = results.variants[variant].weights["backbone"]
    return Judgement(
        "refuted" if weights.kind == "random" else "reproduced",
        weights.description,
        evidence=f"variants.{variant}.weights.backbone.kind",
    )


def blur(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether any model of the published protocol blurs the image before its network."""
    del claim, published
    variants = published_protocol(results)
    cells = {key: cell for key, cell in results.cells.items() if cell.variant in variants}
    if not cells:
        return not_tested("no model in the published protocol")
    blurred = [key for key, cell in cells.items() if any("blur" in step.lower() for step in cell.preprocessing)]
    key = (blurred or list(cells))[0]
    kinds = sorted({step.split("(")[0] for cell in cells.values() for step in cell.preprocessing})
    return Judgement(
        "reproduced" if blurred else "refuted",
        f"preprocessing of {len(cells)} trained models: {', '.join(kinds)}",
        evidence=f"cells.{key}.preprocessing",
    )


def epochs(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether the trainer runs the epochs of the published call, on cells that ask for as many."""
    del published
    variants = published_protocol(results, claim.model)
    keys = [
        key for key, cell in results.cells.items() if cell.variant in variants and cell.epochs_asked == claim.epochs
    ]
    if not keys:
        return not_tested(f"no run here asks for {claim.epochs} epochs")
    run = sorted({results.cells[key].epochs_run or 0 for key in keys})
    return Judgement(
        "reproduced" if run == [claim.epochs] else "refuted",
        f"{' or '.join(map(str, run))} run of {claim.epochs} asked for",
        run[0],
        evidence=f"cells.{keys[0]}.epochs_run",
    )


def memory_bank(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether the trained PatchCore keeps a coreset of its patches instead of all."""
    del claim
    variant = published_variant(results, "patchcore", published.configuration["patchcore"])
    if isinstance(variant, Judgement):
        return variant
    keys = [key for key, cell in results.cells.items() if cell.variant == variant]
    banks = [bank for key in keys if (bank := results.cells[key].memory_bank)]
    share = results.variants[variant].settings["coreset_ratio"]
    if not banks:
        return Judgement("refuted", "no coreset", evidence=f"variants.{variant}.settings.coreset_ratio")
    return Judgement(
        "reproduced",
        f"{min(bank['patches'] for bank in banks)} patches or more, {100 * share:g} % of those described",
        evidence=f"cells.{keys[0]}.memory_bank.patches",
    )


def receptive_field(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether a value of the published table is that of the padded network."""
    del published
    assert claim.layer and claim.column
    networks = results.receptive_field.networks
    rows = {name: {layer.name: layer for layer in networks[name].layers} for name in ("small-padded", "small")}
    if not all(claim.layer in layers for layers in rows.values()):
        return not_tested(f"no layer {claim.layer} in the network")
    padded, trained = (getattr(rows[name][claim.layer], claim.column) for name in ("small-padded", "small"))
    index = list(rows["small-padded"]).index(claim.layer)
    return Judgement(
        "reproduced" if padded == claim.value else "refuted",
        str(padded) if padded == trained else f"{padded} padded, {trained} not, as trained",
        padded,
        evidence=f"receptive_field.networks.small-padded.layers.{index}.{claim.column}",
    )
