// Package quickstart uses the README's first command as a newcomer does: the
// program is built, started, used over HTTP, and stopped by a signal.
package quickstart

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program is a quickstart that runs.
type program struct {
	t       *testing.T
	command *exec.Cmd
	url     string
	printed string      // until it listened
	rest    chan string // what it printed after that, once it has ended
}

func build(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "quickstart")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	command := exec.Command("go", "build", "-o", name, "./examples/quickstart")
	command.Dir = filepath.Join("..", "..") // as the README says, from the root
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return name
}

var listening = regexp.MustCompile(`^Listening on (\S+)\. Ctrl-C ends it\.`)

func start(t *testing.T, binary string, args ...string) *program {
	t.Helper()
	p := &program{t: t, command: exec.Command(binary, args...), rest: make(chan string, 1)}
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	lines := bufio.NewReader(out)
	for p.url == "" {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, "it ended before it listened, and printed:\n%s", p.printed)
		p.printed += line
		if m := listening.FindStringSubmatch(line); m != nil {
			p.url = "http://" + m[1]
		}
	}
	go func() {
		rest, _ := io.ReadAll(lines)
		p.rest <- string(rest)
	}()
	return p
}

// stop sends the signal and returns the exit code and what was printed last.
func (p *program) stop(signal os.Signal) (int, string) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(signal))
	rest := <-p.rest
	err := p.command.Wait()
	if err != nil {
		require.IsType(p.t, &exec.ExitError{}, err)
	}
	return p.command.ProcessState.ExitCode(), rest
}

func (p *program) send(method, path, body string) (*http.Response, string) {
	p.t.Helper()
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	require.NoError(p.t, err)
	r.Header.Set("X-Actor", "ada@acme.example")
	r.Header.Set("User-Agent", "newcomer/1")
	res, err := (&http.Client{Timeout: time.Minute}).Do(r)
	require.NoError(p.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	return res, string(raw)
}

func (p *program) json(status int, method, path, body string) map[string]any {
	p.t.Helper()
	res, text := p.send(method, path, body)
	require.Equal(p.t, status, res.StatusCode, "%s %s: %s", method, path, text)
	answer := map[string]any{}
	if text != "" {
		require.NoError(p.t, json.Unmarshal([]byte(text), &answer), "%s", text)
	}
	return answer
}

func TestNewcomersFirstMinutes(t *testing.T) {
	p := start(t, build(t), "-addr", "127.0.0.1:0")
	assert.Regexp(t, `The newest 20 of [23]\d\d entries on the trail`, p.printed)
	assert.Contains(t, p.printed, "One record's history, newest first: Project Public website")

	// create, change, delete
	made := p.json(201, "POST", "/api/projects", `{"name":"Apollo","budget_cents":500000}`)
	path := fmt.Sprintf("/api/projects/%v", made["id"])
	p.json(200, "PATCH", path, `{"budget_cents":750000}`)
	p.json(204, "DELETE", path, "")

	// query
	page := p.json(200, "GET", fmt.Sprintf("/api/audit/entries?type=projects&record=%v&sort=time", made["id"]), "")
	var actions []any
	for _, e := range page["entries"].([]any) {
		e := e.(map[string]any)
		actions = append(actions, e["action"])
		assert.Equal(t, "ada@acme.example", e["actor"].(map[string]any)["email"])
		assert.Equal(t, map[string]any{"ip": "127.0.0.1", "user_agent": "newcomer/1"}, only(e["request"], "ip", "user_agent"))
	}
	assert.Equal(t, []any{"create", "update", "destroy"}, actions)

	// export
	res, text := p.send("GET", fmt.Sprintf("/api/audit/export?format=csv&type=projects&record=%v", made["id"]), "")
	require.Equal(t, 200, res.StatusCode, "%s", text)
	assert.Contains(t, res.Header.Get("Content-Disposition"), "attachment")
	assert.Contains(t, res.Header.Get("Content-Disposition"), ".csv")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 4, "a header and three entries:\n%s", text)

	// the page
	res, text = p.send("GET", "/audit?type=projects", "")
	require.Equal(t, 200, res.StatusCode, "%s", text)
	assert.Contains(t, res.Header.Get("Content-Type"), "text/html")
	assert.True(t, strings.Contains(text, fmt.Sprintf(`href="%s"`, path)), "the page links the record")

	code, rest := p.stop(os.Interrupt)
	assert.Zero(t, code)
	assert.Contains(t, rest, "Finishing what is under way.")
}

func only(v any, names ...string) map[string]any {
	m := map[string]any{}
	for _, name := range names {
		m[name] = v.(map[string]any)[name]
	}
	return m
}

func TestBusyPortAndKeptFile(t *testing.T) {
	binary, file := build(t), filepath.Join(t.TempDir(), "kept.db")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()

	p := start(t, binary, "-addr", taken.Addr().String(), "-db", file)
	assert.Regexp(t, `Port \d+ is taken by another program; using \d+ instead\.`, p.printed)
	made := p.json(201, "POST", "/api/projects", `{"name":"Kept"}`)
	code, _ := p.stop(syscall.SIGTERM)
	require.Zero(t, code)

	p = start(t, binary, "-addr", "127.0.0.1:0", "-db", file)
	page := p.json(200, "GET", fmt.Sprintf("/api/audit/entries?type=projects&record=%v", made["id"]), "")
	assert.Len(t, page["entries"], 1, "the trail outlives the program")
	assert.Equal(t, "Kept", p.json(200, "GET", fmt.Sprintf("/api/projects/%v", made["id"]), "")["name"])
	code, _ = p.stop(syscall.SIGTERM)
	assert.Zero(t, code)
}

func TestWrongFlags(t *testing.T) {
	binary := build(t)
	for _, c := range []struct {
		arg  string
		code int
		says string
	}{
		{"-h", 0, "the next free port if it is taken"},
		{"-prot=80", 2, "flag provided but not defined"},
		{"-addr=127.0.0.1", 1, "is no address with a port"},
	} {
		command := exec.Command(binary, c.arg)
		out, _ := command.CombinedOutput()
		assert.Equal(t, c.code, command.ProcessState.ExitCode(), "%s: %s", c.arg, out)
		assert.Contains(t, string(out), c.says)
	}
}
