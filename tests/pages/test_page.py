"""The paper's page in a real Chromium, at desktop and phone width, and the PDF against PDF/UA-1.

Run by `nox -s "proof(pages)"`. Shows the committed report of the embedded study, rendered again.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from axe_playwright_python.sync_playwright import Axe
from pdfua import validate
from playwright.sync_api import Browser, Page, Route, sync_playwright

from repro.runs import PROJECT_ROOT, RunFolder
from repro.stages import render as paper

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browsing = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(PROJECT_ROOT / "report", root / "report")
    folder = RunFolder("embedded", root)
    paper.render(folder)
    return folder.report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Page]:
    """The page at a width; console output and network requests fail the test."""
    opened = browser.new_page(viewport=SIZES[request.param])
    opened.set_default_timeout(5000)
    messages: list[str] = []
    requests: list[str] = []

    def note(route: Route) -> None:
        requests.append(route.request.url)
        route.continue_()

    opened.on("console", lambda message: messages.append(message.text))
    opened.on("pageerror", lambda error: messages.append(str(error)))
    opened.route(re.compile("^(?!data:)"), note)
    address = (report / "paper.html").as_uri()
    opened.goto(address)
    yield opened
    opened.close()
    assert messages == []
    assert requests == [address]


def shown(page: Page) -> str:
    return page.locator("#browser [role=status]").inner_text()


def scores_of(cards: list[str]) -> list[float]:
    return [float(score) for card in cards for score in re.findall(r"score ([\d.]+)", card)]


@browsing
def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@browsing
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_reports_no_violation(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    violations = Axe().run(page).response["violations"]
    assert [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in violations] == []


@browsing
def test_contents_lead_to_every_section(page: Page) -> None:
    headings = page.locator("main h2").all_inner_texts()
    assert [link.strip() for link in page.locator("nav > details > ul > li > a").all_text_contents()] == headings
    for link in page.locator("nav a").all():
        assert page.locator(f"[id='{link.get_attribute('href')[1:]}']").count() == 1  # type: ignore[index]


#: EfficientAD's image AUROC on grid, where it is printed as read.
RESULTS = json.loads((PROJECT_ROOT / "report" / "embedded" / "results.json").read_text(encoding="utf-8"))
GRID = f"{RESULTS['cells']['efficientad/grid/seed0']['metrics']['image_auroc']:.4f}"
PLACE = "results.json: cells.efficientad/grid/seed0.metrics.image_auroc"
MEASURED = f'[title*="{PLACE}"], [data-tip*="{PLACE}"]'


@browsing
def test_a_number_shows_its_source_on_hover_and_on_focus(page: Page) -> None:
    number = page.locator("a.n", has_text=GRID).and_(page.locator(MEASURED)).first
    number.scroll_into_view_if_needed()
    number.hover()
    tip = page.locator("#tip")
    assert "results.json: cells.efficientad/grid/seed0.metrics.image_auroc" in tip.inner_text()
    assert re.search(r"cell efficientad/grid/seed0; seed 0; data [0-9a-f]{12}", tip.inner_text())
    assert number.get_attribute("href") == "results.json"
    page.mouse.move(0, 0)
    assert tip.is_hidden()
    assert number.get_attribute("tabindex") == "-1"
    page.locator("#trace").focus()
    page.keyboard.press("Space")
    number.focus()
    assert tip.is_visible()
    assert number.get_attribute("tabindex") == "0"


@browsing
def test_a_chosen_number_shows_its_place_and_leads_nowhere(page: Page) -> None:
    before = page.url
    page.locator("a.n", has_text=GRID).and_(page.locator(MEASURED)).first.click()
    assert page.locator("#sheet").is_visible()
    assert page.locator("#sheet-title").inner_text() == GRID
    assert "results.json: cells.efficientad/grid/seed0.metrics.image_auroc" in page.locator("#sheet-body").inner_text()
    assert page.locator("#sheet a").get_attribute("href").endswith("report/embedded/results.json")  # type: ignore[union-attr]
    page.keyboard.press("Escape")
    assert page.locator("#sheet").is_hidden()
    assert page.url == before


@browsing
def test_verdicts_are_filtered(page: Page) -> None:
    table = page.locator("figure.table", has=page.locator("select"))
    assert table.locator("[role=status]").inner_text().strip() == "20 of 20 claims"
    table.locator("select").select_option("refuted")
    shown_rows = [row for row in table.locator("tbody tr").all() if row.is_visible()]
    assert table.locator("[role=status]").inner_text().strip() == f"{len(shown_rows)} of 20 claims"
    assert shown_rows
    assert all(row.locator("td").first.inner_text().startswith("refuted") for row in shown_rows)


@browsing
def test_the_threshold_moves_f1(page: Page) -> None:
    words, slider = page.locator("#threshold [role=status]"), page.locator("#threshold input")
    page.locator("#threshold select[name=category]").select_option("leather")
    best = re.search(r"F1 ([\d.]+)\. Best on these images: ([\d.]+); .*: ([\d.]+)\.$", words.inner_text())
    assert best
    assert float(best[3]) <= float(best[2]) == float(best[1])
    slider.fill("0")
    assert "20 of 20 anomalous images found, 10 false alarms, F1 0.800" in words.inner_text()
    slider.focus()
    page.keyboard.press("End")
    assert "0 false alarms" in words.inner_text()
    assert page.locator("#threshold circle").count() == 30


@browsing
def test_every_number_has_a_source_and_its_file_exists(page: Page, report: Path) -> None:
    sources = page.evaluate("[...document.querySelectorAll('.n')].map(n => [n.getAttribute('href'), n.title])")
    assert len(sources) > 500
    assert all(title for _, title in sources)
    assert {file for file, _ in sources if file and not (report / file).is_file()} == set()


@browsing
def test_test_images_are_filtered_and_sorted(page: Page) -> None:
    assert shown(page) == "90 of 270 shown"
    page.locator("#browser select[name=category]").select_option("tile")
    assert shown(page) == "30 of 270 shown"
    page.locator("#browser select[name=verdict]").select_option("missed")
    page.locator("#browser select[name=model]").select_option("PatchCore")
    missed = page.locator("#cards li").all_inner_texts()
    assert missed
    assert all("tile/test/" in card and "missed" in card and "/good/" not in card for card in missed)
    scores = scores_of(missed)
    assert scores == sorted(scores, reverse=True)
    page.locator("#browser select[name=order]").select_option("lowest score first")
    assert scores_of(page.locator("#cards li").all_inner_texts()) == sorted(scores)
    page.locator("#browser select[name=defect]").select_option("oil")
    assert all("/oil/" in card for card in page.locator("#cards li").all_inner_texts())


@browsing
def test_test_images_are_browsed_with_the_keyboard_alone(page: Page) -> None:
    page.locator("#browser select[name=category]").focus()
    page.keyboard.press("ArrowDown")
    assert shown(page) == "30 of 270 shown"
    page.locator("#cards button").first.focus()
    page.keyboard.press("Enter")
    viewer = page.locator("#viewer")
    assert viewer.is_visible()
    title = page.locator("#viewer-title")
    first = title.inner_text()
    assert first.endswith("(1 of 30)")
    assert viewer.locator("figure").count() == 4
    page.locator("#viewer input[type=range]").fill("20")
    assert viewer.locator(".over").first.evaluate("map => map.style.opacity") == "0.2"
    viewer.locator("#viewer-body").focus()
    page.keyboard.press("n")
    assert title.inner_text().endswith("(2 of 30)")
    before = viewer.locator(".tile").first.bounding_box()
    page.keyboard.press("+")
    after = viewer.locator(".tile").first.bounding_box()
    assert before
    assert after
    assert after["width"] > before["width"]
    page.keyboard.press("ArrowRight")
    moved = viewer.locator(".port > *").evaluate_all("tiles => tiles.map(tile => tile.style.transform)")
    assert len(moved) == 4
    assert len(set(moved)) == 1
    assert re.fullmatch(r"scale\(1\.5\) translate\(-6\.6\d*%, 0%\)", moved[0])
    page.keyboard.press("n")
    assert viewer.locator(".port > *").first.evaluate("tile => tile.style.transform") == moved[0]
    page.keyboard.press("Escape")
    assert viewer.is_hidden()
    assert page.evaluate("document.activeElement.closest('#cards') !== null")


@browsing
def test_a_heat_map_is_enlarged_and_closed_again(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Enlarge: Input, anomaly map")).first.click()
    picture = page.locator("#viewer-body > img")
    before = picture.bounding_box()
    assert re.fullmatch(r"Figure\s\d+", page.locator("#viewer-title").inner_text())
    page.get_by_role("button", name="Larger").click()
    after = picture.bounding_box()
    assert before
    assert after
    assert after["width"] == pytest.approx(1.5 * before["width"], rel=0.02)
    page.get_by_role("button", name="Close").click()
    assert page.locator("#viewer").is_hidden()


@browsing
def test_light_and_dark_follow_the_system_and_the_button(page: Page) -> None:
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.emulate_media(color_scheme="light")
    light = ground()
    page.emulate_media(color_scheme="dark")
    assert ground() != light
    page.locator("#theme").click()
    assert ground() == light


def test_the_pdf_passes_the_automatic_checks(report: Path) -> None:
    findings = validate(str(report / "paper.pdf")).findings
    assert [str(finding) for finding in findings] == []


def test_the_pdf_is_tagged_and_every_picture_has_an_alternative_text(report: Path) -> None:
    with pikepdf.open(report / "paper.pdf") as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == "en-GB"
        assert "EfficientAD" in str(pdf.docinfo.Title)
        assert pdf.Root.ViewerPreferences.DisplayDocTitle
        kinds: dict[str, list[pikepdf.Object]] = {}
        pending = [pdf.Root.StructTreeRoot]
        while pending:
            node = pending.pop()
            if not isinstance(node, pikepdf.Dictionary):
                continue
            if "/S" in node:
                kinds.setdefault(str(node.S), []).append(node)
            children = node.get("/K", [])
            pending += list(children) if isinstance(children, pikepdf.Array) else [children]
    assert {"/H1", "/P", "/Table", "/TH", "/TD", "/Figure", "/Caption", "/L", "/Link"} <= kinds.keys()
    assert len(kinds["/Figure"]) >= 8
    assert all(len(str(figure.get("/Alt", ""))) > 40 for figure in kinds["/Figure"])
