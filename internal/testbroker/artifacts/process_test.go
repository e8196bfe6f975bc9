//go:build unix

package artifacts

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(Command{
		Name: "script", Path: "/bin/sh", Args: []string{"-c", script},
		Log: filepath.Join(t.TempDir(), "logs", "script.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// within bounds a wait that should succeed at once on any machine.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitLine(t *testing.T) {
	p := shell(t, "echo starting; echo the broker is ready >&2; sleep 1000")
	if err := p.WaitLine(within(t), "is ready"); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(time.Minute); err != nil {
		t.Error(err)
	}
}

func TestWaitLineTellsTheLogOfAProcessThatEnds(t *testing.T) {
	p := shell(t, "echo bad configuration >&2; exit 3")
	err := p.WaitLine(within(t), "is ready")
	if err == nil || !strings.Contains(err.Error(), "bad configuration") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestWaitLineHonoursTheContext(t *testing.T) {
	p := shell(t, "sleep 1000")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.WaitLine(ctx, "is ready"); err == nil {
		t.Error("no error")
	}
}

func TestWaitLineReadsThisRunsOutputOnly(t *testing.T) {
	log := filepath.Join(t.TempDir(), "script.log")
	if err := os.WriteFile(log, []byte("is ready\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Start(Command{Name: "script", Path: "/bin/sh", Args: []string{"-c", "true"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.WaitLine(within(t), "is ready"); err == nil {
		t.Error("an earlier run's line counted")
	}
	<-p.Done()
}

func TestWaitPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := shell(t, "sleep 1000").WaitPort(within(t), address); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := shell(t, "exit 4").WaitPort(within(t), address); err == nil {
		t.Error("no error")
	}
}

func TestStopKillsWhatIgnoresIt(t *testing.T) {
	p := shell(t, "trap '' TERM; echo trapped; sleep 1000 & wait; sleep 1000")
	if err := p.WaitLine(within(t), "trapped"); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(10 * time.Millisecond); err == nil {
		t.Error("no error")
	}
	<-p.Done()
}

func TestStopEndsGrandchildren(t *testing.T) {
	p := shell(t, "sleep 1000 & echo child=$!.; exit 0")
	if err := p.WaitLine(within(t), "."); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(p.Tail(100), "child=")
	pid, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), "."))
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	ctx := within(t)
	for range time.Tick(pollInterval) { // init reaps the orphan in its own time
		if ctx.Err() != nil {
			t.Fatal("the grandchild lives")
		}
		if err := syscall.Kill(pid, 0); err != nil || zombie(pid) {
			return
		}
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestStartTellsWhatCouldNotStart(t *testing.T) {
	_, err := Start(Command{Name: "the broker", Path: "/nonexistent", Log: filepath.Join(t.TempDir(), "log")})
	if err == nil || !strings.Contains(err.Error(), "start the broker") {
		t.Errorf("got %v", err)
	}
}

func TestFreePorts(t *testing.T) {
	ports, err := FreePorts(5)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range ports {
		if p != ports[0]+i || p < firstPort || p >= lastPort {
			t.Errorf("ports %v", ports)
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err != nil {
			t.Error(err)
			continue
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := FreePorts(0); err == nil {
		t.Error("0 ports: no error")
	}
}
