package timeline_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
)

func TestFirstViolationIsOneKeyAway(t *testing.T) {
	p := browse(t, drawn(t, violated(t)), 1300, 800, "", false)
	p.key("f")
	p.heading("a claim requests more than limit")
	if hash := p.eval("decodeURIComponent(location.hash)"); !strings.Contains(hash, "sel=f:policy-bounds/above_limit/") {
		t.Errorf("the address is %s", hash)
	}
	if from, until := p.window(); from > 85.65 || until < 85.66 || until-from > 100 {
		t.Errorf("what is seen is %.1f to %.1f s, the violation is at 85.65 s", from, until)
	}
	for _, want := range []string{"5Gi", "4Gi", "ds-primary-restart/pg/PG_DATA", "No volume is ever provisioned"} {
		if text := p.eval(`document.getElementById("panel").textContent`); !strings.Contains(text, want) {
			t.Errorf("the panel does not say %q: %s", want, text)
		}
	}
	if said := p.eval(`document.getElementById("live").textContent`); !strings.Contains(said, "a claim requests more") {
		t.Errorf("a screen reader hears %q", said)
	}
	p.key("]")
	p.until(`!document.querySelector("#panel h2").textContent.includes("more than limit")`)
	p.key("[")
	p.heading("a claim requests more than limit")
	p.quiet()
}

func TestEvidenceShowsWhatChangedAndWhoWroteIt(t *testing.T) {
	p := browse(t, drawn(t, violated(t)), 1300, 800, "", false)
	p.key("f")
	p.heading("a claim requests more than limit")
	p.press("#panel ol button", "persistentvolumeclaims")
	p.heading("PersistentVolumeClaim pg-2")
	text := p.eval(`document.getElementById("panel").textContent`)
	for _, want := range []string{
		"spec.resources.requests.storage", "1Gi", "5Gi", "written by", "manager (Update)",
		"verifier show violated.db persistentvolumeclaims/pg-2 -n ds-primary-restart --at seq:",
		"a claim requests more than limit",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the panel does not say %q: %s", want, text)
		}
	}
	p.press("#panel button", "version after")
	p.until(`document.getElementById("panel").textContent.includes("Resizing")`)
	p.quiet()
}

func TestKeysMoveZoomAndStep(t *testing.T) {
	p := browse(t, drawn(t, watchlogtest.Import(t, recordings+"growth.jsonl.zst")), 1300, 800, "", false)
	p.key("+")
	a, b := p.window()
	p.key("+")
	if c, d := p.window(); d-c >= b-a {
		t.Errorf("+ does not zoom: %.1f s, then %.1f s", b-a, d-c)
	}
	a, _ = p.window()
	p.do(chromedp.KeyEvent("\u0303")) // arrow right
	if c, _ := p.window(); c <= a {
		t.Errorf("the right arrow does not move: %.2f, then %.2f", a, c)
	}
	p.key("-", "-", "0")
	if c, d := p.window(); c > 0 || d < 140 {
		t.Errorf("0 shows %.1f to %.1f s", c, d)
	}
	p.key("n")
	p.until(`location.hash.includes("sel=e")`)
	first := p.eval("location.hash")
	p.key("n")
	p.until(fmt.Sprintf("location.hash !== %q", first))
	p.key("p")
	p.until(fmt.Sprintf("location.hash === %q", first))
	p.do(chromedp.KeyEvent("\u001b"))
	p.until(`document.getElementById("panel").hidden`)
	p.key("?")
	p.until(`document.getElementById("helpbox").open`)
	p.quiet()
}

func TestFilterHidesWhatDoesNotMatch(t *testing.T) {
	p := browse(t, drawn(t, watchlogtest.Import(t, recordings+"growth.jsonl.zst")), 1300, 1200, "", false)
	labels := func() string {
		return p.eval(`[...document.querySelectorAll(".row.lane")].map((e) => e.textContent).sort().join()`)
	}
	all := labels()
	filter := func(text string) {
		p.key("/")
		p.eval(`document.getElementById("filter").value = ""`)
		p.do(chromedp.KeyEvent(text))
		p.until(fmt.Sprintf(`decodeURIComponent(location.hash).includes(%q)`, "q="+text))
	}
	tests := []struct{ query, with, without string }{
		{"kind:Node", "n1,n2,n3", "pg-1"},
		{"kind:Pod,Job -name:join", "pg-1", "n1"},
		{"is:warning", "Kubernetes Events", "n1"},
		{"pg-2", "pg-2", "n1"},
	}
	for _, test := range tests {
		filter(test.query)
		p.until(`document.getElementById("matches").textContent !== ""`)
		p.until(fmt.Sprintf(`![...document.querySelectorAll(".row.lane")].some((e) => e.textContent === %q)`, test.without))
		if got := labels(); !strings.Contains(got, test.with) || got == all {
			t.Errorf("%s leaves the lanes %s", test.query, got)
		}
	}
	p.do(chromedp.KeyEvent("\u001b"))
	p.until(fmt.Sprintf(`[...document.querySelectorAll(".row.lane")].map((e) => e.textContent).sort().join() === %q`, all))
	p.quiet()
}

