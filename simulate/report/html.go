package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/atollcache/atoll/simulate"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// MaxPage bounds the size of a page in bytes.
const MaxPage = 1_500_000

// WriteTo writes the page. Whoever needs a file that is either whole or not there
// uses Save.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	text, err := p.HTML()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(text)
	return int64(n), err
}

// HTML gives the page as a browser reads it.
func (p *Page) HTML() ([]byte, error) {
	for {
		text, err := p.render()
		if err != nil {
			return nil, err
		}
		if len(text) < MaxPage || !p.thin() {
			return text, nil
		}
	}
}

// thin leaves the messages out that are furthest from the focus.
func (p *Page) thin() bool {
	if len(p.data.Messages) == 0 {
		return false
	}
	p.data.Messages = p.data.Messages[(len(p.data.Messages)+1)/2:]
	return true
}

func (p *Page) render() ([]byte, error) {
	functions := template.FuncMap{"span": Span, "add": func(a, b int) int { return a + b }}
	t, err := template.New("page").Funcs(functions).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("the template of the report: %w", err)
	}
	drawn, err := json.Marshal(p.data)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		*Page
		Style  template.CSS
		Script template.JS
		Data   template.JS
	}{p, template.CSS(pageCSS), template.JS(pageJS), template.JS(drawn)}) //nolint:gosec // the files are ours, and json.Marshal escapes what could end a script
	return out.Bytes(), err
}

// Save writes the page to a file. Either the file is whole, or it is as it was
// before: what is half written has another name, and goes.
func (p *Page) Save(path string) error {
	err := Placeable(path)
	if err != nil {
		return err
	}
	text, err := p.HTML()
	if err == nil {
		err = simulate.WriteFile(path, text)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w; nothing was left of it", err)
	}
	return nil
}

// Placeable says what is wrong with the name of a page before there is one: a
// page takes the place of a file, and not of anything else.
func Placeable(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("write the report: there is no directory %s; make it first", dir)
	case !info.IsDir():
		return fmt.Errorf("write the report: %s is no directory; name a file in one", dir)
	}
	if info, err = os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("write the report: %s is there and is no file; choose another name", path)
	}
	return nil
}

// Moments gives what happened, as far as a page lists it.
func (p *Page) Moments() []Moment {
	var out []Moment
	for _, m := range p.Result.Timeline[:min(len(p.Result.Timeline), maxListed)] {
		out = append(out, Moment{m.At, m.Text})
	}
	return out
}

// Moment is a line of the timeline.
type Moment struct {
	At   time.Duration
	Text string
}

// Hidden is how many moments are not listed.
func (p *Page) Hidden() int { return max(0, len(p.Result.Timeline)-maxListed) }
