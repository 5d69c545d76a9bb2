package command

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestStories plays the files in testdata: a heading begins anew, a step is a
// command and what it answers. "wait 10s" lets time pass, "limits 4 8 4 2" sets
// the limits of key, value, name and fields, and x*600 is a word of 600 bytes.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	told := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := &story{t: t, node: newNode(t, 1), told: told}
			for i, line := range strings.Split(string(text), "\n") {
				s.at = fmt.Sprintf("%s:%d", file, i+1)
				s.step(strings.TrimSpace(line))
			}
		})
	}
	for _, cmd := range Table() {
		if !told[cmd.Name] {
			t.Errorf("no story tells of %s", cmd.Name)
		}
	}
}

type story struct {
	t    *testing.T
	node *node
	at   string
	told map[string]bool
}

func (s *story) step(line string) {
	switch {
	case line == "":
		return
	case line[0] == '#':
		s.node = newNode(s.t, 1)
		return
	}
	command, want, isCommand := strings.Cut(line, " => ")
	words := s.words(command)
	switch {
	case words[0] == "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatalf("%s: %v", s.at, err)
		}
		s.node.now += d.Milliseconds()
	case words[0] == "limits":
		var l Limits
		for i, limit := range []*int{&l.MaxKey, &l.MaxValue, &l.MaxName, &l.MaxFields} {
			*limit, _ = strconv.Atoi(words[i+1])
		}
		s.node.call.Limits = l
	case !isCommand:
		s.t.Fatalf("%s: what does it answer?", s.at)
	default:
		s.told[strings.ToLower(words[0])] = true
		if got := s.node.do(words...); got != strings.TrimSpace(want) {
			s.t.Errorf("%s: %s\n got %s\nwant %s", s.at, command, got, want)
		}
	}
}

var word = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\S+`)

func (s *story) words(line string) []string {
	words := word.FindAllString(line, -1)
	for i, w := range words {
		if w[0] == '"' {
			unquoted, err := strconv.Unquote(w)
			if err != nil {
				s.t.Fatalf("%s: %s: %v", s.at, w, err)
			}
			words[i] = unquoted
		} else if letter, count, ok := strings.Cut(w, "*"); ok && len(letter) == 1 && len(count) > 0 {
			n, err := strconv.Atoi(count)
			if err != nil {
				s.t.Fatalf("%s: %v", s.at, err)
			}
			words[i] = strings.Repeat(letter, n)
		}
	}
	return words
}
