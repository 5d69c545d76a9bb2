//go:build linux

package report

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSaveOnFullDisk writes where nothing fits: the error says so, and the page of
// before is still there.
func TestSaveOnFullDisk(t *testing.T) {
	p := recorded(t, false)
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	limited(t, 4096, func() {
		if err := p.Save(path); err == nil || !strings.Contains(err.Error(), "write the report") || !errors.Is(err, syscall.EFBIG) {
			t.Errorf("a file that must not grow: %v", err)
		}
	})
	if text, err := os.ReadFile(path); err != nil || string(text) != "before" {
		t.Errorf("the file holds %q (%v)", text, err)
	}
	alone(t, filepath.Dir(path), "report.html")
}

// limited runs f while no file of this process may grow beyond a size, which
// fails a write in the middle as a full disk does. The Go runtime ignores the
// signal that comes with it.
func limited(t *testing.T, size uint64, f func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Skip(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}
