package timeline_test

import (
	"testing"

	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
)

const recordings = "../../recorder/testdata/"

// TestPictures opens what docs/ shows: it fails if a page says anything on its
// console. HINDSIGHT_SCREENSHOTS=DIR writes the pictures.
func TestPictures(t *testing.T) {
	bad := drawn(t, violated(t))
	diagnosed := func(name string) []byte {
		return drawn(t, watchlogtest.Import(t, "../../policies/testdata/diagnosis/"+name+".jsonl.zst"))
	}
	shared := func(name string) []byte { return drawn(t, watchlogtest.Import(t, recordings+name+".jsonl.zst")) }
	tests := []struct {
		name          string
		html          []byte
		width, height int
		dark          bool
		do            func(*page)
	}{
		{"growth", shared("growth"), 1440, 900, false, nil},
		{"node-drain", shared("node-drain"), 1440, 900, false, nil},
		{"primary-restart", shared("primary-restart"), 1440, 900, true, nil},
		{"violated", bad, 1440, 980, false, func(p *page) { p.key("f"); p.heading("limit") }},
		{"violated-dark", bad, 1440, 980, true, func(p *page) { p.key("f"); p.heading("limit") }},
		{"violated-grey", bad, 1440, 980, false, func(p *page) {
			p.key("f")
			p.eval(`document.documentElement.style.filter = "grayscale(1)"`)
		}},
		{"event", bad, 1440, 980, false, func(p *page) {
			p.key("f")
			p.heading("limit")
			p.press("#panel ol button", "persistentvolumeclaims")
			p.heading("pg-2")
		}},
		{"narrow", bad, 420, 860, false, func(p *page) { p.key("f"); p.heading("limit") }},
		{"resize-deadlock", diagnosed("resize-deadlock"), 1440, 900, false, nil},
		{"node-lost", diagnosed("node-lost"), 1440, 900, true, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := browse(t, test.html, test.width, test.height, "", test.dark)
			if test.do != nil {
				test.do(p)
			}
			p.picture(test.name)
			p.quiet()
		})
	}
}
