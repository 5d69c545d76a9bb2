package examples_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// An instance is one process of the service, in its region.
type instance struct {
	*process
	region string
	url    string
}

// notesService runs the service in three regions: a user who moves finds what was written, and requests are counted
// over a cut.
func notesService(t *testing.T, c cluster) {
	program := filepath.Join(t.TempDir(), "service")
	args := []string{"build", "-o", program}
	if raced() {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "./service")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all []*instance
	for _, r := range c.Regions {
		all = append(all, serve(t, program, c, r.Name))
	}
	t.Run("a user moves", func(t *testing.T) { moves(t, c, all) })
	t.Run("a cut", func(t *testing.T) { outlives(t, c, all) })
	t.Run("mistakes", func(t *testing.T) { mistakes(t, all[0]) })
	t.Run("too many requests", func(t *testing.T) { tooMany(t, all[1]) })
	t.Run("a port that is taken", func(t *testing.T) { taken(t, program, c, all[0]) })
	t.Run("without a cluster", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T){
			"answers": func(t *testing.T) { gone(t, c, all[0]) },
			"starts":  func(t *testing.T) { refuses(t, program) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // both wait until the client gives up
				test(t)
			})
		}
	})
	for i, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGTERM} {
		if err := all[i].cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if all[i].await(t); !all[i].cmd.ProcessState.Success() {
			t.Errorf("%s ends with %v on %v", all[i].region, all[i].cmd.ProcessState, sig)
		}
	}
}

// raced says whether the race detector is on.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// serve starts an instance. Its window does not end while the test runs.
func serve(t *testing.T, program string, c cluster, region string) *instance {
	t.Helper()
	var seeds []string
	for _, r := range c.Regions {
		seeds = append(seeds, r.Name+"="+r.NATS)
	}
	cmd := exec.Command(program, "-home", region, "-seeds", strings.Join(seeds, ","), "-listen", "127.0.0.1:0", "-window", "87600h")
	out, in := io.Pipe()
	cmd.Stdout = in
	s := &instance{process: start(t, cmd), region: region}
	go func() { <-s.ended; in.Close() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", region, err)
	}
	s.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s
}

// person is a user with a browser.
type person struct {
	t    *testing.T
	name string
	http http.Client
}

func someone(t *testing.T, name string) *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, name, http.Client{Jar: jar, Timeout: patience}}
}

// ask sends a request, and gives the answer with its status in front.
func (p *person) ask(at *instance, method, path, body string) (answer string, header http.Header) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, at.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := p.http.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, content), response.Header
}

func (p *person) write(at *instance, note string) {
	p.t.Helper()
	if answer, _ := p.ask(at, http.MethodPut, "/notes/"+p.name, note); answer != "200 " {
		p.t.Fatalf("%s writes in %s: %s", p.name, at.region, answer)
	}
}

// read gives the note with the status in front, and whether the service says that it may be old.
func (p *person) read(at *instance) (answer string, stale bool) {
	p.t.Helper()
	answer, header := p.ask(at, http.MethodGet, "/notes/"+p.name, "")
	return strings.TrimSpace(answer), header.Get("Stale") == "true"
}

// requests gives how many requests of the user an instance knows of.
func (p *person) requests(at *instance) int {
	p.t.Helper()
	answer, _ := p.ask(at, http.MethodGet, "/rate/"+p.name, "")
	var rate struct{ Requests int }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(answer, "200 ")), &rate); err != nil {
		p.t.Fatalf("%s: %v", answer, err)
	}
	return rate.Requests
}

// turn turns the switch between the regions, as "atoll wan" does.
func turn(t *testing.T, c cluster, change string, args ...any) {
	t.Helper()
	response, err := http.Post(c.Admin+"/wan", "application/json", strings.NewReader(fmt.Sprintf(change, args...)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if content, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, content)
	}
}

// each turns the switch between any two regions.
func each(t *testing.T, c cluster, change string) {
	t.Helper()
	for i, a := range c.Regions {
		for _, b := range c.Regions[i+1:] {
			turn(t, c, change, a.Name, b.Name)
		}
	}
}

// moves has a user write in one region and read in the next while the news takes longer than she does. A stranger, who
// has no session, reads as well: if he always saw what she wrote, the cookie would not be what makes the difference.
func moves(t *testing.T, c cluster, all []*instance) {
	each(t, c, `{"do":"delay","a":"%s","b":"%s","delay_us":150000}`)
	defer each(t, c, `{"do":"delay","a":"%s","b":"%s","delay_us":0}`)
	ada, late := someone(t, "ada"), 0
	for i := range 6 {
		here, there := all[i%len(all)], all[(i+1)%len(all)]
		note := fmt.Sprintf("note %d", i)
		ada.write(here, note)
		if answer, _ := someone(t, "ada").read(there); answer != "200 "+note {
			late++
		}
		eventually(t, "the note is there", func() bool {
			answer, stale := ada.read(there)
			if !stale && answer != "200 "+note {
				t.Fatalf("ada wrote %q in %s, and reads in %s: %s", note, here.region, there.region, answer)
			}
			return !stale
		})
	}
	if late == 0 {
		t.Error("the news travelled faster than ada; the test shows nothing")
	}
}

