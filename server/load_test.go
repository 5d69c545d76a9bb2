package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/atollcache/atoll/server"
)

// load reads settings from the three sources; the file is written if it is not empty.
func load(t *testing.T, file string, environ []string, args ...string) (server.Config, error) {
	t.Helper()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	fs.Bool("json", false, "not a setting of a node")
	server.Flags(fs)
	if file != "" {
		path := filepath.Join(t.TempDir(), "atoll.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return server.Load(fs, environ)
}

func TestFlagsGoBeforeTheEnvironmentBeforeTheFile(t *testing.T) {
	file := "region: file\nname: file\ncluster: file\nseeds: [a:1, b:2]\n"
	environ := []string{"ATOLL_NAME=env", "ATOLL_CLUSTER=env", "ATOLL_REGION=", "ATOLL_SERVER=nats://elsewhere", "HOME=/"}
	got, err := load(t, file, environ, "--cluster", "flag", "--json")
	if err != nil {
		t.Fatal(err)
	}
	want := server.Config{Region: "file", Name: "env", Cluster: "flag", Seeds: []string{"a:1", "b:2"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("loaded %+v", got)
	}
}

// Every setting comes out the same from each of its sources.
func TestEverySettingFromEverySource(t *testing.T) {
	values := map[string]string{
		"cluster": "c", "region": "eu", "name": "007", "memory": "2GiB", "max-key": "100", "max-value": "64KiB", "max-name": "50",
		"max-fields": "9", "replicas": "3", "weight": "2", "data-dir": "/d", "host": "10.0.0.1", "client-port": "-1", "cluster-port": "2",
		"gateway-port": "3", "gossip-port": "4", "seeds": "a:1,b:2", "routes": "c:3", "gateways": "us=h:1,us=h:2,ap=g:1",
		"gateway-advertise": "h:5", "gossip-advertise": "h:6", "http": "127.0.0.1:80", "nats": "nats://h:4222", "client-credentials": "/c",
		"peer-credentials": "/p", "link-credentials": "/l", "door-credentials": "/o", "gossip-key": "/g", "secret": "/s", "http-token": "/t",
		"pace": "fast", "insecure": "true", "changes": "true", "change-values": "1KiB",
	}
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	server.Flags(fs)
	var file strings.Builder
	var environ, args []string
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name == "config" {
			return
		}
		value, ok := values[f.Name]
		if !ok {
			t.Fatalf("the test has no value for --%s", f.Name)
		}
		args = append(args, "--"+f.Name+"="+value)
		environ = append(environ, "ATOLL_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))+"="+value)
		file.WriteString(f.Name + ": " + value + "\n")
	})

	want, err := load(t, "", nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	if want.Memory != 2<<30 || want.Limits.MaxValue != 64<<10 || want.Name != "007" || !want.Insecure || len(want.Gateways["us"]) != 2 {
		t.Errorf("flags gave %+v", want)
	}
	fields := reflect.ValueOf(want)
	for i := range fields.NumField() {
		if name := fields.Type().Field(i).Name; fields.Field(i).IsZero() && name != "Broker" && name != "Logger" {
			t.Errorf("no setting fills Config.%s", name)
		}
	}
	if got, err := load(t, "", environ); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the environment gave %+v, %v", got, err)
	}
	if got, err := load(t, file.String(), nil); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the file gave %+v, %v", got, err)
	}
}

func TestSettingsThatCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		file    string
		environ []string
		args    []string
		want    []string
	}{
		"unknown key":        {file: "region: eu\nport: 4222\n", want: []string{"atoll.yaml:2: port: unknown key", "serve --help"}},
		"two mistakes":       {file: "x: 1\nclient-port: 1\ny: 2\n", want: []string{"atoll.yaml:1: x", "atoll.yaml:3: y"}},
		"key twice":          {file: "region: eu\nname: a\nregion: us\n", want: []string{"atoll.yaml:3: region: the key stands here a second time"}},
		"no number":          {file: "region: eu\n\nclient-port: many\n", want: []string{`atoll.yaml:3: client-port: "many" is not a whole number`}},
		"no value":           {file: "region:\n", want: []string{"atoll.yaml:1: region: the value is missing"}},
		"list for one":       {file: "region: [eu, us]\n", want: []string{"atoll.yaml:1: region:", "wrong shape"}},
		"mapping for a list": {file: "gateways:\n  us: h:1\n", want: []string{"atoll.yaml:1: gateways:", "wrong shape"}},
		"list in a list":     {file: "seeds:\n- a:1\n- [b:1]\n", want: []string{"atoll.yaml:1: seeds", "line 3"}},
		"alias":              {file: "region: &r eu\nname: *r\n", want: []string{"atoll.yaml:2: name"}},
		"no mapping":         {file: "- region\n", want: []string{"atoll.yaml:1: the settings are lines such as region: eu"}},
		"no yaml":            {file: "region: eu\n  name: [\n", want: []string{"atoll.yaml: yaml: line 2"}},
		"two documents":      {file: "region: eu\n---\nname: a\n", want: []string{"more than one document"}},
		"bad gateway":        {file: "gateways: [us]\n", want: []string{`atoll.yaml:1: gateways: "us" is not region=host:port`}},
		"bad size":           {environ: []string{"ATOLL_MEMORY=lots"}, want: []string{`ATOLL_MEMORY: "lots" is not a number of bytes such as`}},
		"huge size":          {args: []string{"--memory", "9999999999TiB"}, want: []string{"--memory"}},
		"negative size":      {args: []string{"--memory=-1"}, want: []string{"--memory"}},
		"unit alone":         {args: []string{"--max-value=MiB"}, want: []string{"--max-value"}},
		"value too large":    {args: []string{"--max-value=3GiB"}, want: []string{"--max-value", "more than 2 GiB"}},
		"no boolean":         {environ: []string{"ATOLL_INSECURE=maybe"}, want: []string{`ATOLL_INSECURE: "maybe" is neither true nor false`}},
		"flag":               {args: []string{"--weight", "x"}, want: []string{`--weight: "x" is not a whole number`}},
		"absent file":        {args: []string{"--config", "/nowhere/atoll.yaml"}, want: []string{"/nowhere/atoll.yaml", "no such file"}},
		"absent file by env": {environ: []string{"ATOLL_CONFIG=/nowhere/x.yaml"}, want: []string{"/nowhere/x.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.file, test.environ, test.args...)
			if !errors.Is(err, server.ErrConfig) {
				t.Fatalf("the error is %v, which is no ErrConfig", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not contain %q", err, want)
				}
			}
		})
	}
}

func TestAnEmptyFileSetsNothing(t *testing.T) {
	if got, err := load(t, "# nothing\n", nil); err != nil || !reflect.DeepEqual(got, server.Config{}) {
		t.Errorf("loaded %+v, %v", got, err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("region: eu\nseeds: [a:1, b:2]\n")
	f.Add("gateways:\n- us=h:1\n")
	f.Add("a: &a [*a]\n")
	f.Add("memory: 1TiB\n? [x]\n: y\n")
	f.Fuzz(func(t *testing.T, file string) {
		if _, err := load(t, file, nil); err != nil && !errors.Is(err, server.ErrConfig) {
			t.Errorf("the error %v is no ErrConfig", err)
		}
	})
}
