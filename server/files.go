package server

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/server/broker"
)

// secrets are what the files hold that Config names.
type secrets struct {
	clients    []broker.Credential
	peer       broker.Credential
	link, door broker.Credential
	gossipKey  []byte
	digestKey  uint64
	httpToken  string
}

// readSecrets reads all files that are named.
func (c *Config) readSecrets() (secrets, error) {
	s := secrets{digestKey: xxhash.Sum64String("digests of cluster " + c.Cluster)}
	var err error
	if c.ClientCredentials != "" {
		if s.clients, err = broker.ReadCredentials(c.ClientCredentials); err != nil {
			return s, err
		}
	}
	err = errors.Join(
		readCredential(c.PeerCredentials, &s.peer), readCredential(c.LinkCredentials, &s.link), readCredential(c.DoorCredentials, &s.door))
	if err != nil {
		return s, err
	}
	if c.GossipKey != "" {
		if s.gossipKey, err = readKey(c.GossipKey); err != nil {
			return s, err
		}
	}
	if c.Secret != "" {
		text, err := readSecret(c.Secret)
		if err != nil {
			return s, err
		}
		s.digestKey = xxhash.Sum64String(text)
	}
	if c.HTTPToken != "" {
		s.httpToken, err = readSecret(c.HTTPToken)
	}
	return s, err
}

// readCredential reads a file that must hold one line.
func readCredential(path string, to *broker.Credential) error {
	if path == "" {
		return nil
	}
	all, err := broker.ReadCredentials(path)
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("read credentials from %s: it has %d lines user:password; leave one", path, len(all))
	}
	*to = all[0]
	return nil
}

// readKey reads the key of gossip. Errors never show what is in the file.
func readKey(path string) ([]byte, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 16 && len(key) != 24 && len(key) != 32 {
		return nil, fmt.Errorf("read the secret in %s: it is not 16, 24 or 32 bytes in base64; make one with: openssl rand -base64 32", path)
	}
	return key, nil
}

// maxSecret is the size of the largest file of a secret.
const maxSecret = 4096

// readSecret reads a file that only its owner may read.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the secret in %s: %w", path, bare(err))
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("read the secret in %s: others may read or write it (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	if info.Size() > maxSecret {
		return "", fmt.Errorf("read the secret in %s: it has %d bytes, at most %d are taken", path, info.Size(), maxSecret)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the secret in %s: %w", path, bare(err))
	}
	text := strings.TrimSpace(string(content))
	if text == "" {
		return "", fmt.Errorf("read the secret in %s: it is empty", path)
	}
	return text, nil
}

// epochFile holds the epoch of the last start, in decimal.
const epochFile = "epoch"

// loadEpoch gives the epoch of the last start, 0 if there was none.
func loadEpoch(dir string) (uint64, error) {
	if dir == "" {
		return 0, nil
	}
	path := filepath.Join(dir, epochFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the epoch of the last start: %w", err)
	}
	epoch, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the epoch of the last start: %s holds no number; remove it if the clock is right", path)
	}
	return epoch, nil
}

// saveEpoch replaces the file at once and for good, or leaves it as it was: an epoch that is used and forgotten could
// be used again.
func saveEpoch(dir string, epoch uint64) error {
	if dir == "" {
		return nil
	}
	if err := saveFile(dir, epochFile, strconv.FormatUint(epoch, 10)+"\n"); err != nil {
		return fmt.Errorf("save the epoch of this start: %w", err)
	}
	return nil
}

func saveFile(dir, name, content string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails once it is renamed
	_, err = file.WriteString(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}

	// The new name lasts once the directory does.
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// bare takes the path out of an error of package os, where the message has it already.
func bare(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