// outlives cuts all regions from each other, has them count and take notes, and heals them.
func outlives(t *testing.T, c cluster, all []*instance) {
	bob, eve := someone(t, "bob"), someone(t, "eve")
	eve.write(all[0], "before")
	eventually(t, "all have the note", func() bool {
		answer, _ := someone(t, "eve").read(all[1])
		return answer == "200 before"
	})

	each(t, c, `{"do":"cut","a":"%s","b":"%s"}`)
	sum := 0
	for i, s := range all {
		for range 5 * (i + 1) {
			sum++
			if answer, _ := someone(t, "bob").read(s); answer != "404 there is no note" {
				t.Errorf("bob asks in %s: %s", s.region, answer)
			}
		}
	}
	for i, s := range all {
		if n := bob.requests(s); n != 5*(i+1) {
			t.Errorf("%s knows of %d requests, not of its own %d", s.region, n, 5*(i+1))
		}
	}
	eve.write(all[0], "after")
	for range 2 { // the second time her cookie has seen the answer to the first
		if answer, stale := eve.read(all[1]); answer != "200 before" || !stale {
			t.Errorf("eve reads what she cannot: %s, stale %v", answer, stale)
		}
	}

	turn(t, c, `{"do":"heal"}`)
	for _, s := range all {
		eventually(t, s.region+" knows of all requests", func() bool {
			n := bob.requests(s)
			if n > sum {
				t.Fatalf("%s counts %d requests of %d", s.region, n, sum)
			}
			return n == sum
		})
		eventually(t, s.region+" has the note", func() bool {
			answer, stale := eve.read(s)
			if !stale && answer != "200 after" {
				t.Fatalf("eve wrote in %s, and reads in %s: %s", all[0].region, s.region, answer)
			}
			return !stale
		})
	}
}

// oneCookie is a browser that sends what it should not.
type oneCookie string

// Cookies gives the cookie.
func (c oneCookie) Cookies(*url.URL) []*http.Cookie {
	return []*http.Cookie{{Name: "notes-session", Value: string(c)}}
}

// SetCookies forgets what was set.
func (c oneCookie) SetCookies(*url.URL, []*http.Cookie) {}

// mistakes asks for what cannot be.
func mistakes(t *testing.T, s *instance) {
	for _, test := range []struct{ method, path, cookie, body, want string }{
		{http.MethodGet, "/notes/nobody", "", "", "404 there is no note"},
		{http.MethodGet, "/notes/A", "", "", "400 a user has 1 to 32 of"},
		{http.MethodGet, "/rate/" + strings.Repeat("a", 33), "", "", "400 a user has"},
		{http.MethodPut, "/notes/mallory", "", strings.Repeat("x", 64<<10+1), "413 a note has at most 65536 bytes"},
		{http.MethodPut, "/notes/mallory", "", strings.Repeat("x", 64<<10), "200 "},
		{http.MethodDelete, "/notes/mallory", "", "", "405 "},
		{http.MethodGet, "/notes/mallory", "not%base64", "", "400 the cookie notes-session is of no use"},
		{http.MethodGet, "/notes/mallory", "YWJj", "", "400 the cookie notes-session is of no use"},
	} {
		p := someone(t, "mallory")
		if test.cookie != "" {
			p.http.Jar = oneCookie(test.cookie)
		}
		answer, header := p.ask(s, test.method, test.path, test.body)
		if !strings.HasPrefix(answer, test.want) {
			t.Errorf("%s %s: %.80s, want %s", test.method, test.path, answer, test.want)
		}
		if taken := strings.Contains(header.Get("Set-Cookie"), "Max-Age=0"); taken != (test.cookie != "") {
			t.Errorf("%s %s: the cookie is taken away: %v", test.method, test.path, taken)
		}
	}
}

// tooMany asks once more than one may.
func tooMany(t *testing.T, s *instance) {
	p, answer := someone(t, "oscar"), ""
	var header http.Header
	for i := range 101 {
		if answer, header = p.ask(s, http.MethodGet, "/notes/oscar", ""); i < 100 && !strings.HasPrefix(answer, "404 ") {
			t.Fatalf("request %d: %s", i+1, answer)
		}
	}
	if !strings.HasPrefix(answer, "429 too many requests, come back in") || header.Get("Retry-After") == "" {
		t.Errorf("the 101st request: %s, %v", answer, header)
	}
}

// gone ends the cluster. What cannot be answered is told, and begins no session.
func gone(t *testing.T, c cluster, s *instance) {
	if err := c.up.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.up.await(t)
	answer, header := someone(t, "zoe").ask(s, http.MethodGet, "/notes/zoe", "")
	if !strings.HasPrefix(answer, "503 get note:zoe") || header.Get("Set-Cookie") != "" {
		t.Errorf("without a cluster: %s, %v", answer, header)
	}
}

// refuses starts the service as it cannot be.
func refuses(t *testing.T, program string) {
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-seeds", nobody}, 1, "no region answers .*start a cluster with .atoll up."},
		{[]string{"argument"}, 2, "takes no arguments"},
		{[]string{"-limit", "0"}, 2, "a --limit of at least 1"},
		{[]string{"-nonsense"}, 2, "flag provided but not defined: -nonsense"},
		{[]string{"-help"}, 0, "-listen"},
	} {
		out, code := run(t, nobody, program, test.args...)
		if tells(t, out, test.says); code != test.code {
			t.Errorf("%v: exit code %d, want %d", test.args, code, test.code)
		}
	}
}

// taken starts the service where another one listens.
func taken(t *testing.T, program string, c cluster, s *instance) {
	out, code := run(t, nobody, program, "-seeds", c.Regions[0].NATS, "-listen", strings.TrimPrefix(s.url, "http://"))
	if tells(t, out, "service: .*address already in use"); code != 1 {
		t.Errorf("exit code %d", code)
	}
}
