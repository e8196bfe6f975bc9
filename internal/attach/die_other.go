//go:build !linux

package attach

import "syscall"

func dieWithUs() *syscall.SysProcAttr { return nil }
