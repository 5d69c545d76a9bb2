package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A result is what a command of the cache answers.
type result struct {
	Region string
	Key    string
	Value  any
	Ack    string
}

// print prints a result as JSON, or by the given function.
func (r result) print(a *app, human func(w io.Writer)) error {
	return a.print(struct {
		Key    any    `json:"key"`
		Region string `json:"region"`
		Value  any    `json:"value"`
		Ack    string `json:"ack,omitempty"`
	}{text(r.Key), r.Region, r.Value, r.Ack}, human)
}

// A shower prints the result of a command, or says that there is none.
type shower func(a *app, r result) error

// print prints a value as JSON, or by the given function.
func (a *app) print(v any, human func(w io.Writer)) error {
	if a.json {
		return a.printJSON(v)
	}
	var text bytes.Buffer
	human(&text)
	_, err := a.stdout.Write(text.Bytes())
	return err
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func notFound(r result) error {
	return notFoundError{fmt.Errorf("%s: not found in region %s", r.Key, r.Region)}
}

// showValue prints the bare value.
func showValue(a *app, r result) error {
	if r.Value == nil {
		return notFound(r)
	}
	bare := r.Value
	r.Value = text(r.Value)
	return r.print(a, func(w io.Writer) { fmt.Fprintln(w, bare) })
}

// showNumber prints a number that may have a fraction, which comes as text.
func showNumber(a *app, r result) error {
	if r.Value == nil {
		return notFound(r)
	}
	bare := r.Value
	r.Value = number(r.Value)
	return r.print(a, func(w io.Writer) { fmt.Fprintln(w, bare) })
}

// showType prints the name of a type; a key without one does not exist.
func showType(a *app, r result) error {
	if r.Value == "none" {
		return notFound(r)
	}
	return showValue(a, r)
}

// showDone prints OK for a command on a key that must exist, which answers 1 or 0.
func showDone(a *app, r result) error {
	if r.Value == int64(0) {
		return notFound(r)
	}
	return r.print(a, func(w io.Writer) { fmt.Fprintln(w, "OK") })
}

// showTTL prints the seconds that are left, of milliseconds.
func showTTL(a *app, r result) error {
	left, ok := r.Value.(int64)
	switch {
	case !ok:
		return unexpected(r)
	case left == -2:
		return notFound(r)
	case left < 0:
		return a.print(ttlResult{Key: text(r.Key), Region: r.Region}, func(w io.Writer) { fmt.Fprintln(w, -1) })
	}
	return a.print(ttlResult{Key: text(r.Key), Region: r.Region, Millis: &left}, func(w io.Writer) {
		fmt.Fprintln(w, (left+500)/1000)
	})
}

type ttlResult struct {
	Key    any    `json:"key"`
	Region string `json:"region"`
	Millis *int64 `json:"ttl_ms"` // null without a deadline
}

// showMembers prints a list, one element a line; a key without any does not exist.
func showMembers(a *app, r result) error {
	list, ok := r.Value.([]any)
	switch {
	case !ok:
		return unexpected(r)
	case len(list) == 0:
		return notFound(r)
	}
	return showList(a, r)
}

// showList prints a list, one element a line, which may be empty.
func showList(a *app, r result) error {
	list, ok := r.Value.([]any)
	if !ok {
		return unexpected(r)
	}
	shown := make([]any, len(list))
	for i := range list {
		shown[i] = text(list[i])
	}
	r.Value = shown
	return r.print(a, func(w io.Writer) {
		for _, element := range list {
			fmt.Fprintln(w, element)
		}
	})
}

// scored is a member of a sorted set with its score.
type scored struct {
	Member any `json:"member"`
	Score  any `json:"score"`
}

// showScored prints members and scores, which come in turn.
func showScored(a *app, r result) error {
	list, ok := r.Value.([]any)
	if !ok || len(list)%2 != 0 {
		return unexpected(r)
	}
	members := make([]scored, 0, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		members = append(members, scored{text(list[i]), number(list[i+1])})
	}
	r.Value = members
	return r.print(a, func(w io.Writer) {
		for i := 0; i < len(list); i += 2 {
			fmt.Fprintf(w, "%v\t%v\n", list[i], list[i+1])
		}
	})
}

// showFields prints a hash, a field a line, by name.
func showFields(a *app, r result) error {
	fields, ok := r.Value.(map[string]any)
	switch {
	case !ok:
		return unexpected(r)
	case len(fields) == 0:
		return notFound(r)
	}
	names := slices.Sorted(maps.Keys(fields))
	r.Value = object(names, fields)
	return r.print(a, func(w io.Writer) {
		for _, name := range names {
			fmt.Fprintf(w, "%s\t%v\n", name, fields[name])
		}
	})
}

// object is a hash in JSON; with a field that is no text it is {"pairs": [[field, value], …]}.
func object(names []string, fields map[string]any) any {
	m := make(map[string]any, len(fields))
	pairs := make([][2]any, 0, len(fields))
	for _, name := range names {
		m[name] = text(fields[name])
		pairs = append(pairs, [2]any{text(name), text(fields[name])})
	}
	if slices.ContainsFunc(names, func(name string) bool { return !utf8.ValidString(name) }) {
		return map[string]any{"pairs": pairs}
	}
	return m
}

// text is a value in JSON: what is no text is {"b64": "…"}.
func text(value any) any {
	s, ok := value.(string)
	if !ok || utf8.ValidString(s) {
		return value
	}
	return map[string]string{"b64": base64.StdEncoding.EncodeToString([]byte(s))}
}

// number is a number in JSON, or a word such as inf, which JSON has no number for.
func number(value any) any {
	s, ok := value.(string)
	if !ok {
		return value
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil && json.Valid([]byte(s)) {
		return json.Number(s)
	}
	return s
}

func unexpected(r result) error {
	return fmt.Errorf("%s: region %s answers with what this version does not understand: %w", r.Key, r.Region, errVersion)
}

var errVersion = errors.New("use the command line of the version that runs there")
