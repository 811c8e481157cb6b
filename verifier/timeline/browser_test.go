package timeline_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserVariable set to "required" makes a test fail that finds no Chromium,
// instead of being skipped.
const browserVariable = "HINDSIGHT_CHROMIUM"

// page is a tab of a headless Chromium with a timeline in it.
type page struct {
	testing.TB
	ctx  context.Context
	file string

	mu       sync.Mutex
	requests []string // all but that for the page
	console  []string // whatever was said there, and exceptions
}

// chromium is one headless browser for all tests; each has a tab of its own.
var chromium struct {
	sync.Once
	ctx   context.Context
	close context.CancelFunc
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.close != nil {
		chromium.close()
	}
	os.Exit(code)
}

func startChromium() {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		binary, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(binary), chromedp.NoSandbox,
			chromedp.DisableGPU)
		allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, cancel := chromedp.NewContext(allocated)
		chromium.ctx, chromium.close = ctx, func() { cancel(); stop() }
		chromium.err = chromedp.Do(ctx)
		return
	}
}

// tab opens a tab in the browser, and skips the test when there is no browser.
func tab(t testing.TB) context.Context {
	t.Helper()
	chromium.Do(startChromium)
	if chromium.err != nil {
		t.Fatalf("start Chromium: %v", chromium.err)
	}
	if chromium.ctx == nil && os.Getenv(browserVariable) == "required" {
		t.Fatal("there is no Chromium, and " + browserVariable + "=required")
	}
	if chromium.ctx == nil {
		t.Skip("there is no Chromium: install it, such as with apt-get install chromium")
	}
	ctx, cancel := chromedp.NewContext(chromium.ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute) // a bound for a browser that hangs
	t.Cleanup(cancel)
	return ctx
}

// browse opens html in a window of the size, at the address' hash.
func browse(t testing.TB, html []byte, width, height int, hash string, dark bool) *page {
	t.Helper()
	ctx := tab(t)
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, html, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &page{TB: t, ctx: ctx, file: "file://" + file}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	p.emulate(map[bool]string{true: "dark", false: "light"}[dark])
	p.do(chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate(p.file+hash))
	p.ready()
	return p
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, p.file) {
			p.requests = append(p.requests, e.Request.URL)
		}
	case *runtime.EventConsoleAPICalled:
		p.console = append(p.console, fmt.Sprintf("%s: %v", e.Type, e.Args))
	case *runtime.EventExceptionThrown:
		p.console = append(p.console, fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	}
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatalf("%v; the console says %v", err, p.console)
	}
}

// emulate sets the colour scheme.
func (p *page) emulate(scheme string) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		p.Fatal(err)
	}
}

// ready waits until the page is drawn.
func (p *page) ready() {
	p.Helper()
	p.until(`document.documentElement.dataset.ready === "1" && performance.getEntriesByName("drawn").length > 0`)
}

// until waits until an expression is true. The page's own policy forbids what
// chromedp.Poll does for that.
func (p *page) until(expression string) {
	p.Helper()
	for p.eval(expression) != "true" {
		if p.ctx.Err() != nil {
			p.Fatalf("it never came: %s", expression)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// eval returns what an expression says, as text.
func (p *page) eval(expression string) string {
	p.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		p.Fatalf("%s: %v; the console says %v", expression, err, p.console)
	}
	return text
}

// key presses a key, outside of the input fields.
func (p *page) key(keys ...string) {
	p.Helper()
	p.eval(`document.getElementById("lanes").focus()`)
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// press clicks the first element that a selector finds and that has the text.
func (p *page) press(selector, text string) {
	p.Helper()
	const first = `[...document.querySelectorAll(%q)].find((e) => e.textContent.includes(%q)).click()`
	p.eval(fmt.Sprintf(first, selector, text))
}

// heading waits for a heading of the panel that contains the text.
func (p *page) heading(text string) {
	p.Helper()
	p.until(fmt.Sprintf(`[...document.querySelectorAll("#panel h2")].some((e) => e.textContent.includes(%q))`, text))
}

// window is what is seen, in seconds, as the address has it.
func (p *page) window() (from, until float64) {
	p.Helper()
	text := p.eval(`decodeURIComponent((/t=([^&]*)/.exec(location.hash) || ["", ""])[1])`)
	if _, err := fmt.Sscanf(text, "%f,%f", &from, &until); err != nil {
		p.Fatalf("the address has no time: %q", p.eval("location.hash"))
	}
	return from, until
}

// quiet fails if the page asked for anything, or said anything.
func (p *page) quiet() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) > 0 {
		p.Errorf("the page made requests: %v", p.requests)
	}
	if len(p.console) > 0 {
		p.Errorf("the console says: %v", p.console)
	}
}

// picture writes a screenshot for docs/, if it is asked for.
func (p *page) picture(name string) {
	p.Helper()
	dir := os.Getenv("HINDSIGHT_SCREENSHOTS")
	if dir == "" {
		return
	}
	time.Sleep(300 * time.Millisecond) // words beside events come a little later
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.Fatal(err)
	}
}
