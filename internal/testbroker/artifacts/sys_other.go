//go:build !unix

package artifacts

import (
	"context"
	"os"
	"syscall"
)

// lock does nothing here: the rename at the end of a download is atomic, so
// two processes at once only download twice.
func lock(context.Context, string) (unlock func(), err error) { return func() {}, nil }

func ownGroup() *syscall.SysProcAttr { return nil }

func terminateGroup(p *os.Process) { _ = p.Kill() }

func killGroup(p *os.Process) { _ = p.Kill() }
