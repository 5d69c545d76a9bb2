package broker

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// A Credential is a name and a secret. It never shows the secret when it is printed or logged.
type Credential struct {
	User     string
	Password string // in plain text, or its bcrypt hash for users who log in here
}

// String returns the user, and stars for the password.
func (c Credential) String() string { return c.User + ":***" }

// GoString is what %#v prints.
func (c Credential) GoString() string { return c.String() }

// LogValue is what slog logs.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// ReadCredentials reads a file of lines user:password. Empty lines and lines that begin with # are skipped. The file
// must be readable by its owner only. Errors name the line, never what is in it.
func ReadCredentials(path string) ([]Credential, error) {
	credentials, err := readCredentials(path)
	if err != nil {
		return nil, fmt.Errorf("read credentials from %s: %w", path, err)
	}
	return credentials, nil
}

func readCredentials(path string) ([]Credential, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, unwrapPath(err)
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return nil, unwrapPath(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("others may read or write it (mode %04o); run: chmod 600 %s", mode, path)
	}

	var credentials []Credential
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, password, found := strings.Cut(line, ":")
		if !found || user == "" || password == "" {
			return nil, fmt.Errorf("line %d is not user:password", number)
		}
		credentials = append(credentials, Credential{User: user, Password: password})
	}
	if err := lines.Err(); err != nil {
		return nil, unwrapPath(err)
	}
	if len(credentials) == 0 {
		return nil, errors.New("it has no line user:password")
	}
	return credentials, nil
}

// unwrapPath takes the path out of an error of package os, since the caller names it.
func unwrapPath(err error) error {
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		return pathError.Err
	}
	return err
}
