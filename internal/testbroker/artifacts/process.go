package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Command says what to run and where its output goes.
type Command struct {
	Name   string    // what errors call it
	Path   string    // the executable
	Args   []string  // without the executable
	Dir    string    // working directory; empty means the caller's
	Env    []string  // added to the caller's environment
	Log    string    // file that output is appended to; its directory is made
	Stdin  io.Reader // an *os.File is handed on directly; nil means nothing to read
	Stdout io.Writer // nil means the log, where stderr always goes
}

// Process is a child with a process group of its own. On Linux the kernel
// kills it when this process ends, however that comes about.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  *logFile
	done chan struct{}
	err  error // how it ended; read it only after done
}

// pollInterval is how often a port is tried, the one thing that announces
// itself by no event.
const pollInterval = 25 * time.Millisecond

// Start runs the command.
func Start(c Command) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(c.Log), 0o750); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	f, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	log := &logFile{path: c.Log, f: f, grown: make(chan struct{})}
	if info, err := f.Stat(); err == nil {
		log.begin = info.Size()
	}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdin = c.Stdin
	cmd.Stdout, cmd.Stderr = log, log
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = ownGroup()

	p := &Process{name: c.Name, cmd: cmd, log: log, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal is sent when the thread that forked ends,
		// so that thread has to live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			_ = f.Close()
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
		log.close()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return p, nil
}

// Pid returns the process id, which is also its group's.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log returns the path of the log file.
func (p *Process) Log() string { return p.log.path }

// WaitLine waits until the output of this run holds the text. It fails when
// the process ends first or ctx is done, with the end of the log in the error.
func (p *Process) WaitLine(ctx context.Context, text string) error {
	for {
		grown := p.log.waitGrown()
		out, err := p.log.read()
		if err != nil {
			return fmt.Errorf("read the log of %s: %w", p.name, err)
		}
		if bytes.Contains(out, []byte(text)) {
			return nil
		}
		select {
		case <-grown:
		case <-p.done:
			return p.failed(fmt.Sprintf("ended before it logged %q", text), p.err)
		case <-ctx.Done():
			return p.failed(fmt.Sprintf("has not logged %q", text), ctx.Err())
		}
	}
}

// WaitPort waits until the address accepts connections. It fails when the
// process ends first or ctx is done, with the end of the log in the error.
func (p *Process) WaitPort(ctx context.Context, address string) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-p.done:
			return p.failed("ended before it listened on "+address, p.err)
		case <-ctx.Done():
			return p.failed("does not listen on "+address, ctx.Err())
		}
	}
}

// Stop asks the process group to end (SIGTERM) and kills what is left of it
// after the grace time. It returns once the process is gone, with an error if
// it had to be killed.
func (p *Process) Stop(grace time.Duration) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	terminateGroup(p.cmd.Process)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		killGroup(p.cmd.Process) // children that it left behind
		return nil
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("%s did not stop within %s and was killed", p.name, grace)
	}
}

// Kill ends the process group at once (SIGKILL) and waits until it is gone.
func (p *Process) Kill() {
	killGroup(p.cmd.Process)
	<-p.done
}

// Tail returns the last n bytes of the log.
func (p *Process) Tail(n int) string {
	out, err := p.log.read()
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(out[max(0, len(out)-n):]))
}

func (p *Process) failed(what string, err error) error {
	const tail = 4000
	if err == nil {
		err = errors.New("exit status 0")
	}
	return fmt.Errorf("%s %s: %w; the end of %s:\n%s", p.name, what, err, p.log.path, p.Tail(tail))
}

// logFile is a file that tells when it has grown.
type logFile struct {
	path  string
	begin int64 // where this run's output begins

	mu    sync.Mutex
	f     *os.File
	grown chan struct{}
}

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.f.Write(b)
	close(l.grown)
	l.grown = make(chan struct{})
	return n, err
}

func (l *logFile) waitGrown() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown
}

func (l *logFile) read() ([]byte, error) {
	out, err := os.ReadFile(l.path)
	if err != nil {
		return nil, err
	}
	return out[min(l.begin, int64(len(out))):], nil
}

func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.f.Close()
}

// The ports that FreePorts gives lie below the range from which Linux (32768
// and up) and macOS (49152 and up) take the ports of outgoing connections:
// otherwise a client's own connection could hold a broker's port while the
// broker restarts.
const (
	firstPort = 20000
	lastPort  = 32000
)

// FreePorts returns n consecutive TCP ports of 127.0.0.1 on which nobody
// listens now.
func FreePorts(n int) ([]int, error) {
	if n < 1 || n > lastPort-firstPort {
		return nil, fmt.Errorf("cannot find %d free ports", n)
	}
	const attempts = 200
	var err error
	for range attempts {
		first := firstPort + rand.IntN(lastPort-firstPort-n)
		var ports []int
		if ports, err = tryPorts(first, n); err == nil {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("find %d free ports: %w", n, err)
}

func tryPorts(first, n int) (ports []int, err error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			err = errors.Join(err, l.Close())
		}
	}()
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, err
		}
		held, ports = append(held, l), append(ports, port)
	}
	return ports, nil
}

// LogDir makes a directory for logs: below $TESTBROKER_LOGS if that is set,
// where they can be collected, else below the directory of temporary files.
func LogDir(name string) (string, error) {
	base := os.Getenv("TESTBROKER_LOGS")
	if base != "" {
		if err := os.MkdirAll(base, 0o750); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(base, name+"-")
}
