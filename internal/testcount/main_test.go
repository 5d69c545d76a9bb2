package main

import (
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	for _, test := range []struct {
		name           string
		stream         []string
		passed, failed int
		want           string // of what is shown
	}{
		{
			name: "tests and subtests that pass are counted, and the package line is shown",
			stream: []string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}`,
				`{"Action":"pass","Package":"p","Test":"TestA/one"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Output":"PASS\n"}`,
				`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
				`{"Action":"pass","Package":"p"}`,
			},
			passed: 2,
			want:   "ok  \tp\t0.1s\n",
		},
		{
			name: "a failed test shows its output and fails its package once",
			stream: []string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"p_test.go:1: boom\n"}`,
				`{"Action":"fail","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			failed: 1,
			want:   "p_test.go:1: boom\nFAIL\tp\t0.1s\n",
		},
		{
			name: "a package that does not build is a failure",
			stream: []string{
				`{"ImportPath":"p","Action":"build-output","Output":"p.go:1: syntax error\n"}`,
				`{"ImportPath":"p","Action":"build-fail"}`,
				`{"Action":"fail","Package":"p","FailedBuild":"p"}`,
			},
			failed: 1,
			want:   "p.go:1: syntax error\n",
		},
		{
			name: "a skipped test is named and not counted",
			stream: []string{
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Test":"TestB"}`,
			},
			passed: 1,
			want:   "SKIP p TestA\n",
		},
		{
			name:   "what is not JSON is passed on",
			stream: []string{`go test -json ./...`},
			want:   "go test -json ./...\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			got, err := count(strings.NewReader(strings.Join(test.stream, "\n")), &out)
			if err != nil {
				t.Fatal(err)
			}
			if got.passed != test.passed || got.failed != test.failed {
				t.Errorf("%d passed, %d failed; want %d and %d", got.passed, got.failed, test.passed, test.failed)
			}
			if out.String() != test.want {
				t.Errorf("showed %q, want %q", out.String(), test.want)
			}
		})
	}
}
