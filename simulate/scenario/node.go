package scenario

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// word makes a node whose text is plain, if YAML lets it be.
func word(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
}

// prose makes a node that is a text whatever it says.
func prose(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func flow(kind yaml.Kind) *yaml.Node { return &yaml.Node{Kind: kind, Style: yaml.FlowStyle} }

// words makes a list on one line.
func words(texts []string) *yaml.Node {
	n := flow(yaml.SequenceNode)
	for _, text := range texts {
		n.Content = append(n.Content, word(text))
	}
	return n
}

// put adds a key to a mapping, unless there is nothing to say.
func put(n *yaml.Node, key string, value *yaml.Node) {
	if value != nil {
		n.Content = append(n.Content, word(key), value)
	}
}

// putAll adds the fields that are set.
func putAll[S any](n *yaml.Node, fields []field[S], from *S) {
	for _, f := range fields {
		put(n, f.name, f.write(from))
	}
}

// readAll reads a mapping whose keys are the fields.
func readAll[S any](r *reader, n *yaml.Node, what string, fields []field[S], into *S) {
	for _, e := range r.mapping(n, what) {
		readOne(r, e, what, fields, into)
	}
}

func readOne[S any](r *reader, e entry, what string, fields []field[S], into *S) {
	for _, f := range fields {
		if f.name == e.name {
			f.read(r, e.value, into)
			return
		}
	}
	r.unknown(e, what, namesOf(fields))
}

func namesOf[S any](fields []field[S]) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// oneOf reads one of a few words.
func oneOf[T ~string](known []T) func(string) (T, error) {
	return func(text string) (T, error) {
		names := make([]string, len(known))
		for i, k := range known {
			if names[i] = string(k); names[i] == text {
				return k, nil
			}
		}
		return "", fmt.Errorf("%s is unknown; write one of %s", quoted(text), strings.Join(names, ", "))
	}
}

// constant reads a value out of a table of this package.
func constant(text string) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) != 1 {
		panic(fmt.Sprintf("the table says %q, which is no YAML: %v", text, err))
	}
	return doc.Content[0]
}

// orNode is n, or the node around it if a key is not there.
func orNode(n, around *yaml.Node) *yaml.Node {
	if n == nil {
		return around
	}
	return n
}
