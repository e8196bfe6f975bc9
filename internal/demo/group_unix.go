//go:build unix

package main

import (
	"os"
	"syscall"
)

// ownGroup puts a command into a process group of its own. A Ctrl-C then
// reaches the demo alone, which hands it on: Terraform would take two of them
// for impatience and leave its provider running.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

// interruptGroup is for the go command, which does not hand an interrupt on to
// the compiler and the linker.
func interruptGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGINT) }
