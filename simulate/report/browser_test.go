package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// chromium loads a page without a network, and gives the document as it stands
// after the script has run, and what was written to the console.
func chromium(t *testing.T, page []byte, hash string) (document, console string) {
	t.Helper()
	binary := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			binary = path
			break
		}
	}
	if binary == "" {
		t.Skip("there is no chromium; install the Debian package of that name to test the report in a browser")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--virtual-time-budget=4000", "--window-size=1280,2400",
	}
	if shot := os.Getenv("ATOLL_SCREENSHOT"); shot != "" {
		args = append(args, "--screenshot="+shot)
	}
	args = append(args, "--dump-dom", "file://"+file+hash)
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the browser of this machine
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "CONSOLE") {
			console += line
		}
	}
	return stdout.String(), console
}

func page(t *testing.T, accuse bool) []byte {
	t.Helper()
	text, err := recorded(t, accuse).HTML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestBrowser loads the page, draws everything, and jumps to the violation that
// the address names.
func TestBrowser(t *testing.T) {
	document, console := chromium(t, page(t, true), "#v1")
	if console != "" {
		t.Errorf("the console says %s", console)
	}
	for _, want := range []string{`data-ready="true"`, `data-jumped="0"`, `class="vmark"`, `class="cursorline"`, `class="msg"`} {
		if !strings.Contains(document, want) {
			t.Errorf("the document has no %s", want)
		}
	}
	for _, chart := range []string{"lanes", "divergence", "staleness", "bytes", "spacetime"} {
		if !regexp.MustCompile(`id="` + chart + `"[^>]*><svg`).MatchString(document) {
			t.Errorf("%s is not drawn", chart)
		}
	}
	if !regexp.MustCompile(`id="detail"[^>]*>O3 at 11\.2000s on eu/2`).MatchString(document) {
		t.Error("the violation is not told")
	}
}

// TestBrowserControls uses the page as a person does: by its buttons, its filter
// and its keys. What it finds wrong it throws, which the console tells.
func TestBrowserControls(t *testing.T) {
	const script = `<script>
const must = (ok, what) => { if (!ok) throw new Error(what); };
const arrows = () => document.querySelectorAll("#spacetime line.msg").length;
const press = key => document.getElementById("spacetime").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const where = () => document.getElementById("window").textContent;
const key = document.getElementById("key"), filtered = arrows();
must(filtered > 0, "no arrow is drawn");
must(key.value !== "", "the key of the violation is not the filter");
key.value = ""; key.dispatchEvent(new Event("input"));
document.getElementById("quiet").click();
must(arrows() > filtered, "without a filter there are no more arrows");
key.value = "no such key"; key.dispatchEvent(new Event("input"));
must(arrows() === 0, "an unknown key has arrows");
key.value = ""; key.dispatchEvent(new Event("input"));
press("+"); press("+"); press("+");
const before = where();
press("ArrowLeft"); must(where() !== before, "the left arrow moves nothing");
press("ArrowRight"); must(where() === before, "the right arrow does not lead back");
press("-"); must(where() !== before, "zooming out changes nothing");
document.getElementById("jump").click();
must(document.getElementById("detail").textContent.startsWith("O3 at"), "the button does not jump");
document.getElementById("listing").open = true;
document.querySelector("#rows tr").focus();
must(document.getElementById("detail").textContent.includes("→"), "a row that has the focus tells no message");
const slider = document.getElementById("cursor");
slider.value = 200; slider.dispatchEvent(new Event("input"));
must(document.getElementById("readout").textContent.includes("cut us | eu"), "the cursor does not tell of the cut");
document.getElementById("theme").click();
must(document.documentElement.dataset.theme === "dark", "the theme does not change");
document.querySelectorAll("button,input,[tabindex='0']").forEach(e => must(
  e.getAttribute("aria-label") || e.textContent.trim() || (e.labels && e.labels.length), "no name: " + e.outerHTML));
document.body.dataset.checked = "true";
</script></body>`
	text := bytes.Replace(page(t, true), []byte("</body>"), []byte(script), 1)
	document, console := chromium(t, text, "")
	if console != "" || !strings.Contains(document, `data-checked="true"`) {
		t.Errorf("the console says %s", console)
	}
}

// TestBrowserPassing shows a run in which nothing is wrong.
func TestBrowserPassing(t *testing.T) {
	document, console := chromium(t, page(t, false), "")
	if console != "" || !strings.Contains(document, "Jump to the end of the first fault") {
		t.Errorf("the console says %s", console)
	}
}
