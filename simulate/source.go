package simulate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// UnknownError tells that a name names nothing: no scenario, no token, no bug.
type UnknownError struct{ Why string }

// Error says what to do instead.
func (e *UnknownError) Error() string { return e.Why }

func unknown(format string, args ...any) error { return &UnknownError{fmt.Sprintf(format, args...)} }

// A Source is a scenario that was found, with what its token needs.
type Source struct {
	Name     string // as in Token.Source
	Scenario *scenario.Scenario
	Seed     uint64
	Warning  string // about a token of another build; empty if all is well
}

// Token names the run of a source with some seed.
func (s *Source) Token(seed uint64, build string) Token { return Token{s.Name, seed, build} }

// DefaultSeed is that of a scenario that names none.
const DefaultSeed = 1

// maxFile bounds what is read of a file that may be anything.
const maxFile = 1 << 20

// Find gives a scenario by the name of a built-in one, or by its file.
func Find(name string) (*Source, error) {
	if looksLikeFile(name) {
		return findFile(name)
	}
	sc, err := Scenario(name)
	if err != nil {
		if _, statErr := os.Stat(name); statErr == nil {
			return findFile(name)
		}
		return nil, err
	}
	return &Source{Name: name, Scenario: sc, Seed: seedOf(sc)}, nil
}

// Draw gives the scenario that a profile draws for a seed.
func Draw(profile scenario.Profile, seed uint64) *Source {
	return &Source{Name: string(profile), Scenario: scenario.Random(profile, seed, world.Simulates), Seed: seed}
}

// SourceOf gives a scenario that has no name of its own as a source.
func SourceOf(sc *scenario.Scenario) *Source {
	return &Source{Name: fileSource(sc), Scenario: sc, Seed: seedOf(sc)}
}

func findFile(path string) (*Source, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	sc, err := scenario.Parse(path, text)
	if err != nil {
		return nil, err
	}
	return SourceOf(sc), nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, unknown("%s is a directory; name a scenario file", path)
	case info.Size() > maxFile:
		return nil, unknown("%s has %d bytes, which is no scenario", path, info.Size())
	}
	return os.ReadFile(path)
}

func seedOf(sc *scenario.Scenario) uint64 {
	if sc.Seed == 0 {
		return DefaultSeed
	}
	return sc.Seed
}

// Failures is where a swarm saves the scenarios of runs that failed, unless it
// is told otherwise.
const Failures = "simulate-failures"

// Recall gives the run that a token names, or that a file holds. A token of
// another build is recalled from the file that was saved with it in dir.
func Recall(name, dir, build string) (*Source, error) {
	token, err := ParseToken(name)
	if err != nil {
		if _, statErr := os.Stat(name); statErr != nil && !looksLikeFile(name) {
			return nil, err
		}
		return findFile(name)
	}
	if token.Build == build {
		if s, err := token.recall(); err == nil {
			return s, nil
		}
	}
	return token.recallSaved(dir, build)
}

// recall draws or finds the scenario of a token of this build.
func (t Token) recall() (*Source, error) {
	if profile, ok := drawn(t.Source); ok {
		return Draw(profile, t.Seed), nil
	}
	sc, err := Scenario(t.Source)
	if err != nil {
		return nil, err
	}
	return &Source{Name: t.Source, Scenario: sc, Seed: t.Seed}, nil
}

// recallSaved reads the scenario that was saved when the token was given out.
// Without one, this build does what it can, and says so.
func (t Token) recallSaved(dir, build string) (*Source, error) {
	path := filepath.Join(dir, t.String()+".yaml")
	saved, err := findFile(path)
	if err == nil {
		saved.Seed = t.Seed
		if t.Build != build {
			saved.Warning = fmt.Sprintf("the token is of build %s and this is %s: running the scenario saved in %s, which may come out differently", t.Build, build, path)
		}
		return saved, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s, drawErr := t.recall()
	if drawErr != nil {
		return nil, unknown("token %s: its scenario is not built in, and there is no %s; give the directory of the saved scenarios", t, path)
	}
	s.Warning = fmt.Sprintf("the token is of build %s and this is %s, and there is no %s: this build may draw and run something else", t.Build, build, path)
	return s, nil
}

// Save writes the scenario of a run beside others in dir, under the name of its
// token, with what a reader should know in front.
func Save(dir string, token Token, sc *scenario.Scenario, note string) (string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	copied := *sc
	copied.Seed = token.Seed
	path := filepath.Join(dir, token.String()+".yaml")
	text := append(comment(note), scenario.Marshal(&copied)...)
	return path, WriteFile(path, text)
}

// WriteFile replaces a file, or leaves it as it was: a full disk leaves no half
// of one.
func WriteFile(path string, text []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".simulate-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Chmod(temporary.Name(), 0o644) //nolint:gosec // a report is for everybody
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