func TestALinkLeadsBackToWhatWasSeen(t *testing.T) {
	html := drawn(t, violated(t))
	p := browse(t, html, 1300, 800, "", false)
	p.eval(`document.getElementById("filter").value = "-kind:Lease"`)
	p.eval(`document.getElementById("filter").dispatchEvent(new Event("input"))`)
	p.press("button.row.section", "volumes")
	p.key("n", "+", "+")
	p.until(`location.hash.includes("sel=e")`)
	hash, heading := p.eval("location.hash"), p.eval(`document.querySelector("#panel h2").textContent`)
	from, until := p.window()
	q := browse(t, html, 1300, 800, hash, false)
	q.heading(heading)
	if a, b := q.window(); math.Abs(a-from) > 1e-3 || math.Abs(b-until) > 1e-3 {
		t.Errorf("what is seen is %f to %f, was %f to %f", a, b, from, until)
	}
	if got := q.eval("location.hash"); got != hash {
		t.Errorf("the address becomes %s, was %s", got, hash)
	}
	if got := q.eval(`document.getElementById("filter").value`); got != "-kind:Lease" {
		t.Errorf("the filter is %q", got)
	}
	const folded = `[...document.querySelectorAll("button.row.section")].find((b) => b.textContent.includes("volumes"))`
	if got := q.eval(folded + ".ariaExpanded"); got != "false" {
		t.Errorf("the folded section is unfolded: %s", got)
	}
	q.quiet()
}

func TestDarkAndLight(t *testing.T) {
	html := drawn(t, watchlogtest.Import(t, recordings+"growth.jsonl.zst"))
	p := browse(t, html, 1000, 700, "", true)
	back := func() string { return p.eval("getComputedStyle(document.body).backgroundColor") }
	if got := back(); got != "rgb(18, 22, 28)" {
		t.Errorf("dark is %s", got)
	}
	p.key("d")
	p.until(`getComputedStyle(document.body).backgroundColor === "rgb(255, 255, 255)"`)
	p.key("d")
	p.until(`getComputedStyle(document.body).backgroundColor === "rgb(18, 22, 28)"`)
	p.quiet()
}

// TestClickOnALane clicks what is drawn: the bar of an instance, and the tick below it.
func TestClickOnALane(t *testing.T) {
	p := browse(t, drawn(t, watchlogtest.Import(t, recordings+"primary-restart.jsonl.zst")), 1300, 1000, "", false)
	const row = `[...document.querySelectorAll(".row.lane")].find((e) => e.textContent === "pg-1").getBoundingClientRect()`
	var x, y, left, width float64
	text := p.eval(`(() => { const r = ` + row + `, c = document.getElementById("lanes").getBoundingClientRect();
		return [r.left, r.top, c.left, c.width].join(" "); })()`)
	if _, err := fmt.Sscan(text, &x, &y, &left, &width); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.MouseClickXY(left+width*.4, y+8))
	p.heading("primary · n3")
	p.until(`document.querySelector("#panel").textContent.includes("It began with")`)
	p.quiet()
}

// TestWhatWasRecordedBreaksOutOfNothing has names that would end a script, an
// attribute or an element.
func TestWhatWasRecordedBreaksOutOfNothing(t *testing.T) {
	const evil = `</script><script>window.evil=1</script><img src=x onerror=window.evil=1>"'<!--`
	html := drawn(t, hostile(t, evil))
	if strings.Contains(string(html), "<script>window.evil") || strings.Contains(string(html), "<img") {
		t.Error("the page has the name as markup")
	}
	p := browse(t, html, 1300, 900, "", false)
	p.key("n", "n", "f")
	p.eval(`document.querySelectorAll("button.row").forEach((b) => b.click())`)
	p.eval(`document.querySelectorAll("button.row").forEach((b) => b.click())`)
	if got := p.eval("window.evil"); got != "undefined" {
		t.Error("what was recorded was run")
	}
	if text := p.eval("document.body.textContent"); !strings.Contains(text, "window.evil=1") {
		t.Error("the name is nowhere to be read")
	}
	p.quiet()
}

func TestNothingStandsOutOfANarrowWindow(t *testing.T) {
	p := browse(t, drawn(t, violated(t)), 400, 800, "", false)
	p.key("f")
	p.heading("a claim requests more than limit")
	if got := p.eval("document.documentElement.scrollWidth <= innerWidth"); got != "true" {
		t.Errorf("the page is %s px wide in a window of 400", p.eval("document.documentElement.scrollWidth"))
	}
	if got := p.eval(`document.getElementById("panel").getBoundingClientRect().bottom <= innerHeight + 1`); got != "true" {
		t.Error("the panel is below the window")
	}
	p.quiet()
}

func TestEverythingHasANameForScreenReaders(t *testing.T) {
	p := browse(t, drawn(t, violated(t)), 1300, 900, "", false)
	nameless := p.eval(`[...document.querySelectorAll("button,input,select,canvas[tabindex],aside,section")].filter((e) =>
		!(e.ariaLabel || e.textContent.trim() || e.labels && e.labels.length)).map((e) => e.outerHTML).join()`)
	if nameless != "" {
		t.Errorf("without a name: %s", nameless)
	}
	rows := p.eval(`document.querySelectorAll("#tables table").length + " " +
		document.querySelectorAll("#tables th:not([scope])").length`)
	if rows != "3 0" {
		t.Errorf("tables, and heads without a scope: %s", rows)
	}
	text := p.eval(`document.getElementById("tables").textContent`)
	for _, want := range []string{"a claim requests more than limit", "phase: Cluster in healthy state"} {
		if !strings.Contains(text, want) {
			t.Errorf("the tables do not say %q", want)
		}
	}
	p.quiet()
}

func TestSeveralTracesInOnePage(t *testing.T) {
	html := drawn(t,
		watchlogtest.Import(t, recordings+"growth.jsonl.zst"), watchlogtest.Import(t, recordings+"node-drain.jsonl.zst"))
	p := browse(t, html, 1300, 900, "#trace=1", false)
	p.heading("node-drain.db")
	p.eval(`document.getElementById("trace").value = "0"`)
	p.eval(`document.getElementById("trace").dispatchEvent(new Event("change"))`)
	p.heading("growth.db")
	p.quiet()
}
