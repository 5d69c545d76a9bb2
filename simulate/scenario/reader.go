package scenario

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits on the text. The nesting of a valid scenario is six.
const (
	maxText    = 256 << 10
	maxNesting = 12
	maxMessage = 600 // bytes of one sentence about a mistake
)

// A reader collects the mistakes of one file.
type reader struct {
	file     string
	topology *Topology // whose regions and nodes may be named
	errs     Errors
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, Error{r.file, n.Line, n.Column, shortened(fmt.Sprintf(format, args...), maxMessage)})
}

// document reads the text as one YAML document without aliases, anchors, tags
// of its own or double keys, or says why it is none.
func (r *reader) document(text []byte) *yaml.Node {
	top := &yaml.Node{Line: 1, Column: 1}
	if len(text) > maxText {
		r.fail(top, "a scenario of %d bytes is too long; write %d at most", len(text), maxText)
		return nil
	}

	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	err := decoder.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		r.fail(top, "the scenario is empty; begin with version: 1")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.fail(top, "a file holds one scenario; take out what follows the second ---")
		return nil
	}

	r.inspect(doc.Content[0], 1)
	if len(r.errs) > 0 {
		return nil
	}
	return doc.Content[0]
}

var syntaxLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)`) // immutable: compiled once, and safe to share

// syntax passes on what the YAML parser objects to. It knows the line only.
func (r *reader) syntax(err error) {
	parts := syntaxLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	line, _ := strconv.Atoi(parts[1])
	r.errs = append(r.errs, Error{r.file, max(line, 1), 1, "not valid YAML: " + parts[2]})
}

// inspect refuses what makes YAML more than a notation for plain data.
func (r *reader) inspect(n *yaml.Node, depth int) {
	switch {
	case depth > maxNesting:
		r.fail(n, "nested deeper than %d; no part of a scenario is", maxNesting)
		return
	case n.Kind == yaml.AliasNode:
		r.fail(n, "an alias (*%s) is not allowed; write the value out", n.Value)
		return
	case n.Anchor != "":
		r.fail(n, "an anchor (&%s) is not allowed; take it out", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n, "a tag (%s) is not allowed; take it out", n.Tag)
	}

	if n.Kind == yaml.MappingNode {
		seen := map[string]int{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				continue
			}
			if line, double := seen[key.Value]; double {
				r.fail(key, "%s is given twice; it stands in line %d already", key.Value, line)
			}
			seen[key.Value] = key.Line
		}
	}
	for _, child := range n.Content {
		r.inspect(child, depth+1)
	}
}

// scalar gives the text of a single value.
func (r *reader) scalar(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		r.fail(n, "%s takes a single value, not a list or a mapping", what)
	case n.Tag == "!!null":
		r.fail(n, "%s has no value; write one, or leave the key out", what)
	default:
		return n.Value, true
	}
	return "", false
}

// list gives the items of a list; a single value is a list of one.
func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	switch n.Kind {
	case yaml.SequenceNode:
		return n.Content
	case yaml.ScalarNode:
		if _, ok := r.scalar(n, what); ok {
			return []*yaml.Node{n}
		}
	default:
		r.fail(n, "%s takes a list, such as [us, eu]", what)
	}
	return nil
}

// An entry is a key of a mapping and its value.
type entry struct {
	name       string
	key, value *yaml.Node
}

// mapping gives the entries in their order.
func (r *reader) mapping(n *yaml.Node, what string) []entry {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s takes a mapping of keys to values", what)
		return nil
	}
	var entries []entry
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			r.fail(key, "a key of %s must be a word", what)
			continue
		}
		entries = append(entries, entry{key.Value, key, n.Content[i+1]})
	}
	return entries
}

// find gives the value of a key, or nil.
func find(entries []entry, name string) *yaml.Node {
	for _, e := range entries {
		if e.name == name {
			return e.value
		}
	}
	return nil
}

// unknown refuses a key, and helps.
func (r *reader) unknown(e entry, what string, known []string) {
	r.fail(e.key, "%s has no key %s%s", what, quoted(e.name), cmp.Or(suggest(e.name, known), "; the keys are "+strings.Join(known, ", ")))
}

// quoted shortens what stands in the file, so that a message stays a line.
func quoted(text string) string {
	return strconv.Quote(shortened(text, 60))
}

func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
