package server

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// envPrefix begins the variables that hold settings: client-port is ATOLL_CLIENT_PORT.
const envPrefix = "ATOLL_"

// Load reads a Config: flags that were given, then ATOLL_* variables that are not empty, then the file that --config or
// ATOLL_CONFIG names. environ is as os.Environ gives it. Variables that are no setting are left to others; keys of the
// file that are no setting are errors, and every error names the flag, the variable, or the file with the line.
func Load(fs *pflag.FlagSet, environ []string) (Config, error) {
	l := loading{values: koanf.New("."), from: map[string]string{}}
	err := errors.Join(l.file(configPath(fs, environ)), l.environ(environ), l.flags(fs))
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}

	var c Config
	var failures []error
	for _, s := range settings() {
		if !l.values.Exists(s.key) {
			continue
		}
		if err := s.set(&c, l.read(s)); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", l.from[s.key], err))
		}
	}
	if err := errors.Join(failures...); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return c, nil
}

// loading is what the sources have given so far; later ones go before earlier ones.
type loading struct {
	values *koanf.Koanf
	from   map[string]string // where each value comes from, for errors
}

// read gives the values of a setting that exists.
func (l *loading) read(s setting) []string {
	switch v := l.values.Get(s.key).(type) {
	case []string:
		return v
	case string:
		if s.kind == list {
			return strings.Split(v, ",")
		}
		return []string{v}
	default:
		return []string{fmt.Sprint(v)}
	}
}

func configPath(fs *pflag.FlagSet, environ []string) string {
	path := ""
	if flag := fs.Lookup(configFlag); flag != nil {
		path = flag.Value.String()
	}
	for _, variable := range environ {
		if value, found := strings.CutPrefix(variable, envPrefix+"CONFIG="); found {
			path = cmp.Or(path, value)
		}
	}
	return path
}

func (l *loading) flags(fs *pflag.FlagSet) error {
	return l.values.Load(posflag.ProviderWithFlag(fs, ".", l.values, func(f *pflag.Flag) (string, any) {
		if !f.Changed || !isSetting(f.Name) {
			return "", nil
		}
		l.from[f.Name] = "--" + f.Name
		return f.Name, posflag.FlagVal(fs, f)
	}), nil)
}

func (l *loading) environ(environ []string) error {
	return l.values.Load(env.Provider(".", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-")
			if value == "" || !isSetting(key) {
				return "", nil
			}
			l.from[key] = name
			return key, value
		},
	}), nil)
}

func isSetting(key string) bool {
	return slices.ContainsFunc(settings(), func(s setting) bool { return s.key == key })
}

// maxConfig is the size of the largest file.
const maxConfig = 1 << 20

// file reads a mapping of settings. It goes by the nodes of YAML, not by values: they know their lines, and a name such
// as 007 or no stays what was written.
func (l *loading) file(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the settings in %s: %w", path, bare(err))
	}
	defer f.Close()

	var document yaml.Node
	decoder := yaml.NewDecoder(io.LimitReader(f, maxConfig))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil // an empty file
	} else if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: it holds more than one document, or too much; leave one of less than 1 MiB", path)
	}
	found, err := l.mapping(path, document.Content[0])
	if err != nil {
		return err
	}
	return l.values.Load(layer(found), nil)
}

// mapping reads the settings of a document.
func (l *loading) mapping(path string, root *yaml.Node) (map[string]any, error) {
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: the settings are lines such as region: eu", path, root.Line)
	}
	found := map[string]any{}
	var failures []error
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		at := fmt.Sprintf("%s:%d: %s", path, key.Line, key.Value)
		if _, twice := found[key.Value]; twice {
			failures = append(failures, fmt.Errorf("%s: the key stands here a second time", at))
			continue
		}
		read, err := readNode(key.Value, value)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", at, err))
			continue
		}
		found[key.Value] = read
		l.from[key.Value] = at
	}
	return found, errors.Join(failures...)
}

// readNode gives the text of a value, or those of a sequence.
func readNode(key string, value *yaml.Node) (any, error) {
	i := slices.IndexFunc(settings(), func(s setting) bool { return s.key == key })
	if i < 0 {
		return nil, errors.New("unknown key; `atoll serve --help` lists all of them")
	}
	if value.Kind == yaml.ScalarNode && value.Tag != "!!null" {
		return value.Value, nil
	}
	if value.Kind != yaml.SequenceNode || settings()[i].kind != list {
		return nil, errors.New("the value is missing or has the wrong shape; write one value, or a list where several are taken")
	}
	var all []string
	for _, item := range value.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, fmt.Errorf("line %d of the list is not a single value", item.Line)
		}
		all = append(all, item.Value)
	}
	return all, nil
}

// layer is a source of settings that are read already.
type layer map[string]any

// Read gives the settings.
func (l layer) Read() (map[string]any, error) { return l, nil }

// ReadBytes is for sources of text.
func (l layer) ReadBytes() ([]byte, error) { return nil, errors.ErrUnsupported }
