//go:build !unix

package main

import (
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

// interrupt can only kill here. A Ctrl-C has reached the command already.
func interrupt(p *os.Process) error { return p.Kill() }

func interruptGroup(p *os.Process) error { return interrupt(p) }
