"""Opens the page of `builder layers --html` in Chromium and uses it: PAGE, CHROMIUM and a directory for pictures.

Prints what is wrong, a line each, and nothing where all is well.
"""

import pathlib
import sys

from playwright.sync_api import sync_playwright

page_file, chromium, pictures = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
wrong = []


def check(condition, message):
    if not condition:
        wrong.append(message)


def watched(browser, **options):
    """A page that tells of everything that should not be."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.on("console", lambda said: wrong.append(f"console: {said.type}: {said.text}"))
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("request", lambda request: request.url.startswith(("file://", "data:")) or wrong.append(f"asked for {request.url}"))
    page.on("dialog", lambda dialog: (wrong.append("a dialog opened"), dialog.dismiss()))
    page.goto(pathlib.Path(page_file).as_uri())
    return page


def crumbs(page):
    return page.locator("#crumbs button").all_inner_texts()


# Below it in a directory's tile are those of what it has.
CORNER = {"x": 8, "y": 8}


def corner(page, name):
    return page.locator("#map .tile.into", has_text=name).first


def use(page):
    check(page.locator("#map .tile").count() > 5, "the map has no tiles")
    check(page.evaluate("window.hacked") is None, "the name of a file ran as a script")
    check(page.locator("main img, main script").count() == 0, "the name of a file became an element")
    check("<img src=x" in page.content().replace("&lt;", "<"), "the hostile name is not shown")
    check(crumbs(page) == ["image"], f"the map begins at {crumbs(page)}")
    # A row of the table leads to its layer.
    page.locator("#layers tbody tr", has_text="COPY files").locator("button").click()
    check(crumbs(page) == ["image", "layer 2"], f"the row led to {crumbs(page)}")
    check(page.locator("#layers tr.chosen").count() == 1, "the row is not marked")
    # Into a directory, and out again, each way.
    corner(page, "large").click(position=CORNER)
    check(crumbs(page)[-1] == "large", f"the tile led to {crumbs(page)}")
    inside = page.locator("#map .tile").all_inner_texts()
    check(any("one.bin" in text for text in inside), f"the directory shows {inside}")
    page.locator("#back").click()
    check(crumbs(page)[-1] != "large", f"back led to {crumbs(page)}")
    page.locator("#crumbs button", has_text="image").click()
    check(crumbs(page) == ["image"], f"the first crumb led to {crumbs(page)}")
    # Names and bytes where the pointer is.
    page.locator("#map .tile", has_text="one.bin").first.hover()
    tip = page.locator("#tip").inner_text()
    check("/files/large/one.bin" in tip and "3 MB" in tip and "layer 2" in tip, f"the pointer is told {tip!r}")
    # The other arrangement.
    page.locator("#by-directory").click()
    check(page.locator("#by-directory").get_attribute("aria-pressed") == "true", "the arrangement is not marked")
    corner(page, "files").click(position=CORNER)
    check(crumbs(page) == ["image", "files"], f"by directory: {crumbs(page)}")
    page.locator("#by-layer").click()
    # With the keyboard alone.
    page.locator("#by-directory").focus()
    page.keyboard.press("Tab")
    check(page.evaluate("document.activeElement.classList.contains('tile')"), "Tab does not lead into the map")
    before = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowRight")
    after = page.evaluate("document.activeElement.getAttribute('aria-label')")
    check(before != after, f"an arrow key leads from {before} to {after}")
    page.keyboard.press("Enter")
    check(len(crumbs(page)) > 1, "Enter goes nowhere")
    page.keyboard.press("Escape")
    check(crumbs(page) == ["image"], f"Escape leads to {crumbs(page)}")
    # What is wasted, and the steps of the build.
    check("/files/large/two.bin" in page.locator("#waste").inner_text(), "the waste is not listed")
    step = page.locator("#time .steps button", has_text="RUN rm").first
    step.click()
    check(step.get_attribute("aria-expanded") == "true", "the step does not open")
    detail = page.locator("#time .detail:visible")
    check("took" in detail.inner_text(), f"the step says {detail.inner_text()!r}")
    page.locator("#time .steps button", has_text="COPY files").first.click()
    page.locator("#time .detail:visible .go", has_text="layer 2").click()
    check(crumbs(page) == ["image", "layer 2"], f"the step led to {crumbs(page)}")
    page.locator("#crumbs button").first.click()
    page.locator("#time .steps button", has_text="RUN rm").first.click()
    page.locator("#time .steps button", has_text="COPY files").first.click()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")


def picture(page, name):
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    check(width[0] <= width[1], f"{name}: {width[0]} pixels wide in a window of {width[1]}")
    page.wait_for_timeout(200)
    page.screenshot(path=str(pictures / f"{name}.png"), full_page=True)


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
    desktop = {"viewport": {"width": 1280, "height": 900}}
    phone = {"viewport": {"width": 375, "height": 800}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
    page = watched(browser, color_scheme="light", **desktop)
    use(page)
    picture(page, "light")
    picture(watched(browser, color_scheme="dark", **desktop), "dark")
    page = watched(browser, color_scheme="light", **phone)
    picture(page, "phone")
    page.locator("#map .tile.into").first.tap(position=CORNER)
    check(len(crumbs(page)) == 2, f"a finger leads to {crumbs(page)}")
    picture(watched(browser, color_scheme="dark", **phone), "phone-dark")
    browser.close()

print("\n".join(wrong))
