package attach

import "syscall"

// dieWithUs has the kernel kill the provider when the thread that started it
// ends, and so when the tests' process is killed.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
